"""Completed events as coordinators send them under load: the bundled log's, filled up to their size in the field."""

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

LIGHT_BYTES: Final = 5_000
HEAVY_BYTES: Final = 150_000
HEAVY_SHARE: Final = 0.05
LIGHT_FORMS: Final = 200
HEAVY_FORMS: Final = 20
_OPERATORS: Final = ("TableScanOperator", "HashBuilderOperator", "LookupJoinOperator", "HashAggregationOperator")
_DURATIONS: Final = ("addInputWall", "addInputCpu", "getOutputWall", "getOutputCpu", "finishWall", "blockedWall")
_COUNTS: Final = ("addInputCalls", "getOutputCalls", "inputPositions", "outputPositions", "physicalInputReadTime")


class EventLoad:
    """Numbered events, 95% of 5 kB and 5% of 150 kB; the same numbers give the same bytes for the same `seed`."""

    def __init__(self, log: Path, *, count: int, seed: int, note: str = "") -> None:
        """`log` is a folder of .jsonl.gz; `note` is put into every statement as a comment."""
        random = Random(seed)  # a draw of sizes
        documents = list(islice(_documents(log), LIGHT_FORMS))
        self._light = [_Form(document, LIGHT_BYTES, note=note, random=random) for document in documents]
        self._heavy = [_Form(document, HEAVY_BYTES, note=note, random=random) for document in documents[:HEAVY_FORMS]]
        heavies = round(count * HEAVY_SHARE)
        self._is_heavy = [True] * heavies + [False] * (count - heavies)
        random.shuffle(self._is_heavy)
        self._seed = seed

    def __len__(self) -> int:
        return len(self._is_heavy)

    def body(self, number: int) -> bytes:
        """The event of this number, 0 to `len` - 1."""
        forms = self._heavy if self._is_heavy[number] else self._light
        return forms[number % len(forms)].body(f"20261001_000000_{number:05d}_x{self._seed:04d}")


class _Form:
    """One statement's event, filled up; it is another query by its id."""

    def __init__(self, document: dict[str, Any], size: int, *, note: str, random: Random) -> None:
        metadata, statistics = dict(document["metadata"]), dict(document["statistics"])
        metadata["query"] += f" /* {note} */"
        summaries = [_operator_summary(random) for _ in range(size // 6_000)]
        filled = document | {"metadata": metadata, "statistics": statistics | {"operatorSummaries": summaries}}
        metadata["plan"] = _plan(size - len(_json(filled)), random=random)
        self._id = metadata["queryId"].encode()
        self._body = _json(filled)

    def body(self, query_id: str) -> bytes:
        return self._body.replace(self._id, query_id.encode())


def _documents(log: Path) -> Iterator[dict[str, Any]]:
    """Events that leave room for a plan within the smaller size."""
    for file in sorted(log.glob("*.jsonl.gz")):
        with gzip.open(file) as lines:
            yield from (json.loads(line) for line in lines if len(line) < LIGHT_BYTES - 500)


def _operator_summary(random: Random) -> str:
    """JSON within a string, as Trino writes each operator's numbers; about 2 kB once it is escaped."""
    numbers: Iterable[tuple[str, object]] = [
        *((name, f"{random.uniform(0, 900):.2f}ms") for name in _DURATIONS),
        *((name, random.randrange(10**9)) for name in _COUNTS),
    ]
    head = {"stageId": random.randrange(9), "operatorType": random.choice(_OPERATORS), "planNodeId": "412"}
    metrics = {f"Scan read {index}": {"total": random.randrange(10**9)} for index in range(40)}
    return json.dumps(head | dict(numbers) | {"metrics": metrics})


def _plan(size: int, *, random: Random) -> str:
    """Text of a plan, `size` bytes in JSON, its branches drawn beyond ASCII."""
    line = "   │   Layout: [l_orderkey:bigint, expr_{:06d}:double]\n"
    text = "".join(line.format(random.randrange(10**6)) for _ in range(max(size, 0) // (len(line) - 2) + 1))
    return text.encode()[: max(size - text[:size].count("\n"), 0)].decode(errors="ignore")


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
