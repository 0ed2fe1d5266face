"""`python -m monitoring.exporter`: what flows reported, at /metrics for Prometheus."""

import argparse
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import Depends, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.gauges import GAUGES, REPORTS, GaugeReport, read_gauges
from monitoring.guard import check_port, guard
from smart_routing.errors import GaugeError, SmartRoutingError
from smart_routing.logs import configure_logging, log_event
from smart_routing.settings import ExporterSettings, MonitoringSettings

_log = logging.getLogger(__name__)

TIMESTAMP: Final = "smart_routing_report_timestamp_seconds"


class ReportCollector(Collector):
    """Reads the files of `reports` at each scrape; one that cannot be read has no figures and its time is 0."""

    def __init__(self, reports: Path) -> None:
        self._reports = reports

    def collect(self) -> Iterator[Metric]:
        found = {name: self._read(name) for name in REPORTS}
        told = [gauge for report in found.values() if report is not None for gauge in report.gauges]
        for kind in GAUGES:
            family = GaugeMetricFamily(kind.name, kind.documentation, labels=kind.labels)
            for gauge in (gauge for gauge in told if gauge.name == kind.name):
                family.add_metric([gauge.labels.get(label, "") for label in kind.labels], gauge.value)
            yield family
        times = GaugeMetricFamily(TIMESTAMP, "Unix time of a report's figures; 0 without one.", labels=["report"])
        for name, report in found.items():
            times.add_metric([name], report.written_at.timestamp() if report else 0.0)
        yield times

    def _read(self, name: str) -> GaugeReport | None:
        try:
            return read_gauges(self._reports, name)
        except GaugeError as error:
            log_event(_log, "report_unusable", level=logging.ERROR, report=name, reason=str(error))
            return None


def exporter_app(reports: Path, *, token_file: Path | None) -> FastAPI:
    """The routes; without a token file only loopback is answered."""
    registry = CollectorRegistry()
    registry.register(ReportCollector(reports))
    ProcessCollector(registry=registry)
    app = FastAPI(title="Trino Smart Routing, figures of reports", openapi_url=None)

    @app.get("/healthz")
    def health() -> Response:
        return Response("ok")

    @app.get("/metrics", dependencies=[Depends(guard(token_file))])
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app


def main() -> int:
    """Serve until a signal; settings that cannot be used end it with one line and exit code 2."""
    argparse.ArgumentParser(
        prog="python -m monitoring.exporter",
        description="Serve figures of reports (SMART_ROUTING_EXPORTER_PORT, 8092). Settings: docs/configuration.md.",
    ).parse_args()
    configure_logging(sys.stderr)
    try:
        settings, reports = ExporterSettings.load(), MonitoringSettings.load().reports
        check_port(settings, host=settings.host, token_file=settings.token_file, what="figures")
    except SmartRoutingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    app = exporter_app(reports, token_file=settings.token_file)
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
