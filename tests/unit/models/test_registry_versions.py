"""Names of versions: numbers and aliases, whatever their case."""

import pytest

from models.versions import ModelVersion, RegisteredModel
from smart_routing.errors import UnknownModelVersionError

VERSIONS = tuple(ModelVersion(number=number, run_id="r") for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param(2, 2, id="number"),
        pytest.param("2", 2, id="number as text"),
        pytest.param("staging", 3, id="alias"),
        pytest.param("STAGING", 3, id="alias in capitals"),
        pytest.param("champion", 1, id="alias set in capitals"),
    ],
)
def test_resolve(name: str | int, number: int) -> None:
    model = RegisteredModel(versions=VERSIONS, aliases={"staging": 3, "Champion": 1})
    assert model.resolve(name).number == number


@pytest.mark.parametrize(
    ("model", "name", "complaint"),
    [
        pytest.param(
            RegisteredModel(versions=VERSIONS, aliases={"staging": 3}),
            "production",
            r"alias 'production' has no version: expected one of the aliases \(staging\)",
            id="alias without a version",
        ),
        pytest.param(RegisteredModel(versions=VERSIONS), 7, "expected one of 1, 2, 3", id="unknown number"),
        pytest.param(RegisteredModel(), 1, "expected a version of query-weight-classifier, which has none", id="empty"),
        pytest.param(
            RegisteredModel(versions=tuple(ModelVersion(number=n, run_id="r") for n in range(1, 31))),
            99,
            "expected one of 1 to 30, the last ones 21, .* 30$",
            id="many versions",
        ),
    ],
)
def test_resolve_names_what_is_missing(model: RegisteredModel, name: str | int, complaint: str) -> None:
    with pytest.raises(UnknownModelVersionError, match=complaint):
        model.resolve(name)


@pytest.mark.parametrize(
    ("aliases", "besides", "number"),
    [
        pytest.param({"production": 1, "Production": 2}, 1, 2, id="the other one was clicked"),
        pytest.param({"production": 2, "Production": 1}, 1, 2, id="the lower-case one was clicked"),
        pytest.param({"production": 2, "Production": 3}, 1, 2, id="both new: lower case"),
        pytest.param({"PRODUCTION": 2, "Production": 3}, 1, 3, id="both new, none lower: higher number"),
        pytest.param({"production": 1}, 1, 1, id="one spelling"),
        pytest.param({"staging": 1}, 1, None, id="not set"),
    ],
)
def test_two_spellings_of_an_alias(aliases: dict[str, int], besides: int, number: int | None) -> None:
    model = RegisteredModel(versions=VERSIONS, aliases=aliases)
    assert model.aliased("production", besides=besides) == number
