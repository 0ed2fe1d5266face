"""`Vocabulary`: the terms and names that one model knows, fitted in training and shipped in its bundle."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import chain, pairwise
from typing import Any, Self

from smart_routing.errors import BundleError


def terms(tokens: Sequence[str]) -> Iterable[str]:
    """1- and 2-grams of normalised tokens."""
    yield from tokens
    yield from (f"{first} {second}" for first, second in pairwise(tokens))


@dataclass(frozen=True, slots=True)
class _Weight:
    place: int
    idf: float


@dataclass(frozen=True)
class Vocabulary:
    """Columns behind the dense features: context buckets, then terms, each with a fixed place.

    `idf` maps a term to its smoothed inverse document frequency, `share` a context bucket to its share of the
    training rows, in (0, 1].
    """

    idf: Mapping[str, float]
    share: Mapping[str, float]
    columns: tuple[str, ...]

    @cached_property
    def places(self) -> dict[str, int]:
        return {column: place for place, column in enumerate(self.columns)}

    @cached_property
    def digest(self) -> str:
        """First 16 hex of the sha256 of the content."""
        return sha256(self.to_bytes()).hexdigest()[:16]

    def tfidf(self, tokens: Sequence[str]) -> dict[int, float]:
        """Place -> (1 + ln tf) * idf of the terms that have a column.

        Not scaled to unit length: the norm would need the terms that pruning dropped (docs/adr/0004).
        """
        if " ".join(tokens).count(" ") >= len(tokens):
            return self._tfidf_of_any(tokens)
        weights = self._weights
        found: Iterable[str | tuple[str, str]] = chain(tokens, pairwise(tokens))
        counts = Counter(filter(weights.__contains__, found))
        known = [(weights[term], count) for term, count in counts.items()]
        return {weight.place: (1.0 + math.log(count)) * weight.idf for weight, count in known}

    def _tfidf_of_any(self, tokens: Sequence[str]) -> dict[int, float]:
        """Where a name has a blank in it, one word may be the same term as two."""
        places = self.places
        counts = Counter(term for term in terms(tokens) if term in places)
        return {places[term]: (1.0 + math.log(count)) * self.idf[term] for term, count in counts.items()}

    @cached_property
    def _weights(self) -> dict[str | tuple[str, str], _Weight]:
        """Of the terms that have a column; two words apart, so that none need be put together to be looked up."""
        weights: dict[str | tuple[str, str], _Weight] = {}
        for term in self.places.keys() & self.idf.keys():
            first, blank, second = term.partition(" ")
            weights[(first, second) if blank else term] = _Weight(self.places[term], self.idf[term])
        return weights

    def names(self, buckets: Iterable[str]) -> dict[int, float]:
        """Place -> 1 of the context buckets that have a column."""
        return {self.places[name]: 1.0 for name in buckets if name in self.places}

    def pruned(self, kept: Iterable[str]) -> Self:
        """The same vocabulary with only these columns, in the order they have now; shares stay whole."""
        wanted = set(kept)
        columns = tuple(column for column in self.columns if column in wanted)
        idf = {term: self.idf[term] for term in columns if term in self.idf}
        return type(self)(idf=idf, share=self.share, columns=columns)

    def to_bytes(self) -> bytes:
        document = {"columns": self.columns, "idf": dict(self.idf), "share": dict(self.share)}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Raises `BundleError` on anything that `to_bytes` did not write."""
        try:
            document: dict[str, Any] = json.loads(content)
            return cls(idf=document["idf"], share=document["share"], columns=tuple(document["columns"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"vocabulary.json cannot be read: {error!r}") from error
