"""The port to a gateway: what it said, what nobody said, and what surely never left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from tests.sandbox.outsider import free_port
from tongbao.notices import Channel
from tongbao.notices.gateways import Answer, Gateway, connected
from tongbao.notices.model import Said

ID = UUID(int=7)
TO, TEXT = "+8613800138000", "code 048213"


class Talker:
    """Says one thing to everybody."""

    def __init__(self, said: bytes, *, delay_s: int = 0) -> None:
        self.said = said
        self.delay_s = delay_s
        self.heard: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.readuntil(b"\r\n\r\n"))
        await asyncio.sleep(self.delay_s)
        writer.write(self.said)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def talking(said: bytes, *, delay_s: int = 0) -> AsyncIterator[tuple[Talker, Gateway]]:
    talker = Talker(said, delay_s=delay_s)
    server = await asyncio.start_server(talker.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, connected({Channel.SMS: f"http://127.0.0.1:{port}"}, within_s=1) as ways:
        yield talker, ways[Channel.SMS]


def answer(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()


def report(status: str, id: UUID = ID) -> str:
    return f'{{"id": "{id}", "status": "{status}", "more": 1}}'


@pytest.mark.parametrize("status", ["taken", "delivered", "undelivered", "refused"])
async def test_what_it_says(status: str) -> None:
    async with talking(answer("200 OK", report(status))) as (talker, gateway):
        assert await gateway.send(ID, TO, TEXT) == Answer(Said(status))
        assert await gateway.ask(ID) == Answer(Said(status))
        lines = [heard.split(b"\r\n")[0] for heard in talker.heard]
    assert lines == [b"POST /messages HTTP/1.1", f"GET /messages/{ID} HTTP/1.1".encode()]


ODD = {
    "another message": answer("200 OK", report("delivered", UUID(int=8))),
    "never seen, but found": answer("200 OK", report("never_seen")),
    "found, but 404": answer("404 Not Found", report("delivered")),
    "a 404 of somebody on the way": answer("404 Not Found", "<html>no such route</html>"),
    "a word that it does not know": answer("200 OK", report("pending")),
    "half an answer": answer("200 OK", '{"id": "00'),
    "no text": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe",
    "a redirect": b"HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "a breakdown": answer("500 Oops", report("delivered")),
    "too much": answer("200 OK", report("delivered").replace("1}", f'"{"x" * 100_000}"}}')),
    "no HTTP": b"SSH-2.0-OpenSSH_9\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("name", ODD)
async def test_what_is_no_answer(name: str) -> None:
    async with talking(ODD[name]) as (_, gateway):
        for found in (await gateway.send(ID, TO, TEXT), await gateway.ask(ID)):
            assert found.said is Said.SILENT
            assert TO not in str(found.trouble)
            assert "048213" not in str(found.trouble)


async def test_never_seen_is_its_own_word() -> None:
    async with talking(answer("404 Not Found", report("never_seen"))) as (_, gateway):
        assert await gateway.ask(ID) == Answer(Said.NEVER_SEEN)
        assert (await gateway.send(ID, TO, TEXT)).said is Said.SILENT, "of what it is asked to send it cannot say that"


async def test_silence_has_an_end() -> None:
    async with talking(b"", delay_s=30) as (_, gateway):
        assert await gateway.send(ID, TO, TEXT) == Answer(Said.SILENT, "no answer within 1 s")


async def test_where_nobody_listens_nothing_left() -> None:
    async with connected({Channel.SMS: f"http://127.0.0.1:{free_port()}"}) as ways:
        assert (await ways[Channel.SMS].send(ID, TO, TEXT)).said is Said.NOT_SENT
