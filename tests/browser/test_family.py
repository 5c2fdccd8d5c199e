"""A grandmother and her grandson, each with a telephone: she names him, he accepts, a large payment waits for him, and she pays it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.browser.test_every_page import _accessibility
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, number_of
from tests.payments.payer import PIN
from tests.payments.test_family import Home
from tests.payments.test_family import home as home
from tests.payments.test_homes import _choose

pytestmark = pytest.mark.browser

PATIENT_MS = 30_000


def _telephone(context: BrowserContext, address: str, who: Me) -> Page:
    context.add_cookies([{"name": COOKIE, "value": who.token, "url": address}])
    context.add_cookies([{"name": "tongbao_language", "value": "zh", "url": address}])
    context.set_default_timeout(PATIENT_MS)
    return context.new_page()


def _press(page: Page, what: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=what, exact=True).click()


def _whole(page: Page) -> None:
    """Nothing beside the window, one main action at most, and nothing that a screen reader would stumble over."""
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    assert page.locator("main .act:visible").count() <= 1
    assert _accessibility(page) == []


def _story(hers: Page, his: Page, address: str, telephone: str, payee: str) -> None:
    hers.goto(f"{address}/me/family")
    for field, value in {"to": telephone, "tell": "100", "ask": "200", "secret": PIN}.items():
        hers.fill(f"#f-{field}", value)
    _whole(hers)
    _press(hers, "发出邀请")
    expect(hers.locator("main")).to_contain_text("等待对方接受")

    his.goto(f"{address}/me/family")
    _whole(his)
    _press(his, "接受")
    expect(his.locator("main")).to_contain_text("您是*桂兰信任的亲友")

    hers.goto(f"{address}/me/transfer")
    hers.fill("#f-to", payee)
    hers.fill("#f-amount", "300")
    _press(hers, "下一步")
    with hers.expect_navigation():
        hers.click("main form button.act")
    hers.wait_for_url("**/me/payments/*")
    expect(hers.locator("main")).to_contain_text("须先由*小明确认")
    _whole(hers)

    his.goto(f"{address}/me/family")
    expect(his.locator("main")).to_contain_text("¥300.00")
    _whole(his)
    _press(his, "同意付款")
    expect(his.locator("main")).not_to_contain_text("¥300.00")

    with hers.expect_navigation():
        hers.get_by_role("link", name="刷新查看").click()
    _press(hers, "付款 ¥300.00")
    expect(hers.locator("h1")).to_have_text("支付成功")


async def test_what_he_is_to_agree_to_waits_and_she_pays_it_herself(home: Home) -> None:
    await _choose(home.grandmother, "large")
    address = home.bank.url.replace("127.0.0.1", "localhost")
    payee, before = await number_of(home.bank, home.payee), await home.grandmother.balance()

    def work() -> None:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            small = {"width": 390, "height": 844}
            try:
                hers = _telephone(browser.new_context(viewport=small), address, home.grandmother)  # pyright: ignore[reportArgumentType]
                his = _telephone(browser.new_context(viewport=small), address, home.grandson)  # pyright: ignore[reportArgumentType]
                _story(hers, his, address, home.phone, payee)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as threads:
        await asyncio.get_running_loop().run_in_executor(threads, work)
    assert await home.grandmother.balance() == before - 30_000
