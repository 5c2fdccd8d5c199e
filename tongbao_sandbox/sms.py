"""An SMS gateway and the phones behind it: sends a message once for each id, and says whether it has arrived.

What may go wrong is asked for by the last four digits of a number (`TRIGGERS`), or switched on for everybody (`POST /faults`). What a
phone was sent is read on a page of its own (`phones.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from tongbao_sandbox import phones
from tongbao_sandbox.phones import Received
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
    say,
    serve,
)

KEPT: Final = 10_000
ON_A_PAGE: Final = 20
TEXT_LONGEST: Final = 1_000

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    phone TEXT NOT NULL,
    text TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    arrives_at INTEGER,
    refused INTEGER NOT NULL,
    copies INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS message_by_phone ON message (phone, number);
"""


class Trigger(Enum):
    """What a message to a number meets with."""

    NOTHING = "nothing"
    REFUSED = "refused: nobody has this number"
    UNDELIVERED = "taken, and never arrives"
    DELAYED = "taken, and arrives late"
    REPEATED = "taken, and arrives twice"
    LATE = "taken, answered late"
    ANSWER_LOST = "taken, never answered"
    REQUEST_LOST = "not taken the first time, never answered; taken when it is repeated"
    ALWAYS_LOST = "never taken, never answered"
    FAILS = "not taken the first time, answered 500"
    FAILS_AFTER = "taken, answered 500"
    GARBLED = "taken, an answer that cannot be read"


TRIGGERS: Final = {
    "0001": Trigger.REFUSED,
    "0002": Trigger.UNDELIVERED,
    "0003": Trigger.DELAYED,
    "0004": Trigger.REPEATED,
    "0011": Trigger.LATE,
    "0012": Trigger.ANSWER_LOST,
    "0013": Trigger.REQUEST_LOST,
    "0014": Trigger.ALWAYS_LOST,
    "0015": Trigger.FAILS,
    "0016": Trigger.FAILS_AFTER,
    "0017": Trigger.GARBLED,
}
"""By the last four digits of the number."""


@dataclass(frozen=True)
class Sms:
    """`arrives_at` in seconds since 1970; None: never."""

    id: str
    phone: str
    text: str
    taken_at: int
    arrives_at: int | None
    refused: bool
    copies: int

    def report(self, now: int) -> dict[str, str]:
        if self.refused:
            status = "refused"
        elif self.arrives_at is None:
            status = "undelivered"
        else:
            status = "delivered" if now >= self.arrives_at else "taken"
        return {"id": self.id, "status": status}


_COLUMNS: Final = "id, phone, text, taken_at, arrives_at, refused, copies"


