"""The window as the command line spells it."""

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.window import read_window
from smart_routing.errors import InputError

NOW = datetime(2026, 10, 12, 1, tzinfo=UTC)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "length", "start", "end"),
    [
        pytest.param(None, "24h", NOW - timedelta(days=1), NOW, id="now"),
        pytest.param("2026-10-11T06:00:00Z", "90m", at(11, 4, 30), at(11, 6), id="minutes"),
        pytest.param("2026-10-11T06:00:00+02:00", "7d", at(4, 4), at(11, 4), id="another zone"),
        pytest.param("2026-10-11", "6h", at(10, 18), at(11), id="a day, in UTC"),
    ],
)
def test_window_ends_where_it_is_told(as_of: str | None, length: str, start: datetime, end: datetime) -> None:
    window = read_window(as_of, length, now=NOW)
    assert (window.start, window.end) == (start, end)


@pytest.mark.parametrize(
    ("as_of", "length", "told"),
    [
        ("yesterday", "24h", "--as-of is 'yesterday': expected a time like"),
        (None, "24", "--window is '24': expected a whole number and m, h or d"),
        (None, "0h", "--window is '0h'"),
        (None, "-1d", "--window is '-1d'"),
        ("0001-01-01", "1d", "begins before the year 1"),
    ],
)
def test_anything_else_is_one_line_that_names_the_option(as_of: str | None, length: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as raised:
        read_window(as_of, length, now=NOW)
    assert "\n" not in str(raised.value)
