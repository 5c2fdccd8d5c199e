"""A provider of identity checks: says whether a name and an identity number belong together, once for each id.

Everybody is who he says, unless three digits of the number ask for something else (`TRIGGERS`), or it is switched on for everybody
(`POST /faults`). It keeps digests of what it was asked, never a name or a number.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tongbao_sandbox.serving import SLOW_S, Answer, Fault, Receive, Service, Store, Wrong, as_json, body_of, serve

PENDING_ANSWERS: Final = 2
"""How often a check that takes its time is answered with pending."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS asked (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    serial INTEGER NOT NULL,
    answers INTEGER NOT NULL
);
"""


class Trigger(Enum):
    """What the checks of one number meet with."""

    NOTHING = "verified at once"
    MISMATCH = "name and number do not belong together"
    PENDING = "pending twice, then verified"
    PENDING_MISMATCH = "pending twice, then a mismatch"
    ALWAYS_PENDING = "pending for ever"
    LATE = "verified, answered late"
    ANSWER_LOST = "verified, not answered the first time"
    REQUEST_LOST = "not taken the first time, never answered; taken when it is repeated"
    ALWAYS_LOST = "never taken, never answered"
    FAILS = "500 the first time, not taken; taken when it is repeated"
    GARBLED = "verified, an answer that cannot be read the first time"


TRIGGERS: Final = {
    901: Trigger.MISMATCH,
    902: Trigger.PENDING,
    903: Trigger.PENDING_MISMATCH,
    904: Trigger.ALWAYS_PENDING,
    911: Trigger.LATE,
    912: Trigger.ANSWER_LOST,
    913: Trigger.REQUEST_LOST,
    914: Trigger.ALWAYS_LOST,
    915: Trigger.FAILS,
    917: Trigger.GARBLED,
}
"""By the serial number in an identity number: its places 15 to 17."""

_PENDING: Final = (Trigger.PENDING, Trigger.PENDING_MISMATCH)
_MISMATCH: Final = (Trigger.MISMATCH, Trigger.PENDING_MISMATCH)


class Questions(Store):
    """What was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "identity", SCHEMA)

    def digest(self, id: str) -> str | None:
        row = self.one("SELECT digest FROM asked WHERE id = ?", id)
        return row[0] if row else None

    def write(self, id: str, digest: str, serial: int) -> None:
        self._db.execute("INSERT INTO asked VALUES (?, ?, ?, 0) ON CONFLICT (id) DO NOTHING", (id, digest, serial))

    def answered(self, id: str) -> tuple[int, int] | None:
        """(serial, how often it has been answered, this time included); None for an id that never arrived."""
        return self.one("UPDATE asked SET answers = answers + 1 WHERE id = ? RETURNING serial, answers", id)

    def count(self) -> int:
        row = self.one("SELECT count(*) FROM asked")
        return row[0] if row else 0


class Provider(Service):
    """The provider. One process; nothing waits between a question's decision and its writing."""

    def __init__(self, folder: Path, *, late_s: int = 15) -> None:
        self._questions = Questions(folder)
        super().__init__(self._questions, late_s=late_s)

    def inside(self, method: str, path: str, query: dict[str, str]) -> Answer | None:
        return as_json(200, {"checks": self._questions.count()}) if (method, path) == ("GET", "/totals") else None

    async def answer(self, method: str, path: str, receive: Receive) -> Answer | None:
        if (method, path) == ("POST", "/checks"):
            return await self._check(await body_of(receive))
        if method == "GET" and path.startswith("/checks/"):
            return await self._said(path.removeprefix("/checks/"))
        raise Wrong(404, "there is no such thing here")

    async def _check(self, body: dict[str, Any]) -> Answer | None:
        id_, digest, serial = _read(body)
        known = self._questions.digest(id_)
        if known is not None and known != digest:
            raise Wrong(409, "this id stands for another question")
        trigger = TRIGGERS.get(serial, Trigger.NOTHING)
        times = self._questions.times_seen(id_)
        if trigger is Trigger.ALWAYS_LOST or (trigger is Trigger.REQUEST_LOST and times == 1):
            return None
        if trigger is Trigger.FAILS and times == 1:
            return as_json(500, {"error": "something broke"})
        self._questions.write(id_, digest, serial)
        if trigger is Trigger.ANSWER_LOST and times == 1:
            return None
        if trigger is Trigger.GARBLED and times == 1:
            return 200, b'{"status": "verif'
        if trigger is Trigger.LATE and times == 1:
            await asyncio.sleep(self.late_s)
        return await self._said(id_)

    async def _said(self, id: str) -> Answer | None:
        if self.fault is Fault.LOSE:
            return None
        if self.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        found = self._questions.answered(id)
        if found is None:
            return as_json(404, {"id": id, "status": "never_seen"})
        trigger = TRIGGERS.get(found[0], Trigger.NOTHING)
        if trigger is Trigger.ALWAYS_PENDING or (trigger in _PENDING and found[1] <= PENDING_ANSWERS):
            return as_json(200, {"id": id, "status": "pending"})
        return as_json(200, {"id": id, "status": "mismatch" if trigger in _MISMATCH else "verified"})


def _read(body: dict[str, Any]) -> tuple[str, str, int]:
    """(id, digest of name and number, serial)."""
    id_, name, number = body.get("id"), body.get("name"), body.get("id_number")
    if not (isinstance(id_, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", id_)):
        raise Wrong(422, "id: up to 64 letters, digits and hyphens")
    if not (isinstance(name, str) and 0 < len(name) <= 200):
        raise Wrong(422, "name: 1 to 200 characters")
    if not (isinstance(number, str) and re.fullmatch(r"[0-9]{17}[0-9X]", number)):
        raise Wrong(422, "id_number: 17 digits and a digit or X")
    return id_, sha256(f"{id_}\n{name}\n{number}".encode()).hexdigest(), int(number[14:17])


def add_to(parts: Any) -> None:
    """The subcommand `identity`."""
    identity = parts.add_parser("identity", help="a provider that checks names against identity numbers")
    identity.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    identity.add_argument("--data", type=Path, required=True, help="folder of what it was asked")
    identity.add_argument("--late-s", type=int, default=15, help="how late a late answer comes; 15 unless told")
    identity.set_defaults(act=_serve)


def _serve(options: argparse.Namespace) -> int:
    provider = Provider(options.data, late_s=options.late_s)
    sys.stderr.write(f"tongbao_sandbox: identity checks at http://127.0.0.1:{options.port}/checks\n")
    try:
        serve(provider.application, options.port)
    finally:
        provider.close()
    return 0
