"""Trino coordinators that answer as a real one did, asked without a network."""

import json
from pathlib import Path
from typing import Any

import httpx

FIXTURES = Path(__file__).parents[3] / "fixtures" / "coordinator"


def real_answer(name: str) -> Any:
    """What a Trino 476 answered while a statement ran; trimmed."""
    return json.loads((FIXTURES / name).read_text())


class FakeFleet:
    """Coordinators by host, each with what it runs. A host that runs nothing is not there."""

    def __init__(self) -> None:
        self.broken: dict[str, httpx.Response] = {}
        self.ended: set[str] = set()
        self.asked: list[str] = []
        self.users: set[str | None] = set()
        self._queries: dict[str, dict[str, dict[str, Any]]] = {}

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._answer), headers={"X-Trino-User": "smart-routing"})

    def run(
        self, host: str, query_id: str, *, cpu: str = "0.00s", memory: str = "0B", changes: dict[str, Any] | None = None
    ) -> None:
        """Runs a statement at `host`, or changes what it has used so far."""
        query = real_answer("query.json") | {"queryId": query_id} | (changes or {})
        query["queryStats"] |= {"totalCpuTime": cpu, "peakUserMemoryReservation": memory}
        self._queries.setdefault(host, {})[query_id] = query

    def _answer(self, request: httpx.Request) -> httpx.Response:
        host, path = request.url.host, request.url.path
        self.asked.append(f"{host}{path}")
        self.users.add(request.headers.get("X-Trino-User"))
        if host in self.broken:
            return self.broken[host]
        if host not in self._queries:
            raise httpx.ConnectError("nobody listens", request=request)
        if path == "/v1/info":
            return httpx.Response(200, json={"environment": f"environment-of-{host}", "coordinator": True})
        if path == "/v1/query":
            return httpx.Response(200, json=[_listed(query) for query in self._queries[host].values()])
        query_id = path.rpartition("/")[2]
        return httpx.Response(410) if query_id in self.ended else self._one(host, query_id)

    def _one(self, host: str, query_id: str) -> httpx.Response:
        return httpx.Response(200, json=self._queries[host][query_id])


def _listed(query: dict[str, Any]) -> dict[str, Any]:
    (listed,) = real_answer("queries.json")
    return {**listed, **{name: query[name] for name in ("queryId", "state", "queryStats")}}
