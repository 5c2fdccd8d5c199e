"""Another bank: it sends money of its accounts when it is asked to, once for each id, and keeps books of what it sent.

What may go wrong is asked for by the last two digits of an amount (`TRIGGERS`), drawn from a seeded chance, or switched on for
everybody (`POST /faults`). The README says what each does.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from tongbao_sandbox.serving import SLOW_S, Answer, Fault, Receive, Service, Store, Wrong, as_json, body_of

OPENS_WITH: Final = 100_000_000_000
"""What every account has when it is first heard of, in minor units."""

_PAGE: Final = 1_000

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS debit (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'declined')),
    reason TEXT
);
CREATE INDEX IF NOT EXISTS debit_by_account ON debit (account, currency, status);
"""


class Trigger(Enum):
    """What one request meets with."""

    NOTHING = "nothing"
    NO_FUNDS = "insufficient_funds"
    NO_ACCOUNT = "account_closed"
    LATE = "done, answered late"
    ANSWER_LOST = "done, never answered"
    REQUEST_LOST = "not done the first time, never answered; done when it is repeated"
    ALWAYS_LOST = "never done, never answered"
    FAILS = "not done, answered 500"
    FAILS_AFTER = "done, answered 500"
    GARBLED = "done, an answer that cannot be read"
    OTHER_AMOUNT = "done, an answer about another amount"


TRIGGERS: Final = {
    1: Trigger.NO_FUNDS,
    2: Trigger.NO_ACCOUNT,
    11: Trigger.LATE,
    12: Trigger.ANSWER_LOST,
    13: Trigger.REQUEST_LOST,
    14: Trigger.ALWAYS_LOST,
    15: Trigger.FAILS,
    16: Trigger.FAILS_AFTER,
    17: Trigger.GARBLED,
    18: Trigger.OTHER_AMOUNT,
}
"""By the last two digits of the amount in minor units."""

_DECLINES: Final = (Trigger.NO_FUNDS, Trigger.NO_ACCOUNT)


@dataclass(frozen=True)
class Chance:
    """How many of a thousand requests meet with what, drawn from the seed and the id: a repeated request meets the same."""

    seed: int = 0
    decline: int = 0
    late: int = 0
    lose: int = 0

    def of(self, id: str) -> Trigger:
        drawn = int.from_bytes(sha256(f"{self.seed} {id}".encode()).digest()[:8]) % 1000
        for most, trigger in (
            (self.decline, Trigger.NO_FUNDS),
            (self.late, Trigger.LATE),
            (self.lose, Trigger.ANSWER_LOST),
        ):
            if drawn < most:
                return trigger
            drawn -= most
        return Trigger.NOTHING


@dataclass(frozen=True)
class Debit:
    id: str
    account: str
    amount: int
    currency: str
    status: str = "accepted"
    reason: str | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "account": self.account,
            "amount": self.amount,
            "currency": self.currency,
            "status": self.status,
            "reason": self.reason,
        }


