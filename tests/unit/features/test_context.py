"""Hashes of names are remembered, and nobody can fill a router's memory with names."""

import tracemalloc

import pytest

from smart_routing.features.context import LONGEST_KEPT, bucket, remembering
from smart_routing.history.keys import key


@pytest.mark.parametrize(("length", "asked"), [(LONGEST_KEPT, 1), (LONGEST_KEPT + 1, 2)], ids=["short", "long"])
def test_only_short_names_are_remembered(length: int, asked: int) -> None:
    seen: list[str] = []

    def seeing(subject: str, name: str) -> int:
        seen.append(f"{subject}={name}")
        return len(name)

    hashed = remembering(seeing)
    assert [hashed("user", "a" * length) for _ in range(2)] == [length, length]
    assert len(seen) == asked


def test_long_names_leave_nothing_behind() -> None:
    tracemalloc.start()
    try:
        for number in range(1_000):
            name = f"{number}{'t' * 32_000}"
            bucket("table", name)
            key("table", name)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
