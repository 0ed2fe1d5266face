"""What a body from Trino's event listener is, and the line that is kept of it."""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from smart_routing.querylog.events import Rejected, read_event
from smart_routing.querylog.records import QueryRecord

_Parts = dict[str, Raw]

BLOBS: Final[dict[str, frozenset[str]]] = {
    "metadata": frozenset({"plan", "jsonPlan", "payload"}),
    "statistics": frozenset(
        {
            "operatorSummaries",
            "planNodeStatsAndCosts",
            "taskStatistics",
            "stageGcStatistics",
            "stageTaskStatistics",
            "cpuTimeDistribution",
            "outputBufferUtilization",
            "optimizerRulesSummaries",
        }
    ),
    "failureInfo": frozenset({"failuresJson"}),
}
"""What nobody here reads and what nearly all of an event's 50 to 200 kB are."""

_DECODER: Final = msgspec.json.Decoder(_Parts)


@dataclass(frozen=True, slots=True)
class Completed:
    """A completed query, and its event on one line, the blobs cut out; `read_event` makes `record` of it."""

    record: QueryRecord
    line: bytes


@dataclass(frozen=True, slots=True)
class Created:
    """A query that began; its completion will tell the same and more."""


def examine(body: bytes) -> Completed | Created | Rejected:
    """What `body` is; never raises for what it holds. The Kafka listener's wrapper is taken off."""
    try:
        parts = _unwrapped(_DECODER.decode(body))
        if "metadata" in parts and not {"statistics", "endTime"} & parts.keys():
            return Created()
        line = _on_one_line(msgspec.json.encode(_cut(parts)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Rejected(f"{error}; expected a QueryCompletedEvent")
    event = read_event(line)
    return event if isinstance(event, Rejected) else Completed(event, line)


def _unwrapped(parts: _Parts) -> _Parts:
    return _DECODER.decode(parts["eventPayload"]) if "eventPayload" in parts else parts


def _cut(parts: _Parts) -> _Parts:
    present = {name: blobs for name, blobs in BLOBS.items() if name in parts and bytes(parts[name]) != b"null"}
    return parts | {name: _without(parts[name], blobs) for name, blobs in present.items()}


def _without(part: Raw, blobs: frozenset[str]) -> Raw:
    kept = {name: value for name, value in _DECODER.decode(part).items() if name not in blobs}
    return Raw(msgspec.json.encode(kept))


def _on_one_line(content: bytes) -> bytes:
    """JSON has line breaks only between tokens: within a string they are escaped."""
    return content.replace(b"\n", b" ").replace(b"\r", b" ")
