"""Which version serves after promotions, clicks and rollbacks: the decisions alone, on a registry that is a value."""

from datetime import UTC, datetime, timedelta

import pytest

from models.deployment import BY_CLICK, Decision, Order, SetAlias, SetTag, apply, promote, reconcile, rollback
from models.versions import TAG_PROMOTION_REASON, ModelVersion, RegisteredModel, ValidationStatus
from smart_routing import protocol
from smart_routing.errors import InputError, UnknownModelVersionError

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def version(number: int, status: str = ValidationStatus.PASSED, **tags: str) -> ModelVersion:
    return ModelVersion(number=number, run_id=f"run-{number}", tags={protocol.TAG_VALIDATION_STATUS: status, **tags})


def registry(*versions: ModelVersion) -> RegisteredModel:
    return RegisteredModel(versions=versions or tuple(version(number) for number in (1, 2, 3, 4)))


def order(minute: int = 0, reason: str | None = None) -> Order:
    return Order(by="ada", at=START + timedelta(minutes=minute), reason=reason)


def click(model: RegisteredModel, number: int, alias: str = "production") -> RegisteredModel:
    return apply(model, [SetAlias(alias, number)])


def after(model: RegisteredModel, decision: Decision) -> RegisteredModel:
    return apply(model, decision.writes)


def served(model: RegisteredModel, *numbers: int) -> RegisteredModel:
    """The model after these were promoted one after the other, a minute apart."""
    for minute, number in enumerate(numbers):
        model = after(model, promote(model, number, order=order(minute)))
    return model


def seen(model: RegisteredModel, minute: int) -> RegisteredModel:
    return after(model, reconcile(model, at=START + timedelta(minutes=minute)))


def aliases(model: RegisteredModel) -> tuple[int | None, int | None]:
    return model.aliases.get(protocol.ALIAS_PRODUCTION), model.aliases.get(protocol.ALIAS_PREVIOUS)


def test_promotion_moves_both_aliases_and_says_who_and_when() -> None:
    model = served(registry(), 1, 2)
    assert aliases(model) == (2, 1)
    assert model.recorded == 2
    assert model.version(2).tags[protocol.TAG_PROMOTED_BY] == "ada"
    assert model.version(2).promoted_at == "2026-03-01T12:01:00.000000+00:00"
    assert model.version(1).tags[protocol.TAG_RETIRED_AT] == model.version(2).promoted_at


def test_first_promotion_has_no_previous() -> None:
    decision = promote(registry(), 1, order=order())
    assert (decision.deployment.changed, decision.deployment.left, decision.deployment.previous) == (True, None, None)


def test_promoting_what_serves_changes_nothing() -> None:
    model = served(registry(), 1, 2)
    decision = promote(model, 2, order=order(9))
    assert decision.writes == ()
    assert (decision.deployment.changed, decision.deployment.serving, decision.deployment.previous) == (False, 2, 1)


def test_promoting_what_serves_brings_back_a_lost_alias() -> None:
    model = apply(served(registry(), 1, 2), [SetAlias("production", None)])
    model = after(model, promote(model, 2, order=order(9)))
    assert aliases(model) == (2, 1)
    assert protocol.TAG_RETIRED_AT not in model.version(2).tags


def test_serving_again_clears_the_retirement() -> None:
    model = served(registry(), 1, 2, 1)
    assert aliases(model) == (1, 2)
    assert protocol.TAG_RETIRED_AT not in model.version(1).tags


