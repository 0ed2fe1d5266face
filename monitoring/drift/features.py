"""Signals of what the model reads: its features one by one, and what the past tells as one group."""

from collections.abc import Iterator, Mapping

import numpy as np

from monitoring.drift.comparison import Move, combined
from monitoring.drift.prediction import moved
from monitoring.drift.sides import FEATURE_COLUMNS, OF_THE_PAST, Asked
from monitoring.frame import KNOWN_TERMS
from monitoring.policy import HISTORY
from monitoring.signals import Signal, Tier
from monitoring.thresholds import DriftThresholds


def top_features(gain: Mapping[str, float], most: int) -> tuple[str, ...]:
    """The features of most gain that do not depend on the past; those without gain are not among them."""
    read = [name for name in FEATURE_COLUMNS if name not in OF_THE_PAST and gain.get(name, 0.0) > 0]
    return tuple(sorted(read, key=lambda name: -gain[name])[:most])


def features(asked: Asked, gain: Mapping[str, float], rules: DriftThresholds) -> Iterator[Signal]:
    """The top features, the terms of the vocabulary in one, and the past in one."""
    for column in (*top_features(gain, rules.features), KNOWN_TERMS):
        if move := asked.move(column):
            yield moved(asked, move, Tier.FEATURES, large=rules.psi)
    yield from _past(asked, gain, rules)


def _past(asked: Asked, gain: Mapping[str, float], rules: DriftThresholds) -> Iterator[Signal]:
    columns = [name for name in FEATURE_COLUMNS if name in OF_THE_PAST and name in gain]
    moves = [move for column in columns if (move := asked.move(column))]
    weights = [gain[move.column] for move in moves]
    if not sum(weights):
        return
    distance = float(np.average([move.distance for move in moves], weights=weights))
    yield Signal(
        name=HISTORY,
        tier=Tier.FEATURES,
        window=asked.window,
        tenant=asked.tenant,
        reference=0.0,
        current=distance,
        p_value=combined([move.p_value for move in moves], weights),
        is_large=distance >= rules.psi,
        sentence=f"what the past tells moved (mean PSI {distance:.2f}): {_farthest(moves, gain)}",
    )


def _farthest(moves: list[Move], gain: Mapping[str, float]) -> Move:
    return max(moves, key=lambda move: move.distance * gain[move.column])
