"""A balancer as banks have one in front of their processes, strict about what it repeats: nothing that was sent.

Like nginx or HAProxy it asks each process every 100 ms whether it is ready, keeps connections to them, reads a request whole
before it passes it on, and tries another process only where a connection was refused, that is, before any byte was sent.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Self

import httptools

_ASK_EVERY_S = 0.1
_WAIT_S = 30
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)\r\n")
_HOP_BY_HOP = frozenset((b"connection", b"keep-alive", b"transfer-encoding", b"content-length"))


class Balancer:
    """Listens on `port`, in a thread of its own, for as long as the block lasts.

    `answered` counts by process, `statuses` what clients were told, `failed` what they would have had no answer to.
    """

    def __init__(self, ports: Iterable[int]) -> None:
        self.ports = list(ports)
        self.port = 0
        self.ready: set[int] = set()
        self.answered: Counter[int] = Counter()
        self.statuses: Counter[int] = Counter()
        self.failed: list[str] = []
        self._lines: dict[int, deque[_Line]] = {port: deque() for port in self.ports}
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._began = threading.Event()
        self._stop = asyncio.Event()
        self._watching: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._began.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    @property
    def errors(self) -> dict[int, int]:
        """Answers that are the bank's fault, by status."""
        return {status: n for status, n in self.statuses.items() if status >= 500 or status in (408, 429)}

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._watching = [asyncio.create_task(self._watch(port)) for port in self.ports]
        self._began.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for line in itertools.chain.from_iterable(self._lines.values()):
            line.close()

    async def _watch(self, port: int) -> None:
        while True:
            try:
                async with asyncio.timeout(5):
                    line = await _Line.to(port)
                    reply = await line.exchange(b"GET /readyz HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n\r\n")
                    line.close()
                ready = reply.status == 200
            except (OSError, TimeoutError, _Lost):
                ready = False
            (self.ready.add if ready else self.ready.discard)(port)
            await asyncio.sleep(_ASK_EVERY_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                reply = await self._pass_on(head + body)
                writer.write(reply.wire())
                await writer.drain()
        writer.close()

    async def _pass_on(self, request: bytes) -> _Reply:
        line: _Line | None = None
        try:
            line = await self._line()
            reply = await line.exchange(request)
        except (_Lost, OSError) as why:
            at = f"the process at {line.port}" if line else "no process"
            self.failed.append(f"{at}: {why}: {request.partition(b' HTTP')[0].decode()}")
            return _Reply(502, [], b"")
        self.answered[line.port] += 1
        self.statuses[reply.status] += 1
        if line.open:
            self._lines[line.port].append(line)
        return reply

    async def _line(self) -> _Line:
        """To a process that is ready, in turn: a kept connection that is still open, or a new one."""
        ends = self._loop.time() + _WAIT_S
        while self._loop.time() < ends:
            for port in self._in_turn():
                while self._lines[port]:
                    line = self._lines[port].pop()
                    if line.usable():
                        return line
                with suppress(ConnectionRefusedError):
                    return await _Line.to(port)
            await asyncio.sleep(0.02)
        raise _Lost("nobody was ready")

    def _in_turn(self) -> list[int]:
        self._turn += 1
        ready = sorted(self.ready)
        first = self._turn % max(1, len(ready))
        return ready[first:] + ready[:first]


class _Lost(Exception):
    """A request went out and no whole answer came back."""


class _Reply:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def wire(self) -> bytes:
        """Without what was only said between the balancer and the process."""
        kept = b"".join(
            name + b": " + value + b"\r\n" for name, value in self.headers if name.lower() not in _HOP_BY_HOP
        )
        return b"HTTP/1.1 %d -\r\n%sContent-Length: %d\r\n\r\n%s" % (self.status, kept, len(self.body), self.body)


class _Line:
    """One connection to one process, one exchange at a time."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port, self._reader, self._writer = port, reader, writer
        self.open = True

    @classmethod
    async def to(cls, port: int) -> _Line:
        return cls(port, *await asyncio.open_connection("127.0.0.1", port))

    def usable(self) -> bool:
        if self._reader.at_eof() or self._writer.is_closing():
            self.close()
            return False
        return True

    def close(self) -> None:
        self.open = False
        self._writer.close()

    async def exchange(self, request: bytes) -> _Reply:
        heard = _Heard()
        parser: Any = httptools.HttpResponseParser(heard)
        self._writer.write(request)
        while not heard.whole:
            data = await self._reader.read(1 << 16)
            if not data:
                self.close()
                raise _Lost("it hung up")
            parser.feed_data(data)
        if not parser.should_keep_alive():
            self.close()
        return _Reply(parser.get_status_code(), heard.headers, b"".join(heard.body))


class _Heard:
    """What the parser tells of one answer."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        self.whole = True
