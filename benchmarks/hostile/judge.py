"""What must hold of every answer, whatever was asked."""

import json
from dataclasses import dataclass
from typing import Any, Final

from smart_routing.protocol import ROUTE_PATH

MOST_SECONDS: Final = 0.05
MOST_SECONDS_ON_A_BUSY_MACHINE: Final = 0.25
STATUSES: Final = {True: {200, 400, 404, 413}, False: {200}}
"""Of /v1/route, and of the gateway's question, which never has an error."""
GROUPS: Final = {"small", "large", None}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and the seconds that it took, and those of them on the processor, where they are known."""

    status: int
    content: bytes
    seconds: float
    cpu_seconds: float = 0.0

    @property
    def is_dear(self) -> bool:
        """More than 50 ms, up to 250 ms by the processor's time: on a busy machine the clock tells of others too."""
        on_processor = self.cpu_seconds > MOST_SECONDS and self.seconds > MOST_SECONDS
        return on_processor or self.seconds > MOST_SECONDS_ON_A_BUSY_MACHINE


def complaint(path: str, reply: Reply) -> str | None:
    """What is wrong with a reply; None where nothing is."""
    is_route = path == ROUTE_PATH
    if reply.status not in STATUSES[is_route]:
        return f"status is {reply.status}: expected one of {sorted(STATUSES[is_route])}"
    try:
        document = json.loads(reply.content)
    except ValueError as error:
        return f"body does not parse: {error}"
    if reply.status != 200:
        return None if isinstance(document.get("error"), str) else "an error without a word on it"
    return _complaint_of_route(document) if is_route else _complaint_of_gateway(document)


def _complaint_of_route(document: dict[str, Any]) -> str | None:
    if document["decision"] not in {"light", "heavy"}:
        return f"decision is {document['decision']!r}: expected light or heavy"
    if document["reason"] == "model_error":
        return "the model failed"
    score = document["modelScore"]
    return None if score is None or 0 <= score <= 1 else f"modelScore is {score}: expected 0 to 1"


def _complaint_of_gateway(document: dict[str, Any]) -> str | None:
    group = document["routingGroup"]
    return None if group in GROUPS else f"routingGroup is {group!r}: expected one of {GROUPS}"


def same_answer(first: Reply, second: Reply) -> bool:
    """Whether two answers to one request agree, but for the id of a decision and for what only time decides."""
    one, other = _told(first), _told(second)
    late = "deadline" in {one.get("reason"), other.get("reason")}
    return first.status == second.status and (late or one == other)


def _told(reply: Reply) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reply.content)
    return {name: value for name, value in found.items() if name != "externalHeaders"}


def outcome(path: str, reply: Reply) -> str:
    """What the summary counts an answer as."""
    if reply.status != 200:
        return str(reply.status)
    told = _told(reply)
    return str(told["reason"] if path == ROUTE_PATH else f"group {told['routingGroup']}")
