"""How far each column of a vector moved the score: TreeSHAP, by XGBoost itself."""

from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from smart_routing.errors import BundleError
from smart_routing.features.context import CONTEXT_FIELDS
from smart_routing.features.schema import DENSE_FEATURES
from smart_routing.features.vector import column_names, vector_length
from smart_routing.features.vocabulary import Vocabulary

SHOWN: Final = 10
"""Columns listed each way."""

_MEANINGS: Final = {feature.name: feature.doc for feature in DENSE_FEATURES}


_UBJSON: Final = b"{"
"""How an object begins; XGBoost 3.2 ends the process on a file without any content."""


class ColumnKind(StrEnum):
    """What a column stands for: a dense feature, the hash of a name, or a term of the text."""

    FEATURE = "feature"
    NAME = "name"
    TERM = "term"


class Contribution(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A column and the log-odds that it added; `value` is NaN where the feature is absent."""

    name: str
    kind: ColumnKind
    meaning: str
    value: float
    log_odds: float


class ScoreParts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Log-odds: `base`, all of `raised` and `lowered`, `absent_terms` and `others` add up to `margin`.

    The largest come first. `absent_terms` is of the terms and names that the statement does not have, which are other
    people's and so not named; `others` of all columns that are not listed.
    """

    base: float
    raised: tuple[Contribution, ...]
    lowered: tuple[Contribution, ...]
    absent_terms: float
    others: float
    margin: float


def load_booster(content: bytes, vocabulary: Vocabulary) -> xgb.Booster:
    """A bundle's booster.ubj; raises `BundleError` where XGBoost refuses it or its columns are not the vocabulary's."""
    if not content.startswith(_UBJSON):
        raise BundleError("booster.ubj cannot be loaded: it is not UBJSON")
    booster = xgb.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(content))
    except xgb.core.XGBoostError as error:
        raise BundleError("booster.ubj cannot be loaded: XGBoost refuses it") from error
    if booster.num_features() != vector_length(vocabulary):
        raise BundleError(f"booster.ubj has {booster.num_features()} columns: expected {vector_length(vocabulary)}")
    return booster


def score_parts(
    vector: NDArray[np.float32], *, booster: xgb.Booster, vocabulary: Vocabulary, shown: int = SHOWN
) -> ScoreParts:
    """The parts of one vector's score, at most `shown` columns each way."""
    *moved, base = booster.predict(xgb.DMatrix(vector[np.newaxis, :]), pred_contribs=True)[0].astype(float).tolist()
    named = [
        Contribution(name=name, kind=_kind(name), meaning=_meaning(name), value=value, log_odds=log_odds)
        for name, value, log_odds in zip(column_names(vocabulary), vector.tolist(), moved, strict=True)
    ]
    present = [part for part in named if part.kind is ColumnKind.FEATURE or not np.isnan(part.value)]
    ranked = sorted(present, key=lambda part: -part.log_odds)
    raised = tuple(part for part in ranked[:shown] if part.log_odds > 0)
    lowered = tuple(part for part in ranked[::-1][:shown] if part.log_odds < 0)
    absent = sum(moved) - _total(present)
    return ScoreParts(
        base=base,
        raised=raised,
        lowered=lowered,
        absent_terms=absent,
        others=_total(present) - _total(raised) - _total(lowered),
        margin=base + sum(moved),
    )


def _kind(name: str) -> ColumnKind:
    if name in _MEANINGS:
        return ColumnKind.FEATURE
    return ColumnKind.NAME if name.partition("#")[0] in CONTEXT_FIELDS and "#" in name else ColumnKind.TERM


def _meaning(name: str) -> str:
    match _kind(name):
        case ColumnKind.FEATURE:
            return _MEANINGS[name]
        case ColumnKind.NAME:
            return f"The {name.partition('#')[0]}, by a hash of its name."
        case ColumnKind.TERM:
            return "Weight of this term in the text."


def _total(parts: list[Contribution] | tuple[Contribution, ...]) -> float:
    return sum(part.log_odds for part in parts)
