"""What every part of the sandbox does alike: keeps a file, reads a body, answers, fails when told to, and serves on loopback."""

from __future__ import annotations

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

import uvicorn

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_LARGEST: Final = 16 << 10
SLOW_S: Final = 3


class Fault(Enum):
    """What everybody meets with until it is switched off; a restart switches it off too."""

    NONE = "none"
    DOWN = "down"
    SLOW = "slow"
    LOSE = "lose"


class Wrong(Exception):
    """A request that is not taken: status and what is wrong with it."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


def as_json(status: int, document: object) -> tuple[int, bytes]:
    return status, json.dumps(document).encode()


async def raw_body_of(receive: Receive, largest: int = BODY_LARGEST) -> bytes:
    """The body that came; raises Wrong for one that is too large."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > largest:
            raise Wrong(413, "the body is too large")
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return body


async def body_of(receive: Receive) -> dict[str, Any]:
    """The JSON object that came; raises Wrong for anything else."""
    try:
        found = json.loads(await raw_body_of(receive))
    except ValueError:
        raise Wrong(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Wrong(400, "the body is not an object")
    return found


def fault_of(body: dict[str, Any]) -> Fault:
    """The fault that `POST /faults` names."""
    try:
        return Fault(body.get("mode"))
    except ValueError:
        raise Wrong(422, f"mode is one of {', '.join(fault.value for fault in Fault)}") from None


class Store:
    """A file of one part's own. Every write is on the disk before anybody is answered."""

    def __init__(self, folder: Path, name: str, schema: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / f"{name}.sqlite3", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(schema)
        self._db.execute("CREATE TABLE IF NOT EXISTS seen (id TEXT PRIMARY KEY, times INTEGER NOT NULL)")

    def close(self) -> None:
        self._db.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(self._db.execute(query, values)) as found:
            return found.fetchall()

    def one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        found = self.rows(query, *values)
        return found[0] if found else None

    def times_seen(self, id: str) -> int:
        """Counts this time; how often a request has come, this time included."""
        counted = "INSERT INTO seen VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET times = times + 1 RETURNING times"
        return self.rows(counted, id)[0][0]


Answer = tuple[int, bytes]
"""Status and body."""


class Service(ABC):
    """A part of the sandbox as an ASGI application, with its health and its switch for faults."""

    def __init__(self, store: Store, *, late_s: int) -> None:
        self.store = store
        self.late_s = late_s
        self.fault = Fault.NONE

    def close(self) -> None:
        self.store.close()

    def inside(self, method: str, path: str, query: dict[str, str]) -> Answer | None:
        """What whoever tests asks about the part itself, also while it is down; None: that is no such question."""
        return None

    @abstractmethod
    async def answer(self, method: str, path: str, receive: Receive) -> Answer | None:
        """What the bank asks; None: it gets no answer. Raises Wrong."""

    async def application(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except Wrong as wrong:
            answer = as_json(wrong.status, {"error": wrong.said})
        if answer is None:
            await hang(receive)
        else:
            await say(send, *answer)

    async def _answer(self, scope: Message, receive: Receive) -> Answer | None:
        method, path = scope["method"], scope["path"]
        if (method, path) == ("POST", "/faults"):
            self.fault = fault_of(await body_of(receive))
            return as_json(200, {"mode": self.fault.value})
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
        inside = self.inside(method, path, query)
        if inside is not None:
            return inside
        if self.fault is Fault.DOWN:
            return as_json(503, {"error": "out of order"})
        if (method, path) == ("GET", "/healthz"):
            return as_json(200, {"status": "ok", "fault": self.fault.value})
        return await self.answer(method, path, receive)


async def say(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """One whole answer; JSON unless `headers` say otherwise."""
    named = dict([(b"content-type", b"application/json"), *headers, (b"content-length", str(len(body)).encode())])
    await send({"type": "http.response.start", "status": status, "headers": list(named.items())})
    await send({"type": "http.response.body", "body": body})


async def hang(receive: Receive) -> None:
    """Says nothing until the caller has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def serve(application: Callable[[Message, Receive, Send], Awaitable[None]], port: int) -> None:
    """On loopback, one process, until SIGTERM or Ctrl-C."""
    uvicorn.run(
        application,  # pyright: ignore[reportArgumentType]
        host="127.0.0.1",
        port=port,
        interface="asgi3",
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
