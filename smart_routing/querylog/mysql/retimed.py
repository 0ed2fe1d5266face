"""Logs whose statements were put at other times than the ones that their query ids begin with."""

from functools import cache
from pathlib import Path
from typing import Final

_LOGS: Final = Path(__file__).parents[3] / "data"
_FILE: Final = "retimed-ids.txt"
"""Beside a log's events: a line `<day of the ids>_<coordinator>` for each run of a coordinator that it is made of."""


def retimed_log(query_id: str) -> str | None:
    """The bundled log that a query id belongs to, if that log was retimed."""
    return _logs_by_run().get(f"{query_id.partition('_')[0]}_{query_id.rpartition('_')[2]}")


@cache
def _logs_by_run() -> dict[str, str]:
    return {
        line: file.parent.relative_to(_LOGS.parent).as_posix()
        for file in sorted(_LOGS.glob(f"*/{_FILE}"))
        for line in file.read_text().split()
    }
