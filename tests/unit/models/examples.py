"""Small examples and scored rows that model tests vary."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from models.dataset import Example
from models.scoring import Scored
from smart_routing.bundle import Certificate, Threshold
from smart_routing.features.facts import read_facts
from smart_routing.labels import QueryWeight
from smart_routing.request import Request

START = datetime(2026, 10, 5, tzinfo=UTC)


def example(number: int, *, heavy: bool, sql: str | None = None) -> Example:
    """The `number`th statement, a minute after the one before it; heavy ones join, light ones do not."""
    joins = " join lineitem l on l.l_orderkey = o.o_orderkey" if heavy else ""
    text = sql or f"select count(o.c{number}) from orders o{joins} where o.o_custkey = {number}"
    submitted = START + timedelta(minutes=number)
    return Example(
        request=Request(
            query_id=f"q{number}", sql=text, user="ana", catalog="lake", schema="search", submitted_at=submitted
        ),
        statement=read_facts(text),
        weight=QueryWeight.HEAVY if heavy else QueryWeight.LIGHT,
        cpu_seconds=400.0 if heavy else 2.0,
        peak_memory_bytes=0,
        ended_at=submitted,
    )


def ran(*, start: float, minutes: float, cpu: float, heavy: bool = False, sql: str | None = None) -> Example:
    """A statement submitted `start` minutes after `START` that took `cpu` seconds over `minutes`."""
    usual = example(0, heavy=heavy, sql=sql)
    submitted = START + timedelta(minutes=start)
    return replace(
        usual,
        request=replace(usual.request, submitted_at=submitted),
        cpu_seconds=cpu,
        ended_at=submitted + timedelta(minutes=minutes),
    )


def rows(score: Sequence[float], heavy: Sequence[bool], *, unit: Sequence[str] | None = None) -> Scored:
    """Scored rows, each a unit and a template of its own unless named."""
    names = list(unit or [f"u{number}" for number in range(len(score))])
    return Scored(
        score=np.array(score, dtype=np.float64),
        heavy=np.array(heavy),
        cpu_seconds=np.where(heavy, 400.0, 2.0),
        unit=np.array(names),
        template=np.array(names),
    )


CERTIFIED = Threshold(
    value=0.5, without_history=0.5, certificate=Certificate(bound=0.05, confidence=0.95, heavies=100, misses_allowed=1)
)
GOOD = rows([0.9] * 40 + [0.1] * 100, [True] * 40 + [False] * 100)
COSTLY = rows([0.9] * 40 + [0.9] * 60 + [0.1] * 40, [True] * 40 + [False] * 100)
RULE_OF_THUMB = rows([np.inf] * 10 + [-np.inf] * 130, [True] * 40 + [False] * 100)
