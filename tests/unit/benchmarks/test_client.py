"""The Trino client, against a coordinator that speaks the protocol."""

import asyncio
import json

import httpx
import pytest

from benchmarks.workload.client import CANCELLED, UNREACHABLE, Answer, Submission, TrinoClient
from benchmarks.workload.data import PreparationError, prepare, whole
from benchmarks.workload.tenants import Tenant

URL = "http://coordinator"


class FakeCoordinator:
    """Two pages, then the end; `hold` keeps it at the second page for good, `lost` is its answer instead of that."""

    def __init__(
        self, *, error: str | None = None, hold: bool = False, status: int = 200, lost: httpx.Response | None = None
    ) -> None:
        self.requests: list[httpx.Request] = []
        self._error = error
        self._hold = hold
        self._status = status
        self._lost = lost

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.method == "POST":
            return httpx.Response(self._status, json={"id": "q", "nextUri": f"{URL}/v1/statement/q/1"})
        if request.url.path.endswith("/1") or self._hold:
            await asyncio.sleep(0)
            return httpx.Response(200, json={"id": "q", "nextUri": f"{URL}/v1/statement/q/2", "data": [[1]]})
        if self._lost:
            return self._lost
        failure = {"error": {"errorName": self._error, "errorCode": 1}} if self._error else {}
        return httpx.Response(200, content=json.dumps({"id": "q", **failure}))


def submission(seconds: float = 10.0) -> Submission:
    return Submission(sql="select 'é'", user="ana", source="dbeaver", schema="ads", token="run-1-0", seconds=seconds)


def run(coordinator: FakeCoordinator, seconds: float = 10.0) -> Answer:
    async def send() -> Answer:
        async with httpx.AsyncClient(transport=httpx.MockTransport(coordinator.handle)) as http:
            return await TrinoClient(http).run(URL, submission(seconds))

    return asyncio.run(send())


def test_statement_is_followed_to_its_end() -> None:
    coordinator = FakeCoordinator()
    assert run(coordinator) == Answer(None)
    post, *gets = coordinator.requests
    assert post.content.decode() == "select 'é'"
    assert {name: post.headers[f"x-trino-{name}"] for name in ("user", "source", "catalog", "schema")} == {
        "user": "ana",
        "source": "dbeaver",
        "catalog": "lake",
        "schema": "ads",
    }
    assert post.headers["x-trino-trace-token"] == "run-1-0"
    assert [get.url.path for get in gets] == ["/v1/statement/q/1", "/v1/statement/q/2"]


def test_failure_has_the_name_that_trino_gives_it() -> None:
    assert run(FakeCoordinator(error="EXCEEDED_CPU_LIMIT")) == Answer("EXCEEDED_CPU_LIMIT")


def test_statement_that_takes_too_long_is_cancelled() -> None:
    coordinator = FakeCoordinator(hold=True)
    assert run(coordinator, seconds=0.05) == Answer(CANCELLED)
    assert coordinator.requests[-1].method == "DELETE"


def test_caller_who_is_cancelled_cancels_the_statement() -> None:
    coordinator = FakeCoordinator(hold=True)

    async def interrupted() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(coordinator.handle)) as http:
            task = asyncio.create_task(TrinoClient(http).run(URL, submission()))
            while len(coordinator.requests) < 2:
                await asyncio.sleep(0)
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert coordinator.requests[-1].method == "DELETE"


def test_coordinator_that_does_not_answer_as_trino_is_named() -> None:
    assert run(FakeCoordinator(status=503)) == Answer(UNREACHABLE)


@pytest.mark.parametrize(
    "lost", [httpx.Response(502), httpx.Response(200, text="<html>")], ids=["an error", "not a page"]
)
def test_statement_whose_page_does_not_come_is_cancelled(lost: httpx.Response) -> None:
    coordinator = FakeCoordinator(lost=lost)
    assert run(coordinator) == Answer(UNREACHABLE)
    assert (coordinator.requests[-1].method, coordinator.requests[-1].url.path) == ("DELETE", "/v1/statement/q/2")


def test_data_that_cannot_be_made_is_one_error_that_names_the_statement() -> None:
    coordinator = FakeCoordinator(error="EXCEEDED_CPU_LIMIT")

    async def make() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(coordinator.handle)) as http:
            await prepare(TrinoClient(http), [URL], [Tenant(name="ads", scale=0.1)], whole)

    with pytest.raises(PreparationError, match="EXCEEDED_CPU_LIMIT: drop schema if exists"):
        asyncio.run(make())
