"""Counters and histograms of the hot path: plain numbers that one event loop changes and Prometheus reads when it asks.

A count by prometheus_client, which looks its child up and locks it, costs a decision from the cache more than the look
into the cache.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Tally(Collector):
    """A counter by labels; `name` without its `_total`."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], *, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = tuple(labels)
        self._counts: dict[tuple[str, ...], int] = {}
        registry.register(self)

    def foresee(self, *values: str) -> None:
        """Shown at zero, so that the first one is seen to be a rise."""
        self._counts.setdefault(values, 0)

    def count(self, *values: str) -> None:
        """One more with these values of the labels."""
        self._counts[values] = self._counts.get(values, 0) + 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, count in list(self._counts.items()):
            family.add_metric([str(value) for value in values], count)
        yield family


class Distribution:
    """How many values are up to each bound, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def add_to(self, family: HistogramMetricFamily, values: Sequence[str]) -> None:
        """As one series of `family`, with these values of its labels."""
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        totals = accumulate(list(self._counts))
        family.add_metric(values, list(zip(names, totals, strict=True)), sum_value=self._sum)


class Spread(Collector):
    """A histogram, a distribution for each value of its one label, or one without a label."""

    def __init__(
        self,
        name: str,
        documentation: str,
        bounds: Sequence[float],
        *,
        registry: CollectorRegistry,
        label: str | None = None,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = bounds
        self._labels = () if label is None else (label,)
        self._distributions: dict[tuple[str, ...], Distribution] = {}
        registry.register(self)

    def of(self, *values: str) -> Distribution:
        """The distribution with this value of the label; made at the first call."""
        return self._distributions.setdefault(values, Distribution(self._bounds))

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, distribution in self._distributions.items():
            distribution.add_to(family, values)
        yield family
