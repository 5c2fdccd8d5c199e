"""The client against raw sockets: what is an answer, what is no answer, and what is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tongbao_sim.chance import Chance
from tongbao_sim.client import Client, NoAnswer, NotSent
from tongbao_sim.faults import break_off, drop_the_reply, out_of_order, send_slowly, send_twice

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    async def safely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(safely, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def one_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head, await reader.readexactly(length)


def always(*pieces: bytes, close: bool = False, pause_s: float = 0.0) -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await one_request(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if pause_s:
                    await asyncio.sleep(pause_s)
            if close:
                return

    return handler


OK = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("pieces", "status", "body"),
    [
        ((OK,), 201, b"{}"),
        (tuple(OK[i : i + 1] for i in range(len(OK))), 201, b"{}"),
        (
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n"),
            200,
            b"abcde",
        ),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), 204, b""),
        ((b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 402 X\r\ncontent-length: 3\r\n\r\n", b"abc"), 402, b"abc"),
    ],
    ids=["whole", "byte by byte", "chunked", "no content", "after 100"],
)
async def test_an_answer_is_read_and_the_socket_kept(pieces: tuple[bytes, ...], status: int, body: bytes) -> None:
    sockets = 0
    inner = always(*pieces)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sockets
        sockets += 1
        await inner(reader, writer)

    async with served(handler) as port, Client("127.0.0.1", port, "k", 1) as client:
        for _ in range(3):
            assert await client.post("/v1/payments", b"{}", "id") == (status, body)
    assert sockets == 1


@pytest.mark.parametrize(
    "reply",
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n\r\n{}"],
    ids=["announced", "body until close"],
)
async def test_a_server_may_close_after_each_answer(reply: bytes) -> None:
    async with served(always(reply, close=True)) as port, Client("127.0.0.1", port, "k", 2) as client:
        for _ in range(5):
            assert await client.get("/") == (200, b"{}")


async def test_what_is_sent_is_http() -> None:
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await one_request(reader)
            seen.append(head + body)
            writer.write(OK)

    async with served(handler) as port, Client("127.0.0.1", port, "secret", 1) as client:
        await client.post("/v1/x", b'{"a":1}', "id-1")
        await client.get("/v1/y?limit=5")
    post, get = (text.decode().split("\r\n") for text in seen)
    assert post[0] == "POST /v1/x HTTP/1.1"
    assert {"Authorization: Bearer secret", "Idempotency-Key: id-1", "Content-Length: 7"} <= set(post)
    assert post[-1] == '{"a":1}'
    assert get[0] == "GET /v1/y?limit=5 HTTP/1.1"
    assert not any(line.startswith(("Idempotency-Key", "Content-Length")) for line in get)


@pytest.mark.parametrize(
    "pieces",
    [(), (OK[:30],), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",), (b"what?\r\n\r\n",)],
    ids=["nothing", "half a head", "half a body", "not HTTP"],
)
async def test_a_broken_answer_is_no_answer(pieces: tuple[bytes, ...]) -> None:
    async with served(always(*pieces, close=True)) as port, Client("127.0.0.1", port, "k", 1) as client:
        with pytest.raises(NoAnswer):
            await client.post("/", b"{}", "id")


async def test_silence_ends_at_the_time_limit_and_the_socket_is_not_used_again() -> None:
    async with served(always(pause_s=9)) as port, Client("127.0.0.1", port, "k", 1, timeout_s=0.15) as client:
        for _ in range(2):
            with pytest.raises(NoAnswer, match="time limit"):
                await client.get("/")


async def test_nobody_there_means_nothing_was_sent() -> None:
    async with served(always(OK)) as port:
        pass
    async with Client("127.0.0.1", port, "k", 1) as client:
        with pytest.raises(NotSent):
            await client.post("/", b"{}", "id")


async def test_no_free_socket_in_time_means_nothing_was_sent() -> None:
    async with served(always(pause_s=0.6)) as port, Client("127.0.0.1", port, "k", 1, timeout_s=0.2) as client:
        first = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0.1)
        client.timeout_s = 0.05
        with pytest.raises(NotSent):
            await client.get("/")
        with pytest.raises(NoAnswer):
            await first


def flaky(*replies: bytes) -> tuple[Handler, list[bytes]]:
    """Gives one of `replies` a request, closing after an empty one; also the requests that came."""
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, body = await one_request(reader)
            reply = replies[min(len(seen), len(replies) - 1)]
            seen.append(head + body)
            if not reply:
                return
            writer.write(reply)

    return handler, seen


BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("first", [b"", BUSY, BUSY.replace(b"503", b"429")])
async def test_it_repeats_the_very_same_request(first: bytes) -> None:
    handler, seen = flaky(first, first, OK)
    async with served(handler) as port, Client("127.0.0.1", port, "k", 2, retries=2) as client:
        reply = await client.request("POST", "/v1/payments", b'{"amount":1}', "the-id")
    assert (reply.status, reply.attempts) == (201, 3)
    assert len(seen) == 3
    assert len(set(seen)) == 1


async def test_it_gives_up_after_the_bound() -> None:
    handler, seen = flaky(b"")
    async with served(handler) as port, Client("127.0.0.1", port, "k", 2, retries=1) as client:
        with pytest.raises(NoAnswer):
            await client.post("/", b"{}", "id")
    assert len(seen) == 2


async def test_a_post_without_a_key_is_never_repeated_blindly() -> None:
    handler, seen = flaky(b"", OK)
    async with served(handler) as port, Client("127.0.0.1", port, "k", 2, retries=3) as client:
        with pytest.raises(NoAnswer):
            await client.post("/", b"{}")
    assert len(seen) == 1


async def test_a_refusal_is_an_answer_and_not_repeated() -> None:
    handler, seen = flaky(b"HTTP/1.1 402 Payment Required\r\nContent-Length: 2\r\n\r\n{}")
    async with served(handler) as port, Client("127.0.0.1", port, "k", 2, retries=3) as client:
        assert await client.post("/", b"{}", "id") == (402, b"{}")
    assert len(seen) == 1


async def test_a_replay_says_so() -> None:
    reply = b"HTTP/1.1 201 X\r\nIdempotency-Replayed: true\r\nContent-Length: 0\r\n\r\n"
    async with served(always(reply)) as port, Client("127.0.0.1", port, "k", 1) as client:
        assert (await client.request("POST", "/", b"{}", "id")).replayed


async def test_many_at_once_share_few_sockets_and_get_their_own_answer() -> None:
    sockets = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sockets
        sockets += 1
        while True:
            _, body = await one_request(reader)
            await asyncio.sleep(0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with served(handler) as port, Client("127.0.0.1", port, "k", 4) as client:
        answers = await asyncio.gather(*(client.post("/", str(i).encode(), "id") for i in range(300)))
    assert [body for _, body in answers] == [str(i).encode() for i in range(300)]
    assert sockets <= 4


async def test_a_caller_that_leaves_does_not_hand_its_answer_to_the_next() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await one_request(reader)
            await asyncio.sleep(0.1 if body == b"slow" else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with served(handler) as port, Client("127.0.0.1", port, "k", 1) as client:
        leaving = asyncio.create_task(client.post("/", b"slow", "id"))
        await asyncio.sleep(0.05)
        leaving.cancel()
        assert await client.post("/", b"next", "id") == (200, b"next")


async def test_faults_do_what_they_say() -> None:
    whole: list[bytes] = []
    broken = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                _, body = await one_request(reader)
                whole.append(body)
                writer.write(OK)
        except asyncio.IncompleteReadError as end:
            if end.partial:
                broken.set()

    async with served(handler) as port, Client("127.0.0.1", port, "k", 2) as client:
        wire = client.wire("POST", "/v1/payments", b'{"amount":1}', "id")
        await drop_the_reply(client, wire, 0.05)
        assert whole == [b'{"amount":1}']
        await break_off(client, wire, len(wire) - 3)
        await asyncio.wait_for(broken.wait(), 2)
        assert len(whole) == 1
        assert (await send_slowly(client, wire, pause_s=0.001)).status == 201
        first, second = await send_twice(client, wire)
        assert first == second
        assert len(whole) == 4


async def test_disorder_keeps_the_results_in_place() -> None:
    ran: list[int] = []

    async def step(n: int) -> int:
        ran.append(n)
        return n

    results = await out_of_order(Chance(1), [lambda n=n: step(n) for n in range(20)])
    assert results == list(range(20))
    assert ran != results
    assert sorted(ran) == results
