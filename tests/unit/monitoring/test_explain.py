"""What an explanation says, and what it keeps to itself."""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from monitoring.explain.contributions import load_booster, score_parts
from monitoring.explain.explanation import Explanation, InForce, ThresholdKind, explain
from monitoring.explain.similar import EXAMPLES, PastSearch
from smart_routing.errors import BundleError, UnknownModelVersionError
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.history.snapshot import Snapshot
from smart_routing.history.timeline import Timeline
from smart_routing.known_heavy.entries import KnownHeavy, SessionTemplate
from smart_routing.labels import LabelRule, QueryWeight
from smart_routing.querylog.records import FAILED, RUNNING
from smart_routing.routing import Reason
from tests.unit.history.runs import keys_of
from tests.unit.history.runs import ran as run
from tests.unit.monitoring.explained import (
    LIGHT,
    NOW,
    SECRET,
    LoggedStatements,
    Ticks,
    asked,
    following,
    load,
    past,
    ran,
    write_trained,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trained(tmp_path_factory.mktemp("explained") / "v1.0.0")


@pytest.fixture(scope="module")
def by(bundle: Path) -> InForce:
    return load(bundle)


def known_past() -> Snapshot:
    """A history that knows the user."""
    runs = [replace(run(cpu=900.0, heavy=True, keys=keys_of(LIGHT)), ended_at=NOW - timedelta(hours=2))]
    content = Snapshot.of(Timeline(runs), NOW - timedelta(hours=1), rule=LabelRule(), ttl=timedelta(days=2))
    return Snapshot.from_bytes(content)


def text_of(explanation: Explanation) -> str:
    return msgspec.json.encode(explanation).decode()


@pytest.mark.parametrize("shown", [1, 10, 10_000], ids=str)
@pytest.mark.parametrize("history", [False, True], ids=["without_history", "with_history"])
@pytest.mark.parametrize(
    "sql", [LIGHT, f"select * from {SECRET} s join orders o using (x)", "select ((", "select 1"], ids=range(4)
)
def test_parts_add_up_to_the_log_odds_of_the_score(by: InForce, sql: str, history: bool, shown: int) -> None:
    past_known = known_past().at(NOW)
    vector = by.model.vector(asked(sql), history=past_known) if history else by.model.vector(asked(sql))
    parts = score_parts(vector, booster=by.booster, vocabulary=by.model.bundle.vocabulary, shown=shown)
    listed = sum(part.log_odds for part in (*parts.raised, *parts.lowered))
    score = by.model.score(vector)
    served = math.log(score / (1 - score))
    assert parts.base + listed + parts.absent_terms + parts.others == pytest.approx(served, abs=1e-4)
    assert parts.margin == pytest.approx(served, abs=1e-4)
    assert len(parts.raised) <= shown
    assert len(parts.lowered) <= shown


def test_the_largest_parts_come_first_and_on_their_side(by: InForce) -> None:
    found = explain(asked(f"select count(o.c9) from {SECRET} o"), by=by)
    assert found.opinion is not None
    up, down = ([part.log_odds for part in side] for side in (found.opinion.parts.raised, found.opinion.parts.lowered))
    assert up == sorted(up, reverse=True)
    assert min(up) > 0
    assert down == sorted(down)
    assert all(moved < 0 for moved in down)
    assert found.decision == QueryWeight.HEAVY


def test_decision_and_threshold_are_the_routers(by: InForce) -> None:
    found = explain(asked(), by=by)
    assert found.opinion is not None
    assert (found.decision, found.reason) == (QueryWeight.LIGHT, Reason.MODEL)
    assert found.opinion.threshold == by.model.probability(by.model.bundle.threshold.without_history)
    assert found.opinion.threshold_kind == ThresholdKind.WITHOUT_HISTORY
    assert (found.model_version, found.history_snapshot) == (by.model.version, None)


def test_a_known_past_is_named_and_has_the_other_threshold(by: InForce) -> None:
    snapshot = known_past()
    found = explain(asked(), by=replace(by, history=snapshot))
    assert found.opinion is not None
    assert found.opinion.threshold_kind == ThresholdKind.WITH_HISTORY
    assert found.opinion.threshold == by.model.probability(by.model.bundle.threshold.value)
    assert found.history_snapshot == snapshot.snapshot
    values = {feature.name: feature.value for feature in found.opinion.features}
    assert values["user_heavy_share"] == 1.0


def test_dense_features_come_with_value_and_meaning(by: InForce) -> None:
    found = explain(asked("select * from a join b using (x)"), by=by)
    assert found.opinion is not None
    features = {feature.name: feature for feature in found.opinion.features}
    assert tuple(features) == DENSE_NAMES
    assert features["join_count"].value == 1.0
    assert features["join_count"].meaning == "Joins anywhere in the statement, comma joins included."


def test_a_rule_that_decides_leaves_the_model_its_opinion(by: InForce) -> None:
    template = by.model.read(LIGHT).template
    known = KnownHeavy.of([SessionTemplate.of(template, asked())])
    found = explain(asked(), by=replace(by, known_heavy=known))
    assert (found.decision, found.reason) == (QueryWeight.HEAVY, Reason.KNOWN_HEAVY_TEMPLATE)
    assert found.opinion is not None
    assert found.opinion.heavy_probability < found.opinion.threshold


@pytest.mark.parametrize(
    ("sql", "reason"),
    [("-- nothing", Reason.UNPARSABLE), (f"select '{'x' * 2**20}'", Reason.TOO_LARGE)],
    ids=["no_text", "too_large"],
)
def test_what_the_model_cannot_read_has_no_opinion(by: InForce, sql: str, reason: Reason) -> None:
    found = explain(asked(sql), by=by, past=past(ran("q-2")))
    assert (found.reason, found.opinion) == (reason, None)


def test_another_version_than_the_loaded_one_is_refused(by: InForce) -> None:
    with pytest.raises(UnknownModelVersionError, match="v9"):
        explain(asked(), by=by, pin="v9")


def test_terms_of_other_peoples_statements_are_not_named(by: InForce) -> None:
    known = by.model.bundle.vocabulary.columns
    found = explain(asked(), by=by)
    assert any(SECRET in column for column in known)
    assert found.opinion is not None
    assert found.opinion.parts.absent_terms != 0
    assert SECRET not in text_of(found)


def test_similar_statements_are_counted_with_their_cost(by: InForce) -> None:
    alike = [ran(f"q-{n}", sql=LIGHT.replace("= 7", f"= {n}"), hours_ago=n, cpu=n) for n in range(2, 10)]
    others = (ran("q-heavy", hours_ago=20, cpu=400.0), ran("other-template", sql="select 1"))
    found = explain(asked(), by=by, past=past(*alike, *others)).similar
    assert found is not None
    assert (found.runs, found.searched, found.complete) == (9, 10, True)
    assert found.heavy_share == pytest.approx(1 / 9)
    assert found.cpu_seconds_p50 == 6.0
    assert found.cpu_seconds_p90 == pytest.approx(9 + 0.2 * 391)
    assert [past.query_id for past in found.examples] == ["q-2", "q-3", "q-4", "q-5", "q-6"]
    assert len(found.examples) == EXAMPLES


def test_explanations_hold_no_sql_and_no_name_of_another(by: InForce) -> None:
    sql = LIGHT.replace("7", "424242")
    text = text_of(explain(asked(sql), by=by, past=past(ran("q-2", sql=sql, user="benjamin", source="bens-notebook"))))
    assert '"queryId":"q-2"' in text
    for hidden in ("424242", "select count", "benjamin", "bens-notebook", '"ana"'):
        assert hidden not in text


@pytest.mark.parametrize(
    ("request_fields", "record_fields"),
    [
        ({}, {"schema": "ads"}),
        ({}, {"catalog": "other"}),
        ({}, {"catalog": None, "schema": None}),
        ({"catalog": None, "schema": None}, {}),
        ({"catalog": None, "schema": None}, {"catalog": None, "schema": None}),
        ({"catalog": None, "schema": None, "source": "etl"}, {"catalog": None, "schema": None, "source": "bi"}),
    ],
    ids=["schema", "catalog", "without_session", "asker_without_session", "another_user", "another_source"],
)
def test_tenants_do_not_see_each_others_statements(
    by: InForce, request_fields: dict[str, Any], record_fields: dict[str, Any]
) -> None:
    found = explain(asked(**request_fields), by=by, past=past(ran("q-2", **record_fields)))
    assert found.similar is not None
    assert (found.similar.runs, found.similar.examples) == (0, ())


def test_running_and_later_statements_and_itself_are_not_the_past(by: InForce) -> None:
    records = (ran("q-1"), ran("q-2", state=RUNNING), ran("q-3", hours_ago=-1), ran("q-4", hours_ago=24 * 8))
    found = explain(asked(), by=by, past=past(*records)).similar
    assert found is not None
    assert found.runs == 0


def test_a_failure_that_says_nothing_of_size_has_no_weight(by: InForce) -> None:
    records = (ran("q-2", state=FAILED, error_code="SYNTAX_ERROR"), ran("q-3", hours_ago=2))
    found = explain(asked(), by=by, past=past(*records)).similar
    assert found is not None
    assert [past.weight for past in found.examples] == [None, QueryWeight.LIGHT]
    assert found.heavy_share == 0.0


def test_a_search_that_was_cut_short_knows_the_latest_day_and_says_so(by: InForce) -> None:
    records = (ran("old", hours_ago=40), ran("new", hours_ago=2))
    found = explain(asked(), by=by, past=past(*records, most=1)).similar
    assert found is not None
    assert [past.query_id for past in found.examples] == ["new"]
    assert (found.searched, found.complete) == (1, False)


def test_a_query_log_that_cannot_be_read_is_noted(by: InForce) -> None:
    broken = PastSearch(store=LoggedStatements(broken=True), days=7, most=10)
    found = explain(asked(), by=by, past=broken)
    assert (found.reason, found.similar) == (Reason.MODEL, None)
    assert found.notes == ("Similar statements could not be searched: query log is away",)


def test_an_override_is_explained_and_a_policy_that_breaks_is_noted_at_each_look(bundle: Path, tmp_path: Path) -> None:
    file, ticks = tmp_path / "policy.json", Ticks()
    file.write_text('{"revision": 7, "all_large": true}')
    followed = following(bundle, tmp_path / "state", ticks, policy=file)
    found = explain(asked(), by=followed.in_force())
    assert (found.decision, found.reason, found.notes) == (QueryWeight.HEAVY, Reason.OVERRIDE, ())
    file.write_text("{")
    for seconds in (3, 6):
        ticks.seconds = seconds
        again = explain(asked(), by=followed.in_force())
        assert (again.reason, len(again.notes)) == (Reason.OVERRIDE, 1)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "not UBJSON"), (b"a booster that only explanations read", "not UBJSON"), (b"{}", "XGBoost refuses it")],
    ids=["empty", "foreign", "object"],
)
def test_a_booster_that_is_none_is_refused(by: InForce, content: bytes, told: str) -> None:
    with pytest.raises(BundleError, match=told):
        load_booster(content, by.model.bundle.vocabulary)


