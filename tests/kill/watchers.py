"""Three people who look at the bank in a real browser and touch nothing: staff at the board, a customer, a shop."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

import msgspec
from playwright.sync_api import Browser, Error, Page, expect

from tests.kill.bank import Bank, summary_of
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.identity import VisitorKind
from tongbao.web import session

WITHIN_MS = 120_000
BOARD, ACCOUNT, SHOP = "/staff/board", "/me", "/shop"

_NEWEST = {
    BOARD: "[sse-swap=newest] tbody tr:first-child",
    ACCOUNT: "#now ul.rows li:first-child",
    SHOP: "#shop-live table tbody tr:first-child",
}
"""Where the newest payment stands, by the page."""
_GONE = "[sse-swap=gone] [role=alert]"


class Watchers:
    """Everything is waited for; a page that was loaded again, by whomever, is noticed."""

    def __init__(self, browser: Browser, bank: Bank) -> None:
        self._bank = bank
        self.address = f"http://localhost:{bank.port}"
        self._context = browser.new_context(locale="en-GB", timezone_id="Asia/Shanghai", reduced_motion="reduce")
        self._context.set_default_timeout(WITHIN_MS)
        self.pages: dict[str, Page] = {}

    def open(self) -> Watchers:
        """Staff logs in with a password; the others were let in before."""
        with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs here
            cookies = aside.submit(lambda: asyncio.run(_let_in(self._bank))).result()
        self._context.add_cookies([{"name": n, "value": v, "url": self.address} for n, v in cookies.items()])
        board = self.pages[BOARD] = self._context.new_page()
        name = f"watcher{secrets.token_hex(4)}"
        made = self._bank.command("staff", "create", name, "--role", "operator", "--json")
        board.goto(f"{self.address}/staff/login?next={BOARD}")
        board.fill("[name=username]", name)
        board.fill("[name=password]", first := msgspec.json.decode(made)["password"])
        board.click("button.act")
        board.wait_for_url("**/staff/me")  # what the bank made lets in to be replaced, and no further
        board.goto(f"{self.address}/staff/me/password")
        board.fill("[name=current]", first)
        board.fill("[name=password]", secrets.token_hex(16))
        with board.expect_navigation():
            board.click("main button.act")
        board.goto(self.address + BOARD)
        for path in (ACCOUNT, SHOP):
            self.pages[path] = self._context.new_page()
            self.pages[path].goto(self.address + path)
        for page in self.pages.values():
            page.evaluate("window.neverLeft = true")
        return self

    def close(self) -> None:
        self._context.close()

    def outlive(self, part: str) -> None:
        """It is killed; the pages say what they miss; it is started, and they go on."""
        self._bank.kill(part)
        if part == "api":
            self.lose_the_bank()
        elif part == "postgres":
            self.lose_the_database()
        else:
            self.see_events_wait()
            self.see_payments_arrive()
        self._bank.start(part)
        if part == "worker":
            self.see_events_move()
        self.see_payments_arrive()

    def see_payments_arrive(self, *paths: str) -> None:
        """On each page a newer one than now stands at the top, and nothing is said to be wrong."""
        wanted = paths or tuple(_NEWEST)
        before = {path: self._newest(path) for path in wanted}
        for path in wanted:
            page = self.pages[path]
            try:
                page.wait_for_function(
                    "([where, before]) => document.querySelector(where)?.id > '' && document.querySelector(where).id !== before",
                    arg=[_NEWEST[path], before[path]],
                    timeout=WITHIN_MS,
                )
            except Error as error:
                raise AssertionError(
                    f"{path} shows nothing newer: {page.locator('main').inner_text()[:2000]}"
                ) from error
            expect(page.locator("[data-live][data-state=lost]")).to_have_count(0, timeout=WITHIN_MS)
            assert page.evaluate("window.neverLeft"), f"{path} was loaded again"
        expect(self.pages[BOARD].locator(_GONE)).to_have_count(0, timeout=WITHIN_MS)

    def lose_the_bank(self) -> None:
        """Each page says that there is no connection and that what it shows is from before."""
        for page in self.pages.values():
            said = page.locator("[data-live] [data-lost]")
            expect(said).to_have_text(str(said.get_attribute("data-lost")), timeout=WITHIN_MS)
            assert page.evaluate("window.neverLeft")

    def lose_the_database(self) -> None:
        """The board says whose fault it is; the other pages, that what they show is from before."""
        expect(self.pages[BOARD].locator(_GONE)).to_be_visible(timeout=WITHIN_MS)
        for path in (ACCOUNT, SHOP):
            said = self.pages[path].locator("[data-live] [data-lost]")
            expect(said).to_have_text(str(said.get_attribute("data-lost")), timeout=WITHIN_MS)

    def see_events_wait(self) -> None:
        """The board shows that more events are unread than arrive in a moment."""
        self._events("some => some > 50")

    def see_events_move(self) -> None:
        self._events("some => some < 50")

    def see_no_worker(self) -> None:
        """It takes a minute to be sure."""
        workers = self.pages[BOARD].locator("[sse-swap=machinery] dt:has-text('Workers') + dd")
        expect(workers).to_have_text("0", timeout=WITHIN_MS)

    def see_a_worker(self) -> None:
        workers = self.pages[BOARD].locator("[sse-swap=machinery] dt:has-text('Workers') + dd")
        expect(workers).not_to_have_text("0", timeout=WITHIN_MS)

    def _newest(self, path: str) -> str | None:
        found = self.pages[path].locator(_NEWEST[path])
        return found.get_attribute("id") if found.count() else None

    def _events(self, condition: str) -> None:
        self.pages[BOARD].wait_for_function(
            f"""() => {{
                const said = [...document.querySelectorAll("[sse-swap=machinery] dt.id + dd")].map((one) => one.textContent);
                const unread = said.filter((one) => one.includes("unread")).map((one) => parseInt(one.replaceAll(",", "")));
                return unread.length > 0 && unread.every(({condition}));
            }}""",
            timeout=WITHIN_MS,
        )


@contextmanager
def watched(bank: Bank, watchers: Watchers, rate: int = 20) -> Iterator[None]:
    """Payments arrive all the while, and at the end each is what its payer was told."""
    traffic = bank.traffic(rate, seconds=None)
    try:
        watchers.see_payments_arrive()
        yield
        traffic.terminate()
        summary = summary_of(traffic)
    finally:
        traffic.kill()
        traffic.wait()
    assert summary["audit"]["agrees"], summary["audit"]
    assert summary["unresolved"] == 0, summary
    assert summary["surprises"] == 0, summary["surprise_examples"]
    bank.command("prove")


async def _let_in(bank: Bank) -> dict[str, str]:
    """Cookies of the first person and of the first shop."""
    customer = UUID(bank.get(f"/v1/accounts/{bank.accounts[0]}")["customer_id"])
    holders = {VisitorKind.CUSTOMER: ("me", customer), VisitorKind.SHOP: ("shop", UUID(bank.merchants[0]))}
    at, cookies = SystemClock().now(), {}
    async with Database(bank.url, size=1, limits=BULK) as db, db.tx() as tx:
        for kind, (area, holder) in holders.items():
            token = identity.fresh_token(kind, secrets.token_bytes)
            await identity.open_session(tx, kind, holder, session_id=uuid7(at), token=token, by=SYSTEM, at=at)
            cookies[session.NAMES[area]] = str(token)
    return cookies
