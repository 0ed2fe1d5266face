"""Skew: vectors that the router logged against vectors made again from the query log; they should be the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from monitoring.signals import Signal, Tier
from monitoring.truth.join import Pair
from monitoring.window import Window
from smart_routing.features.vector import PAST, column_names
from smart_routing.history.measures import NO_HISTORY, History
from smart_routing.inference import Model

LEAST_DISTANCE: Final = 0.01
"""Between two distributions of a feature, from which on it is told by name."""
MOST_TOLD: Final = 3

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSkew:
    """One feature: how many of the compared vectors differ in it, and how far its two distributions are apart.

    `distance` is the largest difference of the two cumulative shares, 0 to 1, absent values being one value.
    """

    feature: str
    differing: int
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """What a sample came to. Of `without_history` vectors the snapshot is gone, and the past was not compared.

    `features` are those in which any vector differs, the farthest apart first.
    """

    vectors: int
    without_history: int
    differing: int
    features: tuple[FeatureSkew, ...]

    @property
    def distance(self) -> float:
        """Of the feature that is farthest apart."""
        return max((one.distance for one in self.features), default=0.0)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "distance": self.distance}


def find_skew(pairs: Iterable[Pair], model: Model, *, histories: Mapping[str, History]) -> Skew:
    """Compare every logged vector of this model with the one that its event gives, bit by bit but for NaN.

    `histories` are the snapshots at hand, by name.
    """
    sampled = [
        (pair, pair.decision.vector)
        for pair in pairs
        if pair.decision.vector is not None and pair.decision.model_version == model.version
    ]
    columns = column_names(model.bundle.vocabulary)
    foreign = sum(len(vector) != len(columns) for _, vector in sampled)
    alike = [(pair, vector) for pair, vector in sampled if len(vector) == len(columns)]
    online = np.array([vector for _, vector in alike], dtype=np.float32).reshape(-1, len(columns))
    offline = np.array([_again(pair, model, histories) for pair, _ in alike], dtype=np.float32).reshape(online.shape)
    has_past = np.array([_has_snapshot(pair, histories) for pair, _ in alike], dtype=np.bool_)
    offline[~has_past, PAST] = online[~has_past, PAST]
    differs = (online != offline) & ~(np.isnan(online) & np.isnan(offline))
    return Skew(
        vectors=len(sampled),
        without_history=int((~has_past).sum()),
        differing=foreign + int(differs.any(axis=1).sum()),
        features=_features(columns, differs, online, offline=offline),
    )


def skew_signal(skew: Skew, window: Window) -> Signal:
    """Speaks of a single vector: there is no chance in what should be equal."""
    return Signal(
        name="feature_skew",
        tier=Tier.SKEW,
        window=window,
        reference=0.0,
        current=skew.differing / skew.vectors if skew.vectors else None,
        p_value=0.0 if skew.differing else 1.0,
        is_large=skew.differing > 0,
        sentence=_sentence(skew),
    )


def _again(pair: Pair, model: Model, histories: Mapping[str, History]) -> Matrix:
    """What the statement's event gives, as of the moment that the router saw, and with the past that it had."""
    request = replace(pair.record.request(), submitted_at=pair.decision.submitted_at)
    return model.vector(request, history=histories.get(pair.decision.history_snapshot or "", NO_HISTORY))


def _has_snapshot(pair: Pair, histories: Mapping[str, History]) -> bool:
    snapshot = pair.decision.history_snapshot
    return snapshot is None or snapshot in histories


def _features(
    columns: Sequence[str], differs: NDArray[np.bool_], online: Matrix, *, offline: Matrix
) -> tuple[FeatureSkew, ...]:
    found = [
        FeatureSkew(
            feature=columns[place],
            differing=int(differs[:, place].sum()),
            distance=_distance(online[:, place], offline[:, place]),
        )
        for place in np.flatnonzero(differs.any(axis=0)).tolist()
    ]
    return tuple(sorted(found, key=lambda one: (-one.distance, -one.differing)))


def _distance(online: Matrix, offline: Matrix) -> float:
    """Kolmogorov's, NaN as a value beyond all others."""
    first, second = (np.sort(np.where(np.isnan(values), np.inf, values)) for values in (online, offline))
    values = np.union1d(first, second)
    shares = (np.searchsorted(side, values, side="right") / len(side) for side in (first, second))
    return float(np.abs(np.subtract(*shares)).max())


def _sentence(skew: Skew) -> str:
    if not skew.vectors:
        return "no logged vector has an event to be compared with"
    past = f", {skew.without_history} of them without the past, whose snapshot is gone" if skew.without_history else ""
    told = f"{skew.differing} of {skew.vectors} logged vectors differ from those made again from their events{past}"
    names = [f"{one.feature} ({one.distance:.1%} apart)" for one in skew.features if one.distance >= LEAST_DISTANCE]
    return f"{told}; farthest: {', '.join(names[:MOST_TOLD])}" if names else told
