"""Customers with accounts and cards of other banks, over a card network in a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from tests.merchants.market import SETTINGS
from tests.payments.town import Reply, Town, opened
from tests.sandbox.card_network import CardNetwork, running
from tongbao import identity, merchants, payments, vault
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.prove import Finding, prove
from tongbao.payments import ways
from tongbao.payments.jobs import Caller

PHONE = "13800138000"
ENDED = ("completed", "declined")


@pytest.fixture(scope="module")
def card_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardNetwork]:
    with running(tmp_path_factory.mktemp("cards"), "--late-s", "3") as network:
        yield network


class Wallet:
    """A customer with an account and cards; `asks` lets the worker ask the network what is due."""

    def __init__(self, town: Town, network: CardNetwork, callers: list[Caller]) -> None:
        self.town = town
        self.network = network
        self.callers = callers
        self.before = network.charged()
        self.phones = iter(range(13_900_000_000, 13_999_999_999))

    async def comes(self, *, level: int = identity.FULL_LEVEL) -> identity.Account:
        account = await self.town.person(level=level)
        self.owns(account.customer_id)
        return account

    def owns(self, customer: UUID) -> None:
        allowed = frozenset(("me:read", "me:pay"))
        himself = Principal(
            id=customer,
            kind=PrincipalKind.CUSTOMER,
            permissions=allowed,
            subject_id=customer,
            device_id=uuid4(),
        )
        self.town.keys[str(customer)] = himself

    async def begin(self, account: identity.Account, number: str, **more: Any) -> Reply:
        body = {"number": number, "expires": "11/28", "name": "王小明", "phone": more.pop("phone", PHONE)}
        body |= more.pop("body", {})
        key = more.pop("key", None) or self.town.id()
        answer = await self.town.post("/v1/cards", body, by=str(account.customer_id), key=key)
        while answer.code == "busy":
            answer = await self.town.post("/v1/cards", body, by=str(account.customer_id), key=key)
        return answer

    async def confirm(self, account: identity.Account, card_id: str, code: str) -> Reply:
        return await self.town.post(f"/v1/cards/{card_id}/confirm", {"code": code}, by=str(account.customer_id))

    async def bind(self, account: identity.Account, number: str) -> str:
        phone = str(next(self.phones))
        begun = await self.begin(account, number, phone=phone)
        assert begun.status == 201, begun.body
        bound = await self.confirm(account, begun["id"], self.network.code(f"+86{phone}"))
        assert (bound.status, bound["state"]) == (200, "bound"), bound.body
        return bound["id"]

    async def cards(self, account: identity.Account) -> list[dict[str, Any]]:
        return (await self.town.get("/v1/cards", by=str(account.customer_id)))["items"]

    async def top_up(self, account: identity.Account, card_id: str, amount: int, **more: Any) -> Reply:
        body = {"account_id": str(account.id), "amount": amount, "currency": "CNY"}
        return await self.town.post(f"/v1/cards/{card_id}/topups", body, by=str(account.customer_id), **more)

    async def pay(
        self, account: identity.Account, card_id: str, shop: merchants.Merchant, amount: int, **more: Any
    ) -> Reply:
        key = more.pop("key", None)
        body = {"account_id": str(account.id), "merchant_id": str(shop.id), "amount": amount, "currency": "CNY", **more}
        return await self.town.post(f"/v1/cards/{card_id}/payments", body, by=str(account.customer_id), key=key)

    async def asks(self) -> None:
        async def until_quiet(caller: Caller) -> None:
            while await caller.turn() or caller.waiting:
                pass

        await asyncio.gather(*(until_quiet(caller) for caller in self.callers))

    async def ends(self, *ids: str) -> list[str]:
        states = list[str]()
        for _ in range(60):
            await self.asks()
            states = [(await self.town.payment(UUID(id_)))["state"] for id_ in ids]
            if set(states) <= set(ENDED):
                return states
            self.town.later(seconds=30)
        raise AssertionError(f"{states} after half an hour")

    def charged(self) -> int:
        return self.network.charged() - self.before

    async def both_sides_agree(self) -> None:
        """What the cards were charged is what came in here; every invariant holds."""
        assert -await self.town.own("1040") == self.charged()
        await self.town.books_balance()
        assert await self.proved() == []

    async def proved(self) -> list[Finding]:
        done = await prove(self.town.db, payments.CHECKS, self.town.clock)
        return [finding for one in done for finding in one.findings]


@pytest.fixture
async def wallet(fresh_database: str, card_network: CardNetwork, tmp_path: Path) -> AsyncIterator[Wallet]:
    settings = replace(SETTINGS, card_network=card_network.wire)
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(opened(fresh_database, settings))
        vault.use(vault.Keyring.create(tmp_path / "keyring", town.at))
        stack.callback(vault.use, None)
        # The network remembers every id for ever, also those of the test before.
        town.chance = Random(uuid4().int)
        connected = await stack.enter_async_context(ways.connected(town.db, town.clock.now, settings, within_s=1))
        yield Wallet(town, card_network, [Caller(town.db, town.clock, settings, connected) for _ in range(2)])
