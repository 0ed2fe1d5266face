"""The page that goes with a log: how it was made, what is in it and what it is not."""

from datetime import datetime
from typing import Final

from benchmarks.workload.schedule import RERUN_SHARE, Schedule
from benchmarks.workload.tenants import TENANTS, Tenant
from benchmarks.workload.truth import RunSummary
from infra.local.scale import SCALED_RULE
from infra.local.servers.trino import CONFIG

LIMITS: Final = ("query.max-memory", "query.max-cpu-time", "query.max-execution-time")

PAGE: Final = """# A query log of two Trino 476 clusters

Made on {made_at:%Y-%m-%d} by
`python -m benchmarks.workload.querylog --minutes {minutes:g} --seed {seed} --per-second {per_second:g}`.
Every number in events.jsonl.gz was measured by Trino; every statement is of benchmarks/workload. The plan of the
statements and their times is the same for the same seed, length and rate (sha256 {digest}); what they cost is not.

## Fleet

One node each. {clusters}

Dashboards and analysts ran on small, ETL on large. Of the statements that small killed for their size,
{reruns:.0%} were sent again to large by the same user at once.

## Tenants

{tenants}

Scale factors are those of Trino's generators; a router does not know them.

## The run

```
{summary}
```

"heavy" is by the limits `--cpu-seconds {cpu_seconds:g} --memory-bytes {memory_bytes}`: train with these.

## What it is not

Production traffic: habits are drawn by a program, times of the day are those of the run, and CPU times carry the noise
of the machine and of a JVM that was cold at first. Plans, operator and task statistics are cut from the events.
"""


def describe(schedule: Schedule, summary: RunSummary, *, made_at: datetime) -> str:
    """The page, in Markdown."""
    return PAGE.format(
        made_at=made_at,
        minutes=schedule.seconds / 60,
        seed=schedule.seed,
        per_second=schedule.per_second,
        digest=schedule.digest,
        clusters=" ".join(f"`{kind}`: {cluster_limits(kind)}." for kind in ("small", "large")),
        reruns=RERUN_SHARE,
        tenants="\n".join(f"- {_told(tenant)}" for tenant in TENANTS),
        summary=summary,
        cpu_seconds=SCALED_RULE.cpu_seconds,
        memory_bytes=SCALED_RULE.memory_bytes,
    )


def cluster_limits(kind: str) -> str:
    """The limits in a cluster's configuration, as it has them."""
    lines = (CONFIG / kind / "config.properties").read_text().splitlines()
    return ", ".join(line for line in lines if line.partition("=")[0] in LIMITS)


def _told(tenant: Tenant) -> str:
    told = [f"{tenant.name}: {tenant.data.value} at {tenant.scale:g}"]
    if tenant.arrives:
        told.append(f"begins at {tenant.arrives:.0%} of the run")
    if tenant.doubles:
        told.append(f"doubles at {' and '.join(f'{share:.0%}' for share in tenant.doubles)}")
    return ", ".join(told)
