"""The decision log: one JSON line per decision, with the vector and without the statement."""

import hmac
import logging
import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache, partial
from hashlib import sha256
from io import RawIOBase
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from smart_routing.errors import QueryLogError, SettingsError
from smart_routing.known_heavy.entries import NOTHING_KNOWN
from smart_routing.labels import QueryWeight
from smart_routing.logs import log_event
from smart_routing.request import Request
from smart_routing.rollout import Treatment
from smart_routing.routing import Reason, RoutingDecision
from smart_routing.statement_digest import StatementDigest

_log = logging.getLogger(__name__)

MIN_KEY_BYTES: Final = 16
HASHES_KEPT: Final = 4096
"""Users whose hash is not computed again: it takes longer than the rest of a row."""


class VectorLogging(StrEnum):
    """Which decisions are logged with their vector."""

    NONE = "none"
    SAMPLE = "sample"
    ALL = "all"


class LoggedDecision(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One row. `user` is a keyed hash, `template` a fingerprint; `vector` has NaN where a feature is absent.

    A statement without a query id yet has a `decision_id`, which its event will have as trace token; `statement` is its
    `StatementDigest`, by which it is found without either. `tenant` is catalog.schema; rows of older routers have
    neither. Rows are equal whose fields other than the vector are.
    """

    time: datetime
    submitted_at: datetime
    query_id: str | None
    decision_id: str | None = None
    user: str
    source: str | None
    template: str | None
    decision: QueryWeight
    reason: Reason
    probability: float | None
    threshold: float | None
    model_version: str | None
    history_snapshot: str | None
    policy_revision: str
    known_heavy_generation: str = NOTHING_KNOWN.generation
    mode: Treatment = Treatment.FULL
    tenant: str | None = None
    statement: str | None = None
    vector: NDArray[np.float32] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LoggedDecision):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__struct_fields__ if name != "vector")

    def __hash__(self) -> int:
        return hash((self.time, self.query_id, self.decision_id))


class DecisionRecorder:
    """Turns decisions into rows: `user_key` hides the users, `vectors` and `share` (0 to 1) say which vectors stay."""

    def __init__(self, *, user_key: bytes, vectors: VectorLogging = VectorLogging.NONE, share: float = 0.01) -> None:
        self._vectors = vectors
        self._share = share
        self._digest = StatementDigest(user_key)
        self.user_hash: Final = lru_cache(HASHES_KEPT)(partial(_user_hash, user_key))
        """16 hex of the HMAC-SHA256 of a user's name."""

    def row(
        self,
        request: Request,
        decision: RoutingDecision,
        *,
        now: datetime,
        decision_id: str | None = None,
        mode: Treatment = Treatment.FULL,
    ) -> LoggedDecision:
        """The row of a decision; with a `decision_id` the request's own id is not Trino's, and is left out."""
        return LoggedDecision(
            time=now,
            submitted_at=request.submitted_at,
            query_id=request.query_id if decision_id is None else None,
            decision_id=decision_id,
            user=self.user_hash(request.user),
            source=request.source,
            template=decision.template,
            decision=decision.weight,
            reason=decision.reason,
            probability=decision.heavy_probability,
            threshold=decision.threshold,
            model_version=decision.model_version,
            history_snapshot=decision.history_snapshot,
            policy_revision=decision.policy_revision,
            known_heavy_generation=decision.known_heavy_generation,
            mode=mode,
            tenant=f"{request.catalog or ''}.{request.schema or ''}",
            statement=self._digest(request),
            vector=decision.vector if decision.vector is not None and self._keeps_vector(request.query_id) else None,
        )

    def _keeps_vector(self, query_id: str) -> bool:
        if self._vectors == VectorLogging.SAMPLE:
            return crc32(query_id.encode("utf-8", "surrogatepass")) < self._share * 2**32
        return self._vectors == VectorLogging.ALL


def _user_hash(key: bytes, user: str) -> str:
    return hmac.digest(key, user.encode("utf-8", "surrogatepass"), sha256).hex()[:16]


def read_or_make_key(path: Path, fresh: bytes) -> bytes:
    """The key that hides users: the content of `path`, which gets `fresh` where there is no such file.

    Whoever makes the file first wins, so workers and restarts share one key. Raises `SettingsError`.
    """
    try:
        if not path.exists():
            _make_key(path, fresh)
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"user key file {path} cannot be used: {error.strerror}") from error
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError(f"user key file {path} has {len(key)} bytes: expected at least {MIN_KEY_BYTES}")
    return key


