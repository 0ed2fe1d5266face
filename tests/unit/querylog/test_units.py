import pytest

from smart_routing.querylog.units import data_size_bytes, duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0.00ns", 0.0),
        ("7.50ns", 7.5e-9),
        ("150.66us", 150.66e-6),
        ("37.41ms", 0.03741),
        ("5.78s", 5.78),
        ("1.17m", 70.2),
        ("5.00m", 300.0),
        ("2.50h", 9_000.0),
        ("1.00d", 86_400.0),
        ("3s", 3.0),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0B", 0),
        ("94908958B", 94_908_958),
        ("1kB", 1024),
        ("1.23MB", 1_289_748),
        ("10GB", 10 * 2**30),
        ("1.50GB", 3 * 2**29),
        ("2TB", 2**41),
        ("1PB", 2**50),
        ("3EB", 3 * 2**60),
        ("9007199254740993B", 2**53 + 1),
    ],
)
def test_data_size(text: str, size: int) -> None:
    assert data_size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1,5s", "1e3s", "5 s", "5S", "5w", "10KB", "٣s", "1.s", "nans"])
def test_text_that_is_no_quantity_is_named_with_what_was_expected(text: str) -> None:
    for read in (duration_seconds, data_size_bytes):
        with pytest.raises(ValueError, match="expected a d") as caught:
            read(text)
        assert repr(text) in str(caught.value)
