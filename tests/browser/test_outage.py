"""People look at their pages while a part of the bank dies in the middle of traffic. Their pages say so and recover by themselves.

The same twenty times over is `make kill`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.kill.bank import Bank
from tests.kill.watchers import ACCOUNT, BOARD, SHOP, WITHIN_MS, Watchers, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = pytest.mark.browser

REFUSED = 4


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    bank = Bank()
    try:
        yield bank.open()
    finally:
        bank.close()


@pytest.fixture(scope="module")
def watchers(browser: Browser, bank: Bank) -> Iterator[Watchers]:
    watchers = Watchers(browser, bank).open()
    yield watchers
    watchers.close()


@pytest.mark.parametrize("part", ["api", "postgres", "worker"])
def test_a_part_of_the_bank_is_killed(bank: Bank, watchers: Watchers, part: str) -> None:
    with watched(bank, watchers):
        watchers.outlive(part)


def test_a_stream_that_is_refused_is_asked_for_again(bank: Bank, watchers: Watchers) -> None:
    """As while the database is away: the process answers, and says 503 to whoever comes back."""
    board, refused = watchers.pages[BOARD], []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503, content_type="application/problem+json", body="{}")

    board.route("**/staff/board/live", refuse)
    bank.kill("api")
    bank.start("api")
    expect(board.locator("[data-live][data-state=lost]")).to_be_visible(timeout=WITHIN_MS)
    while len(refused) < REFUSED:
        board.wait_for_timeout(100)
    board.unroute("**/staff/board/live")
    with watched(bank, watchers):
        pass


def test_who_was_logged_out_is_led_to_the_door(bank: Bank, watchers: Watchers) -> None:
    """A session that ended while a page was open: the page does not promise that it will come back by itself."""
    watchers.pages[BOARD].context.clear_cookies()
    bank.kill("api")
    bank.start("api")
    for area, door in ((BOARD, "/staff/login?next=*"), (ACCOUNT, "/me/login?next=*"), (SHOP, "/?next=*")):
        watchers.pages[area].wait_for_url(watchers.address + door, timeout=WITHIN_MS)
