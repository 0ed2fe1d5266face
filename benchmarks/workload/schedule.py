"""Which statement arrives when: a function of a seed and of nothing that happens while it runs."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from random import Random
from typing import Final

from benchmarks.workload.adhoc import ad_hoc
from benchmarks.workload.dashboards import TILES_OF_A_BOARD, refreshed, tiles_of
from benchmarks.workload.etl import doubling, job_steps
from benchmarks.workload.noise import metadata, mistake
from benchmarks.workload.stars import STARS
from benchmarks.workload.tenants import TENANTS, Role, Tenant, User, loader, users
from smart_routing.errors import InputError

STEPS_OF_A_JOB: Final = 5
METADATA_SHARE: Final = 0.08
MISTAKE_SHARE: Final = 0.03
CANCEL_SHARE: Final = 0.03
RERUN_SHARE: Final = 0.7
"""Of the statements that a small cluster kills for their size, those that their user sends again to a large one."""

MAX_STATEMENTS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of the plan; `at` and `cancel_after` are seconds from the start, and from its own.

    `reruns` says whether its user sends it again where it was too big for the cluster.
    """

    number: int
    at: float
    user: str
    source: str
    tenant: str
    schema: str
    role: Role
    sql: str
    cancel_after: float | None = None
    reruns: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """All statements of a run of `seconds`, in order of arrival; `per_second` is the rate that was asked for."""

    seed: int
    seconds: float
    per_second: float
    statements: tuple[Statement, ...]

    @property
    def digest(self) -> str:
        """sha256 of every statement with its time: equal for equal plans."""
        return hashlib.sha256("\n".join(repr(astuple(one)) for one in self.statements).encode()).hexdigest()


def make_schedule(
    seed: int,
    *,
    seconds: float,
    per_second: float,
    tenants: tuple[Tenant, ...] = TENANTS,
    max_statements: int = MAX_STATEMENTS,
) -> Schedule:
    """The plan of `seconds` with `per_second` arrivals on average, once all tenants are there.

    Each user draws from a generator of its own, so that nobody's statements depend on another's. Of more than
    `max_statements` the last are left out. Raises `InputError` for a rate or a time that is not a finite number
    above 0.
    """
    for name, value in (("seconds", seconds), ("per_second", per_second), ("max_statements", max_statements)):
        if not 0 < value < math.inf:
            raise InputError(f"{name} is {value}: expected a finite number above 0")
    everybody = users(tenants)
    unit = per_second / sum(user.weight for user in everybody)
    drawn = [
        statement
        for user in everybody
        for statement in HABITS[user.role](user, Random(f"{seed}/{user.name}"), user.weight * unit, seconds)
    ]
    drawn += [statement for tenant in tenants for statement in _growth(tenant, seconds)]
    in_order = sorted(drawn, key=lambda one: (one.at, one.user))[:max_statements]
    numbered = tuple(replace(one, number=number) for number, one in enumerate(in_order))
    return Schedule(seed=seed, seconds=seconds, per_second=per_second, statements=numbered)


def poisson(random: Random, *, rate: float, begin: float, end: float) -> Iterator[float]:
    """Moments in [begin, end) of a Poisson process of `rate` a second."""
    moment = begin + random.expovariate(rate)
    while moment < end:
        yield moment
        moment += random.expovariate(rate)


def _analyst(user: User, random: Random, rate: float, seconds: float) -> Iterator[Statement]:
    for at in poisson(random, rate=rate, begin=user.tenant.arrives * seconds, end=seconds):
        given_up = random.random() < CANCEL_SHARE
        yield _statement(
            user,
            at,
            _analyst_text(user.tenant, random),
            cancel_after=random.uniform(0.2, 2.0) if given_up else None,
            reruns=random.random() < RERUN_SHARE,
        )


def _analyst_text(tenant: Tenant, random: Random) -> str:
    kind = random.random()
    if kind < METADATA_SHARE:
        return metadata(tenant, random)
    if kind < METADATA_SHARE + MISTAKE_SHARE:
        return mistake(tenant, random)
    return ad_hoc(random, STARS[tenant.data])


def _dashboard(user: User, random: Random, rate: float, seconds: float) -> Iterator[Statement]:
    """A refresh at fixed intervals; before every tenth the tool looks at the tables."""
    tiles, interval = tiles_of(user.tenant, random), TILES_OF_A_BOARD / rate
    begin = user.tenant.arrives * seconds + random.uniform(0, interval)
    for refresh in range(int(max(0.0, seconds - begin) / interval) + 1):
        at = begin + refresh * interval
        looks = [metadata(user.tenant, random)] if refresh % 10 == 9 else []
        for sql in looks + refreshed(tiles, random):
            reruns = random.random() < RERUN_SHARE
            if at < seconds:
                yield _statement(user, at, sql, reruns=reruns)


def _etl(user: User, random: Random, rate: float, seconds: float) -> Iterator[Statement]:
    jobs = poisson(random, rate=rate / STEPS_OF_A_JOB, begin=user.tenant.arrives * seconds, end=seconds)
    for number, at in enumerate(jobs, start=1):
        moment = at
        for sql in job_steps(user.tenant, random, number=number):
            if moment < seconds:
                yield _statement(user, moment, sql)
            moment += random.expovariate(1.0)


def _growth(tenant: Tenant, seconds: float) -> Iterator[Statement]:
    for place, share in enumerate(tenant.doubles):
        for sql in doubling(tenant, place=place):
            yield _statement(loader(tenant), share * seconds, sql)


def _statement(user: User, at: float, sql: str, *, cancel_after: float | None = None, reruns: bool = True) -> Statement:
    return Statement(
        number=0,
        at=at,
        user=user.name,
        source=user.source,
        tenant=user.tenant.name,
        schema=user.tenant.schema,
        role=user.role,
        sql=sql,
        cancel_after=cancel_after,
        reruns=reruns,
    )


Habit = Callable[[User, Random, float, float], Iterator[Statement]]
HABITS: Final[Mapping[Role, Habit]] = {Role.ANALYST: _analyst, Role.DASHBOARD: _dashboard, Role.ETL: _etl}
