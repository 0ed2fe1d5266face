"""Which cores a log's statements keep busy, hour by hour, on the clusters that they are sent to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from models.cost import cpu_until_killed
from models.dataset import Example
from smart_routing.labels import LabelRule

HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakCores:
    """Cores in use in the peak hour of all statements run once, and of what each cluster runs; the hours may differ."""

    whole: float
    small: float
    large: float

    def scaled(self, factor: float) -> Self:
        return type(self)(whole=self.whole * factor, small=self.small * factor, large=self.large * factor)


@dataclass(frozen=True, slots=True)
class HourlyUse:
    """One row per execution and hour that it overlaps: cores in use of the whole, small and large, and its template."""

    hour: NDArray[np.intp]
    cores: NDArray[np.float64]
    template: NDArray[np.str_]

    def peaks(self, rows: NDArray[np.intp] | slice) -> PeakCores:
        """Of these rows only, as often as each is named."""
        whole, small, large = (
            float(np.bincount(self.hour[rows], weights=column[rows]).max(initial=0.0)) for column in self.cores.T
        )
        return PeakCores(whole=whole, small=small, large=large)


def hourly_use(examples: Sequence[Example], sent_to_small: NDArray[np.bool_], *, rule: LabelRule) -> HourlyUse:
    """Spread each statement's CPU evenly over the time it took; `sent_to_small` has shape (n,).

    Cores in use in hour h = sum over executions of cpu_seconds x (seconds of the execution in h / its seconds) / 3600.
    A heavy statement on small costs small its CPU until killed and runs again on large, both within the time it took.
    """
    start = np.array([example.request.submitted_utc.timestamp() for example in examples], dtype=np.float64)
    # Approximate times may put an end before its start.
    end = np.maximum(start, np.array([example.ended_at.timestamp() for example in examples], dtype=np.float64))
    first, last = start // HOUR, end // HOUR
    hours = (last - first).astype(np.intp) + 1
    row = np.repeat(np.arange(len(examples)), hours)
    hour = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(hours) - hours, hours)
    overlap = np.minimum(end[row], (hour + 1) * HOUR) - np.maximum(start[row], hour * HOUR)
    seconds = (end - start)[row]
    share = np.divide(overlap, seconds, out=np.ones(len(row)), where=seconds > 0)
    return HourlyUse(
        hour=np.unique(hour, return_inverse=True)[1],
        cores=_cpu_by_cluster(examples, sent_to_small, rule=rule)[row] * (share / HOUR)[:, np.newaxis],
        template=np.array([example.template for example in examples], dtype=np.str_)[row],
    )


def _cpu_by_cluster(
    examples: Sequence[Example], sent_to_small: NDArray[np.bool_], *, rule: LabelRule
) -> NDArray[np.float64]:
    """CPU seconds of each statement run once, on small and on large; shape (n, 3)."""
    cpu = np.array([example.cpu_seconds for example in examples], dtype=np.float64)
    heavy = np.array([example.heavy for example in examples], dtype=np.bool_)
    on_small = np.where(heavy, cpu_until_killed(cpu, rule), cpu)
    return np.column_stack(
        (cpu, np.where(sent_to_small, on_small, 0.0), np.where(sent_to_small & ~heavy, 0.0, cpu)),
    )
