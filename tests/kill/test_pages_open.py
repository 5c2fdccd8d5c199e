"""SIGKILL in the middle of traffic while people look: their pages say so, and go on by themselves when the part is back.

Nobody loads a page again. The short stories of the same are in tests/browser/test_outage.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium
from tests.kill.bank import Bank
from tests.kill.watchers import Watchers, watched

pytestmark = [pytest.mark.kill, pytest.mark.timeout(3600)]

TIMES = 20


@pytest.fixture(scope="module")
def watchers(bank: Bank) -> Iterator[Watchers]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        watchers = Watchers(browser, bank).open()
        yield watchers
        watchers.close()
        browser.close()


@pytest.mark.parametrize("part", ["api", "postgres", "worker"])
def test_killed_twenty_times(bank: Bank, watchers: Watchers, part: str) -> None:
    with watched(bank, watchers):
        for _ in range(TIMES):
            watchers.outlive(part)


def test_the_board_says_that_no_worker_runs(bank: Bank, watchers: Watchers) -> None:
    """It takes a minute to be sure."""
    bank.kill("worker")
    watchers.see_no_worker()
    bank.start("worker")
    watchers.see_a_worker()