def test_a_booster_of_other_columns_is_refused(by: InForce) -> None:
    with pytest.raises(BundleError, match=r"columns: expected"):
        load_booster(bytes(by.booster.save_raw("ubj")), by.model.bundle.vocabulary.pruned(()))


def test_the_model_is_looked_at_again_after_a_while_and_followed(bundle: Path, tmp_path: Path) -> None:
    link, ticks = tmp_path / "current", Ticks()
    link.symlink_to(bundle)
    followed = following(link, tmp_path / "state", ticks)
    first = followed.in_force().model
    link.unlink()
    link.symlink_to(write_trained(tmp_path / "v1.1.0", rounds=5))
    assert followed.in_force().model is first
    ticks.seconds = 3
    assert followed.in_force().model.version.startswith("v1.1.0-")


def test_a_source_that_fails_leaves_the_model_and_is_noted(bundle: Path, tmp_path: Path) -> None:
    link, ticks = tmp_path / "current", Ticks()
    link.symlink_to(bundle)
    followed = following(link, tmp_path / "state", ticks)
    first = followed.in_force()
    link.unlink()
    ticks.seconds = 3
    again = followed.in_force()
    assert again.model is first.model
    assert (first.notes, len(again.notes)) == ((), 1)


def test_the_history_snapshot_is_followed(bundle: Path, tmp_path: Path) -> None:
    ticks, file = Ticks(), tmp_path / "history.npz"
    followed = following(bundle, tmp_path / "state", ticks, history=file)
    assert followed.in_force().history.at(NOW).snapshot is None
    runs = Timeline([replace(run(keys=keys_of(LIGHT)), ended_at=NOW - timedelta(hours=2))])
    file.write_bytes(Snapshot.of(runs, NOW - timedelta(hours=1), rule=LabelRule(), ttl=timedelta(days=2)))
    ticks.seconds = 3
    assert followed.in_force().history.at(NOW).snapshot is not None
