"""Asks a real router over HTTP, on a connection that stays open."""

import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from benchmarks.hostile.judge import Reply
from benchmarks.hostile.requests import FuzzedRequest
from smart_routing.errors import SmartRoutingError

PATIENCE_SECONDS: Final = 30.0


class HttpRouter:
    """A router at an address."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._connection = self._connect()

    def ask(self, request: FuzzedRequest) -> Reply:
        """Status 0 where no answer came; raises `SmartRoutingError` where the router is gone."""
        try:
            return self._ask(request)
        except (OSError, HTTPException):  # the router may close a connection that was idle
            self._reconnect()
        begun = time.perf_counter()
        try:
            return self._ask(request)
        except (OSError, HTTPException):
            self._check_health(request)
            return Reply(0, b"", time.perf_counter() - begun)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, request: FuzzedRequest) -> Reply:
        begun = time.perf_counter()
        self._connection.request("POST", request.path, body=request.content, headers=request.headers)
        answer = self._connection.getresponse()
        content = answer.read()
        return Reply(answer.status, content, time.perf_counter() - begun)

    def _reconnect(self) -> None:
        self._connection.close()
        self._connection = self._connect()

    def _connect(self) -> HTTPConnection:
        return HTTPConnection(self._address.hostname or "", self._address.port, timeout=PATIENCE_SECONDS)

    def _check_health(self, request: FuzzedRequest) -> None:
        self._reconnect()
        try:
            with closing(self._connect()) as probe:
                probe.request("GET", "/healthz")
                probe.getresponse().read()
        except (OSError, HTTPException) as error:
            raise SmartRoutingError(f"the router is gone after request {request.number}: {error!r}") from error
