import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.dataset import digest, label
from models.exclusions import ExclusionWindow
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord
from tests.unit.models.examples import example

RULE = LabelRule(cpu_seconds=10, memory_bytes=1000)
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def attempt(
    query_id: str,
    *,
    minutes: float = 0.0,
    sql: str = "select 1",
    user: str = "ana",
    cpu: float = 1.0,
    error: tuple[str, str] | None = None,
) -> QueryRecord:
    """A statement that ran for a minute from `minutes` past noon."""
    created = NOON + timedelta(minutes=minutes)
    code, kind = error or (None, None)
    return QueryRecord(
        query_id=query_id,
        sql=sql,
        user=user,
        state="FAILED" if error else "FINISHED",
        cpu_seconds=cpu,
        wall_seconds=60.0,
        create_time=created,
        end_time=created + timedelta(minutes=1),
        catalog="lake",
        schema="search",
        cluster="small",
        error_code=code,
        error_type=kind,
    )


SIZE = ("EXCEEDED_CPU_LIMIT", "INSUFFICIENT_RESOURCES")
INTERNAL = ("REMOTE_TASK_ERROR", "INTERNAL_ERROR")
MISTAKE = ("SYNTAX_ERROR", "USER_ERROR")


@pytest.mark.parametrize(
    ("first_error", "minutes", "user", "merged"),
    [
        (SIZE, 5.0, "ana", 1),
        (INTERNAL, 5.0, "ana", 1),
        (SIZE, 31.0, "ana", 1),
        (SIZE, 31.1, "ana", 0),
        (SIZE, 0.5, "ana", 0),
        (SIZE, 5.0, "bob", 0),
        (MISTAKE, 5.0, "ana", 0),
        (None, 5.0, "ana", 0),
    ],
    ids=["size", "internal", "at-30-min", "later", "before-the-end", "other-user", "mistake", "success"],
)
def test_retry_is_merged_only_after_a_failure_that_invites_one(
    first_error: tuple[str, str] | None, minutes: float, user: str, merged: int
) -> None:
    records = [attempt("a", error=first_error), attempt("b", minutes=minutes, user=user)]
    assert label(records, RULE).merged == merged


def test_merged_example_names_all_of_its_attempts() -> None:
    (example,) = label([attempt("a", error=SIZE), attempt("b", minutes=5)], RULE).examples
    assert (example.request.query_id, example.retries) == ("a", ("b",))


def test_run_beside_it_hides_no_retry() -> None:
    beside = [attempt("a", error=SIZE), attempt("b", minutes=0.5), attempt("c", minutes=5)]
    assert label(beside, RULE).merged == 1


def test_executions_of_different_statements_are_no_retries() -> None:
    first = replace(attempt("a", sql="execute p using 1", error=SIZE), prepared_sql="select 1")
    second = replace(attempt("b", minutes=5, sql="execute p using 1"), prepared_sql="select 2")
    assert label([first, second], RULE).merged == 0


def test_merged_row_has_the_first_request_and_the_last_numbers() -> None:
    records = [
        attempt("c", minutes=20, cpu=3.0),
        attempt("a", cpu=12.0, error=SIZE),
        attempt("b", minutes=10, cpu=12.5, error=SIZE),
    ]
    (found,) = label(records, RULE).examples
    assert found.request.query_id == "a"
    assert found.request.submitted_at == NOON
    assert found.cpu_seconds == 3.0
    assert not found.heavy
    assert found.ended_at == NOON + timedelta(minutes=21)


@pytest.mark.parametrize(
    ("record", "heavy"),
    [
        (attempt("a", cpu=10.0), True),
        (attempt("a", cpu=9.9), False),
        (attempt("a", cpu=0.0, error=SIZE), True),
        (attempt("a", cpu=10.0, error=("USER_CANCELED", "USER_ERROR")), True),
    ],
    ids=["at-the-limit", "below", "size-code", "cancelled-past-the-limit"],
)
def test_label_follows_the_rule(record: QueryRecord, heavy: bool) -> None:
    (found,) = label([record], RULE).examples
    assert found.heavy is heavy


