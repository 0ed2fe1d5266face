"""Who competes: the router, what people would use in its place, and a server that does nothing."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.http.carried import RIVALS, Carried
from benchmarks.http.statements import Statement
from infra.local.processes import LOOPBACK, Answers, Server, free_port, server_environment
from infra.local.servers.programs import ROOT

OURS: Final = "ours"
FACTS_KEPT: Final = "ours, facts kept"
CACHED: Final = "ours, decisions kept"
ECHO: Final = "ASGI echo"
TEXT_MODEL: Final = "TF-IDF of the text, 200 trees"
OUR_MODEL: Final = "ours"
SERVER_CORE: Final = "0"
DECISIONS: Final = 8192
FACTS_BYTES: Final = 32 * 2**20
"""Room for more than the log has distinct statements, as for decisions."""

Document = Callable[[Statement], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server: what it carries, how it starts on a port, how it is asked, and the path that tells it is ready."""

    name: str
    model: str
    command: Callable[[int], list[str | Path]]
    path: str
    document: Document
    ready: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def server(self, folder: Path) -> tuple[Server, int]:
        """To start on a free port, on one core."""
        port = free_port()
        url = f"http://{LOOPBACK}:{port}"
        server = Server(
            title=self.name,
            url=url,
            command=["taskset", "-c", SERVER_CORE, *self.command(port)],
            environment=server_environment(folder, **self.environment),
            folder=folder,
            workdir=ROOT,
            ready=Answers(f"{url}{self.ready}"),
        )
        return server, port

    def request(self, statement: Statement, port: int) -> bytes:
        """The whole HTTP request."""
        body = json.dumps(self.document(statement)).encode()
        lines = (
            f"POST {self.path} HTTP/1.1",
            f"Host: {LOOPBACK}:{port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def router(name: str, carried: Carried, *, folder: Path, decisions: int = 0, facts_bytes: int = 0) -> Contender:
    """The router with all that it does live; it keeps so many decisions, and so much of what texts say."""
    return Contender(
        name=name,
        model=OUR_MODEL,
        command=lambda port: ["env", f"SMART_ROUTING_SERVING_PORT={port}", sys.executable, "-m", "serving"],
        path="/v1/route",
        document=_route_body,
        ready="/readyz",
        environment={
            "SMART_ROUTING_SERVING_SOURCE": str(carried.bundle),
            "SMART_ROUTING_SERVING_ADMIN_PORT": str(free_port()),
            "SMART_ROUTING_SERVING_CACHE_ENTRIES": str(decisions),
            "SMART_ROUTING_SERVING_FACTS_CACHE_BYTES": str(facts_bytes),
            "SMART_ROUTING_SERVING_STATE_DIR": str(folder / "state"),
            "SMART_ROUTING_SERVING_DECISION_LOG": str(folder / "decisions"),
            "SMART_ROUTING_SERVING_USER_KEY_FILE": str(folder / "user.key"),
            "SMART_ROUTING_HISTORY_SNAPSHOT": str(carried.history),
            "SMART_ROUTING_KNOWN_HEAVY_STORE": str(folder / "known-heavy.jsonl"),
        },
    )


def echo() -> Contender:
    """What HTTP costs by itself, under the same server."""
    return Contender(
        name=ECHO,
        model="-",
        command=lambda port: [
            *(sys.executable, "-m", "uvicorn", "benchmarks.http.echo:app", "--host", LOOPBACK, "--port", str(port)),
            *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--lifespan", "off"),
        ],
        path="/v1/route",
        document=_route_body,
        ready="/",
    )


def rivals(carried: Carried, folder: Path) -> list[Contender]:
    """Each set up as its documentation has it, with one worker; with our model where it can carry code."""
    python, uvicorn = carried.program("python"), carried.program("uvicorn")
    return [
        _mlflow("mlflow models serve", TEXT_MODEL, carried.models / "mlflow-text", carried),
        _mlflow("mlflow models serve (pyfunc)", OUR_MODEL, carried.models / "mlflow-ours", carried),
        Contender(
            name="FastAPI + scikit-learn",
            model=TEXT_MODEL,
            command=lambda port: [
                *(uvicorn, f"{RIVALS}.fastapi_text:app", "--host", LOOPBACK, "--port", str(port), "--no-access-log")
            ],
            path="/predict",
            document=lambda statement: {"sql": statement.sql},
            ready="/healthz",
            environment=carried.variables,
        ),
        Contender(
            name="presto-query-predictor's way",
            model=TEXT_MODEL,
            command=lambda port: [python, "-m", f"{RIVALS}.predictor", str(port)],
            path="/v1/cpumemory",
            document=lambda statement: {"query": statement.sql},
            ready="/healthz",
            environment=carried.variables,
        ),
        Contender(
            name="BentoML",
            model=OUR_MODEL,
            command=lambda port: [
                *(carried.program("bentoml"), "serve", f"{RIVALS}.bento_ours:Weight"),
                *("--host", LOOPBACK, "--port", str(port)),
            ],
            path="/predict",
            document=lambda statement: {"sql": statement.sql},
            ready="/readyz",
            environment={**carried.variables, "BENTOML_HOME": str(folder / "bentoml")},
        ),
        Contender(
            name="LitServe",
            model=OUR_MODEL,
            command=lambda port: [python, "-m", f"{RIVALS}.lit_ours", str(port)],
            path="/predict",
            document=lambda statement: {"sql": statement.sql},
            ready="/health",
            environment=carried.variables,
        ),
        _mlserver(carried, folder / "mlserver"),
    ]


def _mlflow(name: str, model: str, path: Path, carried: Carried) -> Contender:
    return Contender(
        name=name,
        model=model,
        command=lambda port: [
            *(carried.program("mlflow"), "models", "serve", "-m", path, "--env-manager", "local"),
            *("-h", LOOPBACK, "-p", str(port), "-w", "1"),
        ],
        path="/invocations",
        document=lambda statement: {"dataframe_split": {"columns": ["sql"], "data": [[statement.sql]]}},
        ready="/ping",
        environment=carried.variables,
    )


def _mlserver(carried: Carried, folder: Path) -> Contender:
    """Its settings are files. It does not serve with its default of one parallel worker, so inference is in process."""

    def command(port: int) -> list[str | Path]:
        model = {
            "name": "weight",
            "implementation": "mlserver_mlflow.MLflowRuntime",
            "parameters": {"uri": str(carried.models / "mlflow-text")},
        }
        ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        (folder / "weight").mkdir(parents=True, exist_ok=True)
        (folder / "settings.json").write_text(json.dumps({"host": LOOPBACK, "parallel_workers": 0, **ports}))
        (folder / "weight" / "model-settings.json").write_text(json.dumps(model))
        return [carried.program("mlserver"), "start", folder]

    return Contender(
        name="MLServer",
        model=TEXT_MODEL,
        command=command,
        path="/v2/models/weight/infer",
        document=_v2_body,
        ready="/v2/models/weight/ready",
        environment=carried.variables,
    )


def _v2_body(statement: Statement) -> dict[str, Any]:
    column = {"name": "sql", "shape": [1], "datatype": "BYTES", "parameters": {"content_type": "str"}}
    return {"parameters": {"content_type": "pd"}, "inputs": [{**column, "data": [statement.sql]}]}


def _route_body(statement: Statement) -> dict[str, Any]:
    return {
        "queryId": "20261123_120000_00001_abcde",
        "user": statement.user,
        "source": statement.source,
        "sqlText": statement.sql,
        "sessionProperties": {"catalog": statement.catalog, "schema": statement.schema},
    }
