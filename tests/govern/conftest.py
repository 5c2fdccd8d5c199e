"""A bank with customers who ask about their data, and staff who answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from tests.console.house import House, Shown, opened
from tongbao import identity
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import VISITOR_PERMISSIONS, VisitorKind


class Somebody:
    """A customer in his browser."""

    def __init__(self, house: House, account: identity.Account) -> None:
        self.house = house
        self.id = account.customer_id
        self.account = account
        self.himself = Principal(
            id=self.id,
            kind=PrincipalKind.CUSTOMER,
            permissions=VISITOR_PERMISSIONS[VisitorKind.CUSTOMER],
            subject_id=self.id,
        )
        house.keys[f"customer-{self.id}"] = self.himself

    def _headers(self, lang: str) -> dict[str, str]:
        return {"accept": "text/html", "cookie": f"tongbao_language={lang}; tongbao_customer=customer-{self.id}"}

    async def look(self, path: str = "/me/privacy", *, lang: str = "en") -> Shown:
        return Shown(await self.house.client.get(path, headers=self._headers(lang)))

    async def send(self, path: str, *, lang: str = "en", **fields: Any) -> Shown:
        headers = {**self._headers(lang), "sec-fetch-site": "same-origin"}
        data = {name: str(value) for name, value in fields.items()}
        return Shown(await self.house.client.post(path, data=data, headers=headers))

    async def ask(self, kind: str, text: str = "", *, id: UUID | None = None, lang: str = "en") -> Shown:
        return await self.send("/me/privacy", id=id or self.house.id(), kind=kind, text=text, lang=lang)

    async def leave(self) -> None:
        by, at = self.house.bank, self.house.at
        async with self.house.db.tx() as tx:
            await identity.close_account(tx, self.account.id, reason="he leaves", by=by, at=at)
        async with self.house.db.tx() as tx:
            await identity.close_customer(tx, self.id, reason="he leaves", by=by, at=at)


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[House]:
    async with opened(fresh_database) as house:
        yield house


@pytest.fixture
async def wang(house: House) -> Somebody:
    return Somebody(house, await house.person())
