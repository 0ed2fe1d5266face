import json
from datetime import timedelta

import pytest

from monitoring.skew import Skew
from monitoring.truth.join import Digest, join
from monitoring.truth.outcomes import Fate, Followed
from monitoring.truth.rates import rates
from monitoring.truth.report import TruthReport, unknowns
from monitoring.window import Window
from smart_routing.decision_log import LoggedDecision
from smart_routing.querylog.records import QueryRecord
from tests.unit.monitoring.truth.samples import DIGEST, HEAVY, HOUR, LIGHT, NOON, decision, known, record

NO_SKEW = Skew(vectors=0, without_history=0, differing=0, features=())
ROWS = [
    known(LIGHT, HEAVY, template="t1"),
    known(HEAVY, HEAVY, template="t2"),
    known(LIGHT, LIGHT, template="t3", tenant="lake.ml"),
    Followed(decision("q9", tenant="lake.ml"), Fate.MISSING),
]


def report(rows: list[Followed], skew: Skew = NO_SKEW) -> TruthReport:
    return TruthReport(
        model_version="v1-abcdef",
        window=Window(NOON, NOON + 6 * HOUR),
        rates=rates(rows, seen=None),
        skew=skew,
        signals=(),
        unknown=("it rained",),
    )


def test_gauges_are_told_for_all_and_by_tenant_where_they_are_defined() -> None:
    found = {
        (gauge.name.removeprefix("smart_routing_"), gauge.labels["tenant"]): gauge.value
        for gauge in report(ROWS).gauges
        if gauge.labels["view"] == "routed"
    }
    assert found == {
        ("live_fnr", "all"): 0.5,
        ("live_fpr", "all"): 0.0,
        ("label_coverage", "all"): 0.75,
        ("live_fnr", "lake.ads"): 0.5,
        ("live_cpu_weighted_fnr", "all"): 0.5,
        ("live_cpu_weighted_fnr", "lake.ads"): 0.5,
        ("label_coverage", "lake.ads"): 1.0,
        ("live_fpr", "lake.ml"): 0.0,
        ("label_coverage", "lake.ml"): 0.5,
    }


def test_skew_has_a_gauge_where_vectors_were_compared() -> None:
    compared = Skew(vectors=9, without_history=0, differing=0, features=())
    assert [gauge.name for gauge in report([], compared).gauges] == ["smart_routing_feature_skew"]


def test_report_says_everything_in_json_and_the_chief_figures_to_people() -> None:
    told = json.loads(json.dumps(report(ROWS).as_json(), allow_nan=False))
    assert told["window"] == {"start": "2026-10-09T12:00:00+00:00", "end": "2026-10-09T18:00:00+00:00"}
    assert told["gauges"][0] == {
        "name": "smart_routing_live_fnr",
        "labels": {"view": "model", "tenant": "all", "model_version": "v1-abcdef"},
        "value": 0.5,
    }
    assert "FNR 50.0% [1.3%, 98.7%] of 2 heavy (too few to judge)" in str(report(ROWS))
    assert "not known: it rained" in str(report(ROWS))


def test_metrics_are_those_of_all_decisions() -> None:
    assert report(ROWS).metrics["routed_coverage"] == 0.75
    assert report([]).metrics == {}


@pytest.mark.parametrize(
    ("decisions", "records", "digest", "expected"),
    [
        ([decision("q1")], [record("q1")], DIGEST, []),
        ([decision("q1")], [record("q1", create_time=NOON + HOUR)], DIGEST, ["clocks are +3600 s"]),
        ([decision("q1")], [], DIGEST, ["1 of 1 decisions have no event"]),
        ([decision(None, decision_id="d")], [], None, ["need the routers' user key", "have no event"]),
    ],
    ids=["nothing", "clocks", "events", "key"],
)
def test_what_could_not_be_known_is_said(
    decisions: list[LoggedDecision], records: list[QueryRecord], digest: Digest | None, expected: list[str]
) -> None:
    joined = join(decisions, records, digest=digest)
    fates = [Followed(pair.decision, Fate.WITHOUT_SIZE) for pair in joined.pairs]
    fates += [Followed(one, Fate.MISSING) for one in joined.unjoined]
    told = list(unknowns(joined, fates, has_key=digest is not None))
    assert len(told) == len(expected)
    assert all(part in sentence for part, sentence in zip(expected, told, strict=True))


def test_a_late_label_is_no_clock_of_an_hour() -> None:
    joined = join([decision("q1")], [record("q1", end_time=NOON + timedelta(days=2))], digest=None)
    assert list(unknowns(joined, [Followed(joined.pairs[0].decision, Fate.WITHOUT_SIZE)], has_key=True)) == []
