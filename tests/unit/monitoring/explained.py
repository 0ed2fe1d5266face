"""A really trained bundle, a query log in memory and a desk that explains by both."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from models.candidate import make_candidate, write_candidate
from models.dataset import Labelled
from models.gate import read_gate
from models.params import read_params
from monitoring.explain.app import Desk
from monitoring.explain.contributions import load_booster
from monitoring.explain.explanation import InForce
from monitoring.explain.following import Clocks, Following, Sources
from monitoring.explain.similar import PastSearch
from smart_routing.bundle import read_booster, read_bundle
from smart_routing.errors import QueryLogError
from smart_routing.inference import Model
from smart_routing.labels import LabelRule
from smart_routing.policy import PolicyFile
from smart_routing.policy_store import LocalPolicy
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.store import AppendResult
from smart_routing.request import Request
from smart_routing.sources.source import FolderSource
from smart_routing.sources.store import BundleStore
from smart_routing.stored_file import LocalFile
from tests.unit.models.examples import START, example

NOW = START + timedelta(days=3)
LIGHT = "select count(o.c7) from orders o where o.o_custkey = 7"
SECRET = "salary"
"""A table that only heavy statements of the training read; nothing but its name tells it from the others."""

_TABLES = (SECRET, "orders", "region")


def write_trained(folder: Path, *, rounds: int = 20) -> Path:
    """A bundle in a folder, as a path source has it."""
    examples = tuple(
        example(number, heavy=number % 3 == 0, sql=f"select count(o.c{number}) from {_TABLES[number % 3]} o")
        for number in range(600)
    )
    labelled = Labelled(examples=examples, records=600, excluded=0, merged=0, dropped=0)
    params = read_params()
    few = params.model_copy(update={"rounds": params.rounds.model_copy(update={"most": rounds})})
    gate = read_gate()
    digest = write_candidate(make_candidate(labelled, LabelRule(), params=few, gate=gate), folder)
    (folder / "manifest.sha256").write_text(digest)
    return folder


def load(folder: Path) -> InForce:
    bundle = read_bundle(folder)
    booster = load_booster(read_booster(folder, manifest_sha256=bundle.manifest_sha256), bundle.vocabulary)
    return InForce(model=Model.load(bundle, version="1.0.0"), booster=booster)


def asked(sql: str = LIGHT, **fields: Any) -> Request:
    """A request of the tenant lake.search."""
    plain = Request(query_id="q-1", sql=sql, user="ana", catalog="lake", schema="search", submitted_at=NOW)
    return replace(plain, **fields)


def ran(query_id: str, *, sql: str = LIGHT, hours_ago: float = 1, cpu: float = 2.0, **fields: Any) -> QueryRecord:
    """A statement of the tenant lake.search that finished."""
    created = NOW - timedelta(hours=hours_ago)
    plain = QueryRecord(
        query_id=query_id,
        sql=sql,
        user="ben",
        state="FINISHED",
        cpu_seconds=cpu,
        wall_seconds=1.0,
        create_time=created,
        end_time=created,
        catalog="lake",
        schema="search",
    )
    return replace(plain, **fields)


@dataclass(frozen=True, slots=True)
class LoggedStatements:
    """A `QueryLogStore` in memory."""

    records: Sequence[QueryRecord] = ()
    broken: bool = False

    def append(self, records: object) -> AppendResult:
        raise NotImplementedError

    def days(self) -> list[Any]:
        raise NotImplementedError

    def delete_before(self, day: object, *, dry_run: bool = False) -> int:
        raise NotImplementedError

    def read(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[QueryRecord]:
        if self.broken:
            raise QueryLogError("query log is away")
        found = [one for one in self.records if (since or NOW) <= one.create_time < (until or NOW)]
        yield from sorted(found, key=lambda one: (one.create_time, one.query_id))


def past(*records: QueryRecord, most: int = 1000) -> PastSearch:
    return PastSearch(store=LoggedStatements(records), days=7, most=most)


class Ticks:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def following(
    bundle: Path, state: Path, ticks: Ticks, *, history: Path | None = None, policy: Path | None = None
) -> Following:
    sources = Sources(
        model=FolderSource(bundle),
        store=BundleStore(state),
        history=LocalFile(history or state / "history.npz"),
        policy=PolicyFile(LocalPolicy(policy)) if policy else None,
    )
    return Following(sources, clocks=Clocks(now=lambda: NOW, monotonic=ticks), look_seconds=2.0)


def desk(bundle: Path, state: Path, *records: QueryRecord) -> Desk:
    return Desk(following(bundle, state, Ticks()), past(*records), threading.Lock())
