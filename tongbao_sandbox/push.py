"""A push service as a browser's maker runs one (RFC 8030), and the browsers behind it: they subscribe, and read what is pushed to them.

Each browser can be told what becomes of what is pushed to it (`Fate`); `POST /faults` is for all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import sys
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, Final

from tongbao_sandbox.push_coding import Keys, plain, vouched
from tongbao_sandbox.serving import (
    SLOW_S,
    Answer,
    Fault,
    Message,
    Receive,
    Send,
    Service,
    Store,
    Wrong,
    as_json,
    body_of,
    hang,
    raw_body_of,
    say,
    serve,
)

KEPT: Final = 1000
BODY_LARGEST: Final = 4096
"""As much as RFC 8030 has every push service take."""
RETRY_AFTER_S: Final = 60

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS browser (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,
    auth BLOB NOT NULL,
    key TEXT,
    fate TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    browser TEXT NOT NULL,
    topic TEXT NOT NULL,
    times INTEGER NOT NULL,
    at INTEGER NOT NULL,
    ttl INTEGER NOT NULL,
    claims TEXT NOT NULL,
    text TEXT,
    UNIQUE (browser, topic)
);
"""


class Fate(Enum):
    """What becomes of messages to one browser."""

    TAKEN = "taken"
    UNKNOWN = "unknown"
    GONE = "gone"
    BUSY = "busy"
    BROKEN = "broken"
    LATE = "late"
    LOST = "lost"


_REFUSED: Final = {Fate.UNKNOWN: 404, Fate.GONE: 410, Fate.BUSY: 429, Fate.BROKEN: 500}


class Box(Store):
    """Browsers, and what was pushed to them, the newest `KEPT`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "push", SCHEMA)

    def add(self, id: str, keys: Keys, key: str | None, fate: Fate) -> None:
        self._db.execute("INSERT INTO browser VALUES (?, ?, ?, ?, ?)", (id, keys.secret, keys.auth, key, fate.value))

    def find(self, id: str) -> tuple[Keys, str | None, Fate]:
        """Its keys, the only key by which it may be sent to, and its fate. Raises Wrong for one that is not known."""
        row = self.one("SELECT secret, auth, key, fate FROM browser WHERE id = ?", id)
        if row is None:
            raise Wrong(404, "no such browser")
        return Keys(row[0], row[1]), row[2], Fate(row[3])

    def decide(self, id: str, fate: Fate) -> None:
        self._db.execute("UPDATE browser SET fate = ? WHERE id = ?", (fate.value, id))

    def put(self, browser: str, topic: str, at: int, ttl: int, claims: dict[str, Any], text: str | None) -> int:
        """One of the same topic takes the place of the one before. Its number."""
        ((number,),) = self.rows(
            "INSERT INTO message (browser, topic, times, at, ttl, claims, text) VALUES (?, ?, 1, ?, ?, ?, ?)"
            " ON CONFLICT (browser, topic) DO UPDATE SET times = times + 1, at = excluded.at, ttl = excluded.ttl,"
            " claims = excluded.claims, text = excluded.text RETURNING number",
            *(browser, topic, at, ttl, json.dumps(claims), text),
        )
        self._db.execute("DELETE FROM message WHERE number <= (SELECT max(number) FROM message) - ?", (KEPT,))
        return number

    def shown(self, browser: str) -> list[dict[str, Any]]:
        """What it was sent, oldest first; `text` null for what it could not read."""
        names = ("number", "times", "at", "ttl", "text")
        rows = self.rows(f"SELECT claims, {', '.join(names)} FROM message WHERE browser = ? ORDER BY number", browser)
        return [{**dict(zip(names, row, strict=True)), "vapid": json.loads(claims)} for claims, *row in rows]

    def totals(self) -> dict[str, int]:
        ((browsers, messages),) = self.rows("SELECT (SELECT count(*) FROM browser), (SELECT count(*) FROM message)")
        return {"browsers": browsers, "messages": messages}


class Push(Service):
    """The push service and its browsers. `url`: where it is found, as endpoints name it; `clock` gives seconds since 1970."""

    def __init__(self, folder: Path, url: str, clock: Callable[[], float] = time.time, *, late_s: int = 15) -> None:
        self._box = Box(folder)
        super().__init__(self._box, late_s=late_s)
        self._url, self._clock = url, clock

    async def application(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/push/"):
            await self._pushed(scope, receive, send)
        else:
            await super().application(scope, receive, send)

    async def _pushed(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            number = await self._take(scope["path"].removeprefix("/push/"), headers, receive)
        except Wrong as wrong:
            more = {429: (b"retry-after", str(RETRY_AFTER_S).encode()), 401: (b"www-authenticate", b"vapid")}
            named = [more[wrong.status]] if wrong.status in more else []
            await say(send, *as_json(wrong.status, {"error": wrong.said}), *named)
            return
        if number is None:
            await hang(receive)
        else:
            await say(send, 201, b"", (b"location", f"{self._url}/messages/{number}".encode()))

    async def _take(self, id: str, headers: dict[str, str], receive: Receive) -> int | None:
        """The message's number; None where nobody is answered."""
        body = await raw_body_of(receive, BODY_LARGEST)
        if self.fault is Fault.DOWN:
            raise Wrong(503, "out of order")
        keys, key, fate = self._box.find(id)
        if fate in _REFUSED:
            raise Wrong(_REFUSED[fate], fate.value)
        claims = vouched(headers.get("authorization", ""), self._url, self._clock())
        if key is not None and claims["key"] != key:
            raise Wrong(403, "the browser subscribed to another sender")
        ttl, topic = _read(headers)
        said = keys.read(body)
        text = said.decode("utf-8", "replace") if said is not None else None
        number = self._box.put(id, topic or secrets.token_hex(17), int(self._clock()), ttl, claims, text)
        if fate is Fate.LOST or self.fault is Fault.LOSE:
            return None
        if fate is Fate.LATE or self.fault is Fault.SLOW:
            await asyncio.sleep(self.late_s if fate is Fate.LATE else SLOW_S)
        return number

    def inside(self, method: str, path: str, query: dict[str, str]) -> Answer | None:
        if (method, path) == ("GET", "/totals"):
            return as_json(200, self._box.totals())
        if method == "GET" and (found := re.fullmatch("/browsers/([0-9a-f]{32})/messages", path)):
            self._box.find(found[1])
            return as_json(200, {"messages": self._box.shown(found[1])})
        return None

    async def answer(self, method: str, path: str, receive: Receive) -> Answer | None:
        if (method, path) == ("POST", "/browsers"):
            return self._subscribe(await body_of(receive))
        if method == "POST" and path.startswith("/browsers/"):
            id_ = path.removeprefix("/browsers/")
            self._box.find(id_)
            fate = _fate(await body_of(receive))
            self._box.decide(id_, fate)
            return as_json(200, {"id": id_, "fate": fate.value})
        raise Wrong(404, "there is no such thing here")

    def _subscribe(self, body: dict[str, Any]) -> Answer:
        key, fate, keys = body.get("key"), _fate({"fate": Fate.TAKEN.value, **body}), Keys.fresh()
        try:
            if key is not None and len(plain(key)) != 65:
                raise ValueError
        except (ValueError, TypeError, AttributeError):
            raise Wrong(422, "key: a public key of the sender's, 65 bytes in base64url") from None
        id_ = secrets.token_hex(16)
        self._box.add(id_, keys, key, fate)
        return as_json(201, {"id": id_, "subscription": {"endpoint": f"{self._url}/push/{id_}", "keys": keys.shown()}})


