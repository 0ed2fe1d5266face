"""A Trino client that spends next to nothing on a statement: it follows the pages and looks at no row."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from benchmarks.workload.tenants import CATALOG

CANCELLED: Final = "USER_CANCELED"
UNREACHABLE: Final = "UNREACHABLE"
"""Not Trino's: the cluster did not answer, or not as Trino does."""

CANCEL_TIMEOUT_SECONDS: Final = 5.0
HEADERS: Final = {"Content-Type": "text/plain; charset=utf-8", "X-Trino-Catalog": CATALOG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A statement as it is sent; after `seconds` it is cancelled."""

    sql: str
    user: str
    source: str
    schema: str
    token: str
    seconds: float

    @property
    def headers(self) -> dict[str, str]:
        return {
            **HEADERS,
            "X-Trino-User": self.user,
            "X-Trino-Source": self.source,
            "X-Trino-Schema": self.schema,
            "X-Trino-Trace-Token": self.token,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """How a statement ended: Trino's error name, or None where it finished."""

    error: str | None


class _Error(msgspec.Struct, rename="camel"):
    error_name: str


class _Page(msgspec.Struct, rename="camel"):
    next_uri: str | None = None
    error: _Error | None = None


_DECODER: Final = msgspec.json.Decoder(_Page)


class TrinoClient:
    """Sends statements to coordinators over one pool of connections."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def run(self, url: str, submission: Submission) -> Answer:
        """The statement to its end at the coordinator `url`.

        One that takes too long, whose caller is cancelled or whose page does not come is cancelled there too: it would
        run on beside those after it.
        """
        page = _Page()
        try:
            async with asyncio.timeout(submission.seconds):
                page = await self._page(f"{url}/v1/statement", headers=submission.headers, content=submission.sql)
                while page.next_uri:
                    page = await self._page(page.next_uri)
        except TimeoutError:
            await self._cancel(page)
            return Answer(CANCELLED)
        except asyncio.CancelledError:
            await self._cancel(page)
            raise
        except (httpx.HTTPError, msgspec.DecodeError):
            await self._cancel(page)
            return Answer(UNREACHABLE)
        return Answer(page.error.error_name if page.error else None)

    async def _page(self, url: str, *, headers: Mapping[str, str] | None = None, content: str | None = None) -> _Page:
        method = "GET" if content is None else "POST"
        reply = await self._http.request(method, url, headers=headers, content=content)
        if reply.status_code != HTTPStatus.OK:
            raise httpx.HTTPStatusError(f"{reply.status_code} from {url}", request=reply.request, response=reply)
        return _DECODER.decode(reply.content)

    async def _cancel(self, page: _Page) -> None:
        if page.next_uri:
            try:
                await self._http.delete(page.next_uri, timeout=CANCEL_TIMEOUT_SECONDS)
            except httpx.HTTPError:
                return