def _make_key(path: Path, fresh: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as file:
        file.write(fresh.hex().encode())
    with suppress(FileExistsError):
        os.link(scratch, path)
    Path(scratch).unlink()


class DecisionLog:
    """Appends rows to `folder`, a file a UTC day and writer; `append` never blocks, `flush` writes.

    Rows beyond `queue_rows` that wait, beyond `day_bytes` a day, or that the disk refuses are dropped and counted.
    """

    def __init__(self, folder: Path, *, writer: str, queue_rows: int = 10_000, day_bytes: int = 2**30) -> None:
        self._folder = folder
        self._writer = writer
        self._queue: deque[LoggedDecision] = deque()
        self._queue_rows = queue_rows
        self._day_bytes = day_bytes
        self.written = 0
        self._refused = 0
        self._lost = 0

    @property
    def dropped(self) -> int:
        """Rows that were not written and never will be."""
        return self._refused + self._lost  # two counters, because two threads count

    def append(self, row: LoggedDecision) -> None:
        if len(self._queue) >= self._queue_rows:
            self._refused += 1
        else:
            self._queue.append(row)

    def flush(self) -> None:
        """Write what waits; for one thread at a time. Never raises for a disk that fails."""
        days: dict[date, list[bytes]] = {}
        for _ in range(len(self._queue)):
            row = self._queue.popleft()
            days.setdefault(row.time.date(), []).append(_encode(row))
        for day, lines in days.items():
            try:
                self._write(day, lines)
            except OSError as error:
                self._lost += len(lines)
                log_event(_log, "decision_log_failed", level=logging.ERROR, reason=error.strerror, rows=len(lines))

    def _write(self, day: date, lines: list[bytes]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"decisions-{day.isoformat()}.{self._writer}.jsonl"
        with path.open("ab", buffering=0) as file:
            room = self._day_bytes - file.tell()
            content = b"".join(lines)
            if len(content) > room:
                self._lost += len(lines)
                return
            _append(file, content)
        self.written += len(lines)


def _append(file: RawIOBase, content: bytes) -> None:
    """All of it or nothing: a line that a full disk cut off would run into the next one."""
    end, rest = file.tell(), memoryview(content)
    try:
        while rest:
            rest = rest[file.write(rest) or 0 :]
    except OSError:
        file.truncate(end)
        raise


def read_decisions(path: Path, *, written_since: datetime | None = None) -> Iterator[LoggedDecision]:
    """Rows of a decision log, a file or a folder, in the order of files and lines; vectors exactly as they were.

    Files of a folder last written to before `written_since` are not read. A last line that is still being written is
    left out, as are lines that a disk or a power cut has torn, of which the log tells. Raises `QueryLogError` for a
    line that is whole and no decision, and for a disk that fails.
    """
    oldest = written_since.timestamp() if written_since else 0.0
    folder = (file for file in sorted(path.glob("decisions-*.jsonl")) if file.stat().st_mtime >= oldest)
    try:
        for file in folder if path.is_dir() else (path,):
            yield from _rows(file)
    except OSError as error:
        raise QueryLogError(f"{error.filename or path}: {error.strerror}") from error


def _rows(file: Path) -> Iterator[LoggedDecision]:
    torn = 0
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                continue
            row = _decode(line, place=f"{file.name}:{number}")
            if row is None:
                torn += 1
            else:
                yield row
    if torn:
        log_event(_log, "decision_log_torn", level=logging.WARNING, file=file.name, lines=torn)


def _encode(row: LoggedDecision) -> bytes:
    return msgspec.json.encode(row, enc_hook=_array_to_json) + b"\n"


def _decode(line: bytes, *, place: str) -> LoggedDecision | None:
    """None for a line that is no whole JSON."""
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise QueryLogError(f"{place} is no decision: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _array_to_json(value: Any) -> list[float]:
    """float32 widened to double, which JSON carries exactly; msgspec writes NaN as null."""
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(type(value).__name__)
    widened: list[float] = value.tolist()
    return widened


def _json_to_array(_: type, value: Any) -> NDArray[np.float32]:
    return np.array([np.nan if item is None else item for item in value], dtype=np.float32)


_decoder: Final = msgspec.json.Decoder(LoggedDecision, dec_hook=_json_to_array)
