"""Backtest the model and what people use instead of it on one split of a log; nothing is tracked or registered."""

import json
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flows.command import CommandParser, add_events, add_label_rule, run
from flows.query_events import read_whole_log
from flows.split import add_split, split_rule
from models.backtest.judge import backtest
from models.backtest.result import Backtest
from models.backtest.table import table
from models.capacity import read_capacity
from models.contenders.approach import Contest
from models.dataset import label
from models.exclusions import read_exclusions
from models.gate import read_gate
from models.train import read_params
from smart_routing.errors import InputError
from smart_routing.labels import LabelRule
from smart_routing.settings import FeatureSettings

RESULT: Final = "backtest.json"


@dataclass(frozen=True, slots=True)
class BacktestSummary:
    """What was found."""

    found: Backtest

    def as_json(self) -> dict[str, Any]:
        return self.found.as_json()

    def __str__(self) -> str:
        return table(self.found)


def main() -> None:
    parser = CommandParser(module="flows.backtest", description=str(__doc__))
    add_events(parser)
    add_label_rule(parser)
    add_split(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write {RESULT} there too")
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> BacktestSummary:
    cut = split_rule(options.train_until, options.calibrate_until)
    rule = LabelRule(cpu_seconds=options.cpu_seconds, memory_bytes=options.memory_bytes)
    _make(options.out)
    records = read_whole_log(options.events)
    labelled = label(records, rule, read_exclusions(), limits=FeatureSettings.load().parse_limits())
    contest = Contest(labelled=labelled, rule=rule, params=read_params(), gate=read_gate(), split_rule=cut)
    summary = BacktestSummary(backtest(contest, capacity=read_capacity()))
    if options.out:
        (options.out / RESULT).write_text(json.dumps(summary.as_json(), indent=2))
    return summary


def _make(folder: Path | None) -> None:
    """Before the work, not after it; raises `InputError` where it cannot be made."""
    try:
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder} cannot be made: {error.strerror}; expected a folder") from error


if __name__ == "__main__":
    main()
