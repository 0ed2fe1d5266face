"""Real servers as fixtures, started once per session when first asked for, and the rules for what may go unrun."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from redis import Redis

from infra.local import servers
from infra.local.processes import MissingProgramError, require, scrub, server_environment
from infra.local.servers import S3Server, S3Service
from infra.local.servers.programs import ROOT
from infra.local.stack.__main__ import EXIT_CODES
from infra.local.stack.state import Stack
from infra.local.stack.supervisor import Supervisor
from tests.process_tree import alive, tree

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.fleet import Fleet

TEST_DATA: Final = "SMART_ROUTING_TEST_DATA"
INSTALLED_BY_MAKE_SERVICES: Final = {
    "postgres_server",
    "redis_server",
    "mariadb_server",
    "s3_server",
    "trino_small",
    "trino_large",
    "new_gateway",
    "chromium",
    "lightgbm_library",
    "stack",
    "stack_folder",
}
STACK_SECONDS: Final = 900
"""The first test of the stack waits until all of it is up."""
STACK_READY_SECONDS: Final = 240
"""Any stack is ready sooner, once `make services` was run."""
STACK_GUARD: Final = 'cat >/dev/null; exec "$0" -m infra.local.stack down --folder "$1"'
CHROMIUM_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHOUT_DATA: Final = pytest.StashKey[list[pytest.Item]]()
FIGURES: Final = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Cuts the session off from the user's own Prefect, MLflow and cloud accounts before anything is imported."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C does: fixtures end what they started
    home = tempfile.TemporaryDirectory(prefix="smart-routing-home-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    config.stash[FIGURES] = []
    scrub(os.environ)
    os.environ |= {
        "PREFECT_HOME": home.name,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    }


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks by fixtures, then sets aside what needs data that this machine was not given."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & INSTALLED_BY_MAKE_SERVICES:
            item.add_marker(pytest.mark.service)
        if "test_data" in fixtures:
            item.add_marker(pytest.mark.data)
        if "stack" in fixtures:
            item.add_marker(pytest.mark.timeout(STACK_SECONDS))
    items.sort(key=uses_of_stack)
    without = [] if os.environ.get(TEST_DATA) else [item for item in items if item.get_closest_marker("data")]
    config.stash[WITHOUT_DATA] = without
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def uses_of_stack(item: pytest.Item) -> int:
    """The stack's tests come last, so that nothing else runs beside it; those that give it a model at the very end."""
    fixtures = getattr(item, "fixturenames", ())
    return ("stack" in fixtures) + ("fleet" in fixtures)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Names the tests that were set aside for want of data, and the figures that tests measured."""
    for line in config.stash[FIGURES]:
        terminalreporter.write_line(f"FIGURE {line}")
    without = config.stash.get(WITHOUT_DATA, [])
    for item in without:
        terminalreporter.write_line(f"NOT RUN {item.nodeid}: {TEST_DATA} is unset (the folder with the test data)")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test without its server is skipped; with CI=true that is a failure: the machine was to have every service."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(MissingProgramError):
        report.outcome, report.longrepr = "skipped", (str(item.path), item.location[1] or 0, str(call.excinfo.value))
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get("CI") == "true" and item.get_closest_marker("service"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"a service test must not be skipped when CI=true: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def nothing_kept_in_the_repository() -> Iterator[None]:
    """What one test keeps in `var/`, another one would find: a list of known-heavy templates, a store of events."""
    before = set((ROOT / "var").glob("*"))
    yield
    if os.environ.get("CI") == "true":  # elsewhere a stack or a demo may run meanwhile
        assert set((ROOT / "var").glob("*")) == before


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of external data; tests that use it are set aside when SMART_ROUTING_TEST_DATA is unset."""
    folder = Path(os.environ[TEST_DATA])
    if not folder.is_dir():
        pytest.fail(f"{TEST_DATA} is {folder}: expected a folder that exists", pytrace=False)
    return folder.resolve()


@pytest.fixture(scope="session")
def new_server_folder() -> Iterator[Callable[[str], Path]]:
    """Makes a folder per server; all are removed at the end. Servers of other users may pass through, not look in."""
    with tempfile.TemporaryDirectory(prefix="smart-routing-services-", ignore_cleanup_errors=True) as root:
        Path(root).chmod(0o711)

        def new(name: str) -> Path:
            folder = Path(root) / name
            folder.mkdir()
            return folder

        yield new


