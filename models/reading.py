"""Reading the texts of a log: each distinct one once, in parallel processes where there are many."""

import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from multiprocessing import get_context
from sys import intern
from typing import Final

from models.progress import counted
from smart_routing.features.facts import Facts, read_facts
from smart_routing.features.statement import ParseLimits

TEXTS_PER_CHUNK: Final = 500
TEXTS_PER_PROCESS: Final = 4_000
"""Fewer are read sooner than a process starts."""


def read_texts(texts: Collection[str], limits: ParseLimits, *, processes: int | None = None) -> dict[str, Facts]:
    """What each text says, in the order given; the same for any number of `processes` (default: as it pays)."""
    chunks = list(_chunks(texts))
    read = partial(_read_chunk, limits=limits)
    workers = processes or max(1, min(os.cpu_count() or 1, len(texts) // TEXTS_PER_PROCESS))
    if workers == 1:
        return _collect(chunks, map(read, chunks))
    # A spawned process shares nothing with this one, whose threads (Prefect's, OpenMP's) a fork would not survive.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return _collect(chunks, pool.map(read, chunks))


def _collect(chunks: Sequence[Sequence[str]], parts: Iterator[list[Facts]]) -> dict[str, Facts]:
    facts: dict[str, Facts] = {}
    total = sum(len(chunk) for chunk in chunks)
    for chunk, part in counted(
        zip(chunks, parts, strict=True), "read texts", total=total, each=lambda one: len(one[0])
    ):
        facts.update(zip(chunk, map(_sharing_words, part), strict=True))
    return facts


def _read_chunk(texts: Sequence[str], *, limits: ParseLimits) -> list[Facts]:
    return [_sharing_words(read_facts(text, limits)) for text in texts]


def _sharing_words(facts: Facts) -> Facts:
    """The same with every word kept once in the process: a log has few words, and many of each."""
    return replace(facts, template=intern(facts.template), tokens=tuple(map(intern, facts.tokens)))


def _chunks(texts: Collection[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while chunk := list(islice(rest, TEXTS_PER_CHUNK)):
        yield chunk
