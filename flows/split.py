"""Where a command cuts a log by time: `--train-until` and `--calibrate-until`."""

from datetime import datetime

from flows.command import CommandParser, instant
from models.split import USUAL_SPLIT, SplitRule, SplitTimes
from smart_routing.errors import InputError


def add_split(parser: CommandParser) -> None:
    """Both options."""
    parser.add_argument("--train-until", type=instant, metavar="ISO", help="reads before it train (default: 55%%)")
    parser.add_argument(
        "--calibrate-until",
        type=instant,
        metavar="ISO",
        help="later ones before it calibrate (default: the next 22%%)",
    )


def split_rule(train_until: datetime | None, calibrate_until: datetime | None) -> SplitRule:
    """Times where both are given, the usual shares where none is; raises `InputError` for one alone."""
    if train_until is None and calibrate_until is None:
        return USUAL_SPLIT
    if train_until is None or calibrate_until is None:
        raise InputError("one of --train-until and --calibrate-until is given: expected both or none")
    return SplitTimes(train_until=train_until, calibrate_until=calibrate_until)
