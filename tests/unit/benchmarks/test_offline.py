import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.offline.drawn_log import DrawnLog
from benchmarks.offline.memory import run_watched
from benchmarks.offline.rates import Rates
from benchmarks.offline.report import OfflineResults, section
from benchmarks.offline.training import Stage, Training
from infra.local.loop import EVENTS
from smart_routing.features.facts import read_facts
from smart_routing.querylog.records import QueryRecord
from smart_routing.querylog.source import read_query_log
from tests.unit.models.examples import START

LOG = DrawnLog(rows=2000, seed=3)
MEGABYTE = 2**20


@pytest.fixture(scope="module")
def real() -> list[QueryRecord]:
    return list(read_query_log(str(EVENTS / "2026-10-05.jsonl.gz"), rejects=None))


@pytest.fixture(scope="module")
def drawn(real: list[QueryRecord]) -> list[QueryRecord]:
    return list(LOG.records(real))


def test_four_in_five_rows_repeat_a_text(drawn: list[QueryRecord]) -> None:
    texts = Counter(record.text for record in drawn)
    assert len(drawn) == LOG.rows
    assert len(texts) == LOG.texts == 400
    assert max(texts.values()) > 20


def test_rows_are_in_order_of_time_over_all_days_with_ids_of_their_own(drawn: list[QueryRecord]) -> None:
    times = [record.create_time for record in drawn]
    assert times == sorted(times)
    assert len({moment.date() for moment in times}) in {LOG.days, LOG.days + 1}
    assert len({record.query_id for record in drawn}) == LOG.rows


def test_distinct_texts_have_templates_of_their_own_as_in_the_real_log(
    real: list[QueryRecord], drawn: list[QueryRecord]
) -> None:
    def share(records: list[QueryRecord]) -> float:
        texts = {record.text for record in records}
        return len({read_facts(text).template for text in texts}) / len(texts)

    assert share(drawn) == pytest.approx(share(real), abs=0.15)


def test_equal_seeds_draw_equal_logs(real: list[QueryRecord], drawn: list[QueryRecord]) -> None:
    assert list(LOG.records(real)) == drawn
    assert list(DrawnLog(rows=2000, seed=4).records(real)) != drawn


def test_memory_of_children_counts(tmp_path: Path) -> None:
    child = f"import time; kept = bytearray({64 * MEGABYTE}); time.sleep(1.5)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('done')"
    watched = run_watched([sys.executable, "-c", parent], cwd=tmp_path)
    assert watched.stdout == "done\n"
    assert 64 * MEGABYTE < watched.peak_bytes < 256 * MEGABYTE


@pytest.mark.parametrize(
    ("wall", "gigabytes", "rate", "holds"),
    [(1100.0, 7.0, 1500.0, True), (1300.0, 7.0, 1500.0, False), (1100.0, 9.0, 1500.0, False), (9.0, 1.0, 900.0, False)],
    ids=["kept", "slow", "large", "slow to read"],
)
def test_promise_is_of_time_memory_and_rate(wall: float, gigabytes: float, rate: float, holds: bool) -> None:
    training = Training(
        rows=1_200_000, texts=240_000, reads=800_000, trained_on=50_000, terms=20_000, columns=500, rounds=900,
        manifest_sha256="ab", stages=(Stage(name="train", wall_seconds=wall, cpu_seconds=1500.0),),
    )  # fmt: skip
    results = OfflineResults(
        made_at=START,
        machine="2 cores",
        log=DrawnLog(rows=1_200_000),
        training=training,
        peak_bytes=int(gigabytes * 2**30),
        rates=Rates(5000, (rate,), (4000.0,)),
    )
    assert results.holds is holds
    assert f"| train | {wall:.0f} s | 1500 s |" in section(results)
    assert Training.from_json(results.as_json()["training"]) == training
