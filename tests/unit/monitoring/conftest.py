"""One model and one reference for all tests of this folder; both are immutable."""

import pytest

from monitoring.reference import Reference
from smart_routing.inference import Model
from tests.unit.monitoring.samples import join_model, reference_of


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return join_model(tmp_path_factory.mktemp("monitoring"))


@pytest.fixture(scope="session")
def reference(model: Model) -> Reference:
    return reference_of(model)
