"""One fuzzed request tried: asked, asked again where it was slow, and judged."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.hostile.judge import Reply, complaint, outcome, same_answer
from benchmarks.hostile.requests import FuzzedRequest

MOST_SECONDS: Final = 0.05
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
    return trial if reply.seconds <= MOST_SECONDS else _tried_again(trial, request, ask)


def _tried_again(trial: Trial, request: FuzzedRequest, ask: Ask) -> Trial:
    least, tries = trial.seconds, 1
    while least > MOST_SECONDS and tries <= MORE_TRIES:
        least, tries = min(least, ask(request).seconds), tries + 1
    slow = f"took {1000 * least:.0f} ms, the least of {tries}: expected at most {1000 * MOST_SECONDS:.0f} ms"
    return replace(trial, seconds=least, complaint=slow if least > MOST_SECONDS else None)
