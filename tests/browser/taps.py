"""A hand that counts: each tap and each field that is typed into, on a phone of 390 pixels."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium
from tests.payments.me import COOKIE, Me

PATIENT_MS = 30_000


class Hand:
    """Whoever holds a phone. `taps` and `fields` since `begin`."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.taps = self.fields = 0
        self.began = time.monotonic()

    def begin(self, path: str = "/me") -> None:
        """Opens the page at which the task begins: that is no tap."""
        self.page.goto(self.address + path)
        self.taps = self.fields = 0
        self.began = time.monotonic()

    def tap(self, what: Locator | str) -> None:
        """A tap that leads to a page."""
        with self.page.expect_navigation():
            self._at(what).click()
        self.taps += 1

    def choose(self, field: str, value: str) -> None:
        """A tap that stays on the page."""
        self.page.select_option(f"#f-{field}", value)
        self.taps += 1

    def type(self, field: str, text: str) -> None:
        self.page.fill(f"#f-{field}", text)
        self.fields += 1

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def link(self, name: str) -> Locator:
        return self.page.locator("main").get_by_role("link", name=name)

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 1)

    def _at(self, what: Locator | str) -> Locator:
        return (self.page.locator(what) if isinstance(what, str) else what).first


def phone(browser: Browser, me: Me, address: str, token: str | None = None) -> Hand:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    context.add_cookies([{"name": COOKIE, "value": token or me.token, "url": address}])
    context.add_cookies([{"name": "tongbao_language", "value": "zh", "url": address}])
    context.set_default_timeout(PATIENT_MS)
    return Hand(context.new_page(), address)


async def with_browser(me: Me, visit: Callable[[Browser, str], Any]) -> Any:
    """In a thread of its own: the bank is asked from this one."""
    address = me.bank.url.replace("127.0.0.1", "localhost")

    def work() -> Any:
        with ExitStack() as stack:
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            stack.callback(browser.close)
            return visit(browser, address)

    with ThreadPoolExecutor(1) as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, work)
