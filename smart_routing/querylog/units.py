"""Durations and data sizes as Trino's REST interface writes them: a decimal number and a unit, "1.23m" or "4.56GB"."""

import re
from decimal import Decimal
from typing import Final

_SECONDS: Final = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(60 * 60),
    "d": Decimal(24 * 60 * 60),
}
_BYTES: Final = {name: Decimal(1024**power) for power, name in enumerate(("B", "kB", "MB", "GB", "TB", "PB", "EB"))}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)([a-zA-Z]+)", re.ASCII)


def duration_seconds(text: str) -> float:
    """Seconds, exact as far as the text is: Trino rounds to two decimals of the unit. Raises `ValueError`."""
    return float(_quantity(text, _SECONDS, "a duration as in 1.23m"))


def data_size_bytes(text: str) -> int:
    """Whole bytes, rounded down; units are powers of 1024. Raises `ValueError`."""
    return int(_quantity(text, _BYTES, "a data size as in 4.56GB"))


def _quantity(text: str, units: dict[str, Decimal], expected: str) -> Decimal:
    found = _QUANTITY.fullmatch(text)
    if found is None or found[2] not in units:
        raise ValueError(f"{text[:40]!r}: expected {expected}, in {', '.join(units)}")
    return Decimal(found[1]) * units[found[2]]
