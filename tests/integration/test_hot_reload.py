"""Moving the alias while a client asks without a pause: by MLflow's client, by a click on its page, and back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from mlflow import MlflowClient

from infra.local.processes import free_port
from infra.local.servers import router_server
from models.registry import ModelRegistry
from smart_routing import protocol
from smart_routing.bundle import MODEL, write_bundle
from smart_routing.settings import RegistrySettings
from tests.bundles import JoinModel
from tests.registered import provenance
from tests.shell import Shell, own_environment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")  # MLflow's, on import

SECONDS: Final = 5.0
"""An alias that moves must show in the answers within this time."""
BODY: Final = {"queryId": "q", "user": "ana", "sqlText": "select * from a join b on a.x = b.x"}


@dataclass
class Client:
    """Asks the router in a tight loop; `mixed` holds answers whose threshold is not their version's."""

    url: str
    thresholds: dict[str, float]
    asked: int = 0
    failed: list[str] = field(default_factory=list)
    mixed: list[dict[str, Any]] = field(default_factory=list)
    latest: str = ""

    @contextmanager
    def asking(self) -> Iterator[None]:
        done = threading.Event()
        thread = threading.Thread(target=self._ask, args=(done,))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join(10)
        assert not thread.is_alive()

    def _ask(self, done: threading.Event) -> None:
        with httpx.Client(base_url=self.url, timeout=5) as http:
            while not done.is_set():
                try:
                    reply = http.post(protocol.ROUTE_PATH, json=BODY)
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    continue
                self._note(reply)

    def _note(self, reply: httpx.Response) -> None:
        self.asked += 1
        if reply.status_code != 200:
            self.failed.append(reply.text)
            return
        answer = reply.json()
        self.latest = answer["modelVersion"].partition("-")[0]
        header = reply.headers[protocol.HEADER_MODEL_VERSION]
        if answer["threshold"] != self.thresholds[self.latest] or header != answer["modelVersion"]:
            self.mixed.append(answer)

    def await_version(self, number: int) -> float:
        """Seconds until the answers come from this version; fails after `SECONDS`."""
        begun = time.monotonic()
        while self.latest != f"v{number}":
            assert time.monotonic() - begun < SECONDS, f"still {self.latest} after {SECONDS} s"
            time.sleep(0.01)
        return time.monotonic() - begun


@dataclass(frozen=True)
class Running:
    """Three registered versions, the first in production, a router that serves it, and its admin port."""

    registry: ModelRegistry
    numbers: tuple[int, int, int]
    client: Client
    admin: str
    shell: Shell

    def metric(self, outcome: str) -> float:
        line = f'smart_routing_model_reloads_total{{outcome="{outcome}"}} '
        text = httpx.get(f"{self.admin}/metrics").text
        return next((float(found.removeprefix(line)) for found in text.splitlines() if found.startswith(line)), 0.0)


@pytest.fixture
def running(registry_server: str, prefect_server: str, tmp_path: Path) -> Iterator[Running]:
    registry = ModelRegistry.connect(RegistrySettings(uri=registry_server))
    thresholds = {f"v{register(registry, tmp_path, threshold)}": threshold for threshold in (0.2, 0.3, 0.4)}
    first, second, third = (int(name.removeprefix("v")) for name in thresholds)
    admin_port = free_port()
    environment = own_environment(
        tmp_path,
        PREFECT_HOME=str(tmp_path / "prefect"),
        PREFECT_API_URL=prefect_server,
        SMART_ROUTING_REGISTRY_URI=registry_server,
        SMART_ROUTING_SERVING_ADMIN_PORT=str(admin_port),
    )
    shell = Shell(environment)
    shell.flow("promote_model", "--version", str(first))
    with router_server(tmp_path, environment) as url:
        client = Client(url, thresholds)
        yield Running(registry, (first, second, third), client, f"http://127.0.0.1:{admin_port}", shell)


def register(registry: ModelRegistry, folder: Path, threshold: float) -> int:
    bundle = folder / f"bundle-{threshold}"
    write_bundle(bundle, JoinModel(threshold=threshold).content())
    with registry.tracking.run("train") as run_id:
        return registry.register_bundle(bundle, provenance(run_id)).number


def point_alias(running: Running, number: int) -> None:
    MlflowClient(running.registry.tracking.uri).set_registered_model_alias(
        protocol.REGISTERED_MODEL, protocol.ALIAS_PRODUCTION, str(number)
    )


def click_alias(page: "Page", running: Running, number: int) -> None:
    """What a person does on the page of the registered model: Aliases, Add, type, Enter, Save."""
    page.goto(f"{running.registry.tracking.uri}/#/models/{protocol.REGISTERED_MODEL}")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=f"Version {number}"))
    row.get_by_role("button").last.click()
    dialog = page.get_by_role("dialog").filter(has_text="alias for model version")
    box = dialog.get_by_role("combobox")
    box.fill(protocol.ALIAS_PRODUCTION)
    box.press("Enter")
    dialog.get_by_role("button", name="Save aliases").click()
    dialog.wait_for(state="hidden")


def walk(running: Running, move: Callable[[int], None]) -> None:
    """Two moves of the alias, then a rollback by command, under a client that never pauses."""
    first, second, third = running.numbers
    client = running.client
    with client.asking():
        client.await_version(first)
        for number in (second, third):
            move(number)
            client.await_version(number)
        rolled_back = running.shell.flow("rollback_model", "--reason", "misses")
        client.await_version(second)
    assert (client.failed, client.mixed) == ([], [])
    assert client.asked > 100
    assert (rolled_back["serving"], rolled_back["left"]) == (second, third)
    assert running.registry.resolve(third).quarantined == "misses"
    assert running.registry.read().aliases[protocol.ALIAS_PREVIOUS] == first


def test_alias_moved_by_the_client_shows_within_seconds_and_no_answer_is_lost(running: Running) -> None:
    walk(running, lambda number: point_alias(running, number))


def test_alias_moved_by_a_click_shows_within_seconds_and_no_answer_is_lost(
    running: Running, chromium: "Browser"
) -> None:
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    walk(running, lambda number: click_alias(page, running, number))


def test_altered_version_is_refused_and_says_why(running: Running, tmp_path: Path) -> None:
    first, second, _ = running.numbers
    run_id = running.registry.resolve(second).run_id
    altered = bytearray(JoinModel(threshold=0.3).content()[MODEL])
    altered[len(altered) // 2] ^= 1
    (tmp_path / MODEL).write_bytes(altered)
    running.registry.tracking.log_file(run_id, tmp_path / MODEL, to=protocol.BUNDLE_ARTIFACT_PATH)
    with running.client.asking():
        point_alias(running, second)
        await_rejection(running)
        assert running.client.latest == f"v{first}"
    assert (running.client.failed, running.client.mixed) == ([], [])
    told = httpx.get(f"{running.admin}/v1/model").json()
    assert MODEL in told["lastRefusal"]["reason"]


def await_rejection(running: Running) -> None:
    begun = time.monotonic()
    while running.metric("rejected") == 0:
        assert time.monotonic() - begun < SECONDS
        time.sleep(0.05)