@pytest.mark.parametrize(
    ("refused", "complaint"),
    [
        pytest.param(version(1, "failed"), "version 1 has validation_status failed: expected passed", id="failed"),
        pytest.param(version(1, "pending"), "version 1 has validation_status pending: expected passed", id="pending"),
        pytest.param(version(1, quarantined="slow"), r"version 1 is quarantined \(slow\)", id="quarantined"),
    ],
)
def test_promotion_refuses(refused: ModelVersion, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        promote(registry(refused), 1, order=order())


def test_forced_promotion_keeps_the_reason_and_lifts_the_quarantine() -> None:
    model = registry(version(1, "failed", quarantined="slow"))
    model = after(model, promote(model, 1, order=order(reason="drill"), force=True))
    assert aliases(model) == (1, None)
    assert model.version(1).tags[TAG_PROMOTION_REASON] == "drill"
    assert model.version(1).quarantined is None


def test_force_needs_a_reason() -> None:
    with pytest.raises(InputError, match="expected --reason with --force"):
        promote(registry(), 1, order=order(), force=True)


def test_promoting_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(UnknownModelVersionError, match="model version 9 does not exist: expected one of 1, 2, 3, 4"):
        promote(registry(), 9, order=order())


def test_rollback_goes_back_and_quarantines_with_the_reason() -> None:
    model = served(registry(), 1, 2)
    decision = rollback(model, order=order(5, "misses"))
    model = after(model, decision)
    assert (decision.deployment.serving, decision.deployment.left, decision.deployment.previous) == (1, 2, None)
    assert aliases(model) == (1, None)
    assert model.version(2).quarantined == "misses"


def test_rollback_without_a_reason_names_who_asked() -> None:
    model = served(registry(), 1, 2)
    assert after(model, rollback(model, order=order(5))).version(2).quarantined == "rolled back by ada"


def test_second_rollback_passes_over_the_quarantined() -> None:
    model = served(registry(), 1, 2, 3)
    for minute in (5, 6):
        model = after(model, rollback(model, order=order(minute)))
    assert aliases(model) == (1, None)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        pytest.param(registry(), "nothing to roll back from", id="nothing serves"),
        pytest.param(served(registry(), 1), "nothing to roll back to from version 1", id="only one ever served"),
    ],
)
def test_rollback_refuses(model: RegisteredModel, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        rollback(model, order=order(5))


@pytest.mark.parametrize("spelling", ["production", "Production", "PRODUCTION"])
def test_reconcile_records_a_click(spelling: str) -> None:
    model = seen(click(served(registry(), 1), 2, spelling), 5)
    assert model.aliases == {"production": 2, "previous": 1}
    assert model.version(2).tags[protocol.TAG_PROMOTED_BY] == BY_CLICK
    assert model.version(2).promoted_at == "2026-03-01T12:05:00.000000+00:00"
    assert model.version(1).tags[protocol.TAG_RETIRED_AT] == model.version(2).promoted_at


def test_reconcile_records_the_first_click_ever() -> None:
    model = seen(click(registry(), 2, "Production"), 0)
    assert model.aliases == {"production": 2}
    assert model.recorded == 2


def test_reconcile_is_idempotent() -> None:
    model = seen(click(served(registry(), 1), 2), 5)
    again = reconcile(model, at=START + timedelta(minutes=6))
    assert again.writes == ()
    assert not again.deployment.changed


def test_two_clicks_then_rollback_returns_to_what_really_served() -> None:
    model = served(registry(), 1)
    model = seen(click(model, 4), 5)
    model = seen(click(model, 2), 6)
    assert aliases(model) == (2, 4)
    model = after(model, rollback(model, order=order(7, "misses")))
    assert aliases(model) == (4, 1)
    assert model.version(2).quarantined == "misses"


def reported(model: RegisteredModel, number: int, minute: int) -> RegisteredModel:
    """The model after a router said that it serves this version."""
    return apply(model, [SetTag(number, protocol.TAG_SERVED_AT, order(minute).moment)])


def test_two_clicks_that_nobody_looked_at_between_still_return_to_what_a_router_served() -> None:
    model = reported(served(registry(), 1), 1, 0)
    model = reported(click(model, 2), 2, 1)
    model = seen(reported(click(model, 3), 3, 2), 3)
    model = after(model, rollback(model, order=order(4)))
    assert aliases(model) == (2, 1)
    assert model.version(3).quarantined is not None


def test_promoted_version_that_no_router_took_is_no_way_back() -> None:
    model = reported(served(registry(), 1), 1, 0)
    model = seen(click(model, 2), 1)
    model = reported(seen(click(model, 3), 2), 3, 2)
    assert aliases(after(model, rollback(model, order=order(3))))[0] == 1


def test_click_back_to_an_older_version_is_recorded() -> None:
    model = seen(click(served(registry(), 1, 2, 3), 1), 5)
    assert aliases(model) == (1, 3)
    assert after(model, rollback(model, order=order(6))).aliases["production"] == 3


def test_reconcile_puts_previous_where_a_rollback_would_go() -> None:
    model = served(registry(), 1, 2)
    model = apply(model, [SetAlias("previous", 4)])
    model = seen(model, 5)
    assert aliases(model) == (2, 1)


@pytest.mark.parametrize(
    ("clicked", "warning"),
    [
        pytest.param(
            version(2, "failed"), "version 2 was promoted by hand and has validation_status failed", id="failed"
        ),
        pytest.param(
            version(2, quarantined="slow"), "version 2 was promoted by hand and is quarantined", id="quarantined"
        ),
    ],
)
def test_click_on_an_unfit_version_is_obeyed_with_one_warning(clicked: ModelVersion, warning: str) -> None:
    model = click(served(registry(version(1), clicked), 1), 2)
    decision = reconcile(model, at=START)
    assert decision.deployment.serving == 2
    assert [told for told in decision.deployment.warnings if told.startswith(warning)]
    assert reconcile(after(model, decision), at=START).deployment.warnings == ()


def test_click_leaves_a_quarantine_standing() -> None:
    model = seen(click(served(registry(version(1), version(2, quarantined="slow"), version(3)), 1), 2), 5)
    model = after(model, promote(model, 3, order=order(6)))
    assert aliases(model) == (3, 1)


def test_force_lifts_the_quarantine_of_the_version_on_record() -> None:
    model = served(registry(), 1, 2)
    model = after(model, rollback(model, order=order(2, "bad")))
    model = seen(click(model, 2), 3)
    model = after(model, promote(model, 2, order=order(4, "was good"), force=True))
    assert model.version(2).quarantined is None
    assert aliases(model)[0] == 2


def test_removed_alias_is_a_warning_and_no_change() -> None:
    model = apply(served(registry(), 1), [SetAlias("production", None)])
    decision = reconcile(model, at=START)
    assert decision.writes == ()
    assert decision.deployment.warnings == ("alias production was removed while version 1 serves",)


def test_empty_registry_reconciles_to_nothing() -> None:
    decision = reconcile(RegisteredModel(), at=START)
    assert (decision.writes, decision.deployment.serving, decision.deployment.warnings) == ((), None, ())


def test_version_deleted_after_it_served_is_not_written_to() -> None:
    model = served(registry(), 1, 2, 3)
    kept = tuple(found for found in model.versions if found.number != 3)
    model = RegisteredModel(versions=kept, aliases={"previous": 2}, recorded=3)
    model = after(model, rollback(model, order=order(5)))
    assert aliases(model) == (2, 1)


def test_crash_after_the_alias_moved_is_completed_by_reconcile() -> None:
    model = served(registry(), 1)
    whole = promote(model, 2, order=order(5)).writes
    for done in range(1, len(whole)):
        repaired = seen(apply(model, whole[:done]), 6)
        assert aliases(repaired) == (2, 1)
        assert repaired.recorded == 2
        assert repaired.version(2).promoted_at
