"""Signals of how the model answers, and of what it has never met."""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from monitoring.drift.bins import rise_by_chance
from monitoring.drift.comparison import Move
from monitoring.drift.names import NEW_COLUMNS
from monitoring.drift.sides import Asked, Sides
from monitoring.frame import HEAVY, HEAVY_PROBABILITY, NEAR_THRESHOLD, SOURCE, TENANT, UNKNOWN_TOKEN_SHARE
from monitoring.signals import Signal, Tier
from monitoring.thresholds import DriftThresholds

SHARES: Final = {HEAVY: "are called heavy", NEAR_THRESHOLD: "are near the threshold"}
SCORE_OF_HEAVY: Final = "heavy_probability_of_heavy"
NAMED: Final = frozenset({TENANT, SOURCE})
"""Kinds of names that may be told to people as they are; users and templates are hashed."""
MOST_NAMES: Final = 5


def predictions(asked: Asked, rules: DriftThresholds) -> Iterator[Signal]:
    """The shares called heavy and near the threshold, the scores, and the words that the vocabulary has not."""
    for column, told in SHARES.items():
        if move := asked.move(column):
            yield _share(asked, move, told, odds_ratio=rules.odds_ratio)
    for column in (HEAVY_PROBABILITY, UNKNOWN_TOKEN_SHARE):
        if move := asked.move(column):
            yield moved(asked, move, Tier.PREDICTION, large=rules.psi)


def scores_of_heavy(asked: Asked, rules: DriftThresholds) -> Iterator[Signal]:
    """The scores of statements called heavy."""
    if move := asked.move(HEAVY_PROBABILITY):
        sentence = f"of the statements called heavy, {move}"
        yield moved(asked, move, Tier.PREDICTION, large=rules.psi, name=SCORE_OF_HEAVY, sentence=sentence)


def new_names(asked: Asked, rules: DriftThresholds, *, kinds: Iterable[str]) -> Iterator[Signal]:
    """The statements whose template, user, source or tenant the version has not met: more than is usual?"""
    rises = rules.new_share.model_dump()
    for kind in kinds:
        if move := asked.move(NEW_COLUMNS[kind]):
            before, now = move.shares
            yield Signal(
                name=NEW_COLUMNS[kind],
                tier=Tier.PREDICTION,
                window=asked.window,
                tenant=asked.tenant,
                reference=before,
                current=now,
                p_value=move.rise,
                is_large=now - before >= rises[kind],
                sentence=f"the {kind} of {now:.1%} of the statements is new, usually of {before:.1%}",
            )


def newcomers(sides: Sides, everybody: Asked, rules: DriftThresholds) -> Iterator[Signal]:
    """The tenants that the version has not met, each against what all new ones together usually are."""
    usual = everybody.move(NEW_COLUMNS[TENANT])
    if usual is None:
        return
    before, (n, m) = usual.shares[0], usual.sizes
    for tenant in sorted(name for name in sides.new if everybody.units_of(name)):
        share, units = everybody.share_of(tenant), everybody.units_of(tenant)
        yield Signal(
            name=NEW_COLUMNS[TENANT],
            tier=Tier.PREDICTION,
            window=everybody.window,
            tenant=tenant,
            reference=before,
            current=share,
            p_value=rise_by_chance(np.array([1.0 - before, before]), np.array([m - units, units]), sizes=(n, m)),
            is_large=share - before >= rules.new_share.tenant,
            sentence=f"{share:.1%} of all statements are of this tenant; new tenants usually have {before:.1%}",
        )


def moved(
    asked: Asked, move: Move, tier: Tier, *, large: float, name: str | None = None, sentence: str | None = None
) -> Signal:
    """A signal of a column's distance: PSI beyond chance, usually 0."""
    return Signal(
        name=name or move.column,
        tier=tier,
        window=asked.window,
        tenant=asked.tenant,
        reference=0.0,
        current=move.distance,
        p_value=move.p_value,
        is_large=move.distance >= large,
        sentence=sentence or str(move),
    )


def _share(asked: Asked, move: Move, told: str, *, odds_ratio: float) -> Signal:
    before, now = move.shares
    return Signal(
        name=f"{move.column}_share",
        tier=Tier.PREDICTION,
        window=asked.window,
        tenant=asked.tenant,
        reference=before,
        current=now,
        p_value=move.p_value,
        is_large=not 1 / odds_ratio < _odds(now) / _odds(before) < odds_ratio,
        sentence=f"{now:.1%} of the statements {told}, usually {before:.1%}",
    )


def _odds(share: float, smallest: float = 1e-3) -> float:
    return (share + smallest) / (1.0 - share + smallest)
