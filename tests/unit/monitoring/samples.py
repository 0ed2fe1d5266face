"""Requests drawn from a small made-up fleet, and what the JOIN-counting model of the tests makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from monitoring.reference import Reference, make_reference
from smart_routing.inference import Model
from smart_routing.request import Request
from tests.bundles import JoinModel

REFERENCE_DAY = datetime(2026, 10, 5, tzinfo=UTC)
WINDOW_DAY = datetime(2026, 10, 9, tzinfo=UTC)
GAIN: Mapping[str, float] = {"join_keywords": 6.0, "join_count": 3.0, "sql_length": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Who asks what: each statement joins 0 to 4 tables with these weights and reads one of a few columns."""

    joins: Sequence[float] = (0.3, 0.3, 0.2, 0.1, 0.1)
    tenants: Sequence[str] = ("ads", "fraud", "finance")
    users: int = 9
    columns: int = 40

    def requests(self, count: int, *, day: datetime, seed: int) -> list[Request]:
        random = np.random.default_rng(seed)
        return [self._request(random, day + timedelta(seconds=86_000 * row / count)) for row in range(count)]

    def _request(self, random: np.random.Generator, moment: datetime) -> Request:
        joins = int(random.choice(len(self.joins), p=self.joins))
        column = random.integers(self.columns)
        tables = "".join(f" join t{table} on t0.a = t{table}.a" for table in range(1, joins + 1))
        return Request(
            query_id=f"q{random.integers(10**9)}",
            sql=f"select c{column} from t0{tables} where c{column} = {random.integers(100)}",
            user=f"user{random.integers(self.users)}",
            submitted_at=moment,
            source="dbeaver",
            catalog="lake",
            schema=str(random.choice(list(self.tenants))),
        )


def join_model(folder: Path) -> Model:
    """P(heavy) is 0.25 for each JOIN; heavy from two joins on."""
    return JoinModel().load(folder / "bundle", version="1")


def reference_of(model: Model, fleet: Fleet | None = None, *, rows: int = 600) -> Reference:
    usual = fleet or Fleet()
    learnt = usual.requests(rows, day=REFERENCE_DAY, seed=1)
    held_out = usual.requests(rows // 2, day=REFERENCE_DAY + timedelta(days=1), seed=2)
    return make_reference(learnt, held_out, model=model, gain=GAIN)
