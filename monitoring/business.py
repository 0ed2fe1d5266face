"""What users notice and what it saves: times of routed statements beside those of the control group, as gauges."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

import numpy as np

from monitoring.gauges import Gauge
from smart_routing.decision_log import LoggedDecision
from smart_routing.querylog.records import FINISHED, QueryRecord
from smart_routing.rollout import Treatment

QUANTILES: Final = (0.9, 0.99)

Group = Literal["routed", "control"]
Basis = Literal["targets", "equal_utilisation", "routing_alone"]


class Ran(Protocol):
    """A decision and what became of its statement."""

    @property
    def decision(self) -> LoggedDecision: ...

    @property
    def record(self) -> QueryRecord: ...


def statement_gauges(ran: Iterable[Ran]) -> tuple[Gauge, ...]:
    """Seconds from creation to end of statements that finished, by what was decided and whether it was carried out.

    A statement of the control group was decided too, so like is beside like. A quantile q is told of 1 / (1 - q)
    statements and more, of which one lies beyond it.
    """
    seconds: dict[tuple[str, Group], list[float]] = defaultdict(list)
    for one in ran:
        group = _group(one.decision.mode)
        if group is not None and one.record.state == FINISHED:
            took = (one.record.end_time - one.record.create_time).total_seconds()
            seconds[one.decision.decision.value, group].append(took)
    return tuple(
        gauge for (decision, group), values in sorted(seconds.items()) for gauge in _told(values, decision, group)
    )


def saving_gauges(shares: Mapping[Basis, float]) -> tuple[Gauge, ...]:
    """Shares of the symmetric fleet, or of one where everything is on large, that the split one does without."""
    return tuple(Gauge("smart_routing_saving_share", {"basis": basis}, share) for basis, share in shares.items())


def _group(treatment: Treatment) -> Group | None:
    """None for those in shadow and off: a canary's users and the others are not alike by chance."""
    if treatment is Treatment.CONTROL:
        return "control"
    return "routed" if treatment.is_routed else None


def _told(values: Sequence[float], decision: str, group: Group) -> Iterator[Gauge]:
    labels = {"decision": decision, "group": group}
    yield Gauge("smart_routing_statements", labels, len(values))
    for quantile in QUANTILES:
        if len(values) >= round(1 / (1 - quantile)):
            found = float(np.quantile(values, quantile))
            yield Gauge("smart_routing_statement_seconds", labels | {"quantile": str(quantile)}, found)
