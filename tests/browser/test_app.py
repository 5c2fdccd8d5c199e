"""The bank as an app: installable, of use without a connection, and calm where an answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, Route, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium
from tests.browser.test_every_page import _accessibility
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, number_of, visiting
from tests.payments.payer import PIN
from tests.payments.test_authorise_pages import asked, with_factors
from tests.payments.test_me_pages import paid

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.browser

PATIENT_MS = 60_000


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥900.00, reading English."""
    async with visiting(served, 90_000, lang="en", name="Ann Lee") as me:
        yield me


async def on_a_phone(me: Me, visit: Callable[[Page, BrowserContext, str], Any]) -> Any:
    home = me.bank.url.replace("127.0.0.1", "localhost")

    def work() -> Any:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            try:
                context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
                context.add_cookies([{"name": COOKIE, "value": me.token, "url": home}])
                context.add_cookies([{"name": "tongbao_language", "value": "en", "url": home}])
                context.set_default_timeout(PATIENT_MS)
                return visit(context.new_page(), context, home)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys())
    for (const one of await (await caches.open(name)).keys()) found.push(new URL(one.url).pathname);
  return found;
}"""
AT_WORK = "() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
BALANCE_KEPT = "() => caches.match('/offline/balance', { cacheName: 'tongbao-own' }).then(Boolean)"


def settled(page: Page, home: str) -> None:
    """Home, with the worker in charge and the balance kept."""
    page.goto(f"{home}/me")
    page.wait_for_function(AT_WORK)
    page.goto(f"{home}/me")
    page.wait_for_function(BALANCE_KEPT)


async def test_it_can_be_installed(ann: Me) -> None:
    def visit(page: Page, context: BrowserContext, home: str) -> None:
        settled(page, home)
        found = context.new_cdp_session(page).send("Page.getAppManifest")
        assert not found["errors"], found["errors"]
        assert found["url"].startswith(f"{home}/app.webmanifest")
        told = page.evaluate("(at) => fetch(at).then((answer) => answer.json())", found["url"])
        assert (told["name"], told["start_url"], told["display"]) == ("Tongbao", "/me", "standalone")
        for icon in told["icons"]:
            drawn = page.evaluate(
                "(at) => new Promise((done) => { const i = new Image(); i.onload = () => done(i.naturalWidth); i.src = at; })",
                icon["src"],
            )
            assert icon["sizes"] == f"{drawn}x{drawn}"
        lacking = context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
        # A window that leaves nothing behind installs nothing; all else must be in order.
        assert {one["errorId"] for one in lacking} <= {"in-incognito"}, lacking

    await on_a_phone(ann, visit)


async def test_without_a_connection_the_last_balance_stands_there_with_its_time(ann: Me) -> None:
    def visit(page: Page, context: BrowserContext, home: str) -> None:
        settled(page, home)
        page.goto(f"{home}/me/payments")
        assert not [path for path in page.evaluate(KEPT) if path.startswith("/me")], "no page of a person is kept"
        context.set_offline(True)
        page.goto(f"{home}/me")
        expect(page.locator("h1")).to_have_text("No connection")
        expect(page.locator("[data-sum]")).to_have_text("¥900.00")
        assert page.locator("[data-offline] time").get_attribute("datetime")
        assert page.locator("[data-offline] time").inner_text()
        assert not (found := _accessibility(page)), found
        context.set_offline(False)
        page.locator("[data-again]").click()
        expect(page.locator("#now")).to_be_visible()

    await on_a_phone(ann, visit)


async def test_whoever_logs_out_leaves_no_balance_behind(ann: Me) -> None:
    def visit(page: Page, context: BrowserContext, home: str) -> None:
        settled(page, home)
        page.locator('form[action="/me/logout"] button').click()
        page.wait_for_url(lambda url: not url.endswith("/me"))
        page.wait_for_function(f"() => ({BALANCE_KEPT})().then((kept) => !kept)")
        context.set_offline(True)
        page.goto(f"{home}/me")
        expect(page.locator("h1")).to_have_text("No connection")
        expect(page.locator("[data-offline]")).to_be_hidden()

    await on_a_phone(ann, visit)


async def test_the_answer_to_a_payment_is_lost_and_the_one_result_is_shown(ann: Me) -> None:
    shop = await ann.bank.account()
    payee = await number_of(ann.bank, shop)
    await ann.knows(shop)
    sent: list[str] = []

    def visit(page: Page, context: BrowserContext, home: str) -> None:
        def cut(route: Route) -> None:
            if route.request.method == "POST" and not sent:
                sent.append(route.request.url)
                route.fetch(max_redirects=0)
                route.abort("connectionreset")
            else:
                route.continue_()

        page.goto(f"{home}/me/pay?to={payee}&amount=12.80")
        id_ = page.locator("input[name=id]").input_value()
        page.route("**/me/pay", cut)
        page.locator("main button.act").click()
        page.wait_for_url(f"{home}/me/payments/{id_}")
        expect(page.locator("h1")).to_have_text("Paid")

    await on_a_phone(ann, visit)
    assert len(sent) == 1
    assert await ann.balance() == 90_000 - 1 - 1_280


async def test_a_press_that_never_arrived_is_sent_again_and_pays_once(ann: Me) -> None:
    shop = await ann.bank.account()
    payee = await number_of(ann.bank, shop)
    await ann.knows(shop)
    cut_off: list[str] = []

    def visit(page: Page, context: BrowserContext, home: str) -> None:
        def cut(route: Route) -> None:
            if route.request.method == "POST" and len(cut_off) < 2:
                cut_off.append(route.request.url)
                route.abort("internetdisconnected")
            else:
                route.continue_()

        page.goto(f"{home}/me/pay?to={payee}&amount=12.80")
        page.route("**/me/pay", cut)
        page.locator("main button.act").click()
        expect(page.locator("[data-weak]")).to_contain_text("The connection is weak.")
        page.wait_for_url("**/me/payments/*")
        expect(page.locator("h1")).to_have_text("Paid")

    await on_a_phone(ann, visit)
    assert len(cut_off) == 2
    assert await ann.balance() == 90_000 - 1 - 1_280


def lose_first(page: Page, where: str, lost: list[str], *, arrives: bool = True) -> None:
    """The connection is cut at the first press: its answer is lost, or (`arrives=False`) the press itself."""

    def cut(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.request.url)
        if arrives:
            route.fetch(max_redirects=0)
        route.abort("connectionreset")

    page.route(where, cut)


def paid_at(page: Page, address: str) -> None:
    page.wait_for_url(address)
    expect(page.locator("h1")).to_have_text("Paid")


async def test_the_answer_to_a_transfer_is_lost_and_the_one_result_is_shown(ann: Me) -> None:
    payee = await ann.bank.account()
    await ann.knows(payee)
    number = await number_of(ann.bank, payee)
    lost: list[str] = []

    def visit(page: Page, context: BrowserContext, home: str) -> None:
        page.goto(f"{home}/me/transfer")
        page.fill("[name=to]", number)
        page.fill("[name=amount]", "12.80")
        page.locator("main button.act").click()
        expect(page.locator("h1")).to_have_text("Confirm and transfer")
        id_ = page.url.split("?")[0].rsplit("/", 1)[1]
        lose_first(page, "**/me/transfer/**", lost)
        page.locator("main button.act").click()
        paid_at(page, f"{home}/me/payments/{id_}")

    await on_a_phone(ann, visit)
    assert len(lost) == 1
    assert await ann.balance() == 90_000 - 1 - 1_280
    assert await ann.bank.balance(payee) == 1 + 1_280


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_proof_whose_answer_is_lost_pays_once(ann: Me, *, arrives: bool) -> None:
    place, _ = await asked(await with_factors(ann, "pin"), "80")
    lost: list[str] = []

    def visit(page: Page, context: BrowserContext, home: str) -> None:
        page.goto(f"{home}{place}")
        page.fill("[name=secret]", PIN)
        lose_first(page, "**/authorise", lost, arrives=arrives)
        page.locator("main button.act").click()
        if not arrives:  # the bank has heard of no proof: the question stands there once more
            page.wait_for_url(f"{home}{place}?method=pin")
            page.fill("[name=secret]", PIN)
            page.locator("main button.act").click()
        paid_at(page, home + place.removesuffix("/authorise"))

    await on_a_phone(ann, visit)
    assert len(lost) == 1
    assert await ann.balance() == 90_000 - 8_000


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_confirmation_whose_answer_is_lost_pays_once(ann: Me, *, arrives: bool) -> None:
    payment = await paid(ann, confirm="explicit")
    lost: list[str] = []

    def visit(page: Page, context: BrowserContext, home: str) -> None:
        page.goto(f"{home}/me/payments/{payment['id']}")
        lose_first(page, "**/confirm", lost, arrives=arrives)
        page.locator("main button.act").click()
        expect(page.locator("[data-weak]").first).to_contain_text("The connection is weak.")
        expect(page.locator("h1")).to_have_text("Paid")
        expect(page.locator("main")).to_contain_text("You have confirmed the payment.")

    await on_a_phone(ann, visit)
    assert len(lost) == 1
    assert await ann.balance() == 90_000 - payment["amount"]


async def test_a_wrong_proof_is_told_in_the_place_of_the_page_and_the_next_one_pays(ann: Me) -> None:
    place, _ = await asked(await with_factors(ann, "pin"), "80")

    def visit(page: Page, context: BrowserContext, home: str) -> None:
        page.goto(f"{home}{place}")
        page.fill("[name=secret]", "000000")
        page.locator("main button.act").click()
        expect(page.locator("main .error").first).to_be_visible()
        page.fill("[name=secret]", PIN)
        page.locator("main button.act").click()
        paid_at(page, home + place.removesuffix("/authorise"))

    await on_a_phone(ann, visit)
    assert await ann.balance() == 90_000 - 8_000
