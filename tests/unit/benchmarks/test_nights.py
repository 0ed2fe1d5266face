"""What the proof of the watch complains of."""

from typing import Any

import pytest

from benchmarks.nights import complaints

TRAINED = {"version": 2, "passed": True, "promoted": True, "told": "Version 2 passed the gate and serves."}


def night(day: int, verdict: str = "none", **told: Any) -> dict[str, Any]:
    truth = "3 of 43 heavy template-schema-days were sent to small, the certificate allows 10%"
    training = TRAINED if verdict == "retrain" else None
    usual: dict[str, Any] = {
        "serving": "v1-ab",
        "reason": "nothing moved",
        "tenants": [],
        "truth": truth,
        "training": training,
    }
    return {"day": f"2026-10-{day:02}", "verdict": verdict, **usual, **told}


GROWN = "Tenant lake.ads: the same 3 templates take 4.5 times the CPU that they took; the texts did not change."
GOOD = {
    9: night(9),
    10: night(10),
    11: night(11, "retrain", tenants=["lake.research"]),
    12: night(12),
    13: night(13, "retrain", tenants=["lake.ads"], reason=GROWN),
    14: night(14),
}


def test_nights_that_said_what_happened_are_no_ground_for_complaint() -> None:
    assert list(complaints(list(GOOD.values()))) == []


@pytest.mark.parametrize(
    ("day", "changed", "complaint"),
    [
        (12, {"verdict": "alert"}, "2026-10-12 was quiet, and was told as alert"),
        (11, {"tenants": ["lake.ml"]}, "tenant research arrived and was not named"),
        (13, {"reason": "Tenant lake.ads: new texts."}, "the tables of ads grew"),
        (13, {"tenants": ["lake.ads", "lake.ml"]}, "the tables of ads grew"),
        (11, {"training": None}, "no training answered the verdict of 2026-10-11"),
        (14, {"truth": None}, "nothing is known of the heavy statements until 2026-10-14"),
        (14, {"truth": "9 of 43 heavy units, the certificate allows 10%"}, "v1-ab missed 9 of 43 by 2026-10-14"),
    ],
)
def test_a_night_that_said_something_else_is_named(day: int, changed: dict[str, Any], complaint: str) -> None:
    (told,) = complaints([*(GOOD | {day: GOOD[day] | changed}).values()])
    assert told.startswith(complaint)


def test_days_without_a_report_are_named() -> None:
    assert list(complaints([GOOD[9], GOOD[10]])) == ["no report closed 2026-10-12, 2026-10-14, 2026-10-11, 2026-10-13"]
