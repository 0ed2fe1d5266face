from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from serving.tallies import Spread, Tally

BOUNDS = (0.001, 0.01, 0.1)
VALUES = (0.0, 0.001, 0.0010001, 0.05, 0.1, 7.0)


def samples(registry: CollectorRegistry) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    found = {(one.name, tuple(sorted(one.labels.items())), one.value) for family in families for one in family.samples}
    return {sample for sample in found if not sample[0].endswith("_created")}


def test_spread_tells_what_a_histogram_of_prometheus_client_tells() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread("seconds", "Time.", BOUNDS, registry=ours, label="stage")
    histogram = Histogram("seconds", "Time.", ["stage"], buckets=BOUNDS, registry=theirs)
    for stage, values in (("decide", VALUES), ("total", VALUES[:2]), ("never", ())):
        distribution, child = spread.of(stage), histogram.labels(stage)
        for value in values:
            distribution.observe(value)
            child.observe(value)
    assert samples(ours) == samples(theirs)


def test_spread_without_a_label_is_one_distribution() -> None:
    registry = CollectorRegistry()
    spread = Spread("share", "Share.", (0.5, 1.0), registry=registry)
    spread.of().observe(0.75)
    spread.of().observe(0.25)
    assert registry.get_sample_value("share_bucket", {"le": "0.5"}) == 1
    assert registry.get_sample_value("share_count") == 2
    assert registry.get_sample_value("share_sum") == 1.0


def test_tally_counts_by_labels_and_shows_what_was_foreseen_at_zero() -> None:
    registry = CollectorRegistry()
    tally = Tally("replies", "Replies.", ["outcome", "mode"], registry=registry)
    tally.foresee("failed", "full")
    for _ in range(3):
        tally.count("routed", "full")
    tally.foresee("routed", "full")
    assert registry.get_sample_value("replies_total", {"outcome": "routed", "mode": "full"}) == 3
    assert registry.get_sample_value("replies_total", {"outcome": "failed", "mode": "full"}) == 0
