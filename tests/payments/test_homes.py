"""The three first pages: standard, a lively one with the week and the last payees, and one of few big buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, number_of, visiting
from tests.payments.test_bill import _moved
from tests.payments.test_me_pages import paid, refunded
from tongbao.base import days
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.payments.again import lately
from tongbao.payments.bill import week

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading Chinese."""
    async with visiting(served) as me:
        yield me


async def _choose(me: Me, home: str) -> None:
    look = {"home": home, "theme": "auto", "type": "usual", "language": "auto"}
    assert (await me.post("/me/look", look)).status_code == 303


async def test_a_week_day_by_day_less_what_came_back(li: Me) -> None:
    for day, amount in (("2026-10-04", 9900), ("2026-10-05", 1000), ("2026-10-11", 300), ("2026-10-11", 200)):
        await _moved(li, (await paid(li, amount=amount))["id"], day)
    back = await paid(li, amount=2000)
    await refunded(li, back, 500)
    await _moved(li, back["id"], "2026-10-07")
    async with Database(li.bank.database, size=1, limits=BULK) as db, db.read() as tx:
        found = await week(tx, li.account, date(2026, 10, 11), SHANGHAI)
    assert [minor for _, minor in found] == [1000, 0, 1500, 0, 0, 0, 500]
    assert [day for day, _ in found] == [date(2026, 10, 5) + timedelta(n) for n in range(7)]


async def test_the_lively_home_shows_the_week_and_pays_the_last_payees_again_by_two_presses(li: Me) -> None:
    friend = await li.bank.account(0, customer=await li.bank.person("王强"))
    await paid(li, amount=700, payee_account_id=str(friend), reference="noodles")
    shop = await paid(li, amount=1280)
    await paid(li, amount=640, merchant_id=shop["merchant_id"])
    await _choose(li, "young")
    page = await li.get("/me")
    assert "本周支出 ¥26.20" in page.text
    today = days.local_day(SystemClock().now(), SHANGHAI)
    assert f"{today.month}月{today.day}日" in page.text
    again = [href for _, href in page.links if href.startswith("/me/pay?")]
    assert len([href for href in again if "amount=" in href]) == 4, "two payees, each by name and by amount"
    assert f"merchant={shop['merchant_id']}" in again[0]

    look = await li.get(again[0])
    assert "¥6.40" in look.text, "the first press leads to the last look"
    await li.press(look)
    assert (await li.payments())[0]["amount"] == 640, "the second one pays"
    to_friend = await li.get(again[-1])
    assert await number_of(li.bank, friend) in to_friend.text.replace(" ", "")
    assert "¥7.00" in to_friend.text


async def test_nobody_who_cannot_be_paid_is_among_the_last_payees(li: Me) -> None:
    gone, there = await li.bank.account(0), await li.bank.account(0)
    async with Database(li.bank.database, size=1, limits=BULK) as db:
        async with db.read() as tx:
            assert await lately(tx, li.account, SHANGHAI, most=3) == [], "money that came in is no payment"
        order = {"payer_account_id": str(li.account), "merchant_id": str(li.bank.shop), "currency": "CNY"}
        assert (await li.api("POST", "/v1/payments", {**order, "amount": 2_000_000})).status_code == 402
        for payee, amount in ((there, 100), (gone, 200), (there, 300)):
            await paid(li, payee_account_id=str(payee), amount=amount)
        async with db.tx() as tx:
            await tx.run("UPDATE identity.account SET status = 'closed', closed_at = now() WHERE id = %(id)s", id=gone)
        async with db.read() as tx:
            [(payment, asked)] = await lately(tx, li.account, SHANGHAI, most=3)
    assert (payment.payee_account_id, asked["amount"], asked["account"]) == (there, "3.00", str(li.account))


async def test_the_home_of_big_buttons_shows_little_and_help_always(li: Me) -> None:
    for n in range(5):
        await paid(li, amount=100 + n)
    usual = await li.get("/me")
    await _choose(li, "large")
    page = await li.get("/me")
    assert usual.html.count('<li id="m') == 6
    assert page.html.count('<li id="m') == 3
    assert 'class="button in-sight no-print" href="/me/help?from=/me"' in page.html
    assert "in-sight" not in usual.html
    for home in (usual, page):
        assert "¥994.90" in home.text
        assert home.html.count("button act") == 1


@pytest.mark.parametrize("home", ["standard", "young", "large"])
async def test_each_home_renews_itself(li: Me, home: str) -> None:
    await _choose(li, home)
    seen = (await li.get("/me")).html.split("seen=")[1].split('"')[0]
    assert (await li.http.get("/me/live", params={"seen": seen})).status_code == 204
    await paid(li, amount=1280)
    part = await li.http.get("/me/live", params={"seen": seen})
    assert part.status_code == 200
    assert "¥987.20" in part.text
    assert part.text.count('class="arrived"') == 1
    assert ("本周支出" in part.text) is (home == "young")


@pytest.mark.parametrize("home", ["standard", "young", "large"])
async def test_each_home_of_whoever_has_no_account(served: ServedBank, home: str) -> None:  # noqa: F811
    async with visiting(served) as me:
        async with Database(served.database, size=1, limits=BULK) as db, db.tx() as tx:
            other = await served.person("赵敏")
            wanted = "UPDATE identity.account SET customer_id = %(other)s WHERE id = %(id)s"
            await tx.run(wanted, other=other, id=me.account)
        await _choose(me, home)
        page = await me.get("/me")
        assert page.status == 200
        assert "您还没有账户" in page.text
