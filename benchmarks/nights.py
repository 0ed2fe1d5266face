"""Prove the watch: the bundled log lived through again, each night held to what is known to have happened in it."""

import os
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scipy.stats import binom

from flows.command import CommandParser, run
from infra.local.loop import ROOT, step
from smart_routing.errors import SmartRoutingError

WORKSPACE: Final = ROOT / "var" / "proof" / "replay"
QUIET: Final = ("2026-10-09", "2026-10-12", "2026-10-14")
"""Days like those that the version of the day was made from (data/trino-query-log/SOURCE.md tells of the others)."""

ARRIVAL: Final = ("2026-10-10", "2026-10-11")
"""Of tenant research: named by the end of its second day."""

GROWTH: Final = "2026-10-13"
"""The tables of ads are four times as large from this day on; its texts are what they were."""

CONFIDENCE: Final = 0.95
_TRUTH: Final = re.compile(r"(\d+) of (\d+) heavy .* the certificate allows (\d+)%")


@dataclass(frozen=True, slots=True)
class Nights:
    """What the nights said, and what they should have said and did not."""

    nights: Sequence[Mapping[str, Any]]
    complaints: Sequence[str]
    picture: str

    def as_json(self) -> dict[str, Any]:
        return {"nights": list(self.nights), "complaints": list(self.complaints), "picture": self.picture}

    def __str__(self) -> str:
        told = [f"{night['day']} {night['verdict']}: {night['reason']}" for night in self.nights]
        return "\n".join([*told, f"{len(self.complaints)} complaints; picture {self.picture}"])


def complaints(nights: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What speaks against the nights of the bundled log, in a sentence each."""
    of = {night["day"]: night for night in nights}
    if missing := [day for day in (*QUIET, *ARRIVAL, GROWTH) if day not in of]:
        yield f"no report closed {', '.join(missing)}"
        return
    yield from (
        f"{day} was quiet, and was told as {of[day]['verdict']}" for day in QUIET if of[day]["verdict"] != "none"
    )
    if not any("lake.research" in of[day]["tenants"] for day in ARRIVAL):
        yield "tenant research arrived and was not named"
    grown = of[GROWTH]
    if grown["tenants"] != ["lake.ads"] or "the texts did not change" not in grown["reason"]:
        yield f"the tables of ads grew, its texts did not change, and the night said: {grown['reason']}"
    for night in nights:
        yield from _of_what_followed(night)


def _of_what_followed(night: Mapping[str, Any]) -> Iterator[str]:
    if night["verdict"] == "retrain" and night["training"] is None:
        yield f"no training answered the verdict of {night['day']}"
    found = _TRUTH.search(night["truth"] or "")
    if found is None:
        yield f"nothing is known of the heavy statements until {night['day']}"
        return
    missed, heavy, percent = map(int, found.groups())
    if binom.sf(missed - 1, heavy, percent / 100) < 1 - CONFIDENCE:
        yield f"{night['serving']} missed {missed} of {heavy} by {night['day']}: the bound of {percent}% is refuted"


def main() -> None:
    parser = CommandParser(module="benchmarks.nights", description=f"{__doc__} Some 6 minutes.")
    parser.add_argument("--out", type=Path, default=WORKSPACE, metavar="DIR", help="made anew (default %(default)s)")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> Nights:
    told = step("replay", "flows.replay_days", ("--out", str(options.out)), os.environ)
    found = Nights(told["nights"], tuple(complaints(told["nights"])), told["picture"])
    if found.complaints:
        raise SmartRoutingError(f"{found}; the first: {found.complaints[0]}")
    return found


if __name__ == "__main__":
    main()
