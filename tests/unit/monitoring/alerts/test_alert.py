"""What of the signals is told."""

import pytest

from monitoring.alerts.alert import AlertKind, alert_of, moved_most
from monitoring.alerts.markdown import markdown
from monitoring.alerts.telling import Delivery, Outcome
from monitoring.alerts.words import how_sure, plain, title
from tests.unit.monitoring.alerts.examples import HOSTILE, WINDOW, alert, hostile, signal


def test_three_least_likely_signals_are_shown_each_name_once() -> None:
    signals = [
        signal("a", p_value=0.03),
        signal("b", p_value=0.01, tenant="ads"),
        signal("b", p_value=0.001),
        signal("c", p_value=0.2),
        signal("d", p_value=0.002),
    ]
    assert [(moved.name, moved.p_value) for moved in moved_most(signals)] == [("b", 0.001), ("d", 0.002), ("a", 0.03)]


def test_among_certain_signals_the_larger_change_comes_first() -> None:
    signals = [signal("small", p_value=1e-20, reference=1.0, current=1.1), signal("large", p_value=1e-12)]
    assert [moved.name for moved in moved_most(signals)] == ["large", "small"]


def test_names_of_signals_and_tenants_are_told_in_one_order() -> None:
    made = alert_of(
        AlertKind.ALERT,
        reason="r",
        signals=[signal("b"), signal("a"), signal("b", tenant=None)],
        tenants=["y", "x", "y"],
        model_version="v1",
        window=WINDOW,
    )
    assert (made.signals, made.tenants) == (("a", "b"), ("x", "y"))


def test_what_moved_may_be_chosen_elsewhere() -> None:
    shown = [signal("c"), signal("a")]
    told = {"reason": "r", "tenants": (), "model_version": "v1", "window": WINDOW}
    made = alert_of(AlertKind.ALERT, signals=[*shown, signal("b", p_value=1e-9)], moved=shown, **told)  # type: ignore[arg-type]  # of one kind each
    assert [found.name for found in made.moved] == ["c", "a"]


def test_kinds_are_ranked_by_what_they_ask_for() -> None:
    assert sorted(AlertKind, key=lambda kind: kind.rank) == [AlertKind.ALERT, AlertKind.RETRAIN, AlertKind.ROLLBACK]


@pytest.mark.parametrize(
    ("p_value", "told"),
    [
        pytest.param(1.0, "", id="unknown"),
        pytest.param(0.02, "Chance alone would look like the strongest of these once in 50 windows.", id="likely"),
        pytest.param(0.0, "Chance alone would look like the strongest of these less than once in 1,000,000 windows.",
                     id="impossible"),
    ],
)  # fmt: skip
def test_how_sure(p_value: float, told: str) -> None:
    assert how_sure(alert(moved=moved_most([signal("a", p_value=p_value)]))) == told


def test_title_names_three_tenants_at_most() -> None:
    assert title(alert(tenants=("a", "b", "c", "d", "e"))) == (
        "A change calls for a new model: v3-ab12cd (a, b, c and 2 more)"
    )


def test_a_text_for_a_line_has_no_control_characters() -> None:
    assert plain("a\r\nb\u202e\x00\tc") == "a b c"


def test_markdown_of_hostile_names_is_text() -> None:
    page = markdown(hostile(), [Delivery("slack", Outcome.FAILED, "answers 500")])
    assert "<" not in page.replace("\\<", "")
    assert "[click" not in page
    assert "slack: failed \\(answers 500\\)" in page
    assert HOSTILE not in page
