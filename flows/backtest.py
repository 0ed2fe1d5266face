"""Backtest the model and what people use instead on a log, split once or rolled over; nothing is registered."""

import json
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flows.command import CommandParser, add_events, add_label_rule, run
from flows.query_events import read_whole_log
from flows.split import add_split, split_rule
from models.backtest.judge import backtest
from models.backtest.page import rolling_page, split_page
from models.backtest.result import Backtest
from models.backtest.rolling import Rolling
from models.backtest.table import rolling_table, table
from models.capacity import read_capacity
from models.contenders.approach import Contest
from models.contenders.field import contenders_here
from models.dataset import label
from models.exclusions import read_exclusions
from models.gate import read_gate
from models.params import read_params
from models.replay import Every, replay
from smart_routing.errors import InputError
from smart_routing.labels import LabelRule
from smart_routing.settings import FeatureSettings

RESULT: Final = "backtest.json"
PAGE: Final = "backtest.html"


@dataclass(frozen=True, slots=True)
class BacktestSummary:
    """What was found, and of what: `events` as they were named, and the seed of all that learns."""

    found: Backtest | Rolling
    events: str | None
    seed: int

    def as_json(self) -> dict[str, Any]:
        made_of = {"events": self.events, "label_rule": self.found.rule.as_json(), "seed": self.seed}
        return made_of | self.found.as_json()

    def __str__(self) -> str:
        return rolling_table(self.found) if isinstance(self.found, Rolling) else table(self.found)

    def write(self, folder: Path) -> None:
        """The document and the page."""
        page = rolling_page(self.found) if isinstance(self.found, Rolling) else split_page(self.found)
        (folder / RESULT).write_text(json.dumps(self.as_json(), indent=2))
        (folder / PAGE).write_text(page, encoding="utf-8", errors="replace")


def main() -> None:
    parser = CommandParser(module="flows.backtest", description=str(__doc__))
    add_events(parser)
    add_label_rule(parser)
    add_split(parser)
    parser.add_argument(
        "--rolling",
        choices=[every.value for every in Every],
        help="instead learn and certify anew so often, and decide",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write {RESULT} and {PAGE} there too")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> BacktestSummary:
    every = _every(options)
    cut = split_rule(options.train_until, options.calibrate_until)
    rule = LabelRule(cpu_seconds=options.cpu_seconds, memory_bytes=options.memory_bytes)
    _make(options.out)
    records = read_whole_log(options.events)
    labelled = label(records, rule, read_exclusions(), limits=FeatureSettings.load().parse_limits())
    contest = Contest(labelled=labelled, rule=rule, params=read_params(), gate=read_gate(), split_rule=cut)
    capacity, approaches = read_capacity(), contenders_here()
    found = (
        replay(contest, every, approaches=approaches, capacity=capacity, tell=_tell)
        if every
        else backtest(contest, approaches, capacity=capacity)
    )
    summary = BacktestSummary(found, events=options.events, seed=contest.params.seed)
    if options.out:
        summary.write(options.out)
    return summary


def _every(options: Namespace) -> Every | None:
    if options.rolling and (options.train_until or options.calibrate_until):
        raise InputError("--rolling cuts the log by itself: expected no --train-until and no --calibrate-until")
    return Every(options.rolling) if options.rolling else None


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _make(folder: Path | None) -> None:
    """Before the work, not after it; raises `InputError` where it cannot be made."""
    try:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder} cannot be made: {error.strerror}; expected a folder") from error


if __name__ == "__main__":
    main()
