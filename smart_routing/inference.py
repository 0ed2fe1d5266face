"""`Model`: a bundle made ready to score; session, vocabulary and threshold in one immutable piece."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from smart_routing.bundle import Bundle, GoldenRow
from smart_routing.errors import BundleError
from smart_routing.features.facts import Facts, read_facts
from smart_routing.features.vector import Featurizer, has_past, vector_length
from smart_routing.history.measures import NO_HISTORY, History
from smart_routing.probability import ProbabilityMap
from smart_routing.request import Request

PARITY: Final = 1e-5
"""Largest difference between two engines' scores of the same row that still counts as equal."""

_INPUT: Final = "features"
_SCORES: Final = "probabilities"


def go_on() -> None:
    """No pause."""


@dataclass(frozen=True, slots=True)
class Model:
    """One version, loaded. `version` is `v<number>-<first 6 hex of the manifest's sha256>`."""

    version: str
    bundle: Bundle
    session: ort.InferenceSession
    _featurizer: Featurizer = field(init=False, repr=False)
    _bound: "_BoundRow" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_featurizer", Featurizer(self.bundle.vocabulary))
        object.__setattr__(self, "_bound", _BoundRow(self.session, vector_length(self.bundle.vocabulary)))

    @classmethod
    def load(cls, bundle: Bundle, *, version: str, pause: Callable[[], None] = go_on) -> Self:
        """Build the session, warm it and prove the golden rows; raises `BundleError` if any of it fails.

        `pause` is called after each row, for a thread that has others wait for it.
        """
        model = cls(f"v{version}-{bundle.manifest_sha256[:6]}", bundle, open_session(bundle.model))
        if not bundle.golden:
            raise BundleError("golden.jsonl has no rows: expected at least one")
        for row in bundle.golden:
            model._check(row)
            pause()
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
        self, request: Request, facts: Facts | None = None, *, history: History = NO_HISTORY
    ) -> NDArray[np.float32]:
        """The request's vector; read under the caps that the model was trained under, unless it was read already."""
        return self._featurizer.vector(request, facts or self.read(request.sql), history)

    def read(self, sql: str) -> Facts:
        """What a text says under the caps of the model."""
        return read_facts(sql, self.bundle.parse_limits)

    def score(self, vector: NDArray[np.float32]) -> float:
        """What the trees say of one vector, in [0, 1], the heavier the higher; a threshold decides on it."""
        return self._bound.score(vector)

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


class _BoundRow(threading.local):
    """Memory for one vector and its scores, bound to the session once; each thread that asks has its own."""

    def __init__(self, session: ort.InferenceSession, columns: int) -> None:
        self._session = session
        self._row = np.empty((1, columns), dtype=np.float32)
        self._scores = np.zeros((1, 2), dtype=np.float32)
        self._binding: ort.IOBinding | None = None

    def score(self, vector: NDArray[np.float32]) -> float:
        if self._binding is None:
            self._binding = self._bind()
        self._row[0] = vector
        self._session.run_with_iobinding(self._binding)
        return float(self._scores[0, 1])

    def _bind(self) -> ort.IOBinding:
        binding = self._session.io_binding()
        row, scores = self._row, self._scores
        binding.bind_input(_INPUT, "cpu", 0, np.float32, row.shape, row.ctypes.data)
        binding.bind_output(_SCORES, "cpu", 0, np.float32, scores.shape, scores.ctypes.data)
        return binding


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
