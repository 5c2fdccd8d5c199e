"""A customer who pays for himself and can show that it is he: over the API, as his app does it."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from pyotp.totp import TOTP

from tests.identity.phone import sent_to
from tests.payments.test_own_money import come_in
from tests.payments.town import Reply, Town
from tongbao import identity
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import CustomerKind, NewAccount, NewCustomer

PIN, SEED = "271813", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PIN_HASH = identity.hash_password(PIN, bytes(16))
PASSWORD = "一匹马两匹马三匹马"
PASSWORD_HASH = identity.hash_password(PASSWORD, bytes(16))


class Payer:
    """`account` is where his money is, `key` what his app asks the bank with."""

    def __init__(self, town: Town, account: identity.Account) -> None:
        self.town, self.account, self.key = town, account, come_in(town, account)
        self.himself = Principal(id=account.customer_id, kind=PrincipalKind.CUSTOMER, subject_id=account.customer_id)

    async def pay(self, payee: Any, amount: int, **more: Any) -> UUID:
        """A payment that the bank asks him about."""
        reply = await self.town.pay_by_http(self.account, payee, amount, by=self.key, **more)
        assert (reply.status, reply["state"]) == (201, "challenged"), reply.body
        return UUID(reply["id"])

    async def look(self, payment: UUID) -> Reply:
        return await self.town.get(f"/v1/payments/{payment}/authorisation", by=self.key)

    async def show(self, payment: UUID, kind: str, secret: str, *, looked_at: str | None = None, **more: Any) -> Reply:
        hash_ = looked_at or (await self.look(payment))["instruction_sha256"]
        body = {"kind": kind, "instruction": hash_, "secret": secret, **more}
        return await self.town.post(f"/v1/payments/{payment}/evidence", body, by=self.key)

    async def ask_code(self, payment: UUID, *, key: UUID | None = None) -> Reply:
        body = {"instruction": (await self.look(payment))["instruction_sha256"]}
        return await self.town.post(f"/v1/payments/{payment}/codes", body, by=self.key, key=key)

    async def messages(self) -> list[str]:
        world: Any = self.town
        return [text for kind, _, text in await sent_to(world, self.account.customer_id) if kind == "code"]

    async def code(self) -> str:
        """The last one that came to his telephone."""
        found = re.search("[0-9]{6}", (await self.messages())[-1])
        assert found
        return found[0]

    def app_code(self) -> str:
        return TOTP(SEED).at(self.town.at)

    async def confirm(self, payment: UUID, **more: Any) -> Reply:
        by = more.pop("by", self.key)
        return await self.town.post(f"/v1/payments/{payment}/confirm", {}, by=by, **more)


async def payer(town: Town, *factors: str, amount: int = 10_000_000) -> Payer:
    """Somebody with money who has set up `pin`, `password`, `totp`, `sms`, as named."""
    person = NewCustomer(
        id=town.id(), kind=CustomerKind.PERSON, name="李梅", phone=f"+86138{town.chance.randrange(10**8):08}"
    )
    new = NewAccount(id=town.id(), customer_id=person.id, currency="CNY")
    async with town.db.tx() as tx:
        await identity.register_customers(tx, [person], level=identity.FULL_LEVEL, by=town.bank, at=town.at)
        (made,) = await identity.open_accounts(tx, [new], by=town.bank, at=town.at, bank_code=town.settings.bank_code)
    assert isinstance(made, identity.Made)
    found = Payer(town, made.thing)
    himself: Any = {"by": found.himself, "at": town.at}
    async with town.db.tx() as tx:
        if "pin" in factors:
            await identity.set_pin(tx, person.id, PIN_HASH, **himself)
        if "password" in factors:
            await identity.set_password(tx, person.id, PASSWORD_HASH, **himself)
        if "sms" in factors:
            await identity.set_sms(tx, person.id, **himself)
        if "totp" in factors:
            await identity.begin_totp(tx, person.id, SEED, **himself)
            assert await identity.confirm_totp(tx, person.id, found.app_code(), **himself) is None
    check = await town.post("/v1/topups", {"account_id": str(made.thing.id), "amount": amount, "currency": "CNY"})
    assert check.status == 201, check.body
    town.later(minutes=2)
    return found
