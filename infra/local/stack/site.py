"""Where a stack is: its folder, its ports, and the addresses and files that its parts tell each other."""

import socket
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from infra.local.processes import LOOPBACK, free_port
from infra.local.servers import S3Server

DATABASES: Final = ("mlflow", "prefect", "gateway", "query_log")
BUCKET: Final = "mlflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The port of each server; the router has a second admin port, that of its second worker."""

    postgres: int = 15432
    redis: int = 16379
    s3: int = 17070
    mlflow: int = 15000
    prefect: int = 14200
    prefect_worker: int = 14201
    trino_small: int = 18081
    trino_large: int = 18082
    gateway: int = 18080
    router: int = 18000
    router_admin: int = 18001
    collector: int = 18090
    exporter: int = 18092
    prometheus: int = 19090
    alertmanager: int = 19093

    @classmethod
    def free(cls) -> "Ports":
        """Different ports that nobody listens on now."""
        chosen: dict[str, int] = {}
        for field in fields(cls):
            used = {*chosen.values(), chosen.get("router_admin", 0) + 1}
            while (port := free_port()) in used or port + 1 in used or is_taken(port + 1):
                pass
            chosen[field.name] = port
        return cls(**chosen)


def is_taken(port: int) -> bool:
    """Whether somebody listens on the port of this machine's loopback now."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex((LOOPBACK, port)) == 0


@dataclass(frozen=True, slots=True)
class Site:
    """A stack's folder and ports, and what follows from them."""

    folder: Path
    ports: Ports

    def url(self, port: int) -> str:
        return f"http://{LOOPBACK}:{port}"

    def of(self, part: str) -> Path:
        """The folder of a part."""
        return self.folder / part

    def database(self, name: str, *, scheme: str = "postgresql") -> str:
        return f"{scheme}://smart_routing@{LOOPBACK}:{self.ports.postgres}/{name}"

    @property
    def s3(self) -> S3Server:
        return S3Server(endpoint_url=self.url(self.ports.s3))

    @property
    def prefect_api(self) -> str:
        return f"{self.url(self.ports.prefect)}/api"

    @property
    def policy_file(self) -> Path:
        return self.folder / "policy.json"

    @property
    def token_file(self) -> Path:
        """The token of the event sink."""
        return self.folder / "secrets" / "events-token"

    def token(self) -> str:
        """The event sink's token; raises `OSError` before the stack's folder is laid out."""
        return self.token_file.read_text().strip()

    def settings(self) -> dict[str, str]:
        """The variables of a command, a flow or the router that works with this stack."""
        own = self.of("router")
        return {
            **self.s3.environment,
            "DO_NOT_TRACK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PREFECT_API_URL": self.prefect_api,
            "PREFECT_HOME": str(self.of("prefect-home")),
            "SMART_ROUTING_REGISTRY_URI": self.url(self.ports.mlflow),
            "SMART_ROUTING_S3_ENDPOINT_URL": self.s3.endpoint_url,
            "SMART_ROUTING_QUERY_LOG_STORE": self.database("query_log"),
            "SMART_ROUTING_QUERY_LOG_REJECTS": str(self.folder / "rejects.jsonl"),
            "SMART_ROUTING_MONITORING_REPORTS": str(self.folder / "reports"),
            "SMART_ROUTING_KNOWN_HEAVY_STORE": f"redis://{LOOPBACK}:{self.ports.redis}/0",
            "SMART_ROUTING_HISTORY_SNAPSHOT": str(self.folder / "history.npz"),
            "SMART_ROUTING_SERVING_POLICY_FILE": str(self.policy_file),
            "SMART_ROUTING_SERVING_STATE_DIR": str(own / "state"),
            "SMART_ROUTING_SERVING_DECISION_LOG": str(own / "decision-log"),
            "SMART_ROUTING_SERVING_USER_KEY_FILE": str(own / "user.key"),
        }
