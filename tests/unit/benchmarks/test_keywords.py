"""The search over keywords: what it tries, and that it finds what is too dear."""

from benchmarks.hostile.frames import framed, read_frames, words
from benchmarks.hostile.shapes import Shape
from benchmarks.keywords import try_all

JOINS = Shape(name="joins", head="select 1 from a", open=" join b", middle="", close="", end="")


def test_words_are_those_of_the_tokenizer_and_of_the_parser() -> None:
    assert {"select", "limit", "group by", "pivot", "decimal", "cast", "try_convert", "partitioned_by"} <= set(words())


def test_each_word_is_tried_in_each_frame() -> None:
    shapes = list(framed(read_frames(), ("limit", "on")))
    assert len(shapes) == 2 * len(read_frames())
    assert "select 1 from a join b as on join b as on" in {shape.sql(2) for shape in shapes}
    assert not [shape for shape in shapes if "{word}" in shape.sql(1)]


def test_one_shape_in_a_few_hundred_costs_little() -> None:
    tried = try_all(list(framed(read_frames(), words()))[::331], times=(16, 140))
    assert tried.texts > 100
    assert tried.beyond == ()


def test_shape_beyond_the_bar_is_named_and_its_larger_sizes_are_not_tried() -> None:
    tried = try_all([JOINS], times=(2, 3), bar_seconds=0.0)
    assert (tried.texts, tried.beyond) == (1, ("joins, 2 times",))