class Messages(Store):
    """What was taken, the newest `KEPT`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "sms", SCHEMA)

    def put(self, sms: Sms) -> None:
        """A message under an id that is known changes nothing."""
        values = (sms.id, sms.phone, sms.text, sms.taken_at, sms.arrives_at, sms.refused, sms.copies)
        self._db.execute(
            f"INSERT INTO message ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", values
        )
        self._db.execute("DELETE FROM message WHERE number <= (SELECT max(number) FROM message) - ?", (KEPT,))

    def find(self, id: str) -> Sms | None:
        rows = self.rows(f"SELECT {_COLUMNS} FROM message WHERE id = ?", id)
        return _sms(rows[0]) if rows else None

    def on_phone(self, phone: str, now: int) -> list[Sms]:
        """What has arrived there, newest first."""
        rows = self.rows(
            f"SELECT {_COLUMNS} FROM message WHERE phone = ? AND NOT refused AND arrives_at <= ?"
            " ORDER BY arrives_at DESC, number DESC LIMIT ?",
            phone,
            now,
            ON_A_PAGE,
        )
        return [_sms(row) for row in rows]

    def phones(self) -> list[str]:
        """Phones that were sent something, the one with the newest message first."""
        rows = self.rows("SELECT phone FROM message GROUP BY phone ORDER BY max(number) DESC LIMIT ?", ON_A_PAGE)
        return [row[0] for row in rows]

    def total(self) -> int:
        return self.rows("SELECT count(*) FROM message WHERE NOT refused")[0][0]


def _sms(row: tuple[Any, ...]) -> Sms:
    return Sms(row[0], row[1], row[2], row[3], row[4], bool(row[5]), row[6])


def e164(given: str) -> str:
    """A number as +8613800138000; one of eleven digits is a mobile in mainland China. Raises Wrong for what is none."""
    bare = re.sub(r"[ ()-]", "", given)
    if re.fullmatch(r"1[0-9]{10}", bare):
        return f"+86{bare}"
    if re.fullmatch(r"\+[1-9][0-9]{6,14}", bare):
        return bare
    raise Wrong(422, "to: a number such as +8613800138000")


class Gateway(Service):
    """The gateway. `clock` gives seconds since 1970."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time, *, late_s: int = 15) -> None:
        self._messages = Messages(folder)
        super().__init__(self._messages, late_s=late_s)
        self._clock = clock

    async def application(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            page = self._page(scope) if scope["type"] == "http" else None
        except Wrong as wrong:
            await say(send, *as_json(wrong.status, {"error": wrong.said}))
            return
        if page is not None:
            await say(send, *page.answer, *page.headers)
        else:
            await super().application(scope, receive, send)

    def _page(self, scope: Message) -> phones.Page | None:
        """What a person looks at: answers also while the gateway is down."""
        if scope["method"] != "GET":
            return None
        path, query = scope["path"], parse_qs(scope["query_string"].decode("latin-1"))
        lang = phones.language(query.get("lang", [""])[0], scope["headers"])
        if path == "/":
            return phones.every_phone(self._messages.phones(), lang)
        if path == "/phones":
            return phones.redirect(e164(query.get("number", [""])[0]), lang)
        if path.startswith("/phones/") and not path.endswith(".json"):
            number = e164(path.removeprefix("/phones/"))
            return phones.one_phone(number, self._received(number), lang)
        return None

    def inside(self, method: str, path: str, query: dict[str, str]) -> Answer | None:
        if (method, path) == ("GET", "/totals"):
            return as_json(200, {"messages": self._messages.total()})
        if method == "GET" and path.startswith("/phones/"):
            number = e164(path.removeprefix("/phones/").removesuffix(".json"))
            messages = [received.shown() for received in self._received(number)]
            return as_json(200, {"number": number, "messages": messages})
        return None

    async def answer(self, method: str, path: str, receive: Receive) -> Answer | None:
        if (method, path) == ("POST", "/messages"):
            return await self._take(await body_of(receive))
        if method == "GET" and path.startswith("/messages/"):
            return await self._report(path.removeprefix("/messages/"))
        raise Wrong(404, "there is no such thing here")

    def _received(self, number: str) -> list[Received]:
        found = self._messages.on_phone(number, self._now())
        return [Received(sms.id, sms.text, sms.arrives_at or 0) for sms in found for _ in range(sms.copies)]

    async def _take(self, body: dict[str, Any]) -> Answer | None:
        asked = self._read(body)
        known = self._messages.find(asked.id)
        if known is not None and (known.phone, known.text) != (asked.phone, asked.text):
            raise Wrong(409, "this id stands for another message")
        trigger = TRIGGERS.get(asked.phone[-4:], Trigger.NOTHING)
        times = self._messages.times_seen(asked.id)
        if trigger is Trigger.ALWAYS_LOST or (trigger is Trigger.REQUEST_LOST and times == 1):
            return None
        if trigger is Trigger.FAILS and times == 1:
            return as_json(500, {"error": "something broke"})
        if known is None:
            self._messages.put(asked)
        if self.fault is Fault.LOSE or trigger is Trigger.ANSWER_LOST:
            return None
        if trigger is Trigger.LATE and known is None:
            await asyncio.sleep(self.late_s)
        if self.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        if trigger is Trigger.FAILS_AFTER:
            return as_json(500, {"error": "something broke"})
        if trigger is Trigger.GARBLED:
            return 200, b'{"status": "tak'
        return as_json(200, (known or asked).report(self._now()))

    async def _report(self, id: str) -> Answer | None:
        if self.fault is Fault.LOSE:
            return None
        if self.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        found = self._messages.find(id)
        return as_json(200, found.report(self._now())) if found else as_json(404, {"id": id, "status": "never_seen"})

    def _read(self, body: dict[str, Any]) -> Sms:
        id_, to, text = body.get("id"), body.get("to"), body.get("text")
        if not (isinstance(id_, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", id_)):
            raise Wrong(422, "id: up to 64 letters, digits and hyphens")
        if not isinstance(to, str):
            raise Wrong(422, "to: a number such as +8613800138000")
        if not (isinstance(text, str) and 0 < len(text) <= TEXT_LONGEST):
            raise Wrong(422, f"text: 1 to {TEXT_LONGEST} characters")
        number, now = e164(to), self._now()
        trigger = TRIGGERS.get(number[-4:], Trigger.NOTHING)
        arrives_at = None if trigger is Trigger.UNDELIVERED else now + self.late_s * (trigger is Trigger.DELAYED)
        return Sms(id_, number, text, now, arrives_at, trigger is Trigger.REFUSED, 1 + (trigger is Trigger.REPEATED))

    def _now(self) -> int:
        return int(self._clock())


def add_to(parts: Any) -> None:
    """The subcommand `sms`."""
    sms = parts.add_parser("sms", help="an SMS gateway, and a page for each phone behind it")
    sms.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    sms.add_argument("--data", type=Path, required=True, help="folder of what it sent")
    sms.add_argument("--late-s", type=int, default=15, help="how late a late message or answer comes; 15 unless told")
    sms.set_defaults(act=_serve)


def _serve(options: argparse.Namespace) -> int:
    gateway = Gateway(options.data, late_s=options.late_s)
    sys.stderr.write(
        f"tongbao_sandbox: an SMS gateway at http://127.0.0.1:{options.port}, its phones at /phones/NUMBER\n"
    )
    try:
        serve(gateway.application, options.port)
    finally:
        gateway.close()
    return 0
