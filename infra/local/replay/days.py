"""The replay itself: a first model, then day after day of statements, each closed by the nightly report."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from infra.local.replay.fleet import Fleet
from infra.local.replay.plan import Day, Plan
from infra.local.replay.timeline import Night

TRAINS: Final = frozenset({"retrain"})
"""Verdicts that the automations of Prefect answer; a rollback is the report's own doing."""


LONGEST_REASON: Final = 400


class Replay:
    """Lives through a plan; `tell` hears of each night as it ends."""

    def __init__(self, plan: Plan, fleet: Fleet, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._fleet = fleet
        self._tell = tell
        self._ingested: datetime | None = None

    def run(self) -> list[Night]:
        """One result a day. Raises `StepError` where a command fails."""
        self._ingest(self._plan.begin)
        self._begin()
        return [self._live_through(day) for day in self._plan.days]

    def _begin(self) -> None:
        """The first model serves even where the gate refuses it, as there is nothing else to compare a night with."""
        first = self._fleet.train_first()
        if first.version is None:
            raise AssertionError("a training that is no dry run registers what it made")
        self._tell(f"version {first.version} serves first: {first.told}")
        self._fleet.promote(first.version, reason=first.told[:LONGEST_REASON], force=not first.passed)

    def _live_through(self, day: Day) -> Night:
        serving, light = self._fleet.serving(), 0
        for part in day.slices:
            self._ingest(part.begin)
            self._fleet.publish_history(part.begin)
            light += self._fleet.decide(part)
        self._ingest(day.end)
        return self._close(day, light, serving)

    def _close(self, day: Day, light: int, serving: str) -> Night:
        report = self._fleet.report(day.end)
        training = self._fleet.answer(report) if report["verdict"] in TRAINS else None
        night = Night(
            day=day.begin,
            statements=sum(len(part.records) for part in day.slices),
            light=light,
            serving=serving,
            verdict=report["verdict"],
            reason=report["reason"],
            tenants=tuple(report["tenants"]),
            signals=tuple(report["signals"]),
            truth=report["truth"],
            training=training,
            folder=report["folder"],
        )
        self._tell(str(night))
        return night

    def _ingest(self, until: datetime) -> None:
        self._fleet.ingest(self._plan.ended(self._ingested, until))
        self._ingested = until
