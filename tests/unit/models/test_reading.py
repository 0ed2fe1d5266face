from dataclasses import fields

import numpy as np
import pytest

from infra.local.loop import EVENTS
from models.reading import read_texts
from smart_routing.features.facts import Facts, read_facts
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits
from smart_routing.querylog.source import read_query_log


@pytest.fixture(scope="module")
def texts() -> list[str]:
    records = read_query_log(str(EVENTS), rejects=None)
    return [*dict.fromkeys(record.text for record in records)][:1200]


def said(facts: Facts) -> list[object]:
    values = [getattr(facts, field.name) for field in fields(Facts)]
    return [value.tobytes() if isinstance(value, np.ndarray) else value for value in values]


def test_processes_read_what_one_does_and_in_the_same_order(texts: list[str]) -> None:
    alone, together = (read_texts(texts, DEFAULT_LIMITS, processes=processes) for processes in (1, 2))
    assert list(alone) == list(together) == texts
    for text in texts:
        assert said(alone[text]) == said(together[text])


def test_limits_hold_for_every_text(texts: list[str]) -> None:
    limits = ParseLimits(tokens=20)
    read = read_texts(texts[:50], limits, processes=1)
    assert {text: facts.parse_status for text, facts in read.items()} == {
        text: read_facts(text, limits).parse_status for text in texts[:50]
    }


def test_equal_words_are_one_object() -> None:
    first, second = read_texts(["select abc from def", "select def from abc"], DEFAULT_LIMITS).values()
    assert first.tokens[1] is second.tokens[3]


def test_nothing_to_read_is_nothing_read() -> None:
    assert read_texts([], DEFAULT_LIMITS) == {}
