"""Business figures of the bundled log on a real MLflow server, some of its users in the control group."""

from pathlib import Path

import pytest
from msgspec import structs

from infra.local.loop import EVENTS
from monitoring.gauges import read_gauges
from smart_routing.decision_log import DecisionLog, read_decisions
from smart_routing.rollout import Treatment
from tests.integration.test_truth_report import END, KEY, serve, window_of_log, write_decisions
from tests.shell import Shell, own_environment

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import


def to_control(folder: Path, to: Path) -> int:
    """The decisions of `folder`, every third one as of a user of the control group; returns how many there are."""
    log = DecisionLog(to, writer="1")
    rows = list(read_decisions(folder))
    for place, row in enumerate(rows):
        log.append(row if place % 3 else structs.replace(row, mode=Treatment.CONTROL))
    log.flush()
    return len(rows)


def test_times_stand_beside_the_control_group_and_the_saving_is_estimated(
    mlflow_tracking_uri: str, prefect_server: str, tmp_path: Path
) -> None:
    (tmp_path / "user.key").write_bytes(KEY)
    shell = Shell(
        own_environment(
            tmp_path,
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_API_URL=prefect_server,
            SMART_ROUTING_REGISTRY_URI=mlflow_tracking_uri,
            SMART_ROUTING_SERVING_USER_KEY_FILE=str(tmp_path / "user.key"),
            SMART_ROUTING_MONITORING_REPORTS=str(tmp_path / "reports"),
        )
    )
    records = window_of_log()
    write_decisions(serve(mlflow_tracking_uri, tmp_path), records, tmp_path / "all", with_ids=True)
    count = to_control(tmp_path / "all", tmp_path / "decisions")
    options = ("--as-of", END.isoformat(), "--window", "6h", "--decisions", str(tmp_path / "decisions"))
    summary = shell.flow("report_business", *options, "--events", str(EVENTS))
    report = read_gauges(tmp_path / "reports", "business")
    assert report is not None
    figures = {(gauge.name, *gauge.labels.values()): gauge.value for gauge in report.gauges}
    assert (summary["statements"], summary["joined"]) == (len(records), count)
    finished = sum(record.state == "FINISHED" for record in records)
    assert sum(value for (name, *_), value in figures.items() if name == "smart_routing_statements") == finished
    for group in ("routed", "control"):
        assert figures["smart_routing_statement_seconds", "light", group, "0.9"] > 0
    assert {labels[0] for name, *labels in figures if name == "smart_routing_saving_share"} == {
        "targets",
        "equal_utilisation",
        "routing_alone",
    }
