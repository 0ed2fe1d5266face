"""Many versions of one model, each of which answers everything with scores of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from smart_routing.bundle import (
    CONTENT,
    GOLDEN,
    MODEL,
    THRESHOLD,
    GoldenRow,
    Threshold,
    golden_bytes,
    read_bundle,
    read_bundle_file,
    write_bundle,
)
from smart_routing.errors import InputError
from smart_routing.inference import Model
from smart_routing.protocol import HEADER_MODEL_VERSION
from smart_routing.route_body import read_body
from smart_routing.router import Router
from smart_routing.routing import RoutingDecision
from smart_routing.sources.source import MANIFEST_DIGEST

STEP: Final = 0.001
"""Each version's scores are so much of the first one's lower than those of the version before."""
SCORES: Final = "probabilities"


@dataclass(frozen=True, slots=True)
class Answer:
    """What tells by which version a statement was decided."""

    version: str | None
    weight: str
    probability: float | None
    threshold: float | None

    @classmethod
    def of(cls, decision: RoutingDecision) -> "Answer":
        return cls(decision.model_version, decision.weight, decision.heavy_probability, decision.threshold)

    @classmethod
    def read(cls, reply: Mapping[str, Any]) -> "Answer":
        """Of the body of a reply."""
        return cls(reply["modelVersion"], reply["decision"], reply["heavyProbability"], reply["threshold"])


class Versions:
    """`count` versions of `bundle` below `root`, and a link that a router follows, first to version 0."""

    def __init__(self, bundle: Path, root: Path, *, count: int) -> None:
        content = {name: read_bundle_file(bundle, name) for name in CONTENT}
        self.root, self.count, self.link = root, count, root / "current"
        for number in range(count):
            folder = self._folder(number)
            digest = write_bundle(folder, lowered(content, 1.0 - number * STEP))
            (folder / MANIFEST_DIGEST).write_text(digest)
        self.questions = [question(row) for row in read_bundle(self._folder(0)).golden]
        self.point_to(0)

    def point_to(self, number: int) -> None:
        scratch = self.root / "next"
        scratch.symlink_to(self._folder(number).name)
        scratch.replace(self.link)

    def answers(self) -> dict[str, list[Answer]]:
        """How each version has to answer each question; some question sets any two apart."""
        models = [self._load(number) for number in range(self.count)]
        found = {model.version: [Answer.of(decide(model, body)) for body in self.questions] for model in models}
        scores = [tuple((one.probability, one.threshold) for one in answers) for answers in found.values()]
        if len(set(scores)) < self.count:
            raise InputError("versions answer alike: expected a bundle whose golden rows have scores above 0")
        return found

    def _load(self, number: int) -> Model:
        return Model.load(read_bundle(self._folder(number)), version=str(number))

    def _folder(self, number: int) -> Path:
        return self.root / f"v{number}"


def decide(model: Model, body: bytes) -> RoutingDecision:
    """The decision on a body of POST /v1/route that names its time, without a server."""
    return Router(model=model).decide(read_body(body).request(in_transaction=False, now=datetime.min))


def question(row: GoldenRow) -> bytes:
    """A golden row as the body of POST /v1/route; with its time, so that the answer depends on the version alone."""
    session = {"catalog": row.catalog, "schema": row.schema}
    document = {"queryId": "q", "user": "ana", "sqlText": row.sql, "submittedAt": row.submitted_at}
    return json.dumps(document | {"sessionProperties": session}).encode()


def lowered(content: Mapping[str, bytes], factor: float) -> dict[str, bytes]:
    """The files of a bundle whose scores and thresholds are `factor` times those of `content`."""
    threshold = Threshold.from_bytes(content[THRESHOLD])
    golden = [GoldenRow(**json.loads(line)) for line in content[GOLDEN].splitlines()]
    return {
        **content,
        MODEL: lowered_onnx(content[MODEL], factor),
        GOLDEN: golden_bytes(tuple(replace(row, score=row.score * factor) for row in golden)),
        THRESHOLD: replace(
            threshold, value=threshold.value * factor, without_history=threshold.without_history * factor
        ).to_bytes(),
    }


def lowered_onnx(content: bytes, factor: float) -> bytes:
    """The same trees with one multiplication behind them."""
    model = onnx.load_from_string(content)
    graph = model.graph
    for node in graph.node:
        node.output[:] = ["as trained" if name == SCORES else name for name in node.output]
    graph.initializer.append(numpy_helper.from_array(np.array([1.0, factor], dtype=np.float32), "factors"))
    graph.node.append(helper.make_node("Mul", ["as trained", "factors"], [SCORES]))
    if all(opset.domain for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", 17))
    lowered: bytes = model.SerializeToString(deterministic=True)
    return lowered


def header(name: str, head: bytes) -> str | None:
    """A header of an HTTP reply whose head ends in an empty line."""
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name.lower().encode():
            return value.strip().decode()
    return None


def fault(status: int, head: bytes, body: bytes, *, number: int, answers: Mapping[str, list[Answer]]) -> str | None:
    """What is wrong with the reply to question `number`; None where all of it is one version's."""
    if status != 200:
        return f"status {status}"
    found = Answer.read(json.loads(body))
    if header(HEADER_MODEL_VERSION, head) != found.version:
        return f"header says {header(HEADER_MODEL_VERSION, head)}, body {found.version}"
    expected = answers.get(found.version or "")
    if expected is None or expected[number] != found:
        return f"{found} of no version"
    return None
