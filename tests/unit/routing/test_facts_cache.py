import pytest

from smart_routing.facts_cache import FactsCache, facts_bytes
from smart_routing.features.facts import Facts, read_facts
from smart_routing.features.statement import DEFAULT_LIMITS, ParseLimits

FACTS = read_facts("select a, count(*) from t join u using (x) group by a")


class Reader:
    """Counts how often a text was read."""

    def __init__(self, limits: ParseLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.reads = 0

    def __call__(self) -> Facts:
        self.reads += 1
        return read_facts("select a, count(*) from t join u using (x) group by a", self.limits)


def facts(cache: FactsCache, digest: bytes, read: Reader) -> Facts:
    """As the router goes about it."""
    kept = cache.get(digest, read.limits)
    if kept is None:
        kept = read()
        cache.put(digest, kept)
    return kept


@pytest.fixture
def read() -> Reader:
    return Reader()


def test_text_is_read_once(read: Reader) -> None:
    cache = FactsCache(2**20)
    first = facts(cache, b"1", read)
    assert facts(cache, b"1", read) is first
    assert read.reads == 1


def test_other_limits_are_other_facts(read: Reader) -> None:
    cache, few = FactsCache(2**20), ParseLimits(tokens=3)
    facts(cache, b"1", read)
    assert facts(cache, b"1", Reader(few)).limits == few
    assert len(cache) == 1
    assert facts(cache, b"1", read).limits == DEFAULT_LIMITS


def test_memory_is_bounded_and_the_least_recently_used_goes_first(read: Reader) -> None:
    cache = FactsCache(2 * facts_bytes(FACTS))
    for digest in (b"1", b"2", b"1", b"3", b"1"):
        facts(cache, digest, read)
    assert (len(cache), read.reads) == (2, 3)
    facts(cache, b"2", read)
    assert read.reads == 4


def test_text_larger_than_the_cache_is_not_kept(read: Reader) -> None:
    cache = FactsCache(facts_bytes(FACTS) - 1)
    assert facts(cache, b"1", read).template == FACTS.template
    assert len(cache) == 0


def test_longer_texts_take_more() -> None:
    assert facts_bytes(read_facts("select " + ", ".join(f"column_{n}" for n in range(1000)))) > 50 * 1000
