"""Somebody looks at the app while money moves: the mark on his page and his inbox change by themselves, and what he has seen is read."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.browser.test_every_page import _accessibility
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.notices.test_inbox import Pair
from tests.notices.test_inbox import pair as pair
from tests.payments.me import COOKIE

pytestmark = pytest.mark.browser

PATIENT_MS = 60_000


SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
    .map(({ title, body, data }) => ({ title, body, path: data.path }))"""


def _telephone(context: BrowserContext, address: str, token: str) -> Page:
    context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    context.add_cookies([{"name": "tongbao_language", "value": "zh", "url": address}])
    context.set_default_timeout(PATIENT_MS)
    return context.new_page()


def _whole(page: Page) -> None:
    """Nothing beside the window, one main action at most, and nothing that a screen reader would stumble over."""
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    assert page.locator("main .act:visible").count() <= 1
    assert _accessibility(page) == []


class Story:
    def __init__(self, pair: Pair, loop: asyncio.AbstractEventLoop) -> None:
        self.pair, self.loop = pair, loop

    def pays(self, fen: int) -> None:
        """李梅 pays, and the worker hands on what happened."""

        async def pay() -> None:
            await self.pair.pay(fen)
            await self.pair.hand_on()

        asyncio.run_coroutine_threadsafe(pay(), self.loop).result()

    def unread(self) -> int:
        return asyncio.run_coroutine_threadsafe(self.pair.unread(self.pair.li), self.loop).result()

    def run(self) -> None:
        address = self.pair.bank.url.replace("127.0.0.1", "localhost")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            context = browser.new_context(viewport={"width": 390, "height": 844})
            self.looks(_telephone(context, address, self.pair.li.token), address)
            self.reads_without_script(browser.new_context(java_script_enabled=False), address)
            browser.close()

    def looks(self, page: Page, address: str) -> None:
        mark = page.locator(".bell-mark")
        page.goto(f"{address}/me/payments")
        self.pays(1_280)
        expect(mark).to_contain_text("1", timeout=PATIENT_MS)
        page.click("a.bell")
        page.wait_for_url("**/me/notices")
        expect(page.locator(".notices")).to_contain_text("您支付了 ¥12.80。")
        _whole(page)
        self.pays(4_321)
        expect(page.locator(".notices")).to_contain_text("您支付了 ¥43.21。", timeout=PATIENT_MS)
        expect(page.locator(".bell-count")).to_have_count(0, timeout=PATIENT_MS)
        assert self.unread() == 0, "what he has looked at is read"
        page.goto(f"{address}/me/notices/channels")
        _whole(page)
        page.check("[name=money_out_sms]")
        page.click("main .act")
        expect(page.locator("main")).to_contain_text("已保存")
        assert page.is_checked("[name=money_out_sms]")

    def reads_without_script(self, context: BrowserContext, address: str) -> None:
        self.pays(100)
        page = _telephone(context, address, self.pair.li.token)
        page.goto(f"{address}/me/notices")
        page.click("main button")
        expect(page.locator("main")).to_contain_text("已全部标为已读")
        assert self.unread() == 0


async def test_the_inbox_fills_while_he_looks(pair: Pair) -> None:
    with ThreadPoolExecutor(1) as thread:
        story = Story(pair, asyncio.get_running_loop())
        await asyncio.get_running_loop().run_in_executor(thread, story.run)


async def test_what_is_pushed_is_shown_and_leads_to_its_page(pair: Pair) -> None:
    """The worker's part: Chromium hands it what a push service would have delivered."""

    def run() -> list[dict[str, str]]:
        address = pair.bank.url.replace("127.0.0.1", "localhost")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            context = browser.new_context()
            context.grant_permissions(["notifications"], origin=address)
            page = _telephone(context, address, pair.li.token)
            page.goto(f"{address}/me/notices")
            page.evaluate("navigator.serviceWorker.ready.then(() => true)")
            devtools, found = context.new_cdp_session(page), list[str]()
            devtools.on(
                "ServiceWorker.workerRegistrationUpdated",
                lambda told: found.extend(one["registrationId"] for one in told["registrations"]),
            )
            devtools.send("ServiceWorker.enable")
            data = json.dumps({"id": "a", "text": "您支付了 ¥12.80。", "path": "/me/payments"})
            shown: list[dict[str, str]] = []
            until = time.monotonic() + PATIENT_MS / 1_000
            # Chromium drops what comes before it has written the worker down; the same message again is shown once.
            while not shown and time.monotonic() < until:
                for one in found:
                    to = {"origin": address, "registrationId": one, "data": data}
                    devtools.send("ServiceWorker.deliverPushMessage", to)
                page.wait_for_timeout(500)
                shown = page.evaluate(SHOWN)
            browser.close()
            return shown

    with ThreadPoolExecutor(1) as thread:
        shown = await asyncio.get_running_loop().run_in_executor(thread, run)
    assert shown == [{"title": "通宝", "body": "您支付了 ¥12.80。", "path": "/me/payments"}]
