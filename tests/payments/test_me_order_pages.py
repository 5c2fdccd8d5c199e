"""Standing orders as a customer makes them: found, looked at, agreed to with his PIN, paused and ended by one press."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import urljoin
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, Page, number_of, visiting
from tests.payments.payer import PIN, PIN_HASH
from tongbao import identity
from tongbao.base import days
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.jobs import JobContext
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.prove import Proof
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.payments import CHECKS, own_orders, schedules
from tongbao.payments.jobs import JOBS
from tongbao.payments.refusals import BY_CODE


def local_today() -> date:
    """Asked anew where it matters: midnight in Shanghai comes while tests run."""
    return days.local_day(SystemClock().now(), ZoneInfo("Asia/Shanghai"))


TODAY = local_today()
FIRST = date(TODAY.year + 1, 1, 31)
PRESS = {"id": "once"}
"""What a button without fields sends."""


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00 and a payment PIN, reading Chinese."""
    async with visiting(served) as me:
        await with_pin(me)
        yield me


async def with_pin(me: Me) -> None:
    himself = Principal(id=me.customer, kind=PrincipalKind.CUSTOMER, subject_id=me.customer)
    async with Database(me.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        await identity.set_pin(tx, me.customer, PIN_HASH, by=himself, at=SystemClock().now())
        # He has had it for a while: a new one makes every payment odd for a day.
        await tx.run(
            "UPDATE identity.factor SET set_at = set_at - interval '9 days' WHERE customer_id = %(c)s", c=me.customer
        )


async def wang(bank: ServedBank) -> tuple[str, UUID]:
    phone = f"139{secrets.randbelow(10**8):08}"
    made = await bank.make("/v1/customers", {"kind": "person", "name": "王小明", "phone": f"+86{phone}"})
    return phone, await bank.account(customer=UUID(made["id"]))


async def ask(me: Me, to: str, **more: Any) -> httpx.Response:
    page = await me.get("/me/orders/new")
    wish = {"to": to, "amount": "12.80", "every": "month", "starts_on": str(FIRST), **more}
    return await me.post("/me/orders/new", {**page.form("/me/orders/new"), **wish})


async def look(me: Me, to: str, **more: Any) -> tuple[str, Page]:
    answer = await ask(me, to, **more)
    assert answer.status_code == 303, Page(answer).text
    place = urljoin(str(answer.url), answer.headers["location"])
    return httpx.URL(place).path, await me.get(place)


async def agree(me: Me, to: str, **more: Any) -> str:
    path, page = await look(me, to, **more)
    answer = await me.post(path, {**page.form(path), "secret": PIN})
    assert answer.status_code == 303, Page(answer).text
    return answer.headers["location"].split("?")[0]


async def orders(me: Me) -> list[dict[str, Any]]:
    return (await me.bank.ask("GET", "/v1/schedules", account_id=str(me.account))).json()["items"]


async def test_a_rent_is_found_looked_at_and_agreed_to(li: Me) -> None:
    phone, account = await wang(li.bank)
    path, page = await look(li, phone, reference="房租")
    assert page.title == "确认定期付款"
    year = FIRST.year
    last_of_february = (date(year, 3, 1) - timedelta(1)).day
    for said in (
        "*小明",
        "¥12.80",
        "房租",
        "每月",
        f"{year}年1月31日",
        f"{year}年2月{last_of_february}日",
        f"{year}年3月31日",
    ):
        assert said in page.text, said
    assert await number_of(li.bank, account) not in page.html
    assert await orders(li) == [], "looking agrees to nothing"
    fields = {**page.form(path), "secret": PIN}
    first, second = await li.post(path, fields), await li.post(path, fields)
    assert first.status_code == second.status_code == 303
    (made,) = await orders(li)
    assert (made["amount"], made["every"], made["starts_on"], made["reference"]) == (1280, "month", str(FIRST), "房租")
    assert made["payee_account_id"] == str(account)
    listed = await li.get("/me/orders")
    assert "*小明" in listed.text
    assert "每月" in listed.text
    assert await li.balance() == 100_000, "nothing is due yet"


async def test_what_is_due_pays_and_stands_among_what_it_has_paid(li: Me) -> None:
    phone, account = await wang(li.bank)
    today = local_today()
    place = await agree(li, phone, starts_on=str(today), every="week")
    (run,) = [job for job in JOBS if "schedule" in job.name]
    async with Database(li.bank.database, size=2, limits=BULK) as db:
        await run.run(JobContext(db, SystemClock(), Settings()))
        await run.run(JobContext(db, SystemClock(), Settings()))
    assert (await li.balance(), await li.bank.balance(account)) == (98_720, 1_280), "once"
    page = await li.get(place)
    paid = list({href for _, href in page.links if href.startswith("/me/payments/")})
    assert len(paid) == 1
    shown = await li.get(paid[0])
    assert "*小明" in shown.text
    following = today + timedelta(7)
    assert f"{following.year}年{following.month}月{following.day}日" in page.text


async def test_what_was_agreed_to_is_what_the_audit_says(li: Me) -> None:
    """`P13`: the proof hashes an order of the page as one of the API."""
    phone, _ = await wang(li.bank)
    mine = [await agree(li, phone), await agree(li, phone, reference="房租", ends_on=str(FIRST + timedelta(90)))]
    assert (await li.post(f"{mine[1]}/pause", PRESS)).status_code == 303
    (check,) = [one for one in CHECKS if "P13" in one.invariants]
    async with Database(li.bank.database, size=2, limits=BULK) as db:
        found = {
            finding.key
            async for finding in check.run(
                Proof(db, SystemClock(), zone=ZoneInfo("Asia/Shanghai"), on_progress=lambda *_: None)
            )
        }
    assert not {f"id={place.rpartition('/')[2]}" for place in mine} & found


async def test_paused_resumed_and_ended_by_one_press_each(li: Me) -> None:
    phone, _ = await wang(li.bank)
    place = await agree(li, phone)
    for verb, state, said in (
        ("pause", "paused", "已暂停"),
        ("resume", "active", "生效中"),
        ("end", "cancelled", "您已终止"),
    ):
        page = await li.get(place)
        assert page.asks(f"{place}/{verb}"), page.text
        assert (await li.post(f"{place}/{verb}", PRESS)).status_code == 303
        assert (await li.post(f"{place}/{verb}", PRESS)).status_code == 303, "pressed twice"
        assert (await orders(li))[0]["state"] == state
        assert said in (await li.get(place)).text
    refused = await li.post(f"{place}/resume", PRESS)
    assert refused.status_code == 409
    assert "已结束或已取消" in Page(refused).text


async def test_a_wrong_pin_agrees_to_nothing_and_is_counted(li: Me) -> None:
    phone, _ = await wang(li.bank)
    path, page = await look(li, phone)
    for number in range(6):
        answer = await li.post(path, {**page.form(path), "secret": f"90817{number}"})
        assert answer.status_code in (401, 403, 409, 422, 429), answer.status_code
        assert f"90817{number}" not in answer.text
    assert await orders(li) == []
    right = await li.post(path, {**page.form(path), "secret": PIN})
    assert right.status_code == 429, "shut for a while"


async def test_more_than_one_proof_pays_for_is_not_agreed_to(li: Me) -> None:
    """A stolen session and a PIN that was looked at do not make a large payment of tomorrow."""
    phone, _ = await wang(li.bank)
    path, page = await look(li, phone, amount="6000.00")
    answer = await li.post(path, {**page.form(path), "secret": PIN})
    assert answer.status_code == 409
    assert BY_CODE["order_needs_more"].zh in Page(answer).text
    assert await orders(li) == []


async def test_so_many_of_one_account_and_no_more(li: Me, monkeypatch: pytest.MonkeyPatch) -> None:
    phone, _ = await wang(li.bank)
    himself = Principal(
        id=li.customer,
        kind=PrincipalKind.CUSTOMER,
        subject_id=li.customer,
        permissions=frozenset(identity.OWN_PERMISSIONS),
    )
    place = await agree(li, phone)
    monkeypatch.setattr(own_orders, "MOST", 1)
    async with Database(li.bank.database, size=1, limits=BULK) as db, db.read() as tx:
        order = await schedules.find_schedule(tx, UUID(place.rpartition("/")[2]))
        with pytest.raises(Refusal, match="too_many_orders"):
            await own_orders.check_new(tx, himself, order, at=SystemClock().now(), zone=ZoneInfo("Asia/Shanghai"))


async def test_dates_that_are_none_are_told_beside_their_fields(li: Me) -> None:
    phone, _ = await wang(li.bank)
    for more, said in (
        ({"starts_on": str(TODAY - timedelta(1))}, "首次付款日期早于今天"),
        ({"ends_on": str(FIRST - timedelta(1))}, "结束日期早于首次付款日期"),
        ({"starts_on": "soon"}, "2026-11-22"),
        ({"starts_on": "9999-12-31"}, "2026-11-22"),
        ({"ends_on": "9999-12-31"}, "2026-11-22"),
    ):
        answer = await ask(li, phone, **more)
        assert answer.status_code == 422
        assert said in Page(answer).text
    own = await ask(li, await number_of(li.bank, li.account))
    assert own.status_code == 422
    path, page = await look(li, phone)
    for odd in ({"ends_on": "9999-12-31"}, {"starts_on": "0001-01-01"}, {"every": "hour"}, {"amount": "-1"}):
        answer = await li.post(path, {**page.form(path), "secret": PIN, **odd})
        assert answer.status_code in (303, 409, 422), odd
        assert (await li.http.get(path, params={**page.form(path), **odd})).status_code in (200, 303), odd
    assert await orders(li) == []


async def test_another_s_order_is_none(li: Me, served: ServedBank) -> None:  # noqa: F811
    phone, _ = await wang(li.bank)
    place = await agree(li, phone)
    async with visiting(served, name="赵六") as stranger:
        assert (await stranger.get(place)).status == 404
        for verb in ("pause", "end"):
            assert (await stranger.post(f"{place}/{verb}", PRESS)).status_code == 404
    assert (await orders(li))[0]["state"] == "active"


async def test_without_a_pin_he_is_led_to_one(served: ServedBank) -> None:  # noqa: F811
    async with visiting(served, lang="en") as me:
        phone, _ = await wang(me.bank)
        path, page = await look(me, phone)
        assert "Set a payment PIN first" in page.text
        answer = await me.post(path, {**page.form(path), "secret": PIN})
        assert answer.status_code == 303
        assert await orders(me) == []
