"""The guided walk, as a newcomer takes it: from the board to the proof of the books, in both languages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Visitor

pytestmark = pytest.mark.browser

PROVE_WITHIN_MS = 240_000


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_newcomer_walks_through_the_bank(visit: Callable[..., Visitor], language: str, size: str) -> None:
    visitor = visit(language=language, size=size)
    page = visitor.page
    on = page.locator("section.strip form button[name=step]").first

    assert visitor.go("/") == 200
    page.click("main button.act")

    # 1. The board: figures that move.
    expect(page.locator("section.strip .step")).to_have_text("1 / 6")
    expect(page.locator(".tiles .value").first).not_to_be_empty()
    newest = page.locator("[sse-swap=newest] tbody tr").first
    before = newest.get_attribute("id")
    page.wait_for_function("before => document.querySelector('[sse-swap=newest] tbody tr')?.id !== before", arg=before)

    # 2. Pay for noodles as Li: who and how much, then one press.
    on.click()
    expect(page.locator("main")).to_contain_text("¥12.80")
    page.click("main button.act")
    page.wait_for_url(re.compile(r"/me/payments/[0-9a-f-]{36}"))
    payment = page.url.rsplit("/", 1)[1][:36]
    expect(page.locator("main")).to_contain_text("支付成功" if language == "zh" else "Paid")
    expect(page.locator("main")).to_contain_text("¥12.80")

    # 3. The shop sees it at the top.
    on.click()
    page.wait_for_url("**/shop")
    expect(page.locator("main table tbody tr").first).to_contain_text("¥12.80")

    # 4. Why: every check, both postings, the event.
    on.click()
    page.wait_for_url(f"**/staff/payments/{payment}")
    steps = page.locator("ol.steps > li")
    expect(steps.filter(has_text=re.compile(r"检查通过|Check passed"))).not_to_have_count(0)
    expect(steps.filter(has_text=re.compile(r"(¥|CNY )12\.80"))).not_to_have_count(0)
    expect(page.locator("ol.steps")).to_contain_text("payment.completed")

    # 5. The same request again: one payment.
    on.click()
    page.wait_for_url(f"**/developer?payment={payment}")
    expect(page.locator("#curl")).to_contain_text(payment)
    page.click("main button.act")
    answer = page.locator("#answer")
    expect(answer).to_contain_text("201")
    expect(answer).to_contain_text("idempotency-replayed: true")
    expect(answer).to_contain_text(payment)

    # 6. The books are proved.
    on.click()
    page.wait_for_url("**/staff/prove")
    page.click("main button.act")
    proved = page.locator("#proof .sum")
    expect(proved).to_be_visible(timeout=PROVE_WITHIN_MS)
    expect(page.locator("#proof-said")).to_contain_text("账务已核验" if language == "zh" else "The books are proved")

    # The end of the walk takes the strip away.
    on.click()
    expect(page.locator("section.strip")).to_have_count(0)
