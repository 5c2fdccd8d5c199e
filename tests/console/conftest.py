"""A bank with staff of each role, asked over HTTP without a network between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.console.house import House, opened
from tests.framework import framework
from tongbao import console, ledger
from tongbao.base import days, ids
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.settings import Settings
from tongbao.console import api
from tongbao.identity import ROLE_PERMISSIONS, Role
from tongbao.web import health
from tongbao.web.door import Door
from tongbao.web.refusals import INVALID_KEY

DAY = date(2026, 11, 23)


PEOPLE = {
    "mei": Role.ACCOUNTANT,
    "lin": Role.ACCOUNTANT,
    "operator": Role.OPERATOR,
    "auditor": Role.AUDITOR,
    "admin": Role.ADMIN,
}


class Office:
    """`ask("mei", "GET", path)`: one accountant is mei, another lin; an operator, an auditor and an admin stand by."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.db = db
        self.clock = ManualClock(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
        self.chance = Random(0)
        self.people = {name: self._person(role) for name, role in PEOPLE.items()}
        door = Door(self._who)
        provide = {
            "db": db,
            "bulk": db,
            "clock": self.clock,
            "settings": settings,
            "approval_kinds": console.approval_kinds(settings.zone),
            **api.provided(db, self.clock, settings),
        }
        app = door.wrap(framework([*health.ROUTES, *api.ROUTES], door=door, provide=provide))
        transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    def _person(self, role: Role) -> Principal:
        return Principal(id=self.id(), kind=PrincipalKind.STAFF, permissions=ROLE_PERMISSIONS[role])

    async def _who(self, token: str) -> Principal:
        if token not in self.people:
            raise INVALID_KEY()
        return self.people[token]

    @property
    def at(self) -> datetime:
        return self.clock.now()

    def id(self) -> UUID:
        return ids.uuid7(datetime(2026, 11, 23, tzinfo=UTC), self.chance.getrandbits)

    async def ask(
        self, who: str, method: str, path: str, body: Any = None, *, key: UUID | None = None, **query: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who}", "Idempotency-Key": str(key or uuid4())}
        return await self.http.request(method, path, json=body, params=query or None, headers=headers)

    async def own_account(self, gl_line: str) -> int:
        async with self.db.tx() as tx:
            return await ledger.own_account(tx, gl_line, "CNY", self.at)


@pytest.fixture
async def office(fresh_database: str) -> AsyncIterator[Office]:
    async with Database(fresh_database, size=6) as db:
        async with db.tx() as tx:
            await days.found(tx, DAY)
        office = Office(db, Settings(database_url=fresh_database))
        async with office.http:
            yield office


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[House]:
    """A town with every page of the bank."""
    async with opened(fresh_database) as house:
        yield house


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]
