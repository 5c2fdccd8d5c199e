"""What a customer's page may cost on a slow phone: bytes, requests, what stands in the way of the first paint, and nothing that jumps.

The times that it takes there are measured and shown; what fails is what makes them: a budget, not a clock.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, visiting

pytestmark = pytest.mark.browser

PAGES: Final = ("/me", "/me/pay", "/me/transfer", "/me/scan", "/me/code", "/me/payments", "/me/notices", "/me/look")
MOST_BYTES_FIRST: Final = 60_000
"""Of a first visit, on the wire; a slow 4G line carries them in 0.3 s."""
MOST_BYTES_AGAIN: Final = 10_000
"""Of each page after it: the files are kept."""
MOST_REQUESTS: Final = 12
MOST_SHIFT: Final = 0.02
"""Sum of layout shifts; 0.1 is what Web Vitals calls good."""

SLOW: Final = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
"""1.6 Mbit/s down and 0.75 up with 150 ms there and back: Lighthouse's slow 4G."""
WATCH: Final = """
  window.shift = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value; })
    .observe({ type: "layout-shift", buffered: true });
"""
TOLD: Final = """() => ({
  shift: window.shift,
  paint: Math.round(performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1),
  blocking: performance.getEntriesByType("resource").filter((one) => one.renderBlockingStatus === "blocking").map((one) => one.name),
})"""


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading English."""
    async with visiting(served, lang="en", name="Ann Lee") as me:
        yield me


def _cost(page: Page, wire: Any, address: str) -> dict[str, Any]:
    """What a visit costs: bytes and requests on the wire, and what the browser says of its painting."""
    sizes: list[int] = []
    asked: list[str] = []
    done = lambda event: sizes.append(int(event["encodedDataLength"]))  # noqa: E731
    sent = lambda event: asked.append(event["request"]["url"])  # noqa: E731
    wire.on("Network.loadingFinished", done)
    wire.on("Network.requestWillBeSent", sent)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(500)
    wire.remove_listener("Network.loadingFinished", done)
    wire.remove_listener("Network.requestWillBeSent", sent)
    return {**page.evaluate(TOLD), "bytes": sum(sizes), "requests": len(asked)}


async def test_a_page_is_there_at_once_on_a_slow_phone(ann: Me) -> None:
    home = ann.bank.url.replace("127.0.0.1", "localhost")

    def work() -> dict[str, dict[str, Any]]:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            try:
                context = browser.new_context(viewport={"width": 390, "height": 844}, service_workers="block")
                context.add_cookies([{"name": COOKIE, "value": ann.token, "url": home}])
                context.add_cookies([{"name": "tongbao_language", "value": "en", "url": home}])
                context.set_default_timeout(60_000)
                context.add_init_script(WATCH)
                page = context.new_page()
                wire = context.new_cdp_session(page)
                wire.send("Network.enable")
                wire.send("Network.emulateNetworkConditions", SLOW)
                wire.send("Emulation.setCPUThrottlingRate", {"rate": 4})
                found = {"first visit": _cost(page, wire, f"{home}/me")}
                return found | {path: _cost(page, wire, home + path) for path in PAGES}
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as threads:
        found = await asyncio.get_running_loop().run_in_executor(threads, work)
    for name, cost in found.items():
        sys.stdout.write(f"{name}: {cost}\n")
    for name, cost in found.items():
        most = MOST_BYTES_FIRST if name == "first visit" else MOST_BYTES_AGAIN
        assert cost["bytes"] <= most, (name, cost)
        assert cost["requests"] <= MOST_REQUESTS, (name, cost)
        assert cost["shift"] <= MOST_SHIFT, (name, cost)
        assert cost["paint"] >= 0, (name, cost)
        assert all("tongbao." in address for address in cost["blocking"]), (name, cost)
