"""`Outcome`: what a statement turned out to be; and which outcomes of decisions are known at a moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from monitoring.truth.join import Joined, Pair
from smart_routing.decision_log import LoggedDecision
from smart_routing.labels import QueryWeight

HORIZON: Final = timedelta(hours=1)
"""How old a decision is before its event is missed: most statements have ended by then, and their events are stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A statement labelled as training labels it: attempts merged, numbers of the last; `query_ids` are all of them.

    `tenant` is catalog.schema. `is_read`: no write, transaction or other statement that a rule sends to large.
    """

    query_ids: tuple[str, ...]
    template: str
    tenant: str
    source: str
    kind: str
    is_read: bool
    submitted_at: datetime
    ended_at: datetime
    weight: QueryWeight
    cpu_seconds: float
    memory_bytes: int

    @property
    def heavy(self) -> bool:
        return self.weight is QueryWeight.HEAVY

    @property
    def unit(self) -> str:
        """Template x schema x day: what a certificate counts."""
        return f"{self.template}|{self.tenant}|{self.submitted_at:%Y-%m-%d}"


class Fate(StrEnum):
    """What is known of a decision's statement."""

    KNOWN = "known"
    REPEATED = "repeated"
    """A later attempt of a statement that counts already."""
    WITHOUT_SIZE = "without_size"
    """It ended, and says nothing of its size: a mistake, or an excluded window."""
    PENDING = "pending"
    """Too young to be missed, or seen running a short while ago."""
    MISSING = "missing"
    """No event, and it should be there: not counted as right, nor as wrong."""


JOINED: Final = frozenset({Fate.KNOWN, Fate.REPEATED, Fate.WITHOUT_SIZE})


@dataclass(frozen=True, slots=True)
class Followed:
    """A decision and its fate; the outcome is there where the fate is `KNOWN`."""

    decision: LoggedDecision
    fate: Fate
    outcome: Outcome | None = None


def follow(
    joined: Joined, outcomes: Iterable[Outcome], *, as_of: datetime, horizon: timedelta = HORIZON
) -> tuple[Followed, ...]:
    """The fate of every decision as it was known at `as_of`, in order of submission: what ended later is not known.

    A statement that runs past a limit has an outcome before it ends: heavy now.
    """
    known = {query_id: outcome for outcome in outcomes for query_id in outcome.query_ids}
    waits = as_of - horizon
    fates = [_of_pair(pair, known, as_of=as_of, waits=waits) for pair in joined.pairs]
    fates += [Followed(decision, _without_event(decision, waits)) for decision in joined.unjoined]
    return _each_outcome_once(sorted(fates, key=lambda followed: followed.decision.submitted_at))


def _of_pair(pair: Pair, known: Mapping[str, Outcome], *, as_of: datetime, waits: datetime) -> Followed:
    decision, record = pair.decision, pair.record
    outcome = known.get(record.query_id)
    ended_at = record.end_time if outcome is None else outcome.ended_at
    if ended_at > as_of:
        return Followed(decision, _without_event(decision, waits))
    if outcome is not None:
        return Followed(decision, Fate.KNOWN, outcome)
    if record.running:
        return Followed(decision, Fate.PENDING if record.end_time > waits else Fate.MISSING)
    return Followed(decision, Fate.WITHOUT_SIZE)


def _without_event(decision: LoggedDecision, waits: datetime) -> Fate:
    return Fate.PENDING if decision.submitted_at > waits else Fate.MISSING


def _each_outcome_once(followed: Iterable[Followed]) -> tuple[Followed, ...]:
    """The first attempt's decision is judged by what the statement came to; those of its retries are not."""
    seen: set[int] = set()
    once = []
    for one in followed:
        repeated = one.outcome is not None and id(one.outcome) in seen
        seen.add(id(one.outcome))
        once.append(Followed(one.decision, Fate.REPEATED) if repeated else one)
    return tuple(once)
