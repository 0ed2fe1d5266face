"""What a training without a person leaves behind, and where people are sent to look."""

from dataclasses import replace

import pytest

from models.pages import RegistryPages
from models.trigger import Trigger

TRIGGER = Trigger(
    by="smart-routing.drift.detected", reason="r" * 5000, verdict="retrain", model_version="v3-ab", tenants=("a", "b")
)


def test_tags_say_who_why_and_what() -> None:
    assert TRIGGER.tags() == {
        "triggered_by": "smart-routing.drift.detected",
        "trigger_reason": "r" * 1000,
        "verdict": "retrain",
        "trigger_cause": TRIGGER.cause,
    }


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        pytest.param({"reason": "other words", "by": "somebody"}, True, id="other words"),
        pytest.param({"tenants": ("b", "a")}, True, id="another order"),
        pytest.param({"tenants": ("a",)}, False, id="other tenants"),
        pytest.param({"tenants": ("a\nb",)}, False, id="names run together"),
        pytest.param({"model_version": "v4-cd"}, False, id="another version"),
        pytest.param({"verdict": "rollback"}, False, id="another verdict"),
    ],
)
def test_one_cause_is_known_by_its_digest(changed: dict[str, object], same: bool) -> None:
    other = replace(TRIGGER, **changed)  # type: ignore[arg-type]  # fields of either type
    assert (other.cause == TRIGGER.cause) is same


def test_pages_of_mlflow() -> None:
    pages = RegistryPages("http://mlflow.example/", "1")
    assert pages.run("r1") == "http://mlflow.example/#/experiments/1/runs/r1"
    assert (
        pages.artifact("r1", "drift/a b.html")
        == "http://mlflow.example/#/experiments/1/runs/r1/artifacts/drift/a%20b.html"
    )
    assert pages.version(3) == "http://mlflow.example/#/models/query-weight-classifier/versions/3"
