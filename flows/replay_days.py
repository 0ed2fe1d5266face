"""Replay a query log day by day through the running system: what would the nights have said, and what followed?"""

import signal
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flows.command import CommandParser, add_events, add_label_rule, day, run
from infra.local.loop import EVENTS, ROOT, StepError, in_order_of_time, tell
from infra.local.processes import ServerError
from infra.local.replay.days import Replay
from infra.local.replay.fleet import fleet
from infra.local.replay.picture import draw
from infra.local.replay.plan import plan
from infra.local.replay.timeline import Timeline
from infra.local.replay.workspace import workspace
from infra.local.scale import LEAST_HEAVY, fitting_rule
from smart_routing.errors import SmartRoutingError
from smart_routing.labels import LabelRule
from smart_routing.querylog.records import QueryRecord

WORKSPACE: Final = ROOT / "var" / "replay"
_HOW: Final = (
    "An MLflow, a Prefect and a router of its own keep all below --out; a minute a day, more on a busy machine. Models "
    "are held to a bound of 10%, which a few days can support, and a first one that the gate refuses still serves."
)
SLICE_HOURS: Final = 6
PICTURE: Final = "timeline.png"


def main() -> None:
    parser = CommandParser(module="flows.replay_days", description=f"{__doc__} {_HOW}")
    add_events(parser, otherwise="the bundled log")
    add_label_rule(parser, otherwise=f"default: 300 s, 10 GiB; 1/300 if fewer than {LEAST_HEAVY} pass")
    parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="default: the log's fifth")
    parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="default: the log's last")
    parser.add_argument(
        "--out", type=Path, default=WORKSPACE, metavar="DIR", help="folder of its own, emptied (default %(default)s)"
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a step or a server must not outlive the replay
    run(parser, _command, needs_prefect=False)


def _command(options: Namespace) -> Timeline:
    events = str(EVENTS) if options.events is None else options.events
    records = in_order_of_time(events)
    planned = plan(records, first=options.first, last=options.last, slice_hours=SLICE_HOURS)
    rule = chosen_rule(records, options)
    folder = options.out.absolute()
    limits = ("--cpu-seconds", f"{rule.cpu_seconds:g}", "--memory-bytes", str(rule.memory_bytes))
    tell(f"== heavy is what takes {rule.cpu_seconds:g} s of CPU, or more than {rule.memory_bytes} bytes")
    try:
        with workspace(folder), fleet(folder, limits) as running:
            nights = Replay(planned, running, tell).run()
            picture = folder / PICTURE
            draw(nights, picture)
    except (StepError, ServerError) as error:
        raise ReplayError(str(error)) from error
    return Timeline(events=events, nights=nights, workspace=str(folder), picture=str(picture))


def chosen_rule(records: Sequence[QueryRecord], options: Namespace) -> LabelRule:
    """As told; what is not told is as the log's size suggests."""
    fitting = fitting_rule(records)
    return LabelRule(
        cpu_seconds=fitting.cpu_seconds if options.cpu_seconds is None else options.cpu_seconds,
        memory_bytes=fitting.memory_bytes if options.memory_bytes is None else options.memory_bytes,
    )


class ReplayError(SmartRoutingError):
    """A step of the replay failed; its own words are above."""


if __name__ == "__main__":
    main()
