"""What is held back, by whom it is seen and how it ends."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import Gauge

from serving.metrics import Metrics
from serving.reload.quarantine import Quarantine, Quarantined

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
BAD = Quarantined(name="v3-abcdef", reason="fails", time=NOW)


def open_quarantine(folder: Path) -> Quarantine:
    return Quarantine(folder / "quarantined.json", Metrics.create().model_quarantined)


def told(gauge: Gauge) -> dict[str, float]:
    return {sample.labels["model_version"]: sample.value for sample in next(iter(gauge.collect())).samples}


def test_all_who_share_the_file_see_it_and_so_does_the_next_process(tmp_path: Path) -> None:
    first, second = open_quarantine(tmp_path), open_quarantine(tmp_path)
    assert (first.read(), second.read()) == (None, None)
    first.add(BAD.name, BAD.reason, time=NOW)
    assert (first.held, second.read(), open_quarantine(tmp_path).read()) == (BAD, BAD, BAD)
    assert (BAD.holds("v3-abcdef"), BAD.holds("v3-000000")) == (True, False)


def test_released_holds_nothing_and_is_still_told(tmp_path: Path) -> None:
    quarantine = open_quarantine(tmp_path)
    assert quarantine.release() is None
    quarantine.add(BAD.name, BAD.reason, time=NOW)
    assert [quarantine.release(), quarantine.release()] == [BAD, None]
    held = quarantine.read()
    assert held is not None
    assert (held.name, held.released, held.holds(BAD.name)) == (BAD.name, True, False)


def test_only_what_was_meant_is_forgotten(tmp_path: Path) -> None:
    quarantine = open_quarantine(tmp_path)
    quarantine.add("v4-000000", "another", time=NOW)
    quarantine.forget(BAD)
    assert quarantine.read() is not None
    quarantine.add(BAD.name, BAD.reason, time=NOW)
    quarantine.forget(BAD)
    assert (quarantine.held, quarantine.read()) == (None, None)


def test_metric_names_what_is_held(tmp_path: Path) -> None:
    gauge = Metrics.create().model_quarantined
    quarantine = Quarantine(tmp_path / "quarantined.json", gauge)
    quarantine.add(BAD.name, BAD.reason, time=NOW)
    assert told(gauge) == {BAD.name: 1}
    quarantine.release()
    assert told(gauge) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": "v3"}', b'{"name": 1, "reason": "", "time": 7}'])
def test_file_that_cannot_be_used_holds_nothing(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "quarantined.json").write_bytes(content)
    assert open_quarantine(tmp_path).read() is None
    assert [record.message for record in caplog.records] == ["quarantine_unreadable"]
