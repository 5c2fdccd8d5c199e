"""A bank with a business day, and who works at it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from random import Random
from uuid import UUID

import pytest

from tongbao import identity
from tongbao.base import days, ids
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import KEY_PERMISSIONS, KeyKind

BANK_CODE = "90001"


class World:
    """The bank under test. Ids and secrets come from a seed, time from a clock that stands still."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = ManualClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
        self.chance = Random(0)
        self.bank = self.principal()

    @property
    def at(self) -> datetime:
        return self.clock.now()

    def id(self) -> UUID:
        return ids.uuid7(self.at, self.chance.getrandbits)

    def token(self, kind: str = "bank") -> identity.Token:
        return identity.fresh_token(kind, self.chance.randbytes)

    def principal(self, kind: PrincipalKind = PrincipalKind.BANK, permissions: set[str] | None = None) -> Principal:
        held = KEY_PERMISSIONS[KeyKind.BANK] if permissions is None else frozenset(permissions)
        return Principal(id=self.id(), kind=kind, permissions=held)

    def person(self, name: str = "王小明") -> identity.NewCustomer:
        return identity.NewCustomer(id=self.id(), kind=identity.CustomerKind.PERSON, name=name, phone="+8613800138000")

    async def customer(self, name: str = "王小明") -> identity.Customer:
        async with self.db.tx() as tx:
            (made,) = await identity.register_customers(tx, [self.person(name)], by=self.bank, at=self.at)
        assert isinstance(made, identity.Made)
        return made.thing

    async def account(self, customer: identity.Customer | None = None, currency: str = "CNY") -> identity.Account:
        owner = customer or await self.customer()
        new = identity.NewAccount(id=self.id(), customer_id=owner.id, currency=currency)
        async with self.db.tx() as tx:
            (made,) = await identity.open_accounts(tx, [new], by=self.bank, at=self.at, bank_code=BANK_CODE)
        assert isinstance(made, identity.Made)
        return made.thing


@pytest.fixture
async def world(fresh_database: str) -> AsyncIterator[World]:
    async with Database(fresh_database, size=8) as db:
        async with db.tx() as tx:
            await days.found(tx, date(2026, 11, 23))
        yield World(db)
