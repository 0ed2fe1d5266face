"""The same commands on S3 and PostgreSQL, and a router that serves from a versioned path in S3."""

import sys
from pathlib import Path

import httpx
import pytest

from infra.local.loop import EVENTS
from infra.local.servers import S3Service, router_server
from smart_routing.bundle import write_bundle
from tests.bundles import JoinModel
from tests.shell import Shell, own_environment

DAY = EVENTS / "2026-10-05.jsonl.gz"
EVENTS_OF_THE_DAY = 462
SQL = "select * from a join b on a.x = b.x"


@pytest.fixture
def environment(prefect_server: str, tmp_path: Path) -> dict[str, str]:
    return own_environment(
        tmp_path,
        PREFECT_HOME=str(tmp_path / "prefect"),
        PREFECT_API_URL=prefect_server,
    )


def ingest_twice(shell: Shell, events: str) -> None:
    first, second = (shell.flow("ingest_query_log", "--events", events) for _ in range(2))
    assert (first["read"], first["rejected"]) == (EVENTS_OF_THE_DAY, 0)
    assert (first["added"], first["duplicates"]) == (EVENTS_OF_THE_DAY, 0)
    assert (second["added"], second["duplicates"]) == (0, EVENTS_OF_THE_DAY)


def test_events_in_s3_go_to_a_store_in_s3_once(s3: S3Service, environment: dict[str, str]) -> None:
    s3.client.upload_file(str(DAY), s3.bucket, "events/2026-10-05.jsonl.gz")
    settings = {
        "SMART_ROUTING_S3_ENDPOINT_URL": s3.endpoint_url,
        "SMART_ROUTING_QUERY_LOG_STORE": f"s3://{s3.bucket}/store",
    }
    ingest_twice(Shell(environment | s3.environment | settings), f"s3://{s3.bucket}/events")


def test_events_go_to_a_store_in_postgresql_once(postgres_url: str, environment: dict[str, str]) -> None:
    ingest_twice(Shell(environment | {"SMART_ROUTING_QUERY_LOG_STORE": postgres_url}), str(DAY))


def test_bucket_that_is_not_there_is_told_in_one_line(s3: S3Service, environment: dict[str, str]) -> None:
    settings = {"SMART_ROUTING_S3_ENDPOINT_URL": s3.endpoint_url}
    shell = Shell(environment | s3.environment | settings)
    done = shell.python("-m", "flows.ingest_query_log", "--events", "s3://no-such-bucket/events")
    assert done.returncode == 2
    assert "s3://no-such-bucket/events" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_router_serves_a_versioned_path_in_s3(s3: S3Service, environment: dict[str, str], tmp_path: Path) -> None:
    digest = upload_bundle(s3, tmp_path, "v1.2.0")
    settings = {
        "SMART_ROUTING_S3_ENDPOINT_URL": s3.endpoint_url,
        "SMART_ROUTING_SERVING_SOURCE": f"s3://{s3.bucket}/smart-router/models/v1.2.0/",
    }
    with router_server(tmp_path, environment | s3.environment | settings) as router:
        reply = httpx.post(f"{router}/v1/route", json={"queryId": "q", "user": "ana", "sqlText": SQL})
    assert reply.status_code == 200
    assert reply.json()["modelVersion"] == f"v1.2.0-{digest[:6]}"
    assert reply.json()["reason"] == "model"


def upload_bundle(s3: S3Service, folder: Path, version: str) -> str:
    """Put a bundle and its `manifest.sha256` where the design keeps versions; returns the manifest's digest."""
    bundle = folder / version
    digest = write_bundle(bundle, JoinModel().content())
    (bundle / "manifest.sha256").write_text(f"{digest}  manifest.json\n")
    for file in bundle.iterdir():
        s3.client.upload_file(str(file), s3.bucket, f"smart-router/models/{version}/{file.name}")
    return digest


def test_mlproject_runs_a_step(mlflow_tracking_uri: str, environment: dict[str, str], tmp_path: Path) -> None:
    settings = {
        "MLFLOW_TRACKING_URI": mlflow_tracking_uri,
        "SMART_ROUTING_QUERY_LOG_STORE": str(tmp_path / "store"),
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
    }
    options = ["-e", "ingest", "--env-manager", "local", "-P", f"events={DAY}"]
    done = Shell(environment | settings).python("-m", "mlflow", "run", ".", *options)
    assert done.returncode == 0, done.stderr
    assert f"{EVENTS_OF_THE_DAY} events read" in done.stdout
    assert (tmp_path / "rejects.jsonl").read_text() == ""
