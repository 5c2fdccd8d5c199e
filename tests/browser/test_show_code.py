"""A payer's phone beside a shop's terminal: he shows his code, it is scanned, and both see what becomes of it."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.browser.test_every_page import _accessibility
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, visiting
from tests.payments.test_authorise_pages import PIN, with_factors
from tests.payments.test_collect_pages import Till, opened_till
from tongbao import web
from tongbao.web import session

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

PATIENT_MS = 30_000
(VENDORED,) = (Path(web.__file__).parent / "static" / "vendor").glob("jsqr-*.js")


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥9,000.00 and a payment PIN, reading English."""
    async with visiting(served, 900_000, lang="en", name="Ann Lee") as me:
        yield await with_factors(me, "pin")


@pytest.fixture
async def wang(served: ServedBank) -> AsyncIterator[Till]:  # noqa: F811
    async with opened_till(served, lang="en") as till:
        yield till


def _opened(browser: Browser, home: str, cookie: str, token: str, width: int, height: int) -> Page:
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_cookies([{"name": cookie, "value": token, "url": home}])
    context.add_cookies([{"name": "tongbao_language", "value": "en", "url": home}])
    context.set_default_timeout(PATIENT_MS)
    return context.new_page()


async def side_by_side(ann: Me, wang: Till, visit: Callable[[Page, Page, str], Any]) -> Any:
    """Her phone and his terminal, each in a browser of its own."""
    home = ann.bank.url.replace("127.0.0.1", "localhost")

    def work() -> Any:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            try:
                phone = _opened(browser, home, COOKIE, ann.token, 390, 844)
                till = _opened(browser, home, session.NAMES["shop"], wang.token, 1280, 900)
                phone.goto(f"{home}/me/code")
                till.goto(f"{home}/shop/collect")
                return visit(phone, till, home)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


def digits(phone: Page) -> str:
    return phone.locator("#code-digits").inner_text()


def scan(till: Page, amount: str, code: str) -> None:
    """As a cashier and his scanner do: the amount, then digits and Enter, without a mouse."""
    expect(till.locator("#f-amount")).to_be_focused()
    till.keyboard.type(amount)
    till.keyboard.press("Enter")
    expect(till.locator("#f-code")).to_be_focused()
    till.keyboard.type(code.replace(" ", ""))
    till.keyboard.press("Enter")
    till.wait_for_url(re.compile(r"/shop/collect/[0-9a-f-]+$"))


async def test_a_code_is_scanned_and_both_see_that_it_is_paid(ann: Me, wang: Till) -> None:
    def visit(phone: Page, till: Page, home: str) -> None:
        assert not (found := _accessibility(phone)), found
        assert not (found := _accessibility(till)), found
        scan(till, "12.80", digits(phone))
        expect(till.locator("#collected-now")).to_contain_text("¥12.80 received.", timeout=PATIENT_MS)
        expect(phone.locator("#code-now")).to_contain_text("Paid", timeout=PATIENT_MS)
        expect(phone.locator("#code-now")).to_contain_text("老王面馆")
        assert not (found := _accessibility(phone)), found
        assert not (found := _accessibility(till)), found
        phone.get_by_role("link", name="See the receipt").click()
        assert phone.inner_text("h1") == "Paid"
        till.get_by_role("link", name="Next customer").click()
        assert till.url == f"{home}/shop/collect"

    await side_by_side(ann, wang, visit)
    assert await ann.balance() == 898_720


async def test_what_makes_a_days_sum_large_is_confirmed_on_the_phone_while_the_terminal_waits(
    ann: Me, wang: Till
) -> None:
    def visit(phone: Page, till: Page, home: str) -> None:
        scan(till, "900", digits(phone))
        expect(till.locator("#collected-now")).to_contain_text("¥900.00 received.", timeout=PATIENT_MS)
        till.goto(f"{home}/shop/collect")
        phone.goto(f"{home}/me/code")
        scan(till, "600", digits(phone))
        expect(till.locator("#collected-now")).to_contain_text("The payer is asked to confirm")
        way = phone.get_by_role("link", name="Look and confirm")
        expect(way).to_be_visible(timeout=PATIENT_MS)
        assert not (found := _accessibility(phone)), found
        way.click()
        assert "¥600.00" in phone.inner_text("main")
        phone.locator("input[name=secret]").first.fill(PIN)
        phone.locator("form:has(input[name=secret]) button.act").first.click()
        phone.wait_for_url(lambda url: "/authorise" not in url)
        assert phone.inner_text("h1") == "Paid"
        expect(till.locator("#collected-now")).to_contain_text("¥600.00 received.", timeout=PATIENT_MS)

    await side_by_side(ann, wang, visit)
    assert await ann.balance() == 750_000


async def test_the_code_is_renewed_in_the_page_and_the_one_before_is_over(ann: Me, wang: Till) -> None:
    def older(seconds: int) -> None:
        with psycopg.connect(ann.bank.database, autocommit=True) as conn:
            conn.execute(
                """UPDATE payments.payer_code SET made_at = made_at - make_interval(secs => %(by)s),
                    expires_at = expires_at - make_interval(secs => %(by)s) WHERE used_at IS NULL""",
                {"by": seconds},
            )

    def visit(phone: Page, till: Page, home: str) -> None:
        first = digits(phone)
        phone.evaluate("window.same = true")
        older(60)
        phone.wait_for_function("first => document.getElementById('code-digits').innerText !== first", arg=first)
        assert phone.evaluate("window.same"), "the page itself stays"
        older(30)
        till.keyboard.type("12.80")
        till.locator("#f-code").fill(first)
        till.keyboard.press("Enter")
        expect(till.locator("[role=alert]")).to_be_visible()
        assert "This code does not count, or not any more." in till.inner_text("main")
        assert till.locator("#f-amount").input_value() == "12.80"
        expect(till.locator("#f-code")).to_be_focused()
        till.keyboard.type(digits(phone))
        till.keyboard.press("Enter")
        expect(till.locator("#collected-now")).to_contain_text("¥12.80 received.", timeout=PATIENT_MS)

    await side_by_side(ann, wang, visit)
    assert await ann.balance() == 898_720


READ = """picture => new Promise((read) => {
    const image = new Image();
    image.onload = () => {
        const drawn = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height }).getContext("2d");
        drawn.drawImage(image, 0, 0);
        read(jsQR(drawn.getImageData(0, 0, image.width, image.height).data, image.width, image.height)?.data);
    };
    image.src = "data:image/png;base64," + picture;
})"""


async def test_the_square_says_what_the_digits_say(ann: Me, wang: Till) -> None:
    """Light and dark, read by somebody else's reader."""

    def visit(phone: Page, till: Page, home: str) -> None:
        reader = phone.context.new_page()
        reader.evaluate(VENDORED.read_text(encoding="utf-8"))
        for theme in ("light", "dark"):
            phone.context.add_cookies([{"name": "tongbao_theme", "value": theme, "url": home}])
            phone.goto(f"{home}/me/code")
            picture = base64.b64encode(phone.screenshot()).decode()
            assert reader.evaluate(READ, picture) == digits(phone).replace(" ", "")

    await side_by_side(ann, wang, visit)
