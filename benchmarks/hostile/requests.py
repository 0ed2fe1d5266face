"""Requests from a seed: bodies and headers of both questions that a router is asked, right, odd and broken."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from benchmarks.hostile.corpus import Corpus
from benchmarks.hostile.statements import statement
from smart_routing.protocol import GATEWAY_ROUTE_PATH, ROUTE_PATH

SUBMITTED: Final = "2026-10-05T12:00:00Z"
_ODD_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 10**400, 1e308, 1.5, "", "x" * 5000, [], {}, [[]], {"a": 1}, "\x00", "\ud800", "\U0001f600"),
    *(
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-10-05",
        "now",
        "Infinity",
    ),
)
_ODD_BODIES: Final = (
    *(b"", b"null", b"[]", b'"x"', b"1", b"{", b"{}", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN", b'{"a":}', b"\x00" * 100),
    *(b"[" * 100_000, b'{"a":' * 50_000, b'{"queryId":"' + b"\\u" * 1000, b"1" * 100_000, b'{"sqlText":1e999999}'),
)
_ODD_HEADERS: Final = (
    *(
        "0",
        "-1",
        "1",
        "1e9",
        "nan",
        "inf",
        "1e400",
        "x",
        " ",
        "v1",
        "v1-zzzzzz",
        "v999",
        "none",
        "NONE",
        "\xe9",
    ),
    *("a" * 4000, "1_0", "0x10", "5, 6", '"', "%00"),
)
_HEADERS: Final = (
    *("X-Request-Deadline-Ms", "X-Model-Version", "X-Trino-Transaction-Id", "X-Trino-User", "X-Trino-Source"),
    *("X-Trino-Trace-Token", "X-Trino-Routing-Group", "X-Trino-Catalog", "X-Trino-Schema", "Content-Type", "Accept"),
)


@dataclass(frozen=True, slots=True)
class FuzzedRequest:
    """A POST; header values hold no line ends, so that any client sends them."""

    number: int
    path: str
    headers: dict[str, str]
    content: bytes


def fuzzed_request(corpus: Corpus, *, seed: int, number: int) -> FuzzedRequest:
    """The same for the same corpus, seed and number."""
    random = Random(f"{seed}:{number}")
    path = random.choice((ROUTE_PATH, ROUTE_PATH, GATEWAY_ROUTE_PATH))
    document = (_route if path == ROUTE_PATH else _gateway)(statement(corpus, random), random)
    return FuzzedRequest(number, path, _headers(random), _content(document, random))


def _route(sql: str, random: Random) -> dict[str, Any]:
    session = random.choice((None, {}, {"catalog": "lake", "schema": "s"}, {"catalog": None, "x": 1}))
    document = {"queryId": "q", "user": "mallory", "sqlText": sql, "source": "fuzz", "submittedAt": SUBMITTED}
    return document if session is None else {**document, "sessionProperties": session}


def _gateway(sql: str, random: Random) -> dict[str, Any]:
    properties = {
        "body": sql,
        "queryType": random.choice(("", "Query", "Insert", "Use", "?")),
        "resourceGroupQueryType": random.choice(("", "SELECT", "INSERT", "EXPLAIN", None)),
        "defaultCatalog": random.choice(("lake", None)),
        "isNewQuerySubmission": random.random() < 0.95,
        "isQueryParsingSuccessful": False,
    }
    return {"trinoQueryProperties": properties, "trinoRequestUser": {"user": "mallory"}, "method": "POST"}


def _content(document: dict[str, Any], random: Random) -> bytes:
    if random.random() < 0.03:
        return random.choice(_ODD_BODIES)
    if random.random() < 0.1:
        _spoil(document, random)
    content = json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    if random.random() < 0.05:
        return _broken(content, random)
    return content + b" " * (4 * 2**20) if random.random() < 0.0005 else content


def _spoil(document: dict[str, Any], random: Random) -> None:
    """Changes, adds or leaves out a field, also of an object inside."""
    inner = [value for value in document.values() if isinstance(value, dict)]
    place = random.choice([document, *inner])
    name = random.choice((*place, "more"))
    if random.random() < 0.3:
        place.pop(name, None)
    else:
        place[name] = random.choice(_ODD_VALUES)


def _broken(content: bytes, random: Random) -> bytes:
    place = random.randint(0, len(content))
    junk = random.choice((b"", b'"', b"\\", b"{", b"}", b",", b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"1e9999"))
    return content[:place] + (junk if random.random() < 0.5 else junk + content[place:])


def _headers(random: Random) -> dict[str, str]:
    if random.random() < 0.8:
        return {}
    names = random.sample(_HEADERS, random.randint(1, 3))
    return {name: random.choice(_ODD_HEADERS) for name in names}
