"""Who uses the fleet: tenants with their data, and their users with their habits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CATALOG: Final = "lake"


class Data(StrEnum):
    """The generator of a tenant's tables, which is also its catalog in Trino."""

    TPCH = "tpch"
    TPCDS = "tpcds"


class Role(StrEnum):
    """What a user does all day."""

    DASHBOARD = "dashboard"
    """A few templates with changing literals, all at once, at fixed intervals."""
    ANALYST = "analyst"
    """Statements of many shapes; now and then metadata, a mistake, or one that is given up."""
    ETL = "etl"
    """Jobs of writes, one step after the other."""
    LOADER = "loader"
    """What makes a tenant's tables grow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One schema of the lake. `scale` is the generator's; shares of a run say when things happen, 0 to 1.

    `arrives` is when its users begin; at each moment of `doubles` its orders and their lines double.
    """

    name: str
    scale: float
    data: Data = Data.TPCH
    arrives: float = 0.0
    doubles: tuple[float, ...] = ()
    analysts: tuple[str, ...] = ("dbeaver", "jupyter")
    etl: str | None = None

    @property
    def schema(self) -> str:
        return self.name

    @property
    def mart(self) -> str:
        """The schema that its ETL writes to."""
        return f"{self.name}_mart"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One account; `weight` is its part of all arrivals, relative to the other users'."""

    name: str
    source: str
    tenant: Tenant
    role: Role
    weight: float


TENANTS: Final = (
    Tenant(name="support", scale=0.02),
    Tenant(name="board", scale=0.05, analysts=("trino-cli",)),
    Tenant(name="ads", scale=0.1, doubles=(0.5, 0.65), etl="airflow"),
    Tenant(name="search", scale=0.1, etl="dbt-trino"),
    Tenant(name="finance", scale=0.2, etl="dbt-trino"),
    Tenant(name="logistics", scale=0.4, analysts=("dbeaver", "jupyter", "trino-cli")),
    Tenant(name="supply", scale=0.6, etl="airflow"),
    Tenant(name="retail", scale=0.1, data=Data.TPCDS),
    Tenant(name="research", scale=0.2, arrives=0.5, analysts=("jupyter", "trino-cli")),
)

FIRST_NAMES: Final = ("ana", "bo", "chen", "dina", "eli", "fay")
WEIGHTS: Final = {Role.DASHBOARD: 1.0, Role.ANALYST: 1.2, Role.ETL: 0.6}


def users(tenants: tuple[Tenant, ...] = TENANTS) -> tuple[User, ...]:
    """Every account of the tenants, in a fixed order."""
    return tuple(user for tenant in tenants for user in _users(tenant))


def _users(tenant: Tenant) -> list[User]:
    accounts = [(f"svc_superset_{tenant.name}", "superset", Role.DASHBOARD)]
    accounts += [
        (f"{name}.{tenant.name}", source, Role.ANALYST)
        for name, source in zip(FIRST_NAMES, tenant.analysts, strict=False)
    ]
    if tenant.etl:
        accounts.append((f"svc_{tenant.etl.partition('-')[0]}_{tenant.name}", tenant.etl, Role.ETL))
    return [
        User(name=name, source=source, tenant=tenant, role=role, weight=WEIGHTS[role])
        for name, source, role in accounts
    ]


def loader(tenant: Tenant) -> User:
    """The account that loads what a growing tenant gets."""
    return User(name=f"svc_loader_{tenant.name}", source="loader", tenant=tenant, role=Role.LOADER, weight=0.0)
