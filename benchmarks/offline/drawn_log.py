"""A long query log drawn from a real one: its statements, sessions and costs, varied, and repeated."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from smart_routing.features.statement import read_statement
from smart_routing.querylog.records import QueryRecord

TABLE_VERSIONS: Final = 400
"""How many tables stand for one of the real log: fleets partition by tenant, month and experiment."""
_NUMBER: Final = re.compile(r"(?<![\w.'-])\d{2,}(?![\w.'-])")
_ALIAS: Final = re.compile(r"(?<=\bas )[a-z]\w*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLog:
    """`rows` records over `days`, of which `repeats`, 0 to 1, have a text that the log has already."""

    rows: int
    repeats: float = 0.8
    days: int = 14
    seed: int = 0

    @property
    def texts(self) -> int:
        return max(1, round(self.rows * (1 - self.repeats)))

    def records(self, real: Sequence[QueryRecord]) -> Iterator[QueryRecord]:
        """In order of time. Popular texts are repeated far more often than others; costs vary by a fifth."""
        draw = random.Random(self.seed)
        statements = _statements(real, self.texts, draw)
        places = [*range(self.texts), *(int(self.texts * draw.random() ** 3) for _ in range(self.rows - self.texts))]
        draw.shuffle(places)
        first_day = min(record.create_time for record in real).date()
        clocks = [record.create_time.time() for record in real]
        moments = sorted(self._moment(first_day, draw.choice(clocks), draw) for _ in range(self.rows))
        for number, (moment, place) in enumerate(zip(moments, places, strict=True)):
            yield _run_of(statements[place], f"{moment:%Y%m%d_%H%M%S}_{number:07d}_drawn", moment, draw)

    def _moment(self, first: date, clock: time, draw: random.Random) -> datetime:
        """On any of the days, at a time of day at which the real log had a statement, give or take minutes."""
        day = datetime.combine(first, clock, tzinfo=UTC) + timedelta(days=draw.randrange(self.days))
        return day + timedelta(seconds=draw.uniform(0, 600))


def _statements(real: Sequence[QueryRecord], count: int, draw: random.Random) -> list[QueryRecord]:
    """Records with texts that differ; as many of them as in the real log have a template of their own."""
    first = list({record.text: record for record in real}.values())
    templates = len({read_statement(record.text).template for record in first})
    seen: set[str] = set()
    made: list[QueryRecord] = []
    for number in range(count):
        statement = _varied(draw.choice(first), number, draw, new_template=draw.random() < templates / len(first))
        if statement.sql in seen:
            statement = replace(statement, sql=f"/* run {number} */ {statement.sql}")
        seen.add(statement.sql)
        made.append(statement)
    return made


def _varied(record: QueryRecord, number: int, draw: random.Random, *, new_template: bool) -> QueryRecord:
    """The same statement with other literals and, for a template of its own, on other tables under other names."""
    sql = _NUMBER.sub(lambda _: str(draw.randrange(10, 10**6)), record.text)
    if not new_template:
        return replace(record, sql=sql, prepared_sql=None)
    version = f"_v{draw.randrange(TABLE_VERSIONS)}"
    names = {scan.table for scan in record.inputs}
    if names:
        sql = re.sub(rf"\b({'|'.join(map(re.escape, sorted(names)))})\b", rf"\1{version}", sql)
    return replace(
        record,
        sql=_ALIAS.sub(lambda alias: f"{alias[0]}_{number}", sql),
        prepared_sql=None,
        inputs=tuple(replace(scan, table=f"{scan.table}{version}") for scan in record.inputs),
    )


def _run_of(statement: QueryRecord, query_id: str, moment: datetime, draw: random.Random) -> QueryRecord:
    factor = draw.lognormvariate(0.0, 0.2)
    return replace(
        statement,
        query_id=query_id,
        create_time=moment,
        end_time=moment + timedelta(seconds=statement.wall_seconds * factor),
        cpu_seconds=statement.cpu_seconds * factor,
        peak_memory_bytes=int(statement.peak_memory_bytes * factor),
    )
