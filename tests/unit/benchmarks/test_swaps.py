"""The swap benchmark would find what it looks for."""

import json
from collections.abc import Mapping

import pytest

from benchmarks.swaps.__main__ import Leg, Pair, interval_of_median, judged, summary
from benchmarks.swaps.load import Reply
from benchmarks.swaps.versions import Answer, Versions
from tests.bundles import JoinModel


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Answer]]:
    """Of three versions."""
    folder = tmp_path_factory.mktemp("versions")
    JoinModel().publish(folder / "bundle")
    return Versions(folder / "bundle", folder, count=3).answers()


def reply(answer: Answer, *, status: int = 200, version: str | None = None, seconds: float = 0.001) -> Reply:
    body = {
        "modelVersion": answer.version,
        "decision": answer.weight,
        "heavyProbability": answer.probability,
        "threshold": answer.threshold,
    }
    head = f"HTTP/1.1 {status} OK\r\nx-model-version: {version or answer.version}\r\n\r\n"
    return Reply(0, seconds, status, head.encode(), json.dumps(body).encode())


def test_versions_answer_with_scores_of_their_own(answers: Mapping[str, list[Answer]]) -> None:
    scores = [(answer.probability, answer.threshold) for (answer,) in answers.values()]
    assert [version.partition("-")[0] for version in answers] == ["v0", "v1", "v2"]
    assert scores == [pytest.approx((0.25 * factor, 0.5 * factor), abs=1e-6) for factor in (1, 0.999, 0.998)]


def test_right_answers_of_any_version_are_none_of_the_faults(answers: Mapping[str, list[Answer]]) -> None:
    leg = judged([reply(one) for (one,) in answers.values()], answers)
    assert (leg.faults, leg.answers, leg.versions) == ((), 3, frozenset(answers))


def test_answers_that_mix_versions_or_fail_are_found(answers: Mapping[str, list[Answer]]) -> None:
    first, second, _ = (one for (one,) in answers.values())
    mixed = Answer(first.version, second.weight, second.probability, second.threshold)
    strange = Answer("v9-000000", first.weight, first.probability, first.threshold)
    wrong = [reply(mixed), reply(first, version=second.version), reply(strange), reply(first, status=500)]
    found = judged([*wrong, Reply(0, 1.0, 0), reply(first)], answers).faults
    assert [fault.split()[0] for fault in found] == [
        str(mixed).split()[0],
        "header",
        str(strange).split()[0],
        *["status"] * 2,
    ]


def test_version_that_never_answered_is_a_fault() -> None:
    leg = Leg(1.0, 2.0, 10, (), frozenset({"v0", "v1"}))
    faulty = Leg(1.0, 3.0, 10, ("status 500",), frozenset({"v0", "v1"}))
    result = summary([Pair(leg, faulty, 100.0), Pair(leg, leg, 101.0)], per_second=10, swaps=2)
    assert result.faults == ("a version never answered", "status 500")
    assert (result.ratio, result.interval, result.megabytes, result.answers) == (1.25, None, (100.0, 101.0), 40)


@pytest.mark.parametrize(("pairs", "expected"), [(5, None), (6, (1, 6)), (9, (2, 8)), (20, (6, 15))])
def test_interval_is_between_the_order_statistics_of_the_sign_test(
    pairs: int, expected: tuple[float, float] | None
) -> None:
    assert interval_of_median([float(number) for number in range(pairs, 0, -1)]) == expected
