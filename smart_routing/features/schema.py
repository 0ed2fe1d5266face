"""The feature schema: which dense features there are, in which order, and the hash that ties a model to them."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlglot._version import __version__ as sqlglot_version

from smart_routing.features.context import BUCKETS, CONTEXT_FIELDS, TIME_FEATURES
from smart_routing.features.estimates import ESTIMATES
from smart_routing.features.sql import TREE_FEATURES
from smart_routing.features.statement import PARSE_STATUS_CODES
from smart_routing.features.text import TEXT_FEATURES, TOKENIZER_VERSION
from smart_routing.history.features import HISTORY_FEATURES


@dataclass(frozen=True, slots=True)
class Feature:
    """A dense feature's name, where it comes from, and one sentence on what it counts."""

    name: str
    group: str
    doc: str


def _group(group: str, functions: tuple[object, ...]) -> tuple[Feature, ...]:
    return tuple(Feature(f.__name__, group, (f.__doc__ or "").strip().split("\n")[0]) for f in functions)  # type: ignore[attr-defined]  # plain functions


def _share_doc(field: str) -> str:
    several = "; of several the smallest, NaN where none is named" if field == "table" else ""
    return f"Share of the training rows with this {field}, 0 if unseen{several}."


DENSE_FEATURES: Final[tuple[Feature, ...]] = (
    *_group("text", TEXT_FEATURES),
    Feature("parse_status", "tree", f"How far the parse got: {', '.join(PARSE_STATUS_CODES)}, coded from 0."),
    *_group("tree", TREE_FEATURES),
    *_group("time", TIME_FEATURES),
    *(
        Feature(
            f"{field}_share",
            "context",
            _share_doc(field),
        )
        for field in CONTEXT_FIELDS
    ),
    *(Feature(name, "history", doc) for name, doc in HISTORY_FEATURES.items()),
    *(Feature(name, "estimates", doc) for name, doc in ESTIMATES.items()),
)

DENSE_NAMES: Final = tuple(feature.name for feature in DENSE_FEATURES)

SCHEMA_HASH: Final = sha256(
    repr((DENSE_NAMES, TOKENIZER_VERSION, tuple(PARSE_STATUS_CODES), CONTEXT_FIELDS, BUCKETS, sqlglot_version)).encode()
).hexdigest()[:16]
"""First 16 hex of the sha256 of dense names, tokenizer version and encodings; a bundle of another schema is refused."""
