"""Somebody types in a real browser: how long his keys are down is measured where he has agreed, and nothing else leaves the page."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Request, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium
from tests.browser.test_every_page import _accessibility
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.identity.test_registration_pages import PASSWORD, Browser
from tests.payments.me import COOKIE, Me, number_of, visiting
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.identity import Typed

pytestmark = pytest.mark.browser

PATIENT_MS = 60_000
PAUSE_MS = 60
TYPING = "form[action='/me/privacy/consents']:has(input[value=typing])"


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    async with visiting(served, 90_000, lang="en", name="Ann Lee") as me:
        yield me


async def _in_a_browser(bank: ServedBank, cookies: dict[str, str], visit: Callable[[Page, str], Any]) -> Any:
    home = bank.url.replace("127.0.0.1", "localhost")

    def work() -> Any:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            try:
                context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
                context.add_cookies([{"name": name, "value": said, "url": home} for name, said in cookies.items()])
                context.set_default_timeout(PATIENT_MS)
                return visit(context.new_page(), home)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


def _cookies(me: Me) -> dict[str, str]:
    return {COOKIE: me.token, "tongbao_language": "en"}


async def _kept(bank: ServedBank, customer: Any, least: int = 1) -> list[identity.Rhythm]:
    """What is kept of him, once there is so much."""
    until = time.monotonic() + 60
    async with Database(bank.database, size=1, limits=BULK) as db:
        while True:
            async with db.read() as tx:
                found = await identity.rhythms_kept(tx, customer, at=SystemClock().now(), most=100)
            if len(found) >= least or time.monotonic() > until:
                return found
            await asyncio.sleep(0.05)


def _pays(page: Page, home: str, number: str, amount: str = "12.80") -> None:
    """To the last look before the press."""
    page.goto(f"{home}/me/pay")
    page.fill("[name=to]", number)
    page.locator("[name=amount]").press_sequentially(amount, delay=PAUSE_MS)
    page.click("main .act")
    page.wait_for_url("**/me/pay?**")


def _answers(page: Page, home: str) -> None:
    page.goto(f"{home}/me/privacy")
    page.click(f"{TYPING} button")
    expect(page.locator("[role=status]")).to_be_visible()


async def test_how_he_types_an_amount_is_kept_as_milliseconds(ann: Me) -> None:
    number = await number_of(ann.bank, ann.bank.bob)
    sent: list[str] = []

    def visit(page: Page, home: str) -> None:
        page.on("request", lambda request: _note(request, sent))
        _pays(page, home, number)
        assert page.locator("[data-rhythm]").count() == 0
        _answers(page, home)
        _pays(page, home, number)
        page.goto(f"{home}/me/privacy")
        assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
        assert _accessibility(page) == []

    await _in_a_browser(ann.bank, _cookies(ann), visit)
    (kept,) = await _kept(ann.bank, ann.customer)
    assert (kept.form, len(kept.intervals), len(kept.holds)) == (Typed.AMOUNT, 4, 5)
    assert min(kept.intervals) >= PAUSE_MS // 2, "it took as long as he took"
    assert sent == ["POST"], "once, and of the form that was measured"


def _note(request: Request, sent: list[str]) -> None:
    if request.url.endswith("/me/rhythm"):
        sent.append(request.method)


async def test_a_payment_does_not_wait_for_it(ann: Me) -> None:
    number = await number_of(ann.bank, ann.bank.bob)

    def visit(page: Page, home: str) -> None:
        _answers(page, home)
        page.route("**/me/rhythm", lambda route: route.abort())
        _pays(page, home, number)
        page.click("main .act")
        page.wait_for_url("**/me/payments/**")

    await _in_a_browser(ann.bank, _cookies(ann), visit)
    assert await _kept(ann.bank, ann.customer, 0) == []


async def test_after_he_has_taken_it_back_the_page_measures_no_more(ann: Me) -> None:
    number = await number_of(ann.bank, ann.bank.bob)

    def visit(page: Page, home: str) -> str:
        _answers(page, home)
        _pays(page, home, number)
        page.goto(f"{home}/me/privacy")
        said = page.inner_text(f".field:has({TYPING})")
        _answers(page, home)
        _pays(page, home, number)
        return said

    said = await _in_a_browser(ann.bank, _cookies(ann), visit)
    assert "measurement" in said
    assert await _kept(ann.bank, ann.customer, 0) == []


async def test_the_log_in_carries_it_and_nothing_of_the_password(served: ServedBank) -> None:  # noqa: F811
    wang = Browser(served)
    async with wang.http:
        await wang.register()
        fields = {"id": str(uuid4()), "purpose": "typing", "version": "1", "given": "yes"}
        assert (await wang.post("/me/privacy/consents", fields)).status_code == 303
        customer = json.loads((await wang.http.get("/me/privacy/export")).text)["customer"]["id"]
        known = {"tongbao_browser": wang.http.cookies["tongbao_browser"], "tongbao_language": "en"}

    def visit(page: Page, home: str) -> None:
        page.goto(f"{home}/me/login")
        page.fill("[name=phone]", wang.phone)
        page.locator("[name=password]").press_sequentially(PASSWORD, delay=PAUSE_MS)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/me")

    await _in_a_browser(served, known, visit)
    (kept,) = await _kept(served, customer)
    assert (kept.form, len(kept.intervals), len(kept.holds)) == (Typed.LOG_IN, 8, 8)
    assert list(kept.intervals) == sorted(kept.intervals)
