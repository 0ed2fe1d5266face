"""Two router workers and their operator share a policy file on a real S3 server, which then goes away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from infra.local.servers import S3Service, router_server, s3_server
from tests.bundles import JoinModel
from tests.shell import Shell, own_environment
from tests.waiting import wait_until

pytestmark = pytest.mark.service
FOLLOWS_WITHIN_SECONDS = 5.0
WORKERS = 2


@pytest.fixture
def s3_until(tmp_path: Path) -> Iterator[tuple[S3Service, Callable[[], None]]]:
    """A bucket on an S3 server of the test's own, and what ends that server."""
    folder = tmp_path / "s3"
    folder.mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(s3_server(folder))
        yield server.create_bucket("policies"), stack.close


@pytest.fixture
def environment(tmp_path: Path, s3_until: tuple[S3Service, Callable[[], None]]) -> dict[str, str]:
    JoinModel().publish(tmp_path / "v1.0.0")
    s3, _ = s3_until
    return s3.environment | own_environment(
        tmp_path,
        SMART_ROUTING_S3_ENDPOINT_URL=s3.endpoint_url,
        SMART_ROUTING_SERVING_POLICY_FILE=f"s3://{s3.bucket}/routers/policy.json",
        SMART_ROUTING_SERVING_SOURCE=str(tmp_path / "v1.0.0"),
        SMART_ROUTING_SERVING_DECISION_LOG="",
        LOGNAME="ana",
    )


def test_workers_follow_the_file_and_outlive_its_server(
    environment: dict[str, str], s3_until: tuple[S3Service, Callable[[], None]], tmp_path: Path
) -> None:
    shell, (_, end_s3) = Shell(environment), s3_until
    shell.flow("set_policy", "--mode", "full")
    (tmp_path / "router").mkdir()
    log = tmp_path / "router" / "server.log"
    with router_server(tmp_path / "router", environment, workers=WORKERS) as router:
        assert reason(router) == "model"
        shell.flow("set_policy", "--override", "user=ana:large")
        wait_until(lambda: log.read_text().count('"policy_revision": "2-') == WORKERS, seconds=FOLLOWS_WITHIN_SECONDS)
        assert reason(router) == "override"
        end_s3()
        wait_until(lambda: log.read_text().count('"policy_rejected"') >= WORKERS, seconds=FOLLOWS_WITHIN_SECONDS)
        assert reason(router) == "override"
    assert "Traceback" not in log.read_text()


def test_router_does_not_start_without_its_file(environment: dict[str, str]) -> None:
    done = Shell(environment).python("-m", "serving")
    assert done.returncode == 2
    (complaint,) = done.stderr.splitlines()
    assert complaint == "policy file s3://policies/routers/policy.json cannot be read: there is none"


def reason(router: str) -> str:
    """Why a statement of ana's is decided as it is."""
    body = {"queryId": "q", "user": "ana", "sqlText": "select 1"}
    found: str = httpx.post(f"{router}/v1/route", json=body).raise_for_status().json()["reason"]
    return found
