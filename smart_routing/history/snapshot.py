"""`Snapshot`: the past of a fleet as one immutable file, which routers swap as they swap models."""

import io
import json
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from smart_routing.errors import BundleError
from smart_routing.features.text import TOKENIZER_VERSION
from smart_routing.history.measures import MEASURES, NO_HISTORY, History, Matrix
from smart_routing.history.timeline import Timeline
from smart_routing.labels import LabelRule

MOST_KEYS: Final = 200_000
"""A row is 52 bytes, so this is 10 MB in a router."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Measures by key, as of a moment. `keys` are sorted, shape (n,); `rows` is of shape (n, len(MEASURES)).

    `rule` is what its heavy shares call heavy; `ttl` how long after `as_of` it counts.
    """

    snapshot: str
    as_of: datetime
    rule: LabelRule
    ttl: timedelta
    keys: NDArray[np.int64]
    rows: Matrix

    def __len__(self) -> int:
        return len(self.keys)

    def at(self, moment: datetime) -> History:
        """Itself, until its time is up: a past that nobody renews says less every day."""
        return self if moment - self.as_of <= self.ttl else NO_HISTORY

    def measures(self, keys: tuple[int, ...]) -> Matrix:
        if not len(self.keys):
            return NO_HISTORY.measures(keys)
        known, last = self.keys.data, len(self.keys) - 1
        places = [min(bisect_left(known, key), last) for key in keys]  # of few keys sooner than numpy's search
        found: Matrix = self.rows.take(places, axis=0)
        for row, (place, key) in enumerate(zip(places, keys, strict=True)):
            if known[place] != key:
                found[row] = np.nan
        return found

    @classmethod
    def of(
        cls, timeline: Timeline, as_of: datetime, *, rule: LabelRule, ttl: timedelta, most_keys: int = MOST_KEYS
    ) -> bytes:
        """The file of a timeline's past at a moment; beyond `most_keys` those longest idle are left out."""
        known = timeline.as_of(as_of)
        keys = np.array(sorted(timeline.keys), dtype=np.int64)
        rows = known.measures(tuple(keys.tolist())) if len(keys) else NO_HISTORY.measures(())
        seen = ~np.isnan(rows).all(axis=1)
        keys, rows = keys[seen], rows[seen]
        idle = rows[:, MEASURES.index("idle_hours")]
        warmest = np.sort(np.argsort(idle, kind="stable")[:most_keys])  # NaN, a size alone, is the coldest
        head = {
            "as_of": as_of.astimezone(UTC).isoformat(),
            "rule": rule.as_json(),
            "ttl": ttl.total_seconds(),
            "measures": MEASURES,
            "words": TOKENIZER_VERSION,
        }
        return _pack(head, keys[warmest], rows[warmest])

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Raises `BundleError` for anything that `of` did not write, or wrote for other measures or templates."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                head = json.loads(str(file["head"]))
                keys, rows = file["keys"], file["rows"]
            as_of, measures = datetime.fromisoformat(head["as_of"]).astimezone(UTC), tuple(head["measures"])
            rule, ttl = LabelRule.from_json(head["rule"]), timedelta(seconds=head["ttl"])
        except Exception as error:  # of zip, numpy or json: whatever it is, it is no snapshot
            raise BundleError(f"history snapshot cannot be read: {error!r}") from error
        if measures != MEASURES or rows.shape != (keys.size, len(MEASURES)):
            raise BundleError(f"history snapshot measures {measures} in {rows.shape}: this code has {MEASURES}")
        if head.get("words") != TOKENIZER_VERSION:
            found = head.get("words")
            raise BundleError(f"history snapshot knows templates by words {found}: this code by {TOKENIZER_VERSION}")
        name = f"{as_of:%Y%m%dT%H%M}-{sha256(content).hexdigest()[:6]}"
        return cls(name, as_of, rule, ttl, keys, rows)


def _pack(head: dict[str, object], keys: NDArray[np.int64], rows: Matrix) -> bytes:
    """A .npz without compression; equal content gives equal bytes, because numpy writes no time into it."""
    file = io.BytesIO()
    np.savez(file, head=np.array(json.dumps(head, sort_keys=True)), keys=keys, rows=rows)
    return file.getvalue()
