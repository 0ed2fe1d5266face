"""The fuzzer's own parts: what it draws again, what it complains of, what it keeps."""

import json
import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from benchmarks.hostile.child import Child
from benchmarks.hostile.corpus import Corpus
from benchmarks.hostile.judge import Reply, complaint, same_answer
from benchmarks.hostile.record import Record, keep_finding
from benchmarks.hostile.requests import FuzzedRequest, fuzzed_request
from benchmarks.hostile.shapes import Shape, read_shapes
from benchmarks.hostile.trial import MORE_TRIES, Trial, tried
from smart_routing.errors import InputError
from smart_routing.protocol import GATEWAY_ROUTE_PATH, ROUTE_PATH

CORPUS = Corpus(("select a from t where b = 1", "insert into t values ('x')"), tuple(read_shapes()))
LIGHT = json.dumps({"decision": "light", "reason": "model", "modelScore": 0.9}).encode()
REQUEST = FuzzedRequest(1, ROUTE_PATH, {}, b"{}")


def test_seed_and_number_make_the_request() -> None:
    first = [fuzzed_request(CORPUS, seed=3, number=number) for number in range(50)]
    assert first == [fuzzed_request(CORPUS, seed=3, number=number) for number in range(50)]
    assert len({request.content for request in first}) > 40
    assert first != [fuzzed_request(CORPUS, seed=4, number=number) for number in range(50)]


def test_shape_repeats_counts_and_closes() -> None:
    shape = Shape(name="x", head="select ", open="f{n}(", middle="a", close=")", end=";")
    assert shape.sql(2) == "select f0(f1(a));"
    assert 800 <= len(shape.of_length(1000)) <= 1200


@pytest.mark.parametrize(
    ("path", "reply", "expected"),
    [
        (ROUTE_PATH, Reply(200, LIGHT, 0), None),
        (ROUTE_PATH, Reply(400, b'{"error": "no"}', 0), None),
        (ROUTE_PATH, Reply(500, b'{"error": "no"}', 0), "status is 500"),
        (GATEWAY_ROUTE_PATH, Reply(400, b'{"error": "no"}', 0), "status is 400"),
        (ROUTE_PATH, Reply(200, b"", 0), "body does not parse"),
        (ROUTE_PATH, Reply(200, LIGHT.replace(b"light", b"small"), 0), "decision is 'small'"),
        (ROUTE_PATH, Reply(200, LIGHT.replace(b"0.9", b"1.9"), 0), "modelScore is 1.9"),
        (ROUTE_PATH, Reply(200, LIGHT.replace(b'"model"', b'"model_error"'), 0), "the model failed"),
        (GATEWAY_ROUTE_PATH, Reply(200, b'{"routingGroup": null}', 0), None),
        (GATEWAY_ROUTE_PATH, Reply(200, b'{"routingGroup": "medium"}', 0), "routingGroup is 'medium'"),
    ],
)
def test_answer_outside_the_contract_is_complained_of(path: str, reply: Reply, expected: str | None) -> None:
    found = complaint(path, reply)
    assert found is None if expected is None else str(found).startswith(expected)


def test_answers_agree_but_for_the_id_and_for_what_time_decides() -> None:
    first = Reply(200, b'{"routingGroup": "small", "externalHeaders": {"x-trino-trace-token": "1"}}', 0)
    assert same_answer(first, Reply(200, first.content.replace(b'"1"', b'"2"'), 0))
    assert not same_answer(first, Reply(200, first.content.replace(b"small", b"large"), 0))
    assert same_answer(Reply(200, LIGHT, 0), Reply(200, b'{"decision": "heavy", "reason": "deadline"}', 0))


@pytest.mark.parametrize(
    ("costs", "is_dear"),
    [([0.01], False), ([0.2, 0.01], False), ([0.2] * (1 + MORE_TRIES), True)],
    ids=["cheap", "cheap at the second try", "dear"],
)
def test_slow_request_is_tried_again(costs: list[float], is_dear: bool) -> None:
    left = iter(costs)

    def ask(_: FuzzedRequest) -> Reply:
        seconds = next(left)
        return Reply(200, LIGHT, seconds, seconds)

    trial = tried(REQUEST, ask)
    assert (trial.complaint is not None) is is_dear
    assert trial.seconds == min(costs)
    assert list(left) == []


def test_waiting_for_the_processor_is_not_dear_up_to_a_bound() -> None:
    assert not Reply(200, LIGHT, 0.2, 0.01).is_dear
    assert Reply(200, LIGHT, 0.3, 0.01).is_dear


def test_run_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    record = Record(seed=5, next=2, findings=["one"])
    for seconds in (0.001, 0.002, 0.004):
        record.add(Trial(0, "model", seconds))
    record.save(tmp_path / "state.json")
    loaded = Record.load(tmp_path / "state.json", seed=5)
    assert loaded == record
    assert loaded.seconds_at(0.5) == pytest.approx(0.002, rel=0.05)
    with pytest.raises(InputError, match="is of seed 5: expected 6"):
        Record.load(tmp_path / "state.json", seed=6)


def test_finding_is_kept_whole(tmp_path: Path) -> None:
    trial = Trial(1, "died", 0.0, "the process ended with code -11", is_fatal=True)
    assert "request 1 of seed 9: the process ended with code -11" in keep_finding(tmp_path, REQUEST, trial, seed=9)
    assert json.loads((tmp_path / "9-1.json").read_text())["base64"] == "e30="


def test_death_of_the_process_that_decides_is_a_finding() -> None:
    context = get_context("fork")
    ours, its = context.Pipe()

    def crash() -> None:
        its.recv()
        os.abort()

    process = context.Process(target=crash)
    process.start()
    its.close()
    child = Child(process, ours)
    child.order([7, 8])
    (trial,) = child.trials()
    assert (trial.number, trial.is_fatal, trial.complaint) == (7, True, "the process ended with code -6")
    ours.close()
