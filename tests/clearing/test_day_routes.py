"""The close of a day over HTTP, asked without a network between."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.framework import framework
from tests.merchants.market import MONDAY, Market
from tongbao import clearing
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.clearing import api
from tongbao.identity import ROLE_PERMISSIONS, Role
from tongbao.web import health
from tongbao.web.door import Door
from tongbao.web.refusals import INVALID_KEY

PATH = "/v1/business-day/close"


class Desk:
    """`ask("mei", "GET")`: mei keeps the books, ann works at the counter."""

    def __init__(self, market: Market) -> None:
        self.people = {
            name: Principal(id=market.id(), kind=PrincipalKind.STAFF, permissions=ROLE_PERMISSIONS[role])
            for name, role in {"mei": Role.ACCOUNTANT, "ann": Role.OPERATOR, "sam": Role.ADMIN}.items()
        }
        door = Door(self._who)
        provide = {"db": market.db, "bulk": market.db, "clock": market.clock, "settings": market.settings}
        app = door.wrap(framework([*health.ROUTES, *api.ROUTES], door=door, provide=provide))
        transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def _who(self, token: str) -> Principal:
        if token not in self.people:
            raise INVALID_KEY()
        return self.people[token]

    async def ask(self, who: str, method: str, body: Any = None, **query: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {who}", "Idempotency-Key": str(uuid4())}
        return await self.http.request(method, PATH, json=body, params=query or None, headers=headers)


@pytest.fixture
async def desk(market: Market) -> Desk:
    return Desk(market)


async def test_a_day_is_closed_over_http(desk: Desk, market: Market) -> None:
    before = (await desk.ask("ann", "GET")).json()
    assert (before["business_date"], before["phase"], before["closes_at"]) == (str(MONDAY), "open", None)
    answer = await desk.ask("mei", "POST", {"business_date": str(MONDAY)})
    assert answer.status_code == 202
    assert (answer.json()["phase"], answer.json()["asked_by"]) == ("asked", str(desk.people["mei"].id))
    assert answer.json()["to_do"] == ["expire", "close", "trial_balance", "clear", "settle"]
    await clearing.close_when_due(market.db, market.clock, market.settings)
    again = await desk.ask("mei", "POST", {"business_date": str(MONDAY)})
    assert (again.status_code, again.json()["phase"], again.json()["to_do"]) == (202, "ended", [])
    assert [step["step"] for step in again.json()["done"]] == answer.json()["to_do"]
    now = (await desk.ask("ann", "GET")).json()
    assert (now["business_date"], now["phase"]) == ("2026-11-24", "open")
    assert (await desk.ask("ann", "GET", date=str(MONDAY))).json()["phase"] == "ended"


@pytest.mark.parametrize(
    ("who", "body", "status", "code"),
    [
        ("ann", {"business_date": "2026-11-23"}, 403, "permission_missing"),
        ("mei", {"business_date": "2026-11-24"}, 409, "day_not_open"),
        ("mei", {"business_date": "0001-01-01"}, 422, "invalid_field"),
        ("mei", {"business_date": "today"}, 422, "invalid_field"),
        ("mei", {"business_date": "2026-11-23", "colour": "red"}, 422, "unknown_field"),
        ("mei", {}, 422, "missing_field"),
    ],
)
async def test_what_is_refused(desk: Desk, who: str, body: dict[str, str], status: int, code: str) -> None:
    answer = await desk.ask(who, "POST", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await desk.ask("mei", "GET")).json()["phase"] == "open"


async def test_a_day_to_come_by_the_calendar(desk: Desk, market: Market) -> None:
    await desk.ask("mei", "POST", {"business_date": str(MONDAY)})
    await clearing.close_when_due(market.db, market.clock, market.settings)
    answer = await desk.ask("mei", "POST", {"business_date": "2026-11-24"})
    assert (answer.status_code, answer.json()["code"]) == (409, "day_not_over")
    assert (await desk.ask("sam", "GET")).status_code == 403
