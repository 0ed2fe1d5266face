"""What the signals of the last windows come to: a verdict, and the reason in a sentence that a person understands."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np

from monitoring.signals import Signal, Tier
from monitoring.thresholds import DriftThresholds
from monitoring.window import Window

VerdictKind = Literal["no data", "none", "alert", "retrain", "rollback"]
"""What is to be done, the lesser first."""

HEAVY_MISSES: Final = "heavy_misses"
STATEMENTS: Final = "statements"
NEW_TEMPLATE: Final = "new_template"
NEW_TENANT: Final = "new_tenant"
LABEL_COVERAGE: Final = "label_coverage"
HISTORY: Final = "history"
FELL: Final = "_fell"
"""Ends the name of a cost that fell."""
MOST_MOVED: Final = 3
MOST_TOLD: Final = 3
"""Signals of one tenant in a sentence."""
_TEXTS: Final = "the texts"
"""What signals of cost say something of, too; CPU and memory the same."""

_CURED_BY_TRAINING: Final = frozenset({Tier.PREDICTION, Tier.FEATURES, Tier.COST, Tier.TRUTH})
_CLOSING: Final = {
    "rollback": "This began when the version began to serve: the one before it is to serve again",
    "retrain": "A model that has learnt from newer statements is called for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Since when the version serves, where that is known, and whether there is one before it to go back to."""

    since: datetime | None = None
    has_previous: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`signals` are those that spoke, the surest first, `moved` the first three of them, `tenants` whose they are."""

    kind: VerdictKind
    reason: str
    signals: tuple[Signal, ...] = ()
    tenants: tuple[str, ...] = ()
    moved: tuple[Signal, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "reason": self.reason,
            "signals": [signal.as_json() for signal in self.signals],
            "tenants": list(self.tenants),
            "moved": [signal.as_json() for signal in self.moved],
        }


def judge(signals: Sequence[Signal], rules: DriftThresholds, *, serving: Serving | None = None) -> Verdict:
    """What the signals of the last windows call for; those of a window that could not be asked are missing."""
    heard = hear(signals, rules.false_discovery_rate)
    spoken = tuple(sorted(persistent(signals, heard, rules), key=_surest))
    if not spoken:
        return _quiet(signals, heard)
    kind = _kind(spoken, signals, heard, serving=serving or Serving())
    return Verdict(
        kind,
        _reason(kind, spoken, _newcomers(signals)),
        signals=spoken,
        tenants=tuple(dict.fromkeys(signal.tenant for signal in spoken if signal.tenant is not None)),
        moved=_most_moved(spoken),
    )


def hear(signals: Iterable[Signal], false_discovery_rate: float) -> frozenset[Signal]:
    """The large signals that are not chance, of as many as were asked of the same window.

    Of those heard at most this share is chance (Benjamini and Hochberg, Journal of the Royal Statistical Society B
    57(1), 1995). Costs that fell are asked apart: good news must not make bad news harder to hear.
    """
    families = defaultdict[tuple[Window, bool], list[Signal]](list)
    for signal in _answered(signals):
        families[signal.window, signal.name.endswith(FELL)].append(signal)
    return frozenset(
        signal
        for family in families.values()
        for signal in family
        if signal.is_large and signal.p_value <= _highest(family, false_discovery_rate)
    )


def persistent(signals: Iterable[Signal], heard: frozenset[Signal], rules: DriftThresholds) -> list[Signal]:
    """The newest of each signal that was heard in k of the last n windows that could tell, itself among the k.

    Every short window that ended within the newest long one may be the last: what moved at noon is not unheard because
    the night was quiet, and a report comes once a day.
    """
    asked = _series(signals)
    begun = _newest_long([signal.window for series in asked for signal in series])
    spoken = []
    for series in asked:
        rule = rules.persistence[series[-1].tier]
        said = [signal in heard for signal in series]
        judged = [place for place, signal in enumerate(series) if signal.window.end > begun] or [len(series) - 1]
        lasting = [place for place in judged if said[place] and sum(said[: place + 1][-rule.n :]) >= rule.k]
        spoken += [series[place] for place in lasting[-1:]]
    return spoken


def _newest_long(windows: Iterable[Window]) -> datetime:
    """The beginning of the longest of those that end last."""
    _, _, start = max(((w.end, w.end - w.start, w.start) for w in windows), default=(None, None, datetime.max))
    return start


def _answered(signals: Iterable[Signal]) -> list[Signal]:
    return [signal for signal in signals if signal.current is not None]


def _highest(family: Sequence[Signal], rate: float) -> float:
    """The highest p-value that counts; below every p-value where none does."""
    ordered = np.sort([signal.p_value for signal in family])
    counting = ordered[ordered <= rate * np.arange(1, len(ordered) + 1) / len(ordered)]
    return float(counting[-1]) if len(counting) else -1.0


def _series(signals: Iterable[Signal]) -> list[list[Signal]]:
    """The same question asked of one window after the other."""
    series = defaultdict[tuple[object, ...], list[Signal]](list)
    for signal in sorted(_answered(signals), key=lambda signal: signal.window.end):
        length = signal.window.end - signal.window.start
        series[signal.name, signal.tier, signal.tenant, length].append(signal)
    return list(series.values())


def _kind(
    spoken: Sequence[Signal], signals: Sequence[Signal], heard: frozenset[Signal], *, serving: Serving
) -> VerdictKind:
    """Bad data are no ground to train on; misses that came with a version go with it; training cures the rest."""
    if serving.has_previous and serving.since and _came_with_version(spoken, signals, heard, since=serving.since):
        return "rollback"
    if any(_spoils_data(signal) for signal in spoken):
        return "alert"
    return "retrain" if any(signal.tier in _CURED_BY_TRAINING for signal in spoken) else "alert"


def _spoils_data(signal: Signal) -> bool:
    """Bad query events; decisions that met no event make figures of the truth doubtful, and nothing else."""
    return signal.tier is Tier.QUALITY and signal.name != LABEL_COVERAGE


def _came_with_version(
    spoken: Sequence[Signal], signals: Sequence[Signal], heard: frozenset[Signal], *, since: datetime
) -> bool:
    """Were heavy statements missed from the version's first window on and not before, at the same cost as before?

    A version that serves for longer than the windows look back did not bring what is new.
    """
    misses = {signal.tenant for signal in spoken if _is_miss(signal)}
    became_dearer = any(signal.tier is Tier.COST and _rose(signal) for signal in spoken)
    in_view = min(signal.window.start for signal in signals) <= since
    return (
        in_view
        and not became_dearer
        and any(
            _begins_at([(signal.window.end > since, signal in heard) for signal in series])
            for series in _series(signals)
            if _is_miss(series[-1]) and series[-1].tenant in misses
        )
    )


def _rose(signal: Signal) -> bool:
    return (signal.current or 0.0) > (signal.reference or 0.0)


def _begins_at(windows: Sequence[tuple[bool, bool]]) -> bool:
    """Of (after it, heard) window by window: heard in the first one after it, and in none before."""
    after = [heard for is_after, heard in windows if is_after]
    return bool(after) and after[0] and not any(heard for is_after, heard in windows if not is_after)


def _is_miss(signal: Signal) -> bool:
    return signal.tier is Tier.TRUTH and signal.name == HEAVY_MISSES


def _surest(signal: Signal) -> tuple[float, str, str]:
    return signal.p_value, signal.name, signal.tenant or ""


def _most_moved(spoken: Sequence[Signal]) -> tuple[Signal, ...]:
    """The surest, each question once: what is heard of a day is often heard of its hours too."""
    return tuple({(signal.name, signal.tenant): signal for signal in reversed(spoken)}.values())[::-1][:MOST_MOVED]


def _reason(kind: VerdictKind, spoken: Sequence[Signal], newcomers: frozenset[str]) -> str:
    """Tenant by tenant what moved, the surest first; then what follows from it."""
    parts = _told_by_tenant(spoken, newcomers)
    if kind in _CLOSING:
        parts.append(_CLOSING[kind])
    elif any(_spoils_data(signal) for signal in spoken):
        parts.append("Nothing is to be learnt from such data")
    return ". ".join(map(_capital, parts)) + "."


def _once(spoken: Sequence[Signal], tenant: str | None) -> list[Signal]:
    """A tenant's signals, each question once, the surest first."""
    return list({signal.name: signal for signal in reversed(spoken) if signal.tenant == tenant}.values())[::-1]


