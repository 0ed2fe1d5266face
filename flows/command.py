"""The command line that all flows share: options, progress and errors on stderr, a summary on stdout, exit codes."""

import json
import logging
import math
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NoReturn, Protocol

from models.progress import PROGRESS_LOG
from smart_routing.errors import InputError, SettingsError, SmartRoutingError
from smart_routing.labels import LabelRule

INTERRUPTED: Final = 130
_LIBRARIES: Final = "/site-packages/"


class Summary(Protocol):
    """What a command tells at its end: `str()` for people, `as_json()` with `--json`."""

    def as_json(self) -> dict[str, Any]: ...


class CommandParser(ArgumentParser):
    """A parser with `--json`; a wrong argument is one line on stderr and exit code 2."""

    def __init__(self, *, module: str, description: str) -> None:
        super().__init__(prog=f"python -m {module}", description=description)
        self.add_argument("--json", action="store_true", help="print a JSON summary as the last line of stdout")

    def error(self, message: str) -> NoReturn:
        self.exit(InputError.exit_code, f"{self.prog}: {message}; see --help\n")


def add_events(parser: ArgumentParser, *, required: bool = False, otherwise: str = "the store") -> None:
    """`--events`: the query log to read."""
    default = "" if required else f"; default: {otherwise}"
    told = "JSON Lines of query events, or trino_queries as .csv, plain or .gz: a file, a folder or s3://; or mysql://"
    parser.add_argument("--events", required=required, metavar="P", help=f"{told}{default}")


def add_label_rule(parser: ArgumentParser, *, otherwise: str | None = None) -> None:
    """`--cpu-seconds` and `--memory-bytes`: the limits past which a statement is heavy.

    None where not given and the command finds them itself, as `otherwise` says.
    """
    rule, told = LabelRule(), otherwise or "%(default)s"
    seconds, memory = (None, None) if otherwise else (rule.cpu_seconds, rule.memory_bytes)
    parser.add_argument("--cpu-seconds", type=float, default=seconds, help=f"heavy from this on ({told})")
    parser.add_argument("--memory-bytes", type=whole_number, default=memory, help=f"heavy above this ({told})")


def whole_number(text: str) -> int:
    """Also as 1e9; raises `ValueError`."""
    if text.lstrip("-").isdecimal():
        return int(text)
    if not float(text).is_integer():
        raise ValueError(f"{text} is no whole number")
    return int(float(text))


def positive(text: str) -> int:
    """A whole number above 0, as an argument's type."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def positive_number(text: str) -> float:
    """A finite number above 0, as an argument's type."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def day(text: str) -> date:
    """A day in ISO 8601, as an argument's type."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a day like 2026-10-10") from error


def instant(text: str) -> datetime:
    """A moment in ISO 8601, UTC where it has no zone, as an argument's type."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a time like 2026-10-10T00:00:00+00:00") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def run(
    parser: CommandParser,
    command: Callable[[Namespace], Summary],
    *,
    arguments: Sequence[str] | None = None,
    needs_prefect: bool = True,
) -> NoReturn:
    """Parse, run, print the summary and exit: 0, the error's own exit code, or 130 when interrupted.

    An error raised on purpose is one line; any other is a bug and keeps its traceback. A command that is no flow does
    without Prefect, and starts seconds sooner.
    """
    options = parser.parse_args(arguments)
    _quiet_libraries()
    try:
        if needs_prefect:
            _reach_prefect()
        summary = command(options)
    except SmartRoutingError as error:
        parser.exit(error.exit_code, f"{parser.prog}: {_one_line(error)}\n")
    except KeyboardInterrupt:
        parser.exit(INTERRUPTED, f"{parser.prog}: interrupted\n")
    told = json.dumps(summary.as_json()) if options.json else str(summary)
    sys.stdout.write(f"{told}\n")
    sys.exit(0)


def _reach_prefect() -> None:
    """Say in one line what Prefect would say in forty, where its API is configured and does not answer."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        return
    with get_client(sync_client=True) as client:
        failure = client.api_healthcheck()
    if failure:
        raise SettingsError(f"PREFECT_API_URL is {url}: expected a Prefect server that answers, or no such variable")


def _one_line(error: SmartRoutingError) -> str:
    return " ".join(str(error).split())


def _quiet_libraries() -> None:
    """Keep stderr to what our own code logs: libraries speak through exceptions, and Prefect has its own log."""
    logging.getLogger(PROGRESS_LOG).setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: _LIBRARIES not in record.pathname)
