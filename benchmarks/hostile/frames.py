"""Frames: shapes with a place for a word, and every word that means something to sqlglot's Trino parser."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Final

from sqlglot.dialects.trino import Trino
from sqlglot.tokens import Tokenizer

from benchmarks.hostile.shapes import SHAPES, Shape, read_shapes

FRAMES: Final = SHAPES.with_name("frames.jsonl")
_PLACE: Final = "{word}"


def read_frames(path: Path = FRAMES) -> list[Shape]:
    """One a line."""
    return read_shapes(path)


def words() -> list[str]:
    """Keywords of Trino and of sqlglot, and the texts by which the parser knows functions, properties and the like."""
    parser = Trino.parser_class
    found: set[str] = {*Trino.tokenizer_class.KEYWORDS, *Tokenizer.KEYWORDS}
    for table in (
        *(parser.FUNCTION_PARSERS, parser.NO_PAREN_FUNCTION_PARSERS, parser.PROPERTY_PARSERS),
        *(parser.CONSTRAINT_PARSERS, parser.ALTER_PARSERS, parser.SHOW_PARSERS, parser.SET_PARSERS),
    ):
        found.update(table)
    return sorted({word.lower() for word in found if word.replace(" ", "").replace("_", "").isalnum()})


def framed(frames: Iterable[Shape], words: Iterable[str]) -> Iterator[Shape]:
    """Each word in each frame."""
    frames = list(frames)
    for word in words:
        for frame in frames:
            parts = {field.name: getattr(frame, field.name).replace(_PLACE, word) for field in fields(frame)}
            yield replace(frame, **parts | {"name": f"{frame.name}: {word}"})