def _fate(body: dict[str, Any]) -> Fate:
    try:
        return Fate(body.get("fate"))
    except ValueError:
        raise Wrong(422, f"fate is one of {', '.join(fate.value for fate in Fate)}") from None


def _read(headers: dict[str, str]) -> tuple[int, str]:
    """(TTL, topic or nothing)."""
    ttl, topic = headers.get("ttl", ""), headers.get("topic", "")
    if not re.fullmatch("[0-9]{1,10}", ttl):
        raise Wrong(400, "TTL: for how many seconds the message is of use")
    if not re.fullmatch("[A-Za-z0-9_-]{0,32}", topic):
        raise Wrong(400, "Topic: up to 32 characters of base64url")
    if headers.get("content-encoding") != "aes128gcm":
        raise Wrong(415, "Content-Encoding: aes128gcm")
    return int(ttl), topic


def add_to(parts: Any) -> None:
    """The subcommand `push`."""
    push = parts.add_parser("push", help="a push service, and browsers that read what is pushed to them")
    push.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    push.add_argument("--data", type=Path, required=True, help="folder of its browsers and their messages")
    push.add_argument("--late-s", type=int, default=15, help="how late a late answer comes; 15 unless told")
    push.set_defaults(act=_serve)


def _serve(options: argparse.Namespace) -> int:
    url = f"http://127.0.0.1:{options.port}"
    push = Push(options.data, url, late_s=options.late_s)
    sys.stderr.write(f"tongbao_sandbox: a push service at {url}, its browsers at /browsers\n")
    try:
        serve(push.application, options.port)
    finally:
        push.close()
    return 0
