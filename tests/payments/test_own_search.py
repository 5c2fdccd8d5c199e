"""A record found by what it says: whom he paid, as he is shown it, the reference, the amount; and what came in, by kind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, visiting
from tests.payments.test_me_pages import paid
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.jobs import JobContext
from tongbao.base.settings import Settings
from tongbao.payments import own_search
from tongbao.payments.jobs import JOBS
from tongbao.payments.own_search import amount_in


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading Chinese, who has paid a friend twice and a shop once."""
    async with visiting(served) as me:
        friend = str(await served.account(customer=await served.person("欧阳小强")))
        await paid(me, amount=1280, payee_account_id=friend, reference="牛肉面 Noodles")
        await paid(me, amount=500, payee_account_id=friend, reference="100% _真的_")
        await paid(me, amount=640)
        yield me


async def found(me: Me, q: str, **more: str) -> list[str]:
    """The amounts of what was found, newest first."""
    page = await me.get("/me/payments", q=q, **more)
    assert page.status == 200, page.text
    rows = page.html[page.html.index('<ul class="rows">') :] if '<ul class="rows">' in page.html else ""
    return [amount for amount in ("-¥6.40", "-¥5.00", "-¥12.80") if amount in rows.replace("−", "-")]


@pytest.mark.parametrize(
    ("q", "amounts"),
    [
        ("牛肉", ["-¥12.80"]),
        ("NOODLES", ["-¥12.80"]),
        ("ｎｏｏｄｌｅｓ", ["-¥12.80"]),
        ("12.8", ["-¥12.80"]),
        ("¥12.80", ["-¥12.80"]),
        ("5元", ["-¥5.00"]),
        ("阳小强", ["-¥5.00", "-¥12.80"]),
        ("100%", ["-¥5.00"]),
        ("%", ["-¥5.00"]),
        ("_真", ["-¥5.00"]),
        ("没有这样的", []),
        ("'; DROP TABLE payments.payment; --", []),
        ("<script>alert(1)</script>", []),
        ("\u202e", []),
    ],
)
async def test_what_is_typed_is_found(li: Me, q: str, amounts: list[str]) -> None:
    assert await found(li, q) == amounts


async def test_a_name_is_found_only_as_far_as_it_is_shown(li: Me) -> None:
    shown = (await li.get("/me/payments")).text
    assert "欧阳小强" not in shown
    assert await found(li, "欧阳小强") == [], "typing names until one fits tells nobody whose account it is"


async def test_with_the_other_filters_and_by_pages(li: Me) -> None:
    assert await found(li, "小强", smallest="6") == ["-¥12.80"]
    assert await found(li, "小强", kind="salary") == []
    friend = str(await li.bank.account(customer=await li.bank.person("赵六")))
    for n in range(52):
        await paid(li, amount=100 + n, payee_account_id=friend, reference="many")
    first = await li.get("/me/payments", q="many")
    following = [href for said, href in first.links if said == "下一页"]
    assert len(following) == 1
    assert "q=many" in following[0]
    second = await li.get("/me/payments" + following[0] if following[0].startswith("?") else following[0])
    assert "¥1.00" in second.text
    assert "¥1.51" not in second.text


async def test_too_long_a_text_is_answered_by_a_sentence(li: Me) -> None:
    page = await li.get("/me/payments", q="x" * 61)
    assert page.status == 422
    assert "x" * 61 in page.html, "what was typed is kept"


async def test_a_file_holds_what_was_found(li: Me) -> None:
    answer = await li.file("/me/payments", q="小强", format="csv")
    lines = answer.text.strip().splitlines()
    assert len(lines) == 3, lines


async def test_no_more_is_looked_through_than_the_newest(li: Me, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_search.AMONG <= 2_000
    assert await found(li, "牛肉", to="2020-01-01") == []


async def test_another_s_records_are_not_found(li: Me, served: ServedBank) -> None:  # noqa: F811
    async with visiting(served, name="赵六") as stranger:
        assert await found(stranger, "牛肉") == []


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("12.8", 1280),
        ("1,280.00", 128_000),
        ("￥500", 50_000),
        ("500 元", None),
        ("12.345", None),
        ("-5", None),
        ("1e9", None),
        ("", None),
    ],
)
def test_an_amount_in_what_is_typed(text: str, minor: int | None) -> None:
    assert amount_in(text, "CNY") == minor


@given(st.text(max_size=30))
def test_no_text_is_too_odd(text: str) -> None:
    amount = amount_in(text, "CNY")
    assert amount is None or amount >= 0


async def test_a_salary_stands_in_the_bill_by_its_name(li: Me) -> None:
    firm = await li.bank.account(1_000_000, customer=await li.bank.person("大成公司"))
    lines = f"account_number,amount\n{await _number(li)},3000.00\n".encode()
    csv = {"Content-Type": "text/csv"}
    made = await li.bank.ask("POST", "/v1/payrolls", raw=lines, headers=csv, payer_account_id=str(firm))
    assert made.status_code == 201, made.text
    confirmed = await li.bank.ask("POST", f"/v1/payrolls/{made.json()['id']}/confirm", {})
    assert confirmed.status_code == 200, confirmed.text
    (go_on,) = [job for job in JOBS if job.name == "payments.go_on_with_payrolls"]
    async with Database(li.bank.database, size=2, limits=BULK) as db:
        await go_on.run(JobContext(db, SystemClock(), Settings()))
    page = await li.get("/me/bill")
    assert "代发工资" in page.text
    assert "+¥3,000.00" in page.text
    assert "代发工资" in (await li.get("/me/payments", kind="salary")).text


async def _number(me: Me) -> str:
    return (await me.bank.ask("GET", f"/v1/accounts/{me.account}")).json()["number"]
