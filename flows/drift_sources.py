"""Who else speaks of the windows of a drift report: each source looks at what was decided and answers in signals."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from flows.logged import find_digest, find_histories, read_created, read_logged
from flows.outcomes import outcomes_of
from models.dataset import Labelled, label
from models.exclusions import ExclusionWindow
from models.versions import ModelVersion
from monitoring.drift.fallbacks import fallbacks
from monitoring.drift.signals import LastWindows
from monitoring.frame import SUBMITTED_AT
from monitoring.policy import Serving
from monitoring.reference import Reference
from monitoring.signals import Signal, Tier
from monitoring.skew import find_skew, skew_signal
from monitoring.thresholds import read_thresholds
from monitoring.truth.join import Joined, join
from monitoring.truth.outcomes import Outcome, follow
from monitoring.truth.signals import Watched, truth_signals
from smart_routing.decision_log import LoggedDecision
from smart_routing.errors import QueryLogError
from smart_routing.history.measures import WINDOW as HISTORY_WINDOW
from smart_routing.inference import Model
from smart_routing.querylog.records import QueryRecord

UNREAD: Final = "unread"


@dataclass(frozen=True)
class Production:
    """The version that serves, ready to score, its reference, and since when it serves."""

    version: ModelVersion
    model: Model
    reference: Reference
    serving: Serving

    @property
    def known_until(self) -> datetime:
        """The end of the data that the version was made from."""
        last: datetime = self.reference.rows[SUBMITTED_AT].max().to_pydatetime()
        return last


@dataclass(frozen=True)
class Asked:
    """The windows, what the query log has of them and of the time before, and what the version decided in it.

    `gaps` say in words what could not be read.
    """

    production: Production
    windows: LastWindows
    records: tuple[QueryRecord, ...]
    labelled: Labelled
    decisions: tuple[LoggedDecision, ...]
    gaps: tuple[str, ...] = ()

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        return outcomes_of(self.labelled.examples)

    @cached_property
    def own(self) -> tuple[LoggedDecision, ...]:
        """Decisions of the version that serves."""
        return tuple(one for one in self.decisions if one.model_version == self.production.model.version)

    @cached_property
    def joined(self) -> Joined:
        return join(self.own, self.records, digest=find_digest())


SignalSource = Callable[[Asked], tuple[Signal, ...]]


def what_is_unread(asked: Asked) -> tuple[Signal, ...]:
    """It speaks: people must hear that nobody knows what the windows were like."""
    if not asked.gaps:
        return ()
    told = Signal(
        name=UNREAD,
        tier=Tier.QUALITY,
        window=asked.windows.newest,
        current=float(len(asked.gaps)),
        p_value=0.0,
        is_large=True,
        sentence="; ".join(asked.gaps),
    )
    return (told,)


def decisions_without_model(asked: Asked) -> tuple[Signal, ...]:
    """Nothing where there is no decision log."""
    return tuple(fallbacks(asked.decisions, asked.windows.long, read_thresholds()))


def truth(asked: Asked) -> tuple[Signal, ...]:
    """What events say of the decisions, and of the cost of the same templates, window by window as known by now."""
    production, end = asked.production, asked.windows.newest.end
    certificate = production.model.bundle.threshold.certificate
    watched = Watched(
        bound=certificate.bound if certificate else None,
        rule=production.model.bundle.label_rule,
        known_until=production.known_until,
    )
    followed = follow(asked.joined, asked.outcomes, as_of=end)
    return tuple(
        signal
        for window in asked.windows.short
        for signal in truth_signals(followed, asked.outcomes, window=window, watched=watched)
    )


def skew(asked: Asked) -> tuple[Signal, ...]:
    """Vectors that the routers logged in the newest window, made again."""
    newest = asked.windows.newest
    pairs = [pair for pair in asked.joined.pairs if newest.start <= pair.decision.submitted_at < newest.end]
    return (skew_signal(find_skew(pairs, asked.production.model, histories=find_histories()), newest),)


SOURCES: Final[tuple[SignalSource, ...]] = (what_is_unread, decisions_without_model, truth, skew)


def read_asked(
    production: Production, windows: LastWindows, events: str | None, *, exclusions: tuple[ExclusionWindow, ...]
) -> Asked:
    """The log as training would take it: retries merged, `exclusions` and mere mistakes left out; and the decisions."""
    since, bundle = windows.start - HISTORY_WINDOW, production.model.bundle
    records, unread = read_created(events, since=since, until=windows.newest.end)
    labelled = label(records, bundle.label_rule, exclusions, limits=bundle.parse_limits)
    decisions, unlogged = _read_decisions(since)
    return Asked(production, windows, records, labelled, decisions, tuple(gap for gap in (unread, unlogged) if gap))


def _read_decisions(moment: datetime) -> tuple[tuple[LoggedDecision, ...], str | None]:
    """What the routers decided about statements submitted at `moment` or later, and why it cannot be read."""
    try:
        logged, _ = read_logged(None, moment)
    except QueryLogError as error:
        return (), f"the decision log cannot be read: {error}"
    return tuple(one for one in logged if one.submitted_at >= moment), None
