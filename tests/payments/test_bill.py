"""What a month cost: by category and day, beside the month before; and paying once more what was paid before."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, visiting
from tests.payments.test_me_pages import paid, refunded
from tongbao.base.db import BULK, Database
from tongbao.payments.bill import bill
from tongbao.payments.words import CATEGORIES, KINDS, category_word, known_category

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading Chinese."""
    async with visiting(served) as me:
        yield me


async def _moved(me: Me, payment: str, day: str) -> None:
    """As if the payment had been made on another day."""
    async with Database(me.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        await tx.rows(
            "UPDATE payments.payment SET created_at = %(at)s::timestamptz WHERE id = %(id)s::uuid",
            at=f"{day}T12:00:00+08:00",
            id=payment,
        )


async def test_a_month_by_category_and_by_day_beside_the_month_before(li: Me) -> None:
    friend = await li.bank.account(0)
    for day, order in (
        ("2026-09-30", {"amount": 5000}),
        ("2026-10-01", {"amount": 1280}),
        ("2026-10-01", {"amount": 720}),
        ("2026-10-31", {"amount": 3000, "payee_account_id": str(friend)}),
    ):
        await _moved(li, (await paid(li, **order))["id"], day)
    back = await paid(li, amount=2000)
    await refunded(li, back, 500)
    await _moved(li, back["id"], "2026-10-02")
    async with Database(li.bank.database, size=1, limits=BULK) as db, db.read() as tx:
        found = await bill(tx, li.account, date(2026, 10, 17), SHANGHAI)
    assert (found.first, found.last) == (date(2026, 10, 1), date(2026, 10, 31))
    lines = [(line.category, line.count, line.paid_minor, line.before_minor) for line in found.spent]
    assert sorted(lines) == sorted([("other", 3, 3500, 5000), ("transfer", 1, 3000, 0)])
    assert found.days == ((date(2026, 10, 1), 2, 2000), (date(2026, 10, 2), 1, 1500), (date(2026, 10, 31), 1, 3000))
    assert (found.paid_minor, found.before_minor, found.count) == (6500, 5000, 4)

    page = await li.get("/me/bill", month="2026-10")
    assert page.title == "月账单"
    for said in ("2026年10月", "¥65.00", "¥50.00", "多支出 ¥15.00", "转账", "¥30.00"):
        assert said in page.text, said
    earlier = next(href for name, href in page.links if name == "上月")
    assert "2026年9月" in (await li.get(earlier)).text
    file = await li.file("/me/bill", month="2026-10", format="csv")
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert rows[1:] == [["other", "35.00", "50.00", "3", "CNY"], ["transfer", "30.00", "0.00", "1", "CNY"]]


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "9999-12", "0001-01", "x" * 3000, "<script>", "２０２６-10"])
async def test_a_month_that_is_none_is_this_one(li: Me, month: str) -> None:
    page = await li.get("/me/bill", month=month)
    assert (page.status, page.title) == (200, "月账单")
    assert "本月和上月均无支出。" in page.text
    assert "<script>" not in page.html


async def test_nobody_reads_the_bill_of_somebody_else(li: Me) -> None:
    other = await li.bank.account(100)
    assert (await li.get("/me/bill", account=str(other))).status == 404


def test_every_category_has_a_word_in_both_languages() -> None:
    for name in (*CATEGORIES, *KINDS):
        assert category_word(name, "en") != category_word(name, "zh")
    assert category_word(known_category("a_kind_of_shop_that_we_do_not_know"), "zh") == "其他商户"


async def test_what_was_paid_is_paid_again_by_two_presses(li: Me) -> None:
    await paid(li, reference="noodles")
    [first] = [p for p in await li.payments() if p["kind"] == "payment"]
    record = await li.get(f"/me/payments/{first['id']}")
    look = await li.get(next(href for name, href in record.links if name == "再付一笔"))
    assert look.asks("/me/pay"), "the last look, with payee and amount"
    assert "¥12.80" in look.text
    assert (await li.press(look)).title == "支付成功"
    assert await li.balance() == 100_000 - 2 * 1280


async def test_a_transfer_is_sent_again_to_the_same_account(li: Me) -> None:
    friend = await li.bank.account(0)
    made = await paid(li, amount=300, payee_account_id=str(friend), reference="rent")
    record = await li.get(f"/me/payments/{made['id']}")
    look = await li.get(next(href for name, href in record.links if name == "再付一笔"))
    assert "rent" in look.text
    await li.press(look)
    assert await li.bank.balance(friend) == 600


async def test_what_was_not_paid_or_came_from_outside_is_not_offered_again(li: Me) -> None:
    declined = await li.bank.ask(
        "POST",
        "/v1/payments",
        {
            "payer_account_id": str(li.account),
            "amount": 10_000_000,
            "currency": "CNY",
            "merchant_id": str(li.bank.shop),
        },
        who=li.token,
    )
    for payment in await li.payments():
        page = await li.get(f"/me/payments/{payment['id']}")
        assert "再付一笔" not in page.text
    assert declined.status_code == 402, declined.text
