"""Stories told on telephones: a transfer taken back in time, a lost phone, a grandmother who is helped."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.taps import PATIENT_MS, phone, with_browser
from tests.browser.test_every_page import _accessibility
from tests.http.conftest import PASSWORD, ServedBank, staff
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, number_of, session_of, visiting
from tests.payments.payer import PIN
from tests.payments.test_authorise_pages import with_factors
from tests.payments.test_homes import _choose
from tongbao.base.db import BULK, Database
from tongbao.identity import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ASKED = "我刚付的钱，店里说没收到。"
ANSWERED = "您好，这笔钱店里已经收到了，请放心。"


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading Chinese."""
    async with visiting(served) as me:
        yield me


def whole(page: Page) -> None:
    """Fits a telephone, one main action at most, nothing that a screen reader would stumble over."""
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    assert page.locator("main .act:visible").count() <= 1
    assert _accessibility(page) == []


async def test_a_transfer_that_arrives_later_is_taken_back_in_time(li: Me) -> None:
    friend = await li.bank.account(0, customer=await li.bank.person("王强"))
    await li.knows(friend)
    number, before = await number_of(li.bank, friend), await li.balance()

    def visit(browser: Browser, address: str) -> None:
        hand = phone(browser, li, address)
        hand.begin("/me/transfer")
        hand.type("to", number)
        hand.type("amount", "300")
        hand.choose("arrives", "in_two_hours")
        hand.tap("main form.card button.act")
        whole(hand.page)
        hand.tap("main button.act")
        expect(hand.page.locator("main")).to_contain_text("到账前您可以撤回")
        whole(hand.page)
        hand.tap(hand.button("撤回转账"))
        expect(hand.page.locator("h1")).to_have_text("已取消")
        expect(hand.button("撤回转账")).to_have_count(0)
        whole(hand.page)

    await with_browser(li, visit)
    assert (await li.balance(), await li.bank.balance(friend)) == (before, 1)
    [newest, *_] = await li.payments()
    assert (newest["amount"], newest["state"]) == (30_000, "cancelled")


async def test_a_lost_phone_pays_nothing_once_its_owner_has_frozen_from_another(li: Me) -> None:
    other = await session_of(li.bank, li.customer)
    shop = f"/me/pay?merchant={li.bank.shop}&amount=12.80"

    def visit(browser: Browser, address: str) -> None:
        lost, new = phone(browser, li, address), phone(browser, li, address, token=other)
        lost.begin(shop)
        new.begin("/me/safety")
        new.choose("why", "lost")
        new.tap("form[action='/me/safety/freeze'] button")
        new.begin()
        expect(new.page.locator("main")).to_contain_text("账户已冻结")
        whole(new.page)
        with lost.page.expect_navigation():
            lost.page.click("main button.act")
        expect(lost.page.locator("main")).to_contain_text("冻结")
        expect(lost.page.locator("h1")).not_to_have_text("支付成功")
        new.begin("/me/safety")
        new.tap("form[action='/me/safety/logout'] button")
        lost.page.goto(f"{address}/me")
        lost.page.wait_for_url("**/me/login*")

    await with_browser(li, visit)
    assert await li.balance() == 100_000


async def test_a_new_phone_proves_itself_until_its_cool_off_is_over(li: Me) -> None:
    """Noodles for ¥12.80, which her own telephone pays at one press."""
    new = await session_of(li.bank, (await with_factors(li, "pin")).customer, cools_off=timedelta(hours=24))
    shop = f"/me/pay?merchant={li.bank.shop}&amount=12.80"

    def while_new(browser: Browser, address: str) -> None:
        hand = phone(browser, li, address, token=new)
        hand.begin(shop)
        hand.tap("main button.act")
        expect(hand.page.locator("main")).to_contain_text("您正在使用银行尚未确认的设备。")
        expect(hand.page.locator("main")).to_contain_text("起，本设备将视为您的常用设备。")
        whole(hand.page)
        hand.page.fill("[name=secret]", PIN)
        hand.tap("main button.act")
        expect(hand.page.locator("h1")).to_have_text("支付成功")

    def a_day_later(browser: Browser, address: str) -> None:
        hand = phone(browser, li, address, token=new)
        hand.begin(shop)
        hand.tap("main button.act")
        expect(hand.page.locator("h1")).to_have_text("支付成功")

    await with_browser(li, while_new)
    async with Database(li.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        await tx.run("UPDATE identity.device SET trusted_from = known_since WHERE trusted_from > now()")
    await asyncio.sleep(2.1)  # by then the server has forgotten whose session it is, and looks anew
    await with_browser(li, a_day_later)
    assert await li.balance() == 100_000 - 2 * 1_280


async def test_grandmother_pays_in_large_type_asks_and_reads_what_she_is_answered(li: Me) -> None:
    await _choose(li, "large")
    await staff(li.bank.database, "he.mei", Role.OPERATOR)

    def visit(browser: Browser, address: str) -> None:
        hers = phone(browser, li, address)
        hers.begin(f"/me/pay?merchant={li.bank.shop}&amount=12.80")
        whole(hers.page)
        hers.tap("main button.act")
        expect(hers.page.locator("h1")).to_have_text("支付成功")
        hers.tap("main a[href^='/me/help?']")
        whole(hers.page)
        hers.type("text", ASKED)
        hers.tap("main form.card button.act")
        at = hers.page.url.removeprefix(address)
        whole(hers.page)

        desk = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        desk.set_default_timeout(PATIENT_MS)
        desk.goto(f"{address}/staff/login")
        desk.fill("#f-username", "he.mei")
        desk.fill("#f-password", PASSWORD)
        with desk.expect_navigation():
            desk.click("main button.act")
        desk.goto(f"{address}{at.replace('/me/', '/staff/')}")
        expect(desk.locator("main")).to_contain_text(ASKED)
        desk.fill("form[action$='/answer'] [name=text]", ANSWERED)
        with desk.expect_navigation():
            desk.click("form[action$='/answer'] button")

        hers.begin("/me/help")
        hers.tap(f"main a[href='{at}']")
        expect(hers.page.locator("main")).to_contain_text(ANSWERED)
        whole(hers.page)

    await with_browser(li, visit)
    assert await li.balance() == 98_720