class Books(Store):
    """What was asked and what was sent."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "bank", SCHEMA)

    def find(self, id: str) -> Debit | None:
        row = self.one("SELECT id, account, amount, currency, status, reason FROM debit WHERE id = ?", id)
        return Debit(*row) if row else None

    def write(self, debit: Debit) -> Debit:
        """Decides and books, unless this id was booked before: then that is the answer."""
        status, reason = debit.status, debit.reason
        if status == "accepted" and self.sent(debit.account, debit.currency) + debit.amount > OPENS_WITH:
            status, reason = "declined", Trigger.NO_FUNDS.value
        self._db.execute(
            "INSERT INTO debit (id, account, amount, currency, status, reason) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO NOTHING",
            (debit.id, debit.account, debit.amount, debit.currency, status, reason),
        )
        booked = self.find(debit.id)
        assert booked is not None
        return booked

    def sent(self, account: str, currency: str) -> int:
        row = self.one(
            "SELECT coalesce(sum(amount), 0) FROM debit WHERE account = ? AND currency = ? AND status = 'accepted'",
            account,
            currency,
        )
        return row[0] if row else 0

    def page(self, after: int) -> list[tuple[int, Debit]]:
        rows = self.rows(
            "SELECT number, id, account, amount, currency, status, reason FROM debit WHERE number > ?"
            " ORDER BY number LIMIT ?",
            after,
            _PAGE,
        )
        return [(row[0], Debit(*row[1:])) for row in rows]

    def totals(self) -> dict[str, dict[str, int]]:
        rows = self.rows(
            "SELECT currency, count(*), sum(amount) FROM debit WHERE status = 'accepted' GROUP BY currency"
        )
        return {currency: {"debits": count, "amount": amount} for currency, count, amount in rows}


class Bank(Service):
    """The bank. One process; nothing waits between a request's decision and its booking."""

    def __init__(self, folder: Path, chance: Chance | None = None, *, late_s: int = 15) -> None:
        self._books = Books(folder)
        super().__init__(self._books, late_s=late_s)
        self._chance = chance or Chance()

    def inside(self, method: str, path: str, query: dict[str, str]) -> Answer | None:
        if (method, path) == ("GET", "/totals"):
            return as_json(200, self._books.totals())
        if (method, path) == ("GET", "/debits"):
            return self._page(query.get("after", "0"))
        return None

    async def answer(self, method: str, path: str, receive: Receive) -> Answer | None:
        if (method, path) == ("POST", "/debits"):
            return await self._debit(await body_of(receive))
        if method == "GET" and path.startswith("/debits/"):
            return await self._status(path.removeprefix("/debits/"))
        raise Wrong(404, "there is no such thing here")

    def _page(self, given: str) -> Answer:
        if not re.fullmatch(r"[0-9]{1,15}", given):
            raise Wrong(422, "after is the number of a debit")
        page = self._books.page(int(given))
        return as_json(
            200,
            {"debits": [debit.shown() for _, debit in page], "after": page[-1][0] if len(page) == _PAGE else None},
        )

    async def _debit(self, body: Any) -> Answer | None:
        asked = _read(body)
        known = self._books.find(asked.id)
        if known is not None and (known.account, known.amount, known.currency) != (
            asked.account,
            asked.amount,
            asked.currency,
        ):
            raise Wrong(409, "this id stands for another request")
        trigger = TRIGGERS.get(asked.amount % 100) or self._chance.of(asked.id)
        times = self._books.times_seen(asked.id)
        if trigger is Trigger.ALWAYS_LOST or (trigger is Trigger.REQUEST_LOST and times == 1):
            return None
        if trigger is Trigger.FAILS and times == 1:
            return as_json(500, {"error": "something broke"})
        if trigger in _DECLINES:
            asked = Debit(asked.id, asked.account, asked.amount, asked.currency, "declined", trigger.value)
        booked = known or self._books.write(asked)
        if self.fault is Fault.LOSE or trigger is Trigger.ANSWER_LOST:
            return None
        if trigger is Trigger.LATE and known is None:
            await asyncio.sleep(self.late_s)
        return await self._said(booked, trigger)

    async def _said(self, booked: Debit, trigger: Trigger) -> Answer:
        if self.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        if trigger is Trigger.FAILS_AFTER:
            return as_json(500, {"error": "something broke"})
        if trigger is Trigger.GARBLED:
            return 200, b'{"status": "acce'
        if trigger is Trigger.OTHER_AMOUNT:
            return as_json(200, {**booked.shown(), "amount": booked.amount * 100})
        return as_json(200, booked.shown())

    async def _status(self, id: str) -> Answer | None:
        if self.fault is Fault.LOSE:
            return None
        if self.fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        found = self._books.find(id)
        return as_json(200, found.shown()) if found else as_json(404, {"id": id, "status": "never_seen"})


def _read(body: Any) -> Debit:
    id_, account = body.get("id"), body.get("account")
    amount, currency = body.get("amount"), body.get("currency")
    if not (isinstance(id_, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", id_)):
        raise Wrong(422, "id: up to 64 letters, digits and hyphens")
    if not (isinstance(account, str) and re.fullmatch(r"[A-Za-z0-9-]{4,34}", account)):
        raise Wrong(422, "account: 4 to 34 letters, digits and hyphens")
    if type(amount) is not int or not 0 < amount < 2**53:
        raise Wrong(422, "amount: a whole number of minor units")
    if not (isinstance(currency, str) and re.fullmatch(r"[A-Z]{3}", currency)):
        raise Wrong(422, "currency: three letters")
    return Debit(id_, account, amount, currency)
