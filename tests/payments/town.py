"""A market whose people also pay over HTTP, as the bank, as a merchant or as a partner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import psycopg
from msgspec.structs import replace

from tests.framework import framework
from tests.merchants.market import MONDAY, NINE, SETTINGS, Market
from tongbao import identity, merchants, payments
from tongbao.base import days
from tongbao.base.db import Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import KEY_PERMISSIONS, ROLE_PERMISSIONS, KeyKind, Role
from tongbao.payments import api
from tongbao.web.door import Door
from tongbao.web.refusals import INVALID_KEY

__all__ = ["MONDAY", "NINE", "Reply", "Town", "opened"]


class Reply:
    """An answer of the bank, as far as tests look at it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.raw = response.content
        self.replayed = response.headers.get("idempotency-replayed") == "true"
        is_json = "json" in response.headers.get("content-type", "")
        self.body: Any = response.json() if is_json else response.text

    @classmethod
    def of(cls, body: dict[str, Any]) -> Reply:
        """What was learned some other way, as if it were an answer."""
        return cls(httpx.Response(200, json=body))

    @property
    def code(self) -> str | None:
        return self.body.get("code")

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


class Town(Market):
    """`post` and `get` go through the whole edge; `raw` sends `POST /v1/payments` past the framework, as the bank does."""

    raw = True

    def principal(self, kind: KeyKind = KeyKind.BANK, subject: UUID | None = None) -> str:
        """The token of a new principal."""
        token = f"token-{len(self.keys)}"
        self.keys[token] = Principal(
            id=self.id(), kind=PrincipalKind(kind.value), permissions=KEY_PERMISSIONS[kind], subject_id=subject
        )
        return token

    def principal_of_staff(self, role: Role = Role.OPERATOR) -> Principal:
        """A person, whose token is his id."""
        person = Principal(id=self.id(), kind=PrincipalKind.STAFF, permissions=ROLE_PERMISSIONS[role])
        self.keys[str(person.id)] = person
        return person

    def open_doors(self) -> None:
        self.keys: dict[str, Principal] = {"bank": self.bank}
        self.door = Door(self._authenticate)
        served = framework(
            api.ROUTES,
            door=self.door,
            provide={"db": self.db, "clock": self.clock, "settings": self.settings, "intake": self.intake},
        )
        pay = api.pay_route(self.door, self.intake)

        async def route(scope: Any, receive: Any, send: Any) -> None:
            straight = (
                self.raw and scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/v1/payments")
            )
            await (pay if straight else served)(scope, receive, send)

        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.door.wrap(route)), base_url="http://bank.example"
        )

    async def _authenticate(self, token: str) -> Principal:
        if token not in self.keys:
            raise INVALID_KEY()
        return self.keys[token]

    async def send(
        self, method: str, path: str, body: Any = None, *, key: UUID | None = None, by: str = "bank", **more: Any
    ) -> Reply:
        headers = {"authorization": f"Bearer {by}", **more.pop("headers", {})}
        if key is not None:
            headers["idempotency-key"] = str(key)
        if body is not None and "content" not in more:
            more["json"] = body
        return Reply(await self.client.request(method, path, headers=headers, **more))

    async def post(self, path: str, body: Any = None, *, key: UUID | None = None, **more: Any) -> Reply:
        return await self.send("POST", path, body, key=key or self.id(), **more)

    async def put(self, path: str, body: Any, **more: Any) -> Reply:
        return await self.send("PUT", path, body, **more)

    async def get(self, path: str, **more: Any) -> Reply:
        return await self.send("GET", path, **more)

    def order_body(self, payer: identity.Account, payee: Any, amount: int, **more: Any) -> dict[str, Any]:
        to = (
            {"merchant_id": str(payee.id)}
            if isinstance(payee, merchants.Merchant)
            else {"payee_account_id": str(payee.id)}
        )
        return {"payer_account_id": str(payer.id), **to, "amount": amount, "currency": "CNY", **more}

    async def pay_by_http(self, payer: identity.Account, payee: Any, amount: int, **more: Any) -> Reply:
        key, by = more.pop("key", None), more.pop("by", "bank")
        return await self.post("/v1/payments", self.order_body(payer, payee, amount, **more), key=key, by=by)

    async def top_up_over(self, payee: identity.Account, amount: int, *, rail: str = "sandbox", **more: Any) -> Reply:
        """Money that another bank is asked for."""
        key = more.pop("key", None)
        over = {"rail": rail, "outside_account": "6222020200112233445"}
        body = {"account_id": str(payee.id), "amount": amount, "currency": "CNY", **over, **more}
        return await self.post("/v1/topups", body, key=key)

    # looking closer

    async def payment(self, id: UUID) -> dict[str, Any]:
        reply = await self.get(f"/v1/payments/{id}")
        assert reply.status == 200, reply.body
        return reply.body

    async def money(self, account: identity.Account) -> tuple[int, int]:
        """(balance, held)."""
        async with self.db.read() as tx:
            rows = await tx.rows(
                "SELECT balance_minor, held_minor FROM ledger.account WHERE id = %(i)s", i=account.ledger_id
            )
        return rows[0][0], rows[0][1]

    async def run_sql(self, statement: str, **params: Any) -> list[tuple[Any, ...]]:
        async with await psycopg.AsyncConnection.connect(self.db.url, autocommit=True) as conn:
            cursor = await conn.execute(statement.encode(), params or None)
            return await cursor.fetchall() if cursor.description else []

    async def firm(self, amount: int = 0) -> identity.Account:
        """A firm with `amount` fen on its account, for whom the bank's larger limits hold."""
        firm = identity.NewCustomer(id=self.id(), kind=identity.CustomerKind.FIRM, name="通达贸易")
        new = identity.NewAccount(id=self.id(), customer_id=firm.id, currency="CNY")
        async with self.db.tx() as tx:
            await identity.register_customers(tx, [firm], by=self.bank, at=self.at)
            (made,) = await identity.open_accounts(
                tx, [new], by=self.bank, at=self.at, bank_code=self.settings.bank_code
            )
        assert not isinstance(made, Refusal)
        if amount:
            await self.pay(payments.OUTSIDE, made.thing.id, amount, kind=payments.Kind.TOPUP)
        return made.thing

    @property
    def today(self) -> date:
        return days.local_day(self.at, self.settings.zone)


NOWHERE = replace(SETTINGS, rails="sandbox=http://127.0.0.1:9")
"""A bank that is told of a rail to a port on which nobody listens."""


@asynccontextmanager
async def opened(url: str, settings: Settings = NOWHERE) -> AsyncIterator[Town]:
    async with Database(url, size=12) as db:
        async with db.tx() as tx:
            await days.found(tx, MONDAY)
        town = Town(db, settings)
        town.open_doors()
        async with town.client:
            yield town
