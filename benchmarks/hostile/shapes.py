"""Shapes of statements made to cost, at any size; `tests/fixtures/hostile` holds those that hurt once, or might."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.servers.programs import ROOT

SHAPES: Final = ROOT / "tests" / "fixtures" / "hostile" / "shapes.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`open` repeated, `middle`, `close` repeated as often, between `head` and `end`; `{n}` counts the repeats."""

    name: str
    head: str
    open: str
    middle: str
    close: str
    end: str

    def sql(self, times: int) -> str:
        inner = (_repeated(self.open, times), self.middle, _repeated(self.close, times))
        return "".join((self.head, *inner, self.end))

    def of_length(self, characters: int) -> str:
        """About as long."""
        return self.sql(max(1, (characters - len(self.sql(0))) // len(self.open + self.close)))


def _repeated(part: str, times: int) -> str:
    return "".join(part.replace("{n}", str(n)) for n in range(times)) if "{n}" in part else part * times


def read_shapes(path: Path = SHAPES) -> list[Shape]:
    """One a line."""
    return list(_shapes(path))


def _shapes(path: Path) -> Iterator[Shape]:
    with path.open() as lines:
        for line in lines:
            yield Shape(**json.loads(line))
