"""What flows reported is at /metrics, and only for those who may have it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitoring.exporter import exporter_app
from monitoring.gauges import Gauge, write_gauges
from monitoring.guard import check_port
from smart_routing.errors import SettingsError
from smart_routing.settings import ExporterSettings

NOW = datetime(2026, 10, 10, 1, tzinfo=UTC)
LOCAL = ("127.0.0.1", 50_000)


def get(
    path: str,
    reports: Path,
    *,
    client: tuple[str, int] = LOCAL,
    token_file: Path | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(exporter_app(reports, token_file=token_file), client=client)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            return await asking.get(path, headers=headers)

    return asyncio.run(ask())


def scraped(reports: Path) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(get("/metrics", reports).raise_for_status().text)
    samples = (sample for family in families for sample in family.samples)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def series(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_reports_are_exported_with_their_time(tmp_path: Path) -> None:
    rates = [
        Gauge("smart_routing_live_fnr", {"tenant": "lake.ads", "view": "routed"}, 0.01),
        Gauge("smart_routing_live_fnr", {"tenant": "all", "view": "routed"}, 0.02),
    ]
    write_gauges(tmp_path, "truth", gauges=rates, written_at=NOW)
    write_gauges(tmp_path, "drift", gauges=[Gauge("smart_routing_drift_share", {}, 0.25)], written_at=NOW)
    found = scraped(tmp_path)
    assert found[series("smart_routing_live_fnr", tenant="lake.ads", view="routed", model_version="")] == 0.01
    assert found[series("smart_routing_live_fnr", tenant="all", view="routed", model_version="")] == 0.02
    assert found[series("smart_routing_drift_share")] == 0.25
    assert found[series("smart_routing_report_timestamp_seconds", report="truth")] == NOW.timestamp()
    assert found[series("smart_routing_report_timestamp_seconds", report="business")] == 0
    assert found[series("process_resident_memory_bytes")] > 0


def test_a_report_is_read_anew_at_each_scrape(tmp_path: Path) -> None:
    for share in (0.1, 0.2):
        write_gauges(tmp_path, "drift", gauges=[Gauge("smart_routing_drift_share", {}, share)], written_at=NOW)
        assert scraped(tmp_path)[series("smart_routing_drift_share")] == share


def test_one_report_that_cannot_be_read_takes_no_other_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_gauges(tmp_path, "drift", gauges=[Gauge("smart_routing_drift_share", {}, 0.25)], written_at=NOW)
    (tmp_path / "truth.json").write_text("{")
    found = scraped(tmp_path)
    assert found[series("smart_routing_drift_share")] == 0.25
    assert found[series("smart_routing_report_timestamp_seconds", report="truth")] == 0
    assert "report_unusable" in caplog.messages


@pytest.mark.parametrize(
    ("headers", "client", "status"),
    [
        pytest.param({}, LOCAL, 401, id="no-token"),
        pytest.param({"Authorization": "Bearer other"}, LOCAL, 401, id="another-token"),
        pytest.param({"Authorization": "Bearer right"}, ("10.1.2.3", 9), 200, id="the-token-from-afar"),
    ],
)
def test_with_a_token_file_the_token_is_wanted(
    tmp_path: Path, headers: Mapping[str, str], client: tuple[str, int], status: int
) -> None:
    (tmp_path / "token").write_text("right\n")
    reply = get("/metrics", tmp_path, client=client, token_file=tmp_path / "token", headers=headers)
    assert reply.status_code == status


def test_without_a_token_file_only_this_machine_is_answered(tmp_path: Path) -> None:
    afar = ("10.1.2.3", 9)
    assert get("/metrics", tmp_path, client=afar).status_code == 401
    assert get("/healthz", tmp_path, client=afar).status_code == 200


def test_a_port_that_anyone_could_use_is_refused() -> None:
    settings = ExporterSettings(host="192.0.2.7")
    with pytest.raises(SettingsError, match="SMART_ROUTING_EXPORTER_TOKEN_FILE, or a loopback address"):
        check_port(settings, host=settings.host, token_file=settings.token_file, what="figures")
