"""trino-lb's script router: asks the smart router for a cluster group, and takes the large one for any failure.

It needs the standard library only. Addresses and groups come from the environment of trino-lb; the groups must be among
its trinoClusterGroups. trino-lb sets no time limit of its own and holds the client's statement meanwhile.
"""

import json
import os
from threading import Thread
from urllib.request import ProxyHandler, Request, build_opener
from uuid import uuid4

ROUTE_URL = os.environ.get("ROUTER_URL", "http://127.0.0.1:8080") + "/v1/route"
SMALL_GROUP = os.environ.get("ROUTER_SMALL_GROUP", "small")
LARGE_GROUP = os.environ.get("ROUTER_LARGE_GROUP", "large")
TIME_LIMIT_SECONDS = 0.45
ROUTER_DEADLINE_MS = "350"
MAX_REPLY_BYTES = 65536

_router = build_opener(ProxyHandler({}))


def targetClusterGroup(query: str, headers: dict[str, str]) -> str:  # noqa: N802  # the name that trino-lb looks for
    """The group of a statement; `headers` have lower-case names. Answers within half a second and never raises."""
    groups: list[str] = []
    try:
        # A thread, because a socket's time limit bounds each wait and not their sum, nor the look-up of a name.
        asking = Thread(target=lambda: groups.append(_ask(query, headers)), daemon=True)
        asking.start()
        asking.join(TIME_LIMIT_SECONDS)
    except Exception:  # no thread to be had
        return LARGE_GROUP
    return groups[0] if groups else LARGE_GROUP


def _ask(query: str, headers: dict[str, str]) -> str:
    try:
        with _router.open(_request(query, headers), timeout=TIME_LIMIT_SECONDS) as reply:
            decision = json.loads(reply.read(MAX_REPLY_BYTES))["decision"]
    except Exception:  # whatever it is, doubt is heavy
        return LARGE_GROUP
    return SMALL_GROUP if decision == "light" else LARGE_GROUP


def _request(query: str, headers: dict[str, str]) -> Request:
    """The statement has no query id yet, so it gets one of ours."""
    body = {
        "queryId": f"trino-lb-{uuid4().hex}",
        "user": headers.get("x-trino-user", ""),
        "source": headers.get("x-trino-source"),
        "sqlText": query,
        "sessionProperties": {"catalog": headers.get("x-trino-catalog"), "schema": headers.get("x-trino-schema")},
    }
    sent = {"Content-Type": "application/json", "X-Request-Deadline-Ms": ROUTER_DEADLINE_MS}
    if transaction := headers.get("x-trino-transaction-id"):
        sent["X-Trino-Transaction-Id"] = transaction
    return Request(ROUTE_URL, data=json.dumps(body).encode(), headers=sent)  # noqa: S310  # the operator's own address