@pytest.fixture(scope="session")
def postgres_server(new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    with servers.postgres_server(new_server_folder("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str) -> Callable[[], str]:
    """A function that makes an empty database and returns its URL."""
    return lambda: servers.create_database(postgres_server, f"test_{uuid.uuid4().hex}")


@pytest.fixture
def postgres_url(postgres_database: Callable[[], str]) -> str:
    """The URL of an empty PostgreSQL database of the test's own."""
    return postgres_database()


@pytest.fixture(scope="session")
def redis_server(new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    """The URL of a Redis server, shared by the session: use keys of the test's own, or flush."""
    with servers.redis_server(new_server_folder("redis")) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of an empty Redis."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def mariadb_server(new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    """The URL of the database `mysql` of a MariaDB server, shared by the session."""
    with servers.mariadb_server(new_server_folder("mariadb")) as url:
        yield url


@pytest.fixture(scope="session")
def s3_server(new_server_folder: Callable[[str], Path]) -> Iterator[S3Server]:
    with servers.s3_server(new_server_folder("s3")) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server) -> S3Service:
    """An empty bucket of the test's own on a real S3 server."""
    return s3_server.create_bucket(f"test-{uuid.uuid4().hex}")


@pytest.fixture(scope="session")
def mlflow_server(new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    """The URL of an MLflow server on SQLite and local artifacts, shared by the session."""
    folder = new_server_folder("mlflow-sqlite")
    with servers.mlflow_server(
        folder, backend=f"sqlite:///{folder}/mlflow.db", artifacts=str(folder / "artifacts")
    ) as url:
        yield url


@pytest.fixture(scope="session")
def mlflow_server_postgres(
    new_server_folder: Callable[[str], Path], postgres_database: Callable[[], str], s3_server: S3Server
) -> Iterator[str]:
    """The URL of an MLflow server on PostgreSQL and S3, shared by the session."""
    bucket = s3_server.create_bucket("mlflow")
    folder, artifacts = new_server_folder("mlflow-postgres"), f"s3://{bucket.bucket}/artifacts"
    backend = postgres_database().replace("postgresql:", "postgresql+psycopg2:")  # SQLAlchemy 2.1 takes psycopg 3 else
    with servers.mlflow_server(folder, backend=backend, artifacts=artifacts, **bucket.environment) as url:
        yield url


@pytest.fixture
def mlflow_tracking_uri(mlflow_server: str) -> Iterator[str]:
    """The session's MLflow server with an empty registry; what the test registers is deleted after it."""
    yield mlflow_server
    delete_registered_models(mlflow_server)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def registry_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Like `mlflow_tracking_uri`, once on SQLite with local files and once on PostgreSQL with S3."""
    fixture = {"sqlite": "mlflow_server", "postgres": "mlflow_server_postgres"}[request.param]
    url: str = request.getfixturevalue(fixture)
    yield url
    delete_registered_models(url)


def delete_registered_models(url: str) -> None:
    """Empties a registry over REST, because importing mlflow takes longer than most tests."""
    api = f"{url}/api/2.0/mlflow/registered-models"
    found = httpx.get(f"{api}/search", params={"max_results": 1000}).raise_for_status().json()
    for model in found.get("registered_models", []):
        httpx.request("DELETE", f"{api}/delete", json={"name": model["name"]}).raise_for_status()


@pytest.fixture(scope="session")
def prefect_server(new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    """The API URL of a Prefect server, shared by the session."""
    with servers.prefect_server(new_server_folder("prefect")) as url:
        yield url


@pytest.fixture
def prefect_api(prefect_server: str) -> Iterator[httpx.Client]:
    """The session's Prefect server; what the test deployed, automated, started and locked is deleted after it."""
    with httpx.Client(base_url=prefect_server, timeout=30) as client:
        yield client
        for kind in ("automations", "flows", "v2/concurrency_limits"):
            for found in client.post(f"/{kind}/filter", json={}).json():
                delete_from_prefect(client, f"/{kind}/{found['id']}")


def delete_from_prefect(client: httpx.Client, path: str) -> None:
    """As Prefect's own client would: a server whose SQLite is busy answers 503 and wants to be asked again."""
    for _ in range(20):
        reply = client.delete(path)
        if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(0.5)
    reply.raise_for_status()


@pytest.fixture(scope="session")
def trino_small(new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    """The URL of a Trino of tight limits, shared by the session; it sends no events."""
    with servers.trino_server(new_server_folder("trino-small"), "small") as url:
        yield url


@pytest.fixture(scope="session")
def trino_large(new_server_folder: Callable[[str], Path]) -> Iterator[str]:
    """The URL of a Trino of wide limits, shared by the session; it sends no events."""
    with servers.trino_server(new_server_folder("trino-large"), "large") as url:
        yield url


@pytest.fixture
def new_gateway(
    new_server_folder: Callable[[str], Path], postgres_database: Callable[[], str]
) -> Iterator[Callable[[str], str]]:
    """Starts a trino-gateway that asks the router at a URL, and returns its own; it has no backend yet."""
    with ExitStack() as stack:

        def new(router: str) -> str:
            folder = new_server_folder(f"gateway-{uuid.uuid4().hex}")
            return stack.enter_context(servers.gateway_server(folder, database=postgres_database(), router=router))

        yield new


@pytest.fixture(scope="session")
def fleet(stack: Stack) -> "Fleet":
    """The whole stack with a model in production."""
    from tests.fleet import Fleet

    return Fleet(stack)


@pytest.fixture
def stack_folder(new_server_folder: Callable[[str], Path]) -> Iterator[Path]:
    """A folder for a stack of the test's own, which is down after the test, also where the test is killed."""
    folder = new_server_folder(f"stack-{uuid.uuid4().hex[:8]}")
    with down_at_the_end(folder):
        yield folder


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, new_server_folder: Callable[[str], Path]) -> Iterator[Stack]:
    """The whole stack as a user starts it, but on free ports; shared by the session."""
    folder = new_server_folder("stack")
    with down_at_the_end(folder):
        started = stack_command("up", folder, "--free-ports")
        if started.returncode == EXIT_CODES[MissingProgramError]:
            raise MissingProgramError(started.stderr.strip())
        if started.returncode:
            pytest.fail(started.stdout + started.stderr, pytrace=False)
        (ready,) = (line for line in started.stdout.splitlines() if line.startswith("stack: ready after"))
        request.config.stash[FIGURES].append(ready)
        if int(ready.split()[-2]) >= STACK_READY_SECONDS:
            pytest.fail(f"{ready}: expected less than {STACK_READY_SECONDS} s", pytrace=False)
        yield Stack.read(folder)


def stack_command(order: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`python -m infra.local.stack` as a user calls it."""
    return subprocess.run(
        [sys.executable, "-m", "infra.local.stack", order, "--folder", folder, *options],
        cwd=ROOT,
        env=server_environment(folder, SMART_ROUTING_CACHE=str(servers.cache_folder())),
        check=False,
        capture_output=True,
        text=True,
        timeout=STACK_SECONDS,
    )


@contextmanager
def down_at_the_end(folder: Path) -> Iterator[None]:
    """A process brings the stack down when its input closes: at the end of the block, or of this process.

    After the block nothing lives of what the kernel knew as the stack's, or as below it.
    """
    command = ["sh", "-c", STACK_GUARD, sys.executable, str(folder)]
    guard = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        processes = tree(Supervisor(folder).processes())
        guard.communicate()
    assert guard.returncode == 0
    assert alive(processes) == set()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator["Browser"]:
    """A headless Chromium. Per test, because Playwright keeps an event loop running in the thread that uses it."""
    program = require(servers.chromium_program())
    from playwright.sync_api import sync_playwright  # only tests of pages pay for its import

    with ExitStack() as stack:
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=program, args=[*CHROMIUM_ARGUMENTS], env={**server_environment(tmp_path)}
        )
        stack.callback(browser.close)
        yield browser


@pytest.fixture(scope="session")
def lightgbm_library() -> None:
    """LightGBM can be loaded: the system has libgomp."""
    try:
        import lightgbm  # noqa: F401
    except OSError as error:
        raise MissingProgramError(f"LightGBM cannot be loaded: {error}; `make services` installs libgomp1") from error


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Notes a measured figure, which the end of the run prints."""
    figures: list[str] = request.config.stash[FIGURES]
    return figures.append