@pytest.mark.parametrize(
    ("minutes", "approximate", "merged"),
    [(59 / 60, True, 1), (59 / 60, False, 0), (57 / 60, True, 0)],
    ids=["within-the-slack", "exact-times", "beyond-the-slack"],
)
def test_retry_may_seem_to_begin_before_the_failure_where_times_are_approximate(
    minutes: float, approximate: bool, merged: int
) -> None:
    records = [attempt("a", error=SIZE), attempt("b", minutes=minutes)]
    assert label([replace(one, approximate_times=approximate) for one in records], RULE).merged == merged


@pytest.mark.parametrize(("cpu", "labels"), [(10.0, [True]), (9.9, [])], ids=["past-a-limit", "not-yet"])
def test_running_statement_is_heavy_or_nothing(cpu: float, labels: list[bool]) -> None:
    labelled = label([replace(attempt("a", cpu=cpu), state="RUNNING")], RULE)
    assert [one.heavy for one in labelled.examples] == labels
    assert labelled.dropped == 1 - len(labels)


@pytest.mark.parametrize("code", ["QUERY_QUEUE_FULL", "ADMINISTRATIVELY_PREEMPTED", "EXCEEDED_TIME_LIMIT"])
def test_failure_that_tells_of_the_cluster_is_dropped(code: str) -> None:
    labelled = label([attempt("a", error=(code, "INSUFFICIENT_RESOURCES"))], RULE)
    assert (labelled.examples, labelled.dropped) == ((), 1)


def test_excluded_window_covers_its_cluster_only() -> None:
    window = ExclusionWindow(start=NOON, end=NOON + timedelta(minutes=5), cluster="small", kind="incident")
    elsewhere = ExclusionWindow(start=NOON, end=NOON + timedelta(minutes=5), cluster="large", kind="incident")
    records = [attempt("a"), attempt("b", minutes=5, sql="select 2")]
    assert label(records, RULE, [window]).excluded == 1
    assert label(records, RULE, [elsewhere]).excluded == 0


def test_writes_are_no_reads() -> None:
    records = [attempt("a"), attempt("b", minutes=5, sql="insert into t select 1")]
    assert [found.request.query_id for found in label(records, RULE).reads] == ["a"]


def test_digest_changes_with_a_label() -> None:
    assert digest([example(1, heavy=True)]) != digest([example(1, heavy=False, sql=example(1, heavy=True).request.sql)])


def test_past_holds_each_attempt_and_nothing_that_says_nothing_of_size() -> None:
    records = [
        attempt("a", cpu=20, error=SIZE),
        attempt("b", minutes=5, cpu=30),
        attempt("c", minutes=6, sql="selec", error=MISTAKE),
    ]
    labelled = label(records, RULE)
    assert [(run.ended_at, run.cpu_seconds, run.heavy) for run in labelled.runs] == [
        (records[0].end_time, 20, True),
        (records[1].end_time, 30, True),
    ]
    assert len(labelled.examples) == 1


def test_past_between_two_attempts_knows_the_first() -> None:
    records = [attempt("a", cpu=20, error=SIZE), attempt("b", minutes=20, cpu=30)]
    between, whole = (label(found, RULE) for found in (records[:1], records))
    keys = tuple(whole.runs[0].keys)
    moment = NOON + timedelta(minutes=10)
    np.testing.assert_array_equal(
        whole.history.as_of(moment).measures(keys), between.history.as_of(moment).measures(keys)
    )


def test_statement_that_is_repeated_and_fails_each_time_is_merged_in_linear_time() -> None:
    failing = [attempt(f"q{number:05d}", minutes=number * 40.0, error=SIZE) for number in range(20_000)]
    began = time.process_time()
    assert label(failing, RULE).merged == 0
    assert time.process_time() - began < 10
