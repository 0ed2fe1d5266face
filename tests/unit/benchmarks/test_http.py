import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from benchmarks.http.field import ECHO, echo
from benchmarks.http.load import Answered, Load, put_under
from benchmarks.http.report import HttpResults, ServerFigures, Tail, section
from benchmarks.http.statements import Statement, fixed_statement, log_statements, tpcds_statements
from infra.local.loop import EVENTS
from smart_routing.errors import InputError

REQUEST = echo().request(Statement("select 1", "ana", None, "lake", "ads"), 80)

Reply = Callable[[int], bytes]


def ok(_: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def every_third_fails(number: int) -> bytes:
    return ok(number) if number % 3 else b"HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n"


async def answered_by(reply: Reply, ask: Callable[[int], Awaitable[Answered]]) -> Answered:
    """What a server on loopback that answers `reply` to its n-th request is found to do."""
    numbers = iter(range(1, 1_000_000))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(len(REQUEST)):
            writer.write(reply(next(numbers)))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        found = await ask(server.sockets[0].getsockname()[1])
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    return found


def load(port: int, **plan: float) -> Load:
    return msgspec.convert({"host": "127.0.0.1", "port": port, "requests": "", "seconds": 0.2, **plan}, Load)


def test_clients_ask_as_soon_as_they_are_answered() -> None:
    found = asyncio.run(answered_by(ok, lambda port: put_under(load(port, connections=3), [REQUEST])))
    assert found.count > 3
    assert found.failed == 0
    assert 0.0 < found.p50 <= found.p99 <= found.largest
    assert found.per_second == pytest.approx(found.count / found.seconds)


def test_other_statuses_have_failed() -> None:
    found = asyncio.run(answered_by(every_third_fails, lambda port: put_under(load(port), [REQUEST])))
    assert found.failed == found.count // 3


def test_random_moments_are_as_many_as_asked_for() -> None:
    found = asyncio.run(answered_by(ok, lambda port: put_under(load(port, per_second=500.0, seed=1), [REQUEST])))
    assert (found.count, found.failed) == (101, 0)


def test_log_statements_are_distinct_and_in_an_order_of_the_seed() -> None:
    one, other = (log_statements(str(EVENTS), seed=seed).statements for seed in (0, 1))
    texts = [statement.sql for statement in one]
    assert len(set(texts)) == len(texts)
    assert sorted(texts) == sorted(statement.sql for statement in other)
    assert one != other


def test_missing_test_data_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lst-bench-tpcds"):
        tpcds_statements(tmp_path, seed=0)


def test_lengths_are_told_of_a_corpus() -> None:
    assert fixed_statement().lengths().startswith("fixed statement: 1 of 3")


def figures(name: str, *rates: float) -> ServerFigures:
    return ServerFigures(
        name=name,
        model="ours",
        ready_seconds=0.5,
        resident_bytes=100 * 2**20,
        rounds={"fixed statement": [rate(one) for one in rates]},
    )


def rate(per_second: float) -> Answered:
    return Answered(count=round(per_second), failed=0, seconds=1.0, p50=1.0, p90=2.0, p99=3.0, p999=4.0, largest=5.0)


def test_section_compares_round_by_round() -> None:
    results = HttpResults(
        made_at=datetime(2026, 11, 23, tzinfo=UTC),
        machine="2 cores",
        seed=0,
        connections=16,
        lengths=("fixed statement: 1 of 300",),
        servers=(figures("ours", 1000, 2000, 3000), figures("rival", 500, 500, 500)),
        tails=(Tail(server=ECHO, what="the log's statements, 1 client", answered=rate(100)),),
    )
    told = section(results)
    assert "| rival | ours | 500 | 1.00 | 3.00 | 4.00x (2.00 to 6.00) | 0 |" in told
    assert "| ASGI echo | the log's statements, 1 client | 100 | 1.00 | 3.00 | 4.00 | 5.0 | 100 | 0 |" in told
    assert msgspec.json.encode(results.as_json())
