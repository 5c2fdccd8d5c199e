"""What you see is what you sign, in a real browser with an authenticator of its own: one touch pays exactly what the page shows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.browser.test_app import lose_first
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, number_of, visiting
from tests.payments.test_authorise_pages import asked
from tongbao import payments

pytestmark = pytest.mark.browser


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥90,000.00 and nothing set up, reading English."""
    async with visiting(served, 9_000_000, lang="en", name="Ann Lee") as me:
        yield me


async def in_browser(me: Me, visit: Callable[[Page, str], Any]) -> Any:
    """Her own browser, on a device that asks for her fingerprint and gets it."""
    home = me.bank.url.replace("127.0.0.1", "localhost")

    def work() -> Any:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            context = browser.new_context(viewport={"width": 390, "height": 844}, service_workers="block")
            context.add_cookies([{"name": COOKIE, "value": me.token, "url": home}])
            context.add_cookies([{"name": "tongbao_language", "value": "en", "url": home}])
            page = context.new_page()
            device = context.new_cdp_session(page)
            device.send("WebAuthn.enable")
            options = {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
            device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
            try:
                return visit(page, home)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


def add_passkey(page: Page, home: str) -> None:
    page.goto(f"{home}/me/safety/passkeys")
    page.get_by_label("What you call it").fill("my telephone")
    page.get_by_label("What you unlock it by").select_option("fingerprint")
    page.get_by_role("button", name="Continue").click()
    page.locator("form[data-passkey=make] button").click()
    page.wait_for_url(re.compile(r"/me/safety/passkeys(\?.*)?$"))


def press(page: Page) -> None:
    page.locator("form[data-passkey] button.act").click()


async def test_one_touch_pays_what_the_page_shows(ann: Me) -> None:
    payee = await number_of(ann.bank, await ann.bank.account())

    def visit(page: Page, home: str) -> str:
        add_passkey(page, home)
        page.goto(f"{home}/me/pay?to={payee}&amount=6000")
        page.locator("form[action='/me/pay'] button.act").click()
        page.wait_for_url("**/authorise")
        assert "¥6,000.00" in page.inner_text("main")
        press(page)
        page.wait_for_url(lambda url: "/authorise" not in url)
        assert page.inner_text("h1") == "Paid"
        return page.url.split("?")[0].rsplit("/", 1)[1]

    payment = await in_browser(ann, visit)
    assert await ann.balance() == 8_400_000
    proof = payments.verify_proof((await ann.file(f"/me/payments/{payment}/proof")).content)
    assert (proof.instruction["amount_minor"], proof.evidence) == (600_000, ["passkey"])


async def test_the_answer_to_a_touch_is_lost_and_it_pays_once(ann: Me) -> None:
    place, _ = await asked(ann, "800")
    lost: list[str] = []

    def visit(page: Page, home: str) -> None:
        add_passkey(page, home)
        page.goto(f"{home}{place}")
        lose_first(page, "**/authorise", lost)
        press(page)
        page.wait_for_url(lambda url: "/authorise" not in url)
        assert page.inner_text("h1") == "Paid"

    await in_browser(ann, visit)
    assert len(lost) == 1
    assert await ann.balance() == 8_920_000


async def test_a_touch_that_was_refused_may_be_made_again_on_the_same_page(ann: Me) -> None:
    small, _ = await asked(ann, "800")
    spoilt: list[str] = []

    def visit(page: Page, home: str) -> None:
        add_passkey(page, home)

        def spoil(route: Route) -> None:
            if route.request.method != "POST":
                return route.continue_()
            spoilt.append(route.request.url)
            given = dict(parse_qsl(route.request.post_data or ""))
            return route.continue_(post_data=urlencode({**given, "instruction": "0" * 64}))

        page.goto(f"{home}{small}")
        page.route("**/authorise", spoil)
        press(page)
        page.wait_for_selector("[role=alert]:not([hidden])")
        page.unroute("**/authorise")
        press(page)
        page.wait_for_url(lambda url: "/authorise" not in url)
        assert page.inner_text("h1") == "Paid"

    await in_browser(ann, visit)
    assert spoilt
    assert await ann.balance() == 8_920_000


async def test_a_signature_carried_to_another_amount_is_refused(ann: Me) -> None:
    """Somebody sits between: she sees and signs 800.00, and the bank is asked for 8,000.00."""
    (small, _), (large, _) = await asked(ann, "800"), await asked(ann, "8000")

    def visit(page: Page, home: str) -> str:
        add_passkey(page, home)
        page.goto(f"{home}{large}")
        hash_of_large = page.locator("form[data-passkey] input[name=instruction]").get_attribute("value") or ""

        def carry(route: Route) -> None:
            if route.request.method != "POST":
                return route.continue_()
            given = dict(parse_qsl(route.request.post_data or ""))
            changed = urlencode({**given, "instruction": hash_of_large})
            return route.continue_(url=f"{home}{large}", post_data=changed)

        page.goto(f"{home}{small}")
        assert "¥800.00" in page.inner_text("main")
        page.route("**/authorise", carry)
        press(page)
        page.wait_for_selector("[role=alert]:not([hidden])")
        return page.inner_text("main")

    said = await in_browser(ann, visit)
    assert "Paid" not in said
    assert await ann.balance() == 9_000_000, "neither is paid"
    assert (await ann.get(large)).title == "Show that it is you", "it still waits"


async def test_a_browser_that_was_bound_signs_with_its_own_key(ann: Me) -> None:
    def visit(page: Page, home: str, place: str) -> None:
        page.goto(f"{home}/me/safety/passkeys")
        page.get_by_label("What you call this device").fill("this browser")
        with page.expect_navigation():
            page.get_by_role("button", name="Bind this browser").click()
        page.wait_for_selector("text=This browser is bound to you")
        page.goto(f"{home}{place}")
        press(page)
        page.wait_for_url(lambda url: "/authorise" not in url)
        assert page.inner_text("h1") == "Paid"

    place, _ = await asked(ann, "800")
    await in_browser(ann, lambda page, home: visit(page, home, place))
    assert await ann.balance() == 8_920_000
