"""Literals of a statement: `{date}` and its like in a template, drawn anew at each place."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Final

_FIRST_DAY: Final = {"date": date(1992, 2, 1), "sold": date(1998, 1, 5)}
_DAYS: Final = {"date": 2300, "sold": 1750}
_NATIONS: Final = ("ALGERIA", "BRAZIL", "CANADA", "CHINA", "EGYPT", "FRANCE", "GERMANY", "INDIA", "JAPAN", "PERU")
_SEGMENTS: Final = ("AUTOMOBILE", "BUILDING", "FURNITURE", "HOUSEHOLD", "MACHINERY")
_WORDS: Final = ("final", "quick", "special", "pending", "express", "careful", "bold", "ironic")
_CATEGORIES: Final = ("Books", "Electronics", "Home", "Jewelry", "Men", "Music", "Shoes", "Sports", "Women")
_STATES: Final = ("CA", "GA", "IL", "NY", "OH", "TN", "TX", "VA")


def _day(kind: str) -> Callable[[Random], str]:
    return lambda random: str(_FIRST_DAY[kind] + timedelta(days=random.randrange(_DAYS[kind])))


def _whole(low: int, high: int) -> Callable[[Random], str]:
    return lambda random: str(random.randint(low, high))


def _one(values: tuple[str, ...]) -> Callable[[Random], str]:
    return lambda random: random.choice(values)


def _some(values: tuple[str, ...]) -> Callable[[Random], str]:
    return lambda random: ", ".join(f"'{value}'" for value in random.sample(values, random.randint(1, 3)))


LITERALS: Final[Mapping[str, Callable[[Random], str]]] = {
    "date": _day("date"),
    "sold": _day("sold"),
    "nations": _some(_NATIONS),
    "segment": _one(_SEGMENTS),
    "word": _one(_WORDS),
    "brand": lambda random: f"Brand#{random.randint(1, 5)}{random.randint(1, 5)}",
    "categories": _some(_CATEGORIES),
    "states": _some(_STATES),
    "quantity": _whole(2, 49),
    "price": _whole(1_000, 90_000),
    "total": _whole(10_000, 400_000),
    "balance": _whole(0, 9_000),
    "key": _whole(1, 10_000),
    "size": _whole(1, 50),
    "top": _one(("10", "20", "25", "50", "100", "500", "1000")),
    "rank": _whole(1, 10),
    "year": _whole(1998, 2002),
}


class _Drawn(dict[str, str]):
    """A mapping that draws each literal when it is asked for."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def __missing__(self, name: str) -> str:
        return LITERALS[name](self._random)


def fill(template: str, random: Random, **fixed: str) -> str:
    """The template with its literals drawn, those of `fixed` the same at each place; raises `KeyError` for another."""
    drawn = _Drawn(random)
    drawn.update(fixed)
    return template.format_map(drawn)