def _newcomers(signals: Iterable[Signal]) -> frozenset[str]:
    return frozenset(signal.tenant for signal in signals if signal.name == NEW_TENANT and signal.tenant)


def _told_by_tenant(signals: Sequence[Signal], newcomers: frozenset[str]) -> list[str]:
    tenants = dict.fromkeys(signal.tenant for signal in signals)
    return [_told(tenant, _once(signals, tenant), is_new=tenant in newcomers) for tenant in tenants]


def _told(tenant: str | None, signals: Sequence[Signal], *, is_new: bool) -> str:
    clauses = [clause for signal in signals[:MOST_TOLD] for clause in signal.sentence.split("; ")]
    if len(signals) > MOST_TOLD:
        clauses.append(f"{len(signals) - MOST_TOLD} more")
    if _same_texts(signals) and not any(clause.startswith(_TEXTS) for clause in clauses):
        clauses.append(f"{_TEXTS} did not change")
    whose = f"{'new ' if is_new else ''}tenant {tenant}: " if tenant else ""
    return whose + "; ".join(dict.fromkeys(clauses))


def _same_texts(signals: Iterable[Signal]) -> bool:
    """Whether what was heard is about what statements cost or met in the past, and nothing about how they read."""
    about_cost = [signal.tier is Tier.COST or signal.name == HISTORY for signal in signals]
    about_texts = [_about_texts(signal) for signal in signals]
    return any(about_cost) and not any(about_texts)


def _about_texts(signal: Signal) -> bool:
    return signal.name == NEW_TEMPLATE or (signal.tier is Tier.FEATURES and signal.name != HISTORY)


def _quiet(signals: Sequence[Signal], heard: frozenset[Signal]) -> Verdict:
    """Nothing spoke: because all is as it was, or because nothing could be asked of the newest window."""
    end = max((signal.window.end for signal in signals), default=None)
    newest = [signal for signal in _answered(signals) if signal.window.end == end]
    volume = next((signal.sentence for signal in newest if signal.name == STATEMENTS), "no window could be asked")
    compared = [signal for signal in newest if signal.tier is not Tier.QUALITY]
    if not compared:
        return Verdict("no data", f"{_capital(volume)}.")
    once = sorted((signal for signal in compared if signal in heard), key=_surest)
    told = _told_by_tenant(once, _newcomers(signals)) or ["nothing moved far beyond chance"]
    seen = "in too few windows so far, " if once else ""
    return Verdict("none", f"{_capital(volume)}; {seen}{'; '.join(told)}.")


def _capital(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:]}"
