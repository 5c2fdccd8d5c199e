"""A ledger to tell stories about: it posts what a story says and checks what became of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from tongbao import ledger
from tongbao.base import days, ids
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from tongbao.base.db import Database

DAY = date(2026, 11, 23)


class Bank:
    """Accounts by name over a database of their own; its clock moves a second with every batch."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.at = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
        self.names: dict[str, int] = {}
        self.bits = Random(7).getrandbits

    def id(self) -> UUID:
        return ids.uuid7(self.at, self.bits)

    def __getitem__(self, name: str) -> int:
        return self.names[name]

    async def open(self, *names: str, **what: Any) -> list[int]:
        new = ledger.NewAccount(**{"currency": "CNY", "gl_line": "2010", "at": self.at, **what})
        async with self.db.tx() as tx:
            opened = await ledger.open_accounts(tx, [new] * len(names))
        self.names.update(zip(names, opened, strict=True))
        return opened

    async def fund(self, **amounts: int) -> None:
        """Puts money on accounts of a currency out of the bank's cash."""
        for name, amount in amounts.items():
            account = await self.account(name)
            async with self.db.tx() as tx:
                cash = await ledger.own_account(tx, "1010", account.currency, self.at)
            posting = ledger.Posting(cash, account.id, amount, account.currency)
            assert await self.do(ledger.Transfer(id=self.id(), kind="cash", postings=(posting,))) == ["posted"]

    def transfer(self, *postings: tuple[str, str, int], **what: Any) -> ledger.Transfer:
        """Postings are (payer, payee, amount) in CNY."""
        made = tuple(ledger.Posting(self[debit], self[credit], amount, "CNY") for debit, credit, amount in postings)
        return ledger.Transfer(**{"id": self.id(), "kind": "payment", "postings": made, **what})

    def hold(self, name: str, amount: int, **what: Any) -> ledger.NewHold:
        until = self.at + timedelta(hours=1)
        return ledger.NewHold(
            **{
                "id": self.id(),
                "account_id": self[name],
                "amount_minor": amount,
                "currency": "CNY",
                "expires_at": until,
                **what,
            }
        )

    async def do(self, *items: ledger.Item) -> list[str]:
        """Posts one batch; an outcome an item: `posted`, `replayed` or the code of the refusal."""
        self.at += timedelta(seconds=1)
        async with self.db.tx() as tx:
            outcomes = await ledger.post(tx, items, self.at)
        return [said(outcome) for outcome in outcomes]

    async def account(self, name: str) -> ledger.Account:
        async with self.db.read() as tx:
            return (await ledger.accounts(tx, [self[name]]))[self[name]]

    async def close_day(self) -> date:
        """Closes the open day and sums it; the new open day."""
        async with self.db.read() as tx:
            day = (await days.current(tx)).open_date
        now = await days.close(self.db, day)
        self.at = max(self.at, datetime.combine(now.open_date, datetime.min.time(), UTC))
        async with self.db.tx() as tx:
            assert await ledger.close_day(tx, day, self.at)
        return now.open_date


def said(outcome: ledger.Posted | Refusal) -> str:
    if isinstance(outcome, Refusal):
        return outcome.code
    return "replayed" if outcome.replayed else "posted"


async def check(bank: Bank, *steps: tuple[ledger.Item, str], **balances: int | tuple[int, int]) -> None:
    """Posts the items as one batch, each with the outcome that must follow, and then looks at the accounts.

    A balance is `name=balance`, or `name=(balance, held)`.
    """
    if steps:
        assert await bank.do(*(item for item, _ in steps)) == [outcome for _, outcome in steps]
    for name, expected in balances.items():
        account = await bank.account(name)
        balance, held = expected if isinstance(expected, tuple) else (expected, account.held_minor)
        assert (name, account.balance_minor, account.held_minor) == (name, balance, held)
