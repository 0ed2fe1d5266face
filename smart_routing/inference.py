"""`Model`: a bundle made ready to score; session, vocabulary and threshold in one immutable piece."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from smart_routing.bundle import Bundle, GoldenRow
from smart_routing.errors import BundleError
from smart_routing.features.facts import Facts
from smart_routing.features.statement import Statement, read_statement
from smart_routing.features.vector import featurize, has_past
from smart_routing.history.measures import NO_HISTORY, History
from smart_routing.probability import ProbabilityMap
from smart_routing.request import Request

PARITY: Final = 1e-5
"""Largest difference between two engines' scores of the same row that still counts as equal."""

_INPUT: Final = "features"
_SCORES: Final = "probabilities"


@dataclass(frozen=True, slots=True)
class Model:
    """One version, loaded. `version` is `v<number>-<first 6 hex of the manifest's sha256>`."""

    version: str
    bundle: Bundle
    session: ort.InferenceSession

    @classmethod
    def load(cls, bundle: Bundle, *, version: str) -> Self:
        """Build the session, warm it and prove the golden rows; raises `BundleError` if any of it fails."""
        model = cls(f"v{version}-{bundle.manifest_sha256[:6]}", bundle, open_session(bundle.model))
        if not bundle.golden:
            raise BundleError("golden.jsonl has no rows: expected at least one")
        for row in bundle.golden:
            model._check(row)
        return model

    @property
    def threshold(self) -> float:
        return self.bundle.threshold.value

    @property
    def probability(self) -> ProbabilityMap:
        """What scores and thresholds are told as."""
        return self.bundle.threshold.probability

    def threshold_for(self, vector: NDArray[np.float32]) -> float:
        """The certified threshold: another one where the history knows nothing of the request."""
        return self.threshold if has_past(vector) else self.bundle.threshold.without_history

    def vector(
        self, request: Request, statement: Statement | Facts | None = None, *, history: History = NO_HISTORY
    ) -> NDArray[np.float32]:
        """The request's vector; read under the caps that the model was trained under, unless it was read already."""
        statement = statement or self.read(request.sql)
        return featurize(request, vocabulary=self.bundle.vocabulary, history=history, statement=statement)

    def read(self, sql: str) -> Statement:
        return read_statement(sql, self.bundle.parse_limits)

    def score(self, vector: NDArray[np.float32]) -> float:
        """What the trees say of one vector, in [0, 1], the heavier the higher; a threshold decides on it."""
        return float(scores(self.session, vector[np.newaxis, :])[0])

    def scores(self, vectors: NDArray[np.float32]) -> list[float]:
        """The score of each row of an (n, features) matrix."""
        return [float(score) for score in scores(self.session, vectors)]

    def _check(self, row: GoldenRow) -> None:
        try:
            found = self.score(self.vector(golden_request(row)))
        except Exception as error:  # of ONNX Runtime or of the row: whatever it is, this version cannot serve
            raise BundleError(f"golden row cannot be scored: {error!r}") from error
        if not abs(found - row.score) <= PARITY:
            raise BundleError(f"golden row scores {found:.6f}: expected {row.score:.6f}")


def golden_request(row: GoldenRow) -> Request:
    """The request that a golden row stands for."""
    return Request(
        query_id="golden",
        sql=row.sql,
        user="golden",
        catalog=row.catalog,
        schema=row.schema,
        submitted_at=datetime.fromisoformat(row.submitted_at),
    )


def open_session(model: bytes) -> ort.InferenceSession:
    """A single-threaded CPU session; raises `BundleError` where ONNX Runtime refuses the model."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises its own pybind classes, which share no public root
        raise BundleError(f"model.onnx cannot be loaded: {error}") from error


def scores(session: ort.InferenceSession, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The score of each row of an (n, features) matrix, shape (n,)."""
    (probabilities,) = session.run([_SCORES], {_INPUT: matrix})
    heavy: NDArray[np.float32] = np.asarray(probabilities)[:, 1]
    return heavy
