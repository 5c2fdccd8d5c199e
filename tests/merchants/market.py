"""A street with shops and people who pay in them, on a clock that is wound by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec

from tongbao import identity, ledger, merchants, payments
from tongbao.base import days, ids, parked
from tongbao.base.clock import ManualClock
from tongbao.base.db import BULK, Database
from tongbao.base.dispatcher import dispatch_once
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.settings import Settings
from tongbao.identity import KEY_PERMISSIONS, KeyKind

MONDAY = date(2026, 11, 23)
"""The first business day of the bank under test."""

NINE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Nine in the morning of that day in Shanghai."""

SETTINGS = Settings(webhook_private=True)


class Market:
    def __init__(self, db: Database, settings: Settings = SETTINGS, start: datetime = NINE) -> None:
        self.db = db
        self.settings = settings
        self.clock = ManualClock(start)
        self.chance = Random(7)
        self.bank = Principal(id=self.id(), kind=PrincipalKind.BANK, permissions=KEY_PERMISSIONS[KeyKind.BANK])
        self.intake = payments.Intake(db, self.clock, settings)

    @property
    def at(self) -> datetime:
        return self.clock.now()

    def id(self) -> UUID:
        return ids.uuid7(self.clock.now(), self.chance.getrandbits)

    def later(self, **step: int) -> datetime:
        return self.clock.tick(timedelta(**step))

    # people and shops

    async def shop(self, name: str = "老王面馆", **more: Any) -> merchants.Merchant:
        new = merchants.NewMerchant(id=self.id(), name=name, currency="CNY", category="restaurant", **more)
        async with self.db.tx() as tx:
            (made,) = await merchants.register_merchants(
                tx, [new], by=self.bank, at=self.at, bank_code=self.settings.bank_code
            )
        return made.thing

    async def person(
        self, amount: int = 0, *, level: int = identity.FULL_LEVEL, currency: str = "CNY"
    ) -> identity.Account:
        """Somebody with `amount` in minor units on an account, whom the bank knows that well."""
        person = identity.NewCustomer(id=self.id(), kind=identity.CustomerKind.PERSON, name="王小明")
        account = identity.NewAccount(id=self.id(), customer_id=person.id, currency=currency)
        async with self.db.tx() as tx:
            await identity.register_customers(tx, [person], level=level, by=self.bank, at=self.at)
            (made,) = await identity.open_accounts(
                tx, [account], by=self.bank, at=self.at, bank_code=self.settings.bank_code
            )
        assert isinstance(made, identity.Made)
        if amount:
            await self.pay(payments.OUTSIDE, made.thing.id, amount, kind=payments.Kind.TOPUP, currency=currency)
        return made.thing

    # paying

    async def pay(self, payer: UUID, payee: UUID | merchants.Merchant, amount: int, **more: Any) -> payments.Outcome:
        shop = isinstance(payee, merchants.Merchant)
        order = payments.Order(
            id=more.pop("id", None) or self.id(),
            principal_id=self.bank.id,
            request_hash=b"",
            payer_account_id=payer,
            payee_account_id=None if shop else payee,
            merchant_id=payee.id if shop else None,
            amount_minor=amount,
            currency=more.pop("currency", "CNY"),
            **more,
        )
        return (await self.intake.pay_many([order]))[0]

    async def sell(self, shop: merchants.Merchant, payer: identity.Account, amount: int, **more: Any) -> UUID:
        """A payment that goes through."""
        outcome = await self.pay(payer.id, shop, amount, **more)
        assert outcome.refusal is None, outcome.refusal
        assert outcome.payment is not None
        return outcome.payment.id

    async def ask(self, verb: str, payment_id: UUID, amount: int | None = None, **more: Any) -> payments.Outcome:
        operation = payments.Operation(
            id=self.id(),
            payment_id=payment_id,
            principal_id=self.bank.id,
            request_hash=b"",
            amount_minor=amount,
            **more,
        )
        return (await self.intake.ask_many(verb, [operation]))[0]

    # orders

    async def order(self, shop: merchants.Merchant, amount: int, *, minutes: int = 30) -> merchants.Order:
        new = merchants.NewOrder(
            id=self.id(),
            merchant_id=shop.id,
            amount_minor=amount,
            currency="CNY",
            expires_at=self.at + timedelta(minutes=minutes),
        )
        async with self.db.tx() as tx:
            return (await merchants.create_order(tx, new, by=self.bank, at=self.at)).thing

    async def order_now(self, order_id: UUID) -> merchants.Order:
        async with self.db.read() as tx:
            return (await merchants.find_orders(tx, [order_id]))[order_id]

    async def events(self) -> None:
        """Lets everybody who follows events catch up; a transaction anywhere in the server may hold events back."""
        for consumer in merchants.CONSUMERS:
            for _ in range(1000):
                moved = await dispatch_once(self.db, consumer, self.clock)
                async with self.db.read() as tx:
                    left = [lag.unread for lag in await parked.lag(tx) if lag.consumer == consumer.name]
                if not moved and left == [0]:
                    break
                await asyncio.sleep(0 if moved else 0.02)
            else:
                raise TimeoutError("events do not come to rest")

    # looking

    async def balance(self, account_id: UUID | int) -> int:
        async with self.db.read() as tx:
            if isinstance(account_id, UUID):
                account_id = (await identity.find_accounts(tx, [account_id]))[account_id].ledger_id
            return (await ledger.accounts(tx, [account_id]))[account_id].balance_minor

    async def own(self, line: str) -> int:
        """The balance of one of the bank's own accounts; 0 where none has been opened."""
        async with self.db.read() as tx:
            return sum(t.balance_minor for t in await ledger.trial_balance(tx) if t.gl_line == line)

    async def books_balance(self) -> None:
        async with self.db.read() as tx:
            assert sum(line.balance_minor for line in await ledger.trial_balance(tx)) == 0


@asynccontextmanager
async def opened(url: str, settings: Settings = SETTINGS, start: datetime = NINE) -> AsyncIterator[Market]:
    settings = msgspec.structs.replace(settings, database_url=url)
    async with Database(url, size=8, limits=BULK) as db:
        async with db.tx() as tx:
            await days.found(tx, days.local_day(start, settings.zone))
        yield Market(db, settings, start)
