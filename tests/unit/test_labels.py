import pytest

from smart_routing.errors import SettingsError
from smart_routing.labels import LabelRule, QueryWeight


@pytest.mark.parametrize(
    ("cpu", "memory", "succeeded", "code", "weight"),
    [
        (299.9, 10 * 2**30, True, None, QueryWeight.LIGHT),
        (300.0, 0, True, None, QueryWeight.HEAVY),
        (0.0, 10 * 2**30 + 1, True, None, QueryWeight.HEAVY),
        (0.0, 0, False, "EXCEEDED_SCAN_LIMIT", QueryWeight.HEAVY),
        (0.0, 0, False, "CLUSTER_OUT_OF_MEMORY", QueryWeight.HEAVY),
        (301.0, 0, False, "USER_CANCELED", QueryWeight.HEAVY),
        (1.0, 0, False, "USER_CANCELED", None),
        (1.0, 0, False, "EXCEEDED_TIME_LIMIT", None),
        (301.0, 0, False, None, QueryWeight.HEAVY),
        (299.9, 0, False, None, None),
    ],
)
def test_weight(cpu: float, memory: int, succeeded: bool, code: str | None, weight: QueryWeight | None) -> None:
    told = LabelRule().weight(cpu_seconds=cpu, peak_memory_bytes=memory, succeeded=succeeded, error_code=code)
    assert told is weight


@pytest.mark.parametrize(
    "limits", [{"cpu_seconds": 0}, {"memory_bytes": -1}, {"cpu_seconds": float("nan")}, {"cpu_seconds": float("inf")}]
)
def test_limit_that_is_not_positive_is_named(limits: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=next(iter(limits)).replace("_", "-")):
        LabelRule(**limits)  # type: ignore[arg-type]  # the values are what is wrong


def test_rule_survives_its_json() -> None:
    rule = LabelRule(cpu_seconds=1.5, memory_bytes=7)
    assert LabelRule.from_json(rule.as_json()) == rule
