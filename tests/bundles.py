"""A small real bundle for tests: ONNX that scores a statement by its JOIN keywords, so that every score is known."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from smart_routing.bundle import (
    BOOSTER,
    FEATURE_SCHEMA,
    GOLDEN,
    LABEL,
    MANIFEST,
    MODEL,
    THRESHOLD,
    VOCABULARY,
    Certificate,
    GoldenRow,
    Threshold,
    feature_schema_bytes,
    golden_bytes,
    read_bundle,
    write_bundle,
)
from smart_routing.features.schema import DENSE_NAMES
from smart_routing.features.statement import DEFAULT_LIMITS
from smart_routing.features.vocabulary import Vocabulary
from smart_routing.inference import Model
from smart_routing.labels import LabelRule
from smart_routing.probability import AS_SCORED, ProbabilityMap

TEST_VOCABULARY = Vocabulary(idf={"select": 1.1, "group by": 2.3}, share={}, columns=("select", "group by"))
GOLDEN_SQL = "select * from a join b on a.x = b.x"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinModel:
    """The score is `per_join` for each JOIN, at most 1; heavy at or above `threshold`, or `without_history`.

    `work` is a number of useless exponentials that each score costs.
    """

    per_join: float = 0.25
    threshold: float = 0.5
    without_history: float | None = None
    bound: float = 0.05
    probability: ProbabilityMap = AS_SCORED
    work: int = 0

    def content(self) -> dict[str, bytes]:
        """The files of the bundle."""
        certificate = Certificate(bound=self.bound, confidence=0.95, heavies=60, misses_allowed=0)
        golden = GoldenRow(
            sql=GOLDEN_SQL, catalog="c", schema="s", submitted_at="2026-10-05T12:00:00+00:00", score=self.per_join
        )
        return {
            MODEL: join_onnx(self.per_join, work=self.work).SerializeToString(),
            BOOSTER: b"a booster that only explanations read",
            VOCABULARY: TEST_VOCABULARY.to_bytes(),
            THRESHOLD: Threshold(
                value=self.threshold,
                without_history=self.threshold if self.without_history is None else self.without_history,
                certificate=certificate,
                probability=self.probability,
            ).to_bytes(),
            FEATURE_SCHEMA: feature_schema_bytes(DEFAULT_LIMITS),
            LABEL: json.dumps(LabelRule().as_json()).encode(),
            GOLDEN: golden_bytes((golden,)),
        }

    def publish(self, folder: Path) -> str:
        """Write the bundle as a path source has it, `manifest.sha256` beside the manifest; returns that digest."""
        digest = write_bundle(folder, self.content())
        (folder / "manifest.sha256").write_text(f"{digest}  {MANIFEST}\n")
        return digest

    def load(self, folder: Path, *, version: str) -> Model:
        """The bundle written to `folder` and loaded."""
        return Model.load(read_bundle(folder, manifest_sha256=self.publish(folder)), version=version)


def join_onnx(per_join: float, column: str = "join_keywords", *, work: int = 0) -> onnx.ModelProto:
    """`features` float[n, columns] -> `probabilities` float[n, 2]; another dense column may take the joins' place."""
    constants: dict[str, NDArray[Any]] = {
        "column": np.array([DENSE_NAMES.index(column)], dtype=np.int64),
        "per_join": np.array(per_join, dtype=np.float32),
        "zero": np.array(0.0, dtype=np.float32),
        "one": np.array(1.0, dtype=np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["features", "column"], ["counted"], axis=1),
        *_useless(work, constants),
        helper.make_node("Mul", ["joins", "per_join"], ["raw"]),
        helper.make_node("Clip", ["raw", "zero", "one"], ["heavy"]),
        helper.make_node("Sub", ["one", "heavy"], ["light"]),
        helper.make_node("Concat", ["light", "heavy"], ["probabilities"], axis=1),
    ]
    columns = len(DENSE_NAMES) + len(TEST_VOCABULARY.columns)
    graph = helper.make_graph(
        nodes,
        "joins",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def _useless(work: int, constants: dict[str, NDArray[Any]]) -> list[onnx.NodeProto]:
    """`counted` -> `joins`, which is the same, after as many exponentials."""
    if not work:
        return [helper.make_node("Identity", ["counted"], ["joins"])]
    constants["width"] = np.array([1, work], dtype=np.int64)
    return [
        helper.make_node("Expand", ["counted", "width"], ["wide"]),
        helper.make_node("Exp", ["wide"], ["exponentials"]),
        helper.make_node("ReduceMean", ["exponentials"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["counted", "nothing"], ["joins"]),
    ]
