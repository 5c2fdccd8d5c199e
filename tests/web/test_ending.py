"""A server that is told to end: what is under way is answered, clients are told to move on, and streams let go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from tongbao.web import health, wire

HEAD = b"POST /%s HTTP/1.1\r\nHost: bank\r\nContent-Length: 4\r\n\r\n"


@pytest.fixture(autouse=True)
def _not_draining() -> Any:
    yield
    health.drain(False)


async def bank(scope: Any, receive: Any, send: Any) -> None:
    """`/stream` says a word and then nothing until the process ends; everything else reads the body and answers."""
    body = (await receive())["body"]
    while len(body) < 4:
        body += (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await health.until_draining()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})
    else:
        await send({"type": "http.response.body", "body": b"done", "more_body": False})


class Server(uvicorn.Server):
    """The server that `tongbao serve` runs, in the test's own process, whose signals stay its own."""

    def __init__(self) -> None:
        self.port = _free_port()
        config = uvicorn.Config(
            bank, port=self.port, http=wire.BoundedHttp, ws="none", lifespan="off", log_config=None, access_log=False
        )
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    def end(self) -> None:
        """What SIGTERM does."""
        health.drain()
        wire.leave()
        self.should_exit = True

    async def port_is_closed(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except ConnectionError:  # refused, or reset while it closes
                return
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, asyncio.Task[None]]]:
    server = Server()
    running = asyncio.create_task(server._serve())
    await server.ready.wait()
    try:
        yield server, running
    finally:
        server.should_exit = server.force_exit = True
        await running


async def answer(reader: asyncio.StreamReader) -> bytes:
    """Head and body of the next answer that is sent in one chunk."""
    return await reader.readuntil(b"0\r\n\r\n")


async def test_while_draining_an_answer_says_that_it_is_the_last() -> None:
    async with served() as (server, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD % b"pay" + b"body")
        assert b"connection: close" not in await answer(reader)
        health.drain()
        wire.leave()
        writer.write(HEAD % b"pay" + b"body")
        said = await answer(reader)
        assert b"connection: close" in said
        assert said.startswith(b"HTTP/1.1 200")
        assert await reader.read() == b"", "and it was"
        late, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD % b"pay" + b"body")
        assert b"connection: close" in await answer(late), "who comes later is answered too"


@pytest.mark.parametrize("so_far", [b"", (HEAD % b"pay")[:20], HEAD % b"pay", HEAD % b"pay" + b"bo"])
async def test_a_request_that_is_half_there_may_become_whole(so_far: bytes) -> None:
    """Nothing of it: the connection rests after an answer, and the next request is sent the moment the port closes."""
    async with served() as (server, running):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD % b"pay" + b"body")
        await answer(reader)
        writer.write(so_far)
        await asyncio.sleep(0.05)
        server.end()
        await server.port_is_closed()
        writer.write((HEAD % b"pay" + b"body")[len(so_far) :])
        said = await answer(reader)
        assert b"done" in said
        assert b"connection: close" in said
        assert await reader.read() == b""
        await running


async def test_a_connection_that_rests_does_not_hold_the_end_up() -> None:
    async with served() as (server, running):
        silent, _ = await asyncio.open_connection("127.0.0.1", server.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD % b"pay" + b"body")
        await answer(reader)
        server.end()
        await asyncio.wait_for(running, 20)
        assert (await reader.read(), await silent.read()) == (b"", b"")


async def test_a_stream_ends_at_once_and_so_does_its_connection() -> None:
    async with served() as (server, running):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HEAD % b"stream" + b"body")
        await reader.readuntil(b"first\r\n")
        server.end()
        assert b"last" in await reader.read(), "to its end and to the connection's"
        await asyncio.wait_for(running, 20)


async def test_who_asks_late_whether_the_end_is_near_need_not_wait() -> None:
    waiting = asyncio.create_task(health.until_draining())
    given_up = asyncio.create_task(health.until_draining())
    await asyncio.sleep(0)
    assert not health.draining()
    given_up.cancel()
    health.drain()
    await waiting
    assert health.draining()
    await health.until_draining()
    with pytest.raises(asyncio.CancelledError):
        await given_up


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
