"""One fuzzed request tried: asked, asked again where it was slow, and judged."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.hostile.judge import MOST_SECONDS, Reply, complaint, outcome, same_answer
from benchmarks.hostile.requests import FuzzedRequest

MORE_TRIES: Final = 9
"""At most, of what was slow: on a busy machine the least of a few is what the request costs."""
ASKED_TWICE: Final = 8
"""One in so many requests."""

Ask = Callable[[FuzzedRequest], Reply]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a request; `complaint` is None where all that must hold held, `is_fatal` where the decider died."""

    number: int
    outcome: str
    seconds: float
    complaint: str | None = None
    is_fatal: bool = False


def tried(request: FuzzedRequest, ask: Ask) -> Trial:
    """The trial of a request."""
    reply = ask(request)
    found = complaint(request.path, reply)
    if found is not None:
        return Trial(request.number, f"status {reply.status}", reply.seconds, found)
    trial = Trial(request.number, outcome(request.path, reply), reply.seconds)
    if request.number % ASKED_TWICE == 0 and not same_answer(reply, ask(request)):
        return replace(trial, complaint="the same request got another answer")
    return _tried_again(trial, request, ask) if reply.is_dear else trial


def _tried_again(trial: Trial, request: FuzzedRequest, ask: Ask) -> Trial:
    replies = [ask(request)]
    while replies[-1].is_dear and len(replies) < MORE_TRIES:
        replies.append(ask(request))
    least = min(trial.seconds, *(reply.seconds for reply in replies))
    slow = f"took {1000 * least:.0f} ms, the least of {1 + len(replies)}: expected {1000 * MOST_SECONDS:.0f} ms at most"
    return replace(trial, seconds=least, complaint=slow if replies[-1].is_dear else None)
