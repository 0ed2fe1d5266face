"""What a user may give by mistake: one line that names it and what was expected, exit code 2, nothing registered."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.loop import EVENTS
from infra.local.scale import SCALED_RULE_ARGUMENTS
from models.registry import ModelRegistry
from smart_routing.settings import RegistrySettings
from tests.shell import Shell, own_environment

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

DAY = EVENTS / "2026-10-05.jsonl.gz"


@pytest.fixture
def shell(prefect_server: str, mlflow_tracking_uri: str, tmp_path: Path) -> Shell:
    return Shell(
        own_environment(
            tmp_path,
            PREFECT_HOME=str(tmp_path / "prefect"),
            PREFECT_API_URL=prefect_server,
            SMART_ROUTING_REGISTRY_URI=mlflow_tracking_uri,
            SMART_ROUTING_QUERY_LOG_STORE=str(tmp_path / "store"),
        )
    )


def missing(folder: Path) -> Path:
    return folder / "nowhere.jsonl"


def empty(folder: Path) -> Path:
    (folder / "empty.jsonl").touch()
    return folder / "empty.jsonl"


def no_json(folder: Path) -> Path:
    (folder / "notes.jsonl").write_text("a note\nand another\n")
    return folder / "notes.jsonl"


def truncated(folder: Path) -> Path:
    (folder / "cut.jsonl.gz").write_bytes(DAY.read_bytes()[:5000])
    return folder / "cut.jsonl.gz"


def no_gzip(folder: Path) -> Path:
    (folder / "plain.jsonl.gz").write_bytes(gzip.decompress(DAY.read_bytes())[:5000])
    return folder / "plain.jsonl.gz"


def no_events(folder: Path) -> Path:
    (folder / "other").mkdir()
    (folder / "other" / "readme.txt").write_text("nothing here")
    return folder / "other"


LOGS = {
    missing: "does not exist",
    empty: "holds no event",
    no_json: "2 of 2 lines",
    truncated: "cut.jsonl.gz",
    no_gzip: "plain.jsonl.gz",
    no_events: "other",
}


@pytest.mark.parametrize(("make", "told"), LOGS.items(), ids=[make.__name__ for make in LOGS])
def test_unusable_log_is_told_in_one_line(
    shell: Shell, make: Callable[[Path], Path], told: str, mlflow_tracking_uri: str, tmp_path: Path
) -> None:
    path = make(tmp_path)
    complaint = refused(shell, "flows.train_classifier", "--events", str(path))
    assert path.name in complaint
    assert told in complaint
    assert versions(mlflow_tracking_uri) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["flows.train_classifier", "--events", str(DAY), "--cpu-seconds", "0"], "--cpu-seconds is 0"),
        (["flows.train_classifier", "--events", str(DAY), "--memory-bytes", "-5"], "--memory-bytes is -5"),
        (["flows.train_classifier", "--events", str(DAY), "--cpu-seconds", "soon"], "invalid float value: 'soon'"),
        (["flows.train_classifier", "--events", str(DAY), "--memory-bytes", "inf"], "invalid whole_number"),
        (["flows.train_classifier", "--events", str(DAY)], "read statements, 0 of them heavy: expected both"),
        (["flows.train_classifier"], "has no records: ingest some"),
        (["flows.ingest_query_log"], "the following arguments are required: --events"),
        (["flows.report_drift"], "alias 'production' has no version"),
        (["flows.report_drift", "--as-of", "yesterday"], "yesterday"),
        (["flows.report_drift", "--window", "soon"], "soon"),
        (["flows.evaluate_model", "--version", "7", "--events", str(DAY)], "version 7 does not exist"),
        (["flows.promote_model", "--version", "7"], "version 7 does not exist"),
        (["flows.promote_model", "--version", "-1"], "-1"),
        (["flows.rollback_model"], "nothing to roll back from"),
        (["flows.build_history", "--events", str(DAY), "--as-of", "2020-01-01"], "no statement ended in the week"),
    ],
    ids=[
        "cpu-0", "memory-negative", "cpu-text", "memory-endless", "one-class", "empty-store", "no-events",
        "no-production", "as-of", "window", "evaluate", "promote", "negative", "rollback", "no-history",
    ],
)  # fmt: skip
def test_unusable_argument_is_told_in_one_line(
    shell: Shell, arguments: list[str], told: str, mlflow_tracking_uri: str
) -> None:
    assert told in refused(shell, *arguments)
    assert versions(mlflow_tracking_uri) == 0


def test_few_bad_lines_are_kept_aside_and_stop_nothing(shell: Shell, tmp_path: Path) -> None:
    lines = gzip.decompress(DAY.read_bytes()).splitlines()
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"\n".join([*lines, b"not an event", b'{"metadata": {}}']))
    summary = shell.flow("ingest_query_log", "--events", str(log))
    assert (summary["read"], summary["rejected"], summary["added"]) == (len(lines), 2, len(lines))
    rejects = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert [reject["line"] for reject in rejects] == [len(lines) + 1, len(lines) + 2]
    assert all(reject["reason"] for reject in rejects)
    again = shell.flow("ingest_query_log", "--events", str(log))
    assert (again["added"], again["duplicates"]) == (0, len(lines))


def test_gate_that_fails_registers_without_an_alias(shell: Shell, mlflow_tracking_uri: str) -> None:
    summary = shell.flow(
        "train_classifier", "--events", str(EVENTS), "--cpu-seconds", "8", "--memory-bytes", "10000000000"
    )
    registry = ModelRegistry.connect(RegistrySettings(uri=mlflow_tracking_uri))
    assert not summary["passed"]
    assert "no certificate" in summary["reasons"][0]
    assert registry.read().aliases == {}
    assert registry.resolve(summary["version"]).validation_status == "failed"


def test_dry_run_registers_nothing(shell: Shell, mlflow_tracking_uri: str) -> None:
    summary = shell.flow("train_classifier", "--events", str(EVENTS), *SCALED_RULE_ARGUMENTS, "--dry-run")
    assert summary["passed"]
    assert versions(mlflow_tracking_uri) == 0


def refused(shell: Shell, module: str, *arguments: str) -> str:
    """The one line of a command that ends with exit code 2 and says nothing on stdout."""
    done = shell.python("-m", module, *arguments, "--json")
    complaint = [line for line in done.stderr.splitlines() if " | INFO " not in line]
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(complaint) == 1, done.stderr
    assert complaint[0].startswith(f"python -m {module}: ")
    return complaint[0]


def versions(uri: str) -> int:
    return len(ModelRegistry.connect(RegistrySettings(uri=uri)).read().versions)
