"""Writes a long and true history straight into the ledger's tables: every version, balance and sum is what it must be.

In each round everybody pays the neighbour `shift` places on, so that each account has one debit and one credit a round;
and one deep account pays another a tenth as often and is paid back. All figures follow from the place of a posting alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from tongbao import ledger
from tongbao.base import days
from tongbao.base.db import BULK, Database

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE = 50_000
DEEP = PEOPLE // 10
"""Postings a round from the deep account, and as many back."""
ROUND = PEOPLE + 2 * DEEP
FIRST_DAY = date(2026, 11, 2)

TRANSFERS = """
INSERT INTO ledger.transfer (id, number, kind, booking_date, recorded_at, postings) OVERRIDING SYSTEM VALUE
SELECT (lpad(to_hex(1793000000000 + n / 20), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8'
        || lpad(to_hex(n), 15, '0'))::uuid,
    n, 'payment', %(day)s, %(start)s + n * interval '100 microseconds', 1
FROM generate_series(%(low)s::bigint * %(round)s + 1, %(high)s::bigint * %(round)s) AS n
"""

POSTINGS = """
INSERT INTO ledger.posting (id, transfer_id, recorded_at, debit, credit, amount_minor, debit_version, credit_version,
    debit_balance, credit_balance, booking_date, value_date, currency) OVERRIDING SYSTEM VALUE
SELECT n, (lpad(to_hex(1793000000000 + n / 20), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8'
        || lpad(to_hex(n), 15, '0'))::uuid,
    %(start)s + n * interval '100 microseconds', debit, credit, amount, debit_version, credit_version, debit_balance,
    credit_balance, %(day)s, %(day)s, 'CNY'
FROM (
    SELECT r * %(round)s + j + 1 AS n, %(person)s + j AS debit, %(person)s + payee AS credit, amount,
        2 * r + 1 + (j > paid_at)::int AS debit_version, 2 * r + 1 + (j > payee)::int AS credit_version,
        CASE WHEN j > paid_at THEN 0 ELSE -amount END AS debit_balance,
        CASE WHEN j > payee THEN 0 ELSE amount END AS credit_balance
    FROM (
        SELECT r, j, 1 + r %% 97 AS amount, (j + shift) %% %(people)s AS payee,
            (j - shift + %(people)s) %% %(people)s AS paid_at
        FROM (
            SELECT r, 1 + (r * 7919) %% (%(people)s - 1) AS shift
            FROM generate_series(%(low)s::bigint, %(high)s::bigint - 1) AS r
        ) AS rounds, generate_series(0, %(people)s - 1) AS j
    ) AS ring
    UNION ALL
    SELECT r * %(round)s + %(people)s + i + 1, CASE WHEN i < %(deep)s THEN %(payer)s ELSE %(payee)s END,
        CASE WHEN i < %(deep)s THEN %(payee)s ELSE %(payer)s END, 1, r * 2 * %(deep)s + i + 1,
        r * 2 * %(deep)s + i + 1, CASE WHEN i < %(deep)s THEN -(i + 1) ELSE 2 * %(deep)s - i - 1 END,
        CASE WHEN i < %(deep)s THEN i + 1 ELSE -(2 * %(deep)s - i - 1) END
    FROM generate_series(%(low)s::bigint, %(high)s::bigint - 1) AS r, generate_series(0, 2 * %(deep)s - 1) AS i
) AS postings ORDER BY n
"""

ACCOUNTS = """
UPDATE ledger.account SET recorded_at = %(at)s,
    version = CASE WHEN id < %(payer)s THEN 2 * %(rounds)s ELSE 2 * %(deep)s * %(rounds)s END
WHERE id BETWEEN %(person)s AND %(payee)s
"""

SEQUENCES = """
SELECT setval('ledger.posting_id_seq', %(last)s), setval('ledger.transfer_number_seq', %(last)s)
"""


class History:
    """A ledger that grows by rounds; each growth is a business day of its own, closed and summed when the next begins."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.rounds = 0
        self.day = FIRST_DAY
        self.person = self.payer = self.payee = 0

    async def found(self) -> None:
        async with Database(self.url, limits=BULK) as db, db.tx() as tx:
            await days.found(tx, FIRST_DAY)
            new = ledger.NewAccount(currency="CNY", gl_line="2010", at=self.start(), floor_minor=-100 * PEOPLE)
            opened = await ledger.open_accounts(tx, [new] * (PEOPLE + 2))
            self.person, self.payer, self.payee = opened[0], opened[-2], opened[-1]

    def start(self) -> datetime:
        return datetime.combine(self.day, datetime.min.time(), UTC)

    @property
    def first_moment(self) -> datetime:
        return datetime.combine(FIRST_DAY, datetime.min.time(), UTC)

    @property
    def entries(self) -> int:
        return 2 * ROUND * self.rounds

    async def grow(self, rounds: int, said: Callable[[str], None] = lambda _: None) -> None:
        """Books some rounds on the open day, a few at a time, and closes it."""
        async with Database(self.url, limits=BULK) as db:
            last = self.rounds + rounds
            while self.rounds < last:
                await self._write(db, min(4, last - self.rounds))
                said(f"{self.entries:,} entries")
            await days.close(db, self.day)
            async with db.tx() as tx:
                await ledger.close_day(tx, self.day, self.start())
            self.day += timedelta(1)

    async def _write(self, db: Database, rounds: int) -> None:
        where = {
            "low": self.rounds,
            "high": self.rounds + rounds,
            "round": ROUND,
            "day": self.day,
            "start": self.start(),
        }
        who = {"people": PEOPLE, "deep": DEEP, "person": self.person, "payer": self.payer, "payee": self.payee}
        async with db.tx() as tx:
            await tx.run(TRANSFERS, **where)
            await tx.run(POSTINGS, **where, **who)
            self.rounds += rounds
            at = self.start() + timedelta(microseconds=100 * self.rounds * ROUND)
            await tx.run(ACCOUNTS, at=at, rounds=self.rounds, **{k: v for k, v in who.items() if k != "people"})
            await tx.run(SEQUENCES, last=self.rounds * ROUND)
