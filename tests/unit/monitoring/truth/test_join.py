from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec import structs

from monitoring.truth.join import Joined, JoinKey, join
from smart_routing.decision_log import LoggedDecision
from smart_routing.querylog.records import RUNNING, QueryRecord
from tests.unit.monitoring.truth.samples import DIGEST, HEAVY, HOUR, LIGHT, NOON, SECOND, decision, record

STATEMENT = DIGEST(record().request())


def found(joined: Joined) -> set[tuple[str | None, str, str]]:
    """The decision's id, the event's and what tied them."""
    return {
        (pair.decision.query_id or pair.decision.decision_id, pair.record.query_id, pair.by) for pair in joined.pairs
    }


def by_token(name: str | None = "d1", *, after: float = 0.0, statement: str | None = STATEMENT) -> LoggedDecision:
    """A decision that knew no query id, so many seconds after noon."""
    return decision(None, decision_id=name, submitted_at=NOON + after * SECOND, statement=statement)


def created(query_id: str, *, after: float = 0.0, token: str | None = None) -> QueryRecord:
    return record(query_id, create_time=NOON + after * SECOND, trace_token=token)


def test_the_surest_key_comes_first_and_each_event_is_used_once() -> None:
    decisions = [decision("q1"), by_token("d2", after=1), by_token("d3", after=2)]
    events = [created("q1", token="d2"), created("q2", after=1, token="d2"), created("q3", after=3)]
    assert found(join(decisions, events, digest=DIGEST)) == {
        ("q1", "q1", JoinKey.QUERY_ID),
        ("d2", "q2", JoinKey.TRACE_TOKEN),
        ("d3", "q3", JoinKey.STATEMENT),
    }


@pytest.mark.parametrize("hours", [-1, 1, 48])
def test_ids_join_whatever_the_clocks_say(hours: int) -> None:
    events = [record("q1", create_time=NOON + hours * HOUR), created("q2", after=3600 * hours, token="d2")]
    joined = join([decision("q1"), by_token("d2")], events, digest=DIGEST)
    assert len(joined.pairs) == 2
    assert joined.clock_offset_seconds == 3600 * hours


@pytest.mark.parametrize(
    ("after", "is_joined"),
    [(-1.0, True), (-1.001, False), (0.0, True), (5.0, True), (5.001, False), (3600.0, False)],
)
def test_digest_joins_only_what_was_created_near_its_decision(after: float, is_joined: bool) -> None:
    joined = join([by_token()], [created("q1", after=after)], digest=DIGEST)
    assert (len(joined.pairs), len(joined.unjoined)) == ((1, 0) if is_joined else (0, 1))


def test_repeats_of_a_statement_join_one_to_one_the_nearest_first() -> None:
    decisions = [by_token("d1"), by_token("d2", after=2), by_token("d3", after=4)]
    events = [created("q2", after=2.1), created("q1", after=0.5)]
    joined = join(decisions, events, digest=DIGEST)
    assert found(joined) == {("d1", "q1", JoinKey.STATEMENT), ("d2", "q2", JoinKey.STATEMENT)}
    assert [one.decision_id for one in joined.unjoined] == ["d3"]


def test_other_texts_users_or_schemas_are_other_statements() -> None:
    others = [replace(record(), sql="select 2"), replace(record(), user="bo"), replace(record(), schema="ml")]
    assert join([by_token()], others, digest=DIGEST).pairs == ()


def test_token_that_a_client_sends_with_all_its_statements_ties_the_same_statement_only() -> None:
    other = DIGEST(record(sql="select 2").request())
    decisions = [by_token("mine"), by_token("mine", after=1, statement=other)]
    events = [created("q1", after=0.1, token="mine"), replace(created("q2", after=1.1, token="mine"), sql="select 2")]
    joined = join(decisions, events, digest=DIGEST)
    assert {(pair.decision.statement, pair.record.query_id) for pair in joined.pairs} == {
        (STATEMENT, "q1"),
        (other, "q2"),
    }


def test_decision_logged_twice_counts_once_as_the_gateway_last_heard_it() -> None:
    first = decision("q1", decision=HEAVY)
    second = structs.replace(decision("q1", decision=LIGHT), time=NOON + 2 * SECOND)
    joined = join([second, first], [record("q1")], digest=None)
    assert [pair.decision.decision for pair in joined.pairs] == [LIGHT]
    assert joined.duplicates == 1


def test_event_told_twice_counts_once_and_the_finished_one_counts() -> None:
    running = record("q1", state=RUNNING, end_time=NOON + timedelta(minutes=5))
    joined = join([decision("q1")], [running, record("q1"), record("q1")], digest=None)
    assert [pair.record.state for pair in joined.pairs] == ["FINISHED"]


def test_rows_of_routers_that_logged_no_digest_join_by_id_alone() -> None:
    joined = join([decision("q1"), by_token("d1", statement=None)], [record("q1"), created("q2")], digest=DIGEST)
    assert found(joined) == {("q1", "q1", JoinKey.QUERY_ID)}
    assert len(joined.unjoined) == 1


def test_without_the_key_ids_alone_count() -> None:
    assert join([by_token()], [created("q1")], digest=None).pairs == ()


def test_nothing_joins_nothing() -> None:
    joined = join([], [], digest=DIGEST)
    assert (joined.pairs, joined.unjoined, joined.clock_offset_seconds) == ((), (), None)
