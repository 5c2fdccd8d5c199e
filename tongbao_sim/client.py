"""A lean HTTP/1.1 client for load: keep-alive connections, httptools, time limits, bounded repeats with the same key.

A request ends in a `Reply`, or in one of two exceptions that a payer must tell apart: `NotSent` (nothing has reached
the bank) and `NoAnswer` (it may have; ask again with the same Idempotency-Key).
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Any, cast

import httptools
import msgspec

RETRY_STATUSES = frozenset((429, 503))
LARGEST_REPLY = 64 << 20
_SWEEP_S = 0.05
_LONGEST_PAUSE_S = 2.0
_NO_BODY = frozenset((204, 304))


class NotSent(Exception):
    """Nothing was sent: no connection, or none free in time."""


class NoAnswer(Exception):
    """Sent, wholly or in part, and no complete reply came: the outcome is unknown."""


class Reply(msgspec.Struct, frozen=True, gc=False):
    """`replayed`: the bank answered from memory. `attempts`: how often it was sent."""

    status: int
    body: bytes
    replayed: bool = False
    retry_after_s: int | None = None
    attempts: int = 1


class Client:
    """`connections` sockets at most, opened when needed. `retries` are further attempts after the first.

    `timeout_s` is the limit of one attempt, the wait for a free socket included.
    """

    def __init__(
        self, host: str, port: int, key: str, connections: int = 64, *, timeout_s: float = 10.0, retries: int = 0
    ) -> None:
        self.host, self.port, self.connections = host, port, connections
        self.timeout_s, self.retries = timeout_s, retries
        self._common = (
            f" HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"
            "Accept: application/json\r\nContent-Type: application/json\r\n"
        ).encode()
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def post(self, path: str, body: bytes, idempotency_key: str | None = None) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        reply = await self.request("POST", path, body, idempotency_key)
        return reply.status, reply.body

    async def get(self, path: str) -> tuple[int, bytes]:
        reply = await self.request("GET", path)
        return reply.status, reply.body

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        idempotency_key: str | None = None,
        *,
        retries: int | None = None,
    ) -> Reply:
        """Repeats after `NotSent`, `NoAnswer`, 429 and 503, at most `retries` times, with the same key and body.

        A POST without a key is not repeated after `NoAnswer`.
        """
        wire = self.wire(method, path, body, idempotency_key)
        left = self.retries if retries is None else retries
        attempt = 1
        maybe_sent: NoAnswer | None = None
        while True:
            pause_s = min(_LONGEST_PAUSE_S, 0.05 * 2**attempt)
            try:
                reply = await self.once(wire)
                if reply.status not in RETRY_STATUSES or attempt > left:
                    return reply if attempt == 1 else msgspec.structs.replace(reply, attempts=attempt)
                if reply.retry_after_s:
                    pause_s = min(_LONGEST_PAUSE_S, float(reply.retry_after_s))
            except NotSent as no:
                if attempt > left:
                    raise maybe_sent or no from None
            except NoAnswer as no:
                maybe_sent = no
                if attempt > left or (method == "POST" and idempotency_key is None):
                    raise
            await asyncio.sleep(pause_s)
            attempt += 1

    def wire(self, method: str, path: str, body: bytes = b"", idempotency_key: str | None = None) -> bytes:
        """The bytes of a request."""
        head = method.encode() + b" " + path.encode() + self._common
        if idempotency_key is not None:
            head += b"Idempotency-Key: " + idempotency_key.encode() + b"\r\n"
        if method == "GET":
            return head + b"\r\n"
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body

    async def once(self, wire: bytes) -> Reply:
        """One attempt on one connection."""
        deadline = monotonic() + self.timeout_s
        connection = self._idle.pop() if self._idle else await self._connection(deadline)
        try:
            return await connection.exchange(wire, deadline)
        except asyncio.CancelledError:
            connection.abort()
            raise
        finally:
            self._done_with(connection)

    async def connect(self) -> Connection:
        """A connection outside the pool; the caller aborts it."""
        try:
            _, connection = await asyncio.wait_for(
                asyncio.get_running_loop().create_connection(Connection, self.host, self.port), self.timeout_s
            )
        except (OSError, TimeoutError) as why:
            raise NotSent(str(why) or type(why).__name__) from why
        return connection

    async def close(self) -> None:
        self._closed = True
        if self._sweeper:
            self._sweeper.cancel()
        for connection in list(self._all):
            connection.abort()
        self._all.clear()
        self._idle.clear()
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(NotSent("the client is closed"))
        await asyncio.sleep(0)

    # ---- the pool

    async def _connection(self, deadline: float) -> Connection:
        while not self._closed:
            while self._idle:
                connection = self._idle.pop()
                if connection.usable:
                    return connection
            if len(self._all) + self._opening < self.connections:
                return await self._open()
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((waiter, deadline))
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                    self._wake()
                raise
        raise NotSent("the client is closed")

    async def _open(self) -> Connection:
        self._opening += 1
        try:
            connection = await self.connect()
        except NotSent:
            self._wake()
            raise
        finally:
            self._opening -= 1
        connection.on_lost = self._lost
        self._all.add(connection)
        if self._sweeper is None:
            self._sweep()
        return connection

    def _done_with(self, connection: Connection) -> None:
        if connection.usable and not self._closed:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter, _ = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def _sweep(self) -> None:
        """One timer for all time limits: a timer a request would cost more than the parsing."""
        now = monotonic()
        for connection in list(self._all):
            if connection.deadline and connection.deadline < now:
                connection.fail("no reply within the time limit")
        if any(deadline < now for _, deadline in self._waiting):
            waiting, self._waiting = self._waiting, deque()
            for waiter, deadline in waiting:
                if waiter.done():
                    continue
                if deadline < now:
                    waiter.set_exception(NotSent("no connection was free within the time limit"))
                else:
                    self._waiting.append((waiter, deadline))
        self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)


class Connection(asyncio.Protocol):
    """One socket, one request at a time."""

    __slots__ = (
        "_body", "_framed", "_headers_done", "_parser", "_replayed", "_retry_after", "_size", "_transport", "_waiter",
        "deadline", "on_lost", "usable",
    )  # fmt: skip

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._parser: Any = None
        self.on_lost: Any = None
        self.deadline = 0.0
        self.usable = False
        self._reset()

    def _reset(self) -> None:
        self._body: list[bytes] = []
        self._size = 0
        self._framed = False
        self._headers_done = False
        self._replayed = False
        self._retry_after: int | None = None

    async def exchange(self, wire: bytes, deadline: float) -> Reply:
        waiter = self.begin(deadline)
        if self._transport is None or not self.usable:
            self._waiter = None
            raise NotSent("the connection is closed")
        self._transport.write(wire)
        return await waiter

    def begin(self, deadline: float) -> asyncio.Future[Reply]:
        """Make ready for one reply; whoever sends the request in pieces calls this and then `write`."""
        self._waiter = asyncio.get_running_loop().create_future()
        self.deadline = deadline
        return self._waiter

    def write(self, data: bytes) -> None:
        if self._transport is not None and self.usable:
            self._transport.write(data)

    def hang_up(self) -> None:
        """Close after what was written has gone out; the reply will find nobody."""
        self.usable = False
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    def fail(self, why: str) -> None:
        """The waiter learns that the outcome is unknown; the socket is not used again."""
        self.deadline = 0.0
        waiter, self._waiter = self._waiter, None
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(NoAnswer(why))

    # ---- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpResponseParser(self)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as why:
            self.fail(f"the reply is not HTTP: {why}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        until_close = exc is None and self._headers_done and not self._framed
        if until_close and self._waiter is not None and not self._waiter.done():
            self.on_message_complete()
        self.fail("the connection was lost before the reply was complete")
        if self.on_lost is not None:
            self.on_lost(self)

    # ---- httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        size = len(name)
        if size == 14 and name.lower() == b"content-length":
            self._framed = True
        elif size == 17 and name.lower() == b"transfer-encoding":
            self._framed = value.lower().endswith(b"chunked")
        elif size == 20 and name.lower() == b"idempotency-replayed":
            self._replayed = value.lower() == b"true"
        elif size == 11 and name.lower() == b"retry-after" and value.isdigit():
            self._retry_after = int(value)

    def on_headers_complete(self) -> None:
        self._headers_done = True

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > LARGEST_REPLY:
            self.fail("the reply is too large")
        self._body.append(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._reset()
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        reply = Reply(status, body, self._replayed, self._retry_after)
        if not self._parser.should_keep_alive() or not (self._framed or status in _NO_BODY):
            self.hang_up()
        self.deadline = 0.0
        waiter, self._waiter = self._waiter, None
        self._reset()
        if waiter is not None and not waiter.done():
            waiter.set_result(reply)
