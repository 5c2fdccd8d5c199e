"""A customer's pages: what he has, what happened, what he can still ask, his statement, his safety."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, Page, number_of, session_of, visiting

SHANGHAI = ZoneInfo("Asia/Shanghai")
PAGES = ("/me", "/me/pay", "/me/payments", "/me/statement", "/me/safety")
LATIN_SENTENCE = re.compile(r"[A-Za-z]{2,}(?:[ ,'’-]+[A-Za-z]{2,}){2,}")
CHINESE = re.compile("[\u3400-\u9fff]")


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading Chinese."""
    async with visiting(served) as me:
        yield me


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading English."""
    async with visiting(served, lang="en", name="Ann Lee") as me:
        yield me


async def paid(me: Me, **other: Any) -> dict[str, Any]:
    """What he orders through the API: ¥12.80 to the shop unless told. A transfer the bank orders for him, and asks nothing."""
    order = {"payer_account_id": str(me.account), "amount": 1280, "currency": "CNY", **other}
    if "payee_account_id" not in other:
        order |= {"merchant_id": str(me.bank.shop), "method": "qr"}
    who = "bank" if "payee_account_id" in other else me.token
    answer = await me.bank.ask("POST", "/v1/payments", order, who=who)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def refunded(me: Me, payment: dict[str, Any], amount: int) -> None:
    await me.bank.make(f"/v1/payments/{payment['id']}/refunds", {"amount": amount, "reason": "cold noodles"})


# The first page.


async def test_the_first_page_says_what_one_has(li: Me) -> None:
    await paid(li)
    page = await li.get("/me")
    assert page.title == "您好，李梅"
    assert "¥987.20" in page.text
    assert await number_of(li.bank, li.account) in page.text
    assert ("付款", "/me/pay") in page.links
    assert page.text.index("兰州拉面") < page.text.index("行外转入"), "newest first"
    assert "-¥12.80" in page.text
    assert "+¥1,000.00" in page.text


async def test_money_that_is_set_aside_is_told_apart(ann: Me) -> None:
    await paid(ann, capture="manual")
    page = await ann.get("/me")
    assert "¥987.20 of it can be spent; ¥12.80 is set aside for payments under way." in page.text


async def live(me: Me) -> tuple[str, str]:
    """Where the first page asks for news, and what it has seen."""
    found = re.search(r'hx-get="(/me/live\?[^"]*)"', (await me.get("/me")).html)
    assert found
    address = found[1].replace("&amp;", "&")
    return address, parse_qs(urlsplit(address).query)["seen"][0]


async def test_the_first_page_renews_itself_when_money_comes(li: Me) -> None:
    address, _ = await live(li)
    assert (await li.file(address)).status_code == 204, "nothing is new"
    await li.bank.make("/v1/topups", {"account_id": str(li.account), "amount": 777, "currency": "CNY"})
    news = await li.file(address)
    assert (news.status_code, "¥1,007.77" in news.text, "<html" in news.text) == (200, True, False)
    assert len(re.findall(r'<li id="m\d+" class="arrived"', news.text)) == 1, "what is new is marked"
    await paid(li, capture="manual")
    address, _ = await live(li)
    await li.api("POST", f"/v1/accounts/{li.account}/freeze", {"reason": "my telephone is gone"})
    assert "该账户已冻结" in (await li.file(address)).text


async def test_it_tells_nothing_to_whoever_is_not_logged_in(li: Me) -> None:
    address, _ = await live(li)
    li.http.cookies.delete(COOKIE)
    answer = await li.http.get(address, headers={"Accept": "*/*"})
    assert answer.status_code == 401
    for page in PAGES:
        answer = await li.http.get(page)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/me/login?next=%2F{page[1:].replace('/', '%2F')}",
        )


@pytest.mark.parametrize("seen", ["", "x", "-1.0.open", "9" * 400, "1.2.3.4", "<script>"])
async def test_what_was_seen_is_only_compared(li: Me, seen: str) -> None:
    answer = await li.file("/me/live", seen=seen)
    assert (answer.status_code, "¥1,000.00" in answer.text) == (200, True)
    assert "<script>" not in answer.text


async def test_of_several_accounts_one_is_looked_at(li: Me) -> None:
    dollars = await li.bank.account(12_345, "USD", li.customer)
    page = await li.get("/me")
    assert ("USD 123.45", f"/me?account={dollars}") in page.links
    other = await li.get("/me", account=dollars)
    assert ("付款", f"/me/pay?account={dollars}") in other.links, "the next page looks at the same one"
    assert ("全部记录", f"/me/payments?account={dollars}") in other.links
    for path in PAGES:
        assert (await li.get(path, account=dollars)).status == 200
        for strange in (li.bank.ann, uuid4(), "mine", "%00"):
            assert (await li.get(path, account=strange)).status == 404, (path, strange)


async def test_whoever_has_no_account_is_told_so(served: ServedBank) -> None:  # noqa: F811
    customer = await served.person("新客")
    me = Me(served, customer, UUID(int=0), await session_of(served, customer), "zh")
    async with me.http:
        for path in PAGES:
            page = await me.get(path)
            assert (page.status, "您还没有账户" in page.text) == (200, True), path


# One payment.


async def test_another_customers_payment_is_no_page(li: Me, ann: Me) -> None:
    theirs = await paid(ann)
    for id_ in (theirs["id"], uuid4()):
        page = await li.get(f"/me/payments/{id_}")
        assert (page.status, "未找到该笔付款" in page.text) == (404, True)
        for verb in ("confirm", "cancel", "recall"):
            answer = await li.post(f"/me/payments/{id_}/{verb}", {"id": str(uuid4())})
            assert answer.status_code == 404
        assert (await li.file(f"/me/payments/{id_}/receipt")).status_code == 404
    assert (await li.get("/me/payments/noodles")).status == 404


async def test_a_refund_is_told_and_leads_to_what_was_paid(li: Me) -> None:
    payment = await paid(li)
    await refunded(li, payment, 300)
    page = await li.get(f"/me/payments/{payment['id']}")
    assert "已退款 ¥3.00，款项已退回您的账户。" in page.text
    first = await li.get("/me")
    assert "+¥3.00" in first.text
    refund = next(e["transfer_id"] for e in (await li.api("GET", f"/v1/accounts/{li.account}/entries")).json()["items"])
    assert refund != payment["id"]
    behind = await li.get(f"/me/payments/{refund}")
    assert str(behind.answer.url).endswith(f"/me/payments/{payment['id']}")


async def test_the_payee_sees_his_side(li: Me, ann: Me) -> None:
    payment = await paid(ann, payee_account_id=str(li.account), reference="谢谢")
    page = await li.get(f"/me/payments/{payment['id']}")
    assert (page.title, "+¥12.80" in page.text) == ("已到账", True)
    assert "A*** L***" in page.text
    assert "Ann Lee" not in page.text
    assert "98720" not in page.text.replace(",", "").replace(".", ""), "the payer's balance is not his to know"


async def test_a_payment_that_waits_is_confirmed_once(li: Me) -> None:
    payment = await paid(li, confirm="explicit")
    path = f"/me/payments/{payment['id']}"
    page = await li.get(path)
    assert (page.title, await li.balance()) == ("待您确认", 100_000)
    for _ in range(2):
        answer = await li.post(f"{path}/confirm", page.form(f"{path}/confirm"))
        assert (answer.status_code, answer.headers["location"]) == (303, path)
    after = await li.get(path)
    assert (after.title, "您已确认付款。" in after.text, after.asks(f"{path}/confirm")) == ("支付成功", True, False)
    late = await li.post(f"{path}/cancel", page.form(f"{path}/cancel"))
    assert (late.status_code, "该笔付款已无法取消" in late.text) == (409, True), "another tab's page is told so"
    assert await li.balance() == 98_720


async def test_or_it_is_let_go(ann: Me) -> None:
    payment = await paid(ann, confirm="explicit")
    path = f"/me/payments/{payment['id']}"
    page = await ann.get(path)
    assert (await ann.post(f"{path}/cancel", page.form(f"{path}/cancel"))).status_code == 303
    after = await ann.get(path)
    assert (after.title, "Nothing was taken from your account" in after.text) == ("Cancelled", True)
    late = await ann.post(f"{path}/confirm", page.form(f"{path}/confirm"))
    assert (late.status_code, "does not wait for a confirmation" in late.text) == (409, True)
    assert await ann.balance() == 100_000


async def test_a_confirmation_without_money_may_be_given_again(li: Me) -> None:
    payment = await paid(li, confirm="explicit", amount=90_000)
    path = f"/me/payments/{payment['id']}"
    page = await li.get(path)
    await paid(li, amount=20_000)
    refused = Page(await li.post(f"{path}/confirm", page.form(f"{path}/confirm")))
    assert (refused.status, "可用余额不足" in refused.text, refused.asks(f"{path}/confirm")) == (402, True, True)
    await li.bank.make("/v1/topups", {"account_id": str(li.account), "amount": 10_000, "currency": "CNY"})
    assert (await li.post(f"{path}/confirm", refused.form(f"{path}/confirm"))).status_code == 303
    assert await li.balance() == 0


async def test_a_transfer_under_way_is_recalled(li: Me) -> None:
    payment = await paid(li, payee_account_id=str(li.bank.bob), arrives="next_day")
    path = f"/me/payments/{payment['id']}"
    page = await li.get(path)
    assert (page.title, "款项已预留" in page.text) == ("转账途中", True)
    assert (await li.post(f"{path}/recall", page.form(f"{path}/recall"))).status_code == 303
    after = await li.get(path)
    assert (after.title, after.asks(f"{path}/recall")) == ("已取消", False)
    again = await li.post(f"{path}/recall", {"id": str(uuid4())})
    assert (again.status_code, "仅可撤回尚未到账的转账" in again.text) == (409, True)


async def test_nothing_is_offered_that_the_bank_would_refuse(li: Me) -> None:
    done = await paid(li)
    page = await li.get(f"/me/payments/{done['id']}")
    assert not [form for form in page.forms if form["action"].startswith("/me/payments/")]
    arrived = await paid(li, payee_account_id=str(li.bank.bob))
    path = f"/me/payments/{arrived['id']}"
    answer = await li.post(f"{path}/recall", {"id": str(uuid4())})
    assert answer.status_code == 409
    for bad in ("", "x", "0" * 5000):
        assert (await li.post(f"{path}/recall", {"id": bad})).status_code == 400


async def test_the_receipt_is_a_file(li: Me) -> None:
    payment = await paid(li)
    page = await li.get(f"/me/payments/{payment['id']}")
    (href,) = [href for said, href in page.links if said == "电子回单（PDF）"]
    answer = await li.file(href)
    if answer.status_code == 501:
        pytest.skip("this machine has no Chinese font")
    assert (answer.headers["content-type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    declined = await li.get(f"/me/payments/{(await paid(li, confirm='explicit'))['id']}")
    assert "电子回单" not in declined.text, "nothing was taken, so there is none"


# Records.


async def test_records_are_found_again(li: Me) -> None:
    await paid(li, reference="午餐")
    await paid(li, payee_account_id=str(li.bank.bob), amount=50_000)
    await paid(li, confirm="explicit", amount=700)
    everything = await li.get("/me/payments")
    for said in ("-¥12.80", "-¥500.00", "-¥7.00", "待您确认", "+¥1,000.00", "行外转入"):
        assert said in everything.text, said
    for query, there, gone in (
        ({"kind": "transfer"}, "-¥500.00", "-¥12.80"),
        ({"state": "challenged"}, "-¥7.00", "-¥12.80"),
        ({"smallest": "12.80", "largest": "12.80"}, "-¥12.80", "-¥500.00"),
        ({"from": today().isoformat()}, "-¥12.80", "没有符合条件的记录"),
        ({"to": (today() - timedelta(1)).isoformat()}, "没有符合条件的记录", "-¥12.80"),
    ):
        found = await li.get("/me/payments", **query)
        assert (there in found.text, gone in found.text) == (True, False), query


def today() -> date:
    return datetime.now(UTC).astimezone(SHANGHAI).date()


async def test_a_month_is_added_up(ann: Me) -> None:
    await refunded(ann, await paid(ann), 300)
    await paid(ann, payee_account_id=str(ann.bank.bob), amount=50_000)
    await paid(ann, confirm="explicit", amount=700)
    page = await ann.get("/me/payments")
    assert "Money out ¥509.80 2 payments" in page.text, "what was only asked for or given back does not count"
    assert "Money in ¥1,000.00 1 payment" in page.text
    assert f"{today():%B %Y}" in page.text
    past = await ann.get("/me/payments", **{"from": "2020-02-10"})
    assert "February 2020 Money out ¥0.00" in past.text


async def test_what_others_tried_is_not_in_the_records(li: Me, ann: Me) -> None:
    order = {"payer_account_id": str(li.account), "merchant_id": str(li.bank.shop), "amount": 4321, "currency": "CNY"}
    assert (await ann.api("POST", "/v1/payments", order)).status_code == 422
    assert "43.21" not in (await li.get("/me/payments")).text


async def test_records_are_turned_page_by_page(li: Me) -> None:
    for amount in range(101, 153):
        await paid(li, payee_account_id=str(li.bank.bob), amount=amount)
    first = await li.get("/me/payments", kind="transfer")
    second = await li.get(dict(first.links)["下一页"])
    seen = re.findall(r"-¥(\d\.\d\d)", first.text), re.findall(r"-¥(\d\.\d\d)", second.text)
    assert [len(page) for page in seen] == [50, 2]
    assert sorted(seen[0] + seen[1]) == [f"{amount / 100:.2f}" for amount in range(101, 153)]
    assert (await li.get("/me/payments", cursor="noodles")).status == 422


async def test_records_are_taken_along(li: Me) -> None:
    await paid(li, reference="=1+1")
    answer = await li.file("/me/payments", format="csv", kind="payment")
    (line,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert (line["amount"], line["other"], line["state"]) == ("-12.80", "兰州拉面", "completed")
    assert not line["reference"].startswith("="), "nothing in a file is run"
    book = openpyxl.load_workbook(io.BytesIO((await li.file("/me/payments", format="xlsx")).content))
    assert book.worksheets[0].max_row == 3
    assert (await li.file("/me/payments", format="doc")).status_code == 422


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("from", "yesterday"),
        ("from", "0001-01-01"),
        ("to", "2026-13-01"),
        ("to", "9999-12-31"),
        ("smallest", "-1"),
        ("smallest", "abc"),
        ("largest", "9" * 40),
        ("state", "done"),
        ("kind", "<script>alert(1)</script>"),
    ],
)
async def test_a_search_that_cannot_be_says_where(li: Me, field: str, value: str) -> None:
    page = await li.get("/me/payments", **{field: value})
    assert (page.status, f'id="e-{field}"' in page.html) == (422, True), page.text
    assert "<script>alert" not in page.html


async def test_ends_before_beginnings(ann: Me) -> None:
    for path in ("/me/payments", "/me/statement"):
        page = await ann.get(path, **{"from": "2026-11-02", "to": "2026-11-01"})
        assert (page.status, "The last day lies before the first." in page.text) == (422, True)
    page = await ann.get("/me/payments", smallest="2", largest="1")
    assert (page.status, "The largest amount is below the smallest." in page.text) == (422, True)


# The statement.


async def test_a_statement_runs_from_one_balance_to_the_other(li: Me) -> None:
    await paid(li)
    page = await li.get("/me/statement")
    said = page.text
    assert "期初余额 ¥0.00" in said
    assert "收入 +¥1,000.00" in said
    assert "支出 -¥12.80" in said
    assert "期末余额 ¥987.20" in said
    assert said.index("余额 ¥1,000.00") < said.index("-¥12.80 余额 ¥987.20"), "oldest first, each with its balance"
    past = await li.get("/me/statement", month="2020-02")
    assert (past.status, "所选日期内没有入账" in past.text) == (200, True)
    assert "2020年2月1日 – 2020年2月29日" in past.text
    some = await li.get("/me/statement", **{"from": today().isoformat(), "to": today().isoformat()})
    assert "-¥12.80" in some.text


async def test_a_statement_as_a_file_is_the_api_s(li: Me) -> None:
    await paid(li)
    span = {"from": "2026-01-01", "to": (today() + timedelta(3)).isoformat(), "format": "csv"}
    page = await li.file("/me/statement", **span)
    api = await li.api("GET", f"/v1/accounts/{li.account}/statement", **span)
    assert (page.status_code, page.content) == (200, api.content)
    assert len(page.text.splitlines()) == 3
    xlsx = await li.file("/me/statement", **{**span, "format": "xlsx"})
    assert openpyxl.load_workbook(io.BytesIO(xlsx.content)).worksheets[0].max_row == 3
    pdf = await li.file("/me/statement", **{**span, "format": "pdf"})
    assert pdf.status_code == 501 or pdf.content.startswith(b"%PDF-")


@pytest.mark.parametrize(
    "span", [{"month": "2026-13"}, {"month": "now"}, {"from": "x"}, {"to": "1-1-1"}, {"month": "x" * 9999}]
)
async def test_a_span_that_cannot_be(li: Me, span: dict[str, str]) -> None:
    page = await li.get("/me/statement", **span)
    assert (page.status, 'class="error"' in page.html) == (422, True), page.text


async def test_a_long_statement_is_turned_page_by_page(li: Me) -> None:
    orders = [
        {
            "id": str(uuid4()),
            "payer_account_id": str(li.account),
            "payee_account_id": str(li.bank.bob),
            "amount": 1,
            "currency": "CNY",
        }
        for _ in range(230)
    ]
    done = await li.bank.ask("POST", "/v1/payments/batch", {"orders": orders})
    assert {one["status"] for one in done.json()["outcomes"]} == {201}
    first = await li.get("/me/statement")
    assert "期末余额 ¥997.70" in first.text
    assert "支出" not in first.text, "no sum of a part is shown as the whole's"
    second = await li.get(dict(first.links)["下一页"])
    assert [page.html.count("/me/payments/") for page in (first, second)] == [200, 31]
    assert (await li.get("/me/statement", cursor="x")).status == 422


# Safety.


async def test_limits_of_ones_own_hold_at_once(li: Me) -> None:
    page = await li.get("/me/safety")
    assert "银行限额：¥50,000.00。" in page.text
    form = page.form("/me/safety/limits")
    answer = await li.post("/me/safety/limits", {**form, "per_payment": "10", "count_per_day": "5"})
    assert answer.status_code == 303
    after = await li.get("/me/safety")
    assert "您的限额已生效。" in after.text
    assert after.form("/me/safety/limits")["per_payment"] == "10.00"
    order = {"payer_account_id": str(li.account), "merchant_id": str(li.bank.shop), "amount": 1001, "currency": "CNY"}
    assert (await li.api("POST", "/v1/payments", order)).json()["code"] == "over_payment_limit"
    await paid(li, amount=1000)
    assert "已用：¥10.00。" in (await li.get("/me/safety")).text
    empty = {**after.form("/me/safety/limits"), "per_payment": "", "count_per_day": ""}
    assert (await li.post("/me/safety/limits", empty)).status_code == 303
    await paid(li)


async def test_not_above_the_bank_s(ann: Me) -> None:
    form = (await ann.get("/me/safety")).form("/me/safety/limits")
    answer = await ann.post("/me/safety/limits", {**form, "per_payment": "50000.01"})
    assert (answer.status_code, 'id="e-per_payment"' in answer.text) == (422, True)
    assert "may only be lower than the bank" in answer.text
    assert 'value="50000.01"' in answer.text, "nothing typed is lost"


async def test_a_second_tab_that_changed_the_same(li: Me) -> None:
    old = (await li.get("/me/safety")).form("/me/safety/limits")
    assert (await li.post("/me/safety/limits", {**old, "per_day": "100"})).status_code == 303
    stale = Page(await li.post("/me/safety/limits", {**old, "per_day": "900"}))
    assert (stale.status, "限额已在另一个标签页被修改" in stale.text) == (409, True)
    assert stale.form("/me/safety/limits")["per_day"] == "100.00", "it shows what holds now"
    limits = (await li.api("GET", f"/v1/accounts/{li.account}/limits")).json()
    assert limits["own"]["per_day"] == 10_000


@pytest.mark.parametrize(
    ("field", "value"),
    [("per_payment", "ten"), ("per_day", "-1"), ("count_per_day", "1.5"), ("count_per_month", "9" * 30)],
)
async def test_limits_that_are_none(li: Me, field: str, value: str) -> None:
    form = (await li.get("/me/safety")).form("/me/safety/limits")
    answer = await li.post("/me/safety/limits", {**form, field: value})
    assert (answer.status_code, f'id="e-{field}"' in answer.text) == (422, True)
    own = (await li.api("GET", f"/v1/accounts/{li.account}/limits")).json()["own"]
    assert set(own.values()) == {None}


async def test_an_account_is_frozen_at_once_and_says_who_thaws_it(li: Me) -> None:
    page = await li.get("/me/safety")
    assert "解冻须由银行办理" in page.text
    form = {**page.form("/me/safety/freeze"), "why": "payment", "more": "<b>不是我</b>"}
    for _ in range(2):
        assert (await li.post("/me/safety/freeze", form)).status_code == 303
    after = await li.get("/me/safety")
    assert "账户已冻结，任何人都不能用它付款。" in after.text
    assert not after.asks("/me/safety/freeze")
    first = await li.get("/me")
    assert ("该账户已冻结" in first.text, "携带身份证" in first.text) == (True, True)
    assert 'id="pay"' not in first.html, "no way to pay is offered"
    entries = (await li.bank.ask("GET", "/v1/audit", subject=str(li.account))).json()["items"]
    frozen = [entry for entry in entries if entry["action"] == "account.freeze"]
    assert [entry["reason"] for entry in frozen] == ["有一笔付款不是我本人操作。 <b>不是我</b>"]


@pytest.mark.parametrize("more", [{"why": "boredom"}, {"why": ""}, {"more": "x" * 301}, {"extra": "1"}])
async def test_a_freeze_that_is_not_whole(li: Me, more: dict[str, str]) -> None:
    form = (await li.get("/me/safety")).form("/me/safety/freeze")
    assert (await li.post("/me/safety/freeze", {**form, **more})).status_code == 422
    assert (await li.api("GET", f"/v1/accounts/{li.account}")).json()["status"] == "open"


async def test_nobody_freezes_or_limits_anothers_account(li: Me, ann: Me) -> None:
    for path in ("/me/safety/freeze", "/me/safety/limits"):
        form = (await li.get("/me/safety")).form(path)
        for account in (str(ann.account), "", "x"):
            assert (await li.post(path, {**form, "account": account})).status_code == 404, (path, account)
    assert (await ann.api("GET", f"/v1/accounts/{ann.account}")).json()["status"] == "open"


async def test_logged_out_everywhere(li: Me) -> None:
    elsewhere = await session_of(li.bank, li.customer)
    assert (await li.bank.ask("GET", f"/v1/accounts/{li.account}", who=elsewhere)).status_code == 200
    answer = await li.post("/me/safety/logout", {})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    given = answer.headers.get_list("set-cookie")
    assert any(cookie.startswith(f"{COOKIE}=;") for cookie in given)
    for token in (li.token, elsewhere):
        assert (await li.bank.ask("GET", f"/v1/accounts/{li.account}", who=token)).status_code == 401
    li.http.cookies.set(COOKIE, li.token)
    assert (await li.http.get("/me")).status_code == 303


async def test_without_a_session_nothing_is_done(li: Me) -> None:
    payment = await paid(li, confirm="explicit")
    safety = await li.get("/me/safety")
    forms = {path: safety.form(path) for path in ("/me/safety/limits", "/me/safety/freeze", "/me/safety/logout")}
    forms[f"/me/payments/{payment['id']}/confirm"] = {"id": str(uuid4())}
    li.http.cookies.delete(COOKIE)
    for path, fields in forms.items():
        assert (await li.post(path, {**fields, "why": "lost"})).status_code == 401
    assert (await li.api("GET", f"/v1/payments/{payment['id']}")).json()["state"] == "challenged"
    assert (await li.api("GET", f"/v1/accounts/{li.account}")).json()["status"] == "open"


# Every page.


async def test_every_page_in_either_language(li: Me, ann: Me) -> None:
    """No Latin sentence on a Chinese page, no Chinese on an English one but names."""
    for me in (li, ann):
        payments = [await paid(me), await paid(me, confirm="explicit"), await paid(me, capture="manual")]
        late = await paid(me, payee_account_id=str(me.bank.bob), arrives="next_day")
        paths = [*PAGES, f"/me/pay?merchant={me.bank.shop}&amount=1", "/me/payments?from=x", "/me/statement?month=x"]
        for path in [*paths, *(f"/me/payments/{p['id']}" for p in [*payments, late])]:
            page = await me.get(path)
            assert page.html.count("<h1") == 1, path
            assert len(page.html) < 150_000
            if me is li:
                assert 'lang="zh-Hans-CN"' in page.html
                said = page.text.replace("CSV XLSX PDF", "")
                assert not LATIN_SENTENCE.search(said), (path, LATIN_SENTENCE.search(said))
            else:
                said = page.text.replace("兰州拉面", "").replace("*小明", "").replace("中文", "")
                assert not CHINESE.search(said), (path, said)
