"""The sender of load tries again as Trino's listener does."""

import asyncio

import pytest

from benchmarks.open_loop import Delivery, OpenLoop, post_request

RETRY_SECONDS = (0.01, 0.02)


async def sent_to_server_with(answers: list[bytes], count: int = 1) -> list[Delivery]:
    """How `count` events go where the server answers each request with the next of `answers`; none: it hangs up."""

    answering: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
            line = answers.pop(0)
            if not line:
                break
            writer.write(b"HTTP/1.1 " + line + b"\r\ncontent-length: 2\r\n\r\nok")
        writer.close()
        await writer.wait_closed()

    def start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.create_task(answer(reader, writer)))

    async with await asyncio.start_server(start, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        sender = OpenLoop(url, retry_seconds=RETRY_SECONDS)
        request = post_request(f"{url}/v1/query-events", b"{}", token="token")
        deliveries = await sender.send(range(count), lambda _: request, per_second=100)
        await sender.close()
        await asyncio.gather(*answering)
        return deliveries


@pytest.mark.parametrize(
    ("answers", "tries", "is_delivered"),
    [
        ([b"200 OK"], 1, True),
        ([b"503 Unavailable", b"500 Error", b"200 OK"], 3, True),
        ([b"", b"200 OK"], 2, True),
        ([b"503 Unavailable"] * 3, 3, False),
        ([b"401 Unauthorized"], 1, False),
    ],
    ids=["taken", "put-off", "hung-up", "given-up", "refused"],
)
def test_event_is_tried_again(answers: list[bytes], tries: int, is_delivered: bool) -> None:
    (delivery,) = asyncio.run(sent_to_server_with(answers))
    assert (delivery.tries, delivery.seconds is not None) == (tries, is_delivered)
    assert answers == []


def test_pace_is_kept_and_every_event_has_its_delivery() -> None:
    deliveries = asyncio.run(sent_to_server_with([b"200 OK"] * 5, count=5))
    assert [(delivery.number, delivery.tries) for delivery in deliveries] == [(number, 1) for number in range(5)]
