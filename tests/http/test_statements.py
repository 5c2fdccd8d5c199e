"""Statements, lists and receipts as files, over the wire: what a customer prints and what an accountant loads."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pytest
from httpx import Response
from pypdf import PdfReader

from tests.http.conftest import ServedBank, code

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def lines(answer: Response) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def sheet(answer: Response, which: int = 0) -> list[list[Any]]:
    assert answer.headers["content-type"] == XLSX, answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    return [[cell.value for cell in row] for row in book.worksheets[which].rows]


def paper(answer: Response) -> str:
    if answer.status_code == 501 and answer.json()["code"] == "no_font":
        pytest.skip("this machine has no Chinese font")
    assert answer.headers["content-type"] == "application/pdf", answer.text
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)


async def a_month(bank: ServedBank) -> UUID:
    """The account of 王小明, who was paid, ate noodles and paid his landlord."""
    account = await bank.account(100_000)
    landlord = await bank.account(customer=await bank.person("欧阳修远"))
    friend = await bank.account(50_000, customer=await bank.person("Ann van der Lee"))
    order = bank.order(payer_account_id=str(account))
    shop = {"payee_account_id": None, "merchant_id": str(bank.shop)}
    await bank.make("/v1/payments", {name: v for name, v in {**order, **shop, "amount": 1280}.items() if v})
    await bank.make("/v1/payments", {**order, "payee_account_id": str(landlord), "amount": 80_000})
    back = bank.order(payer_account_id=str(friend), payee_account_id=str(account), amount=2_550)
    await bank.make("/v1/payments", back)
    return account


async def test_a_statement_is_the_same_in_every_form(bank: ServedBank) -> None:
    account = await a_month(bank)
    path = f"/v1/accounts/{account}/statement"
    said = (await bank.ask("GET", path)).json()
    assert (said["opening"], said["closing"]) == (0, 21_270)
    assert [e["amount"] for e in said["entries"]] == [100_000, -1280, -80_000, 2_550]
    assert [e["balance_after"] for e in said["entries"]] == [100_000, 98_720, 18_720, 21_270]
    assert [e["counterparty_name"] for e in said["entries"]] == [None, "兰州拉面", "*阳修远", "A*** v*** d*** L***"]
    number = said["number"]
    assert all(e["counterparty_number"][4:8] == "****" for e in said["entries"][1:])

    rows = lines(await bank.ask("GET", path, format="csv"))
    assert [row["amount"] for row in rows] == ["1000.00", "-12.80", "-800.00", "25.50"]
    assert [row["balance_after"] for row in rows] == ["1000.00", "987.20", "187.20", "212.70"]
    assert [row["kind"] for row in rows] == [e["kind"] for e in said["entries"]]
    assert [row["transfer_id"] for row in rows] == [e["transfer_id"] for e in said["entries"]]

    answer = await bank.ask("GET", path, format="xlsx")
    day = said["to"]
    assert answer.headers["content-disposition"].endswith(f'-{day}.xlsx"')
    head, *rows_of_sheet = sheet(answer)
    assert head[:6] == ["入账时间", "记账日", "起息日", "摘要", "金额", "余额"]
    assert [row[3:6] for row in rows_of_sheet] == [
        ["充值", 1000, 1000],
        ["付款", -12.8, 987.2],
        ["转账", -800, 187.2],
        ["转账", 25.5, 212.7],
    ]
    assert isinstance(rows_of_sheet[0][1], datetime)
    facts = dict(row for row in sheet(answer, 1)[1:])
    assert facts["账号"] == number
    assert (facts["期初余额"], facts["期末余额"]) == ("¥0.00", "¥212.70")


async def test_a_statement_on_paper_in_both_languages(bank: ServedBank) -> None:
    account = await a_month(bank)
    path = f"/v1/accounts/{account}/statement"
    chinese = paper(await bank.ask("GET", path, format="pdf"))
    number = (await bank.ask("GET", f"/v1/accounts/{account}")).json()["number"]
    for said in (
        "通宝银行",
        "账户对账单",
        "户名 王小明",
        f"账号 {number}",
        "币种 人民币",
        "期初余额 ¥0.00",
        "期末余额 ¥212.70",
        "兰州拉面",
        "*阳修远",
        "¥12.80 ¥987.20",
        "合计 ¥1,025.50 ¥812.80",
        "第 1 页，共 1 页",
    ):
        assert said in chinese, chinese
    assert "欧阳修远" not in chinese, "whom he pays is masked"
    english = paper(await bank.ask("GET", path, format="pdf", lang="en"))
    for said in ("Account statement", "Currency Chinese Yuan", "Total ¥1,025.50 ¥812.80", "Page 1 of 1"):
        assert said in english, english


async def test_a_statement_of_days_without_entries_carries_its_balance(bank: ServedBank) -> None:
    account = await bank.account(4_200)
    path = f"/v1/accounts/{account}/statement"
    query: Any = {"from": "2020-01-01", "to": "2020-01-31"}
    assert len(sheet(await bank.ask("GET", path, format="xlsx", **query))) == 1
    said = paper(await bank.ask("GET", path, format="pdf", **query))
    for part in ("期间 2020年1月1日至2020年1月31日", "期末余额 ¥0.00", "没有符合条件的记录"):
        assert part in said, said
    after: Any = {"from": "2100-01-01", "to": "2100-01-02"}
    later = paper(await bank.ask("GET", path, format="pdf", **after))
    assert "期初余额 ¥42.00 期末余额 ¥42.00" in later


async def test_other_money_has_its_own_digits(bank: ServedBank) -> None:
    account = await bank.account(1_234_567, "KWD")
    path = f"/v1/accounts/{account}/statement"
    assert [row["amount"] for row in lines(await bank.ask("GET", path, format="csv"))] == ["1234.567"]
    assert sheet(await bank.ask("GET", path, format="xlsx"))[1][4] == 1234.567
    assert "KWD 1,234.567" in paper(await bank.ask("GET", path, format="pdf", lang="en"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"format": "doc"}, (422, "invalid_field")),
        ({"format": "pdf", "lang": "fr"}, (422, "invalid_field")),
        ({"format": "xlsx", "from": "2026-02-01", "to": "2026-01-01"}, (422, "invalid_field")),
    ],
)
async def test_a_file_that_there_is_not(bank: ServedBank, query: Any, expected: tuple[int, str]) -> None:
    assert code(await bank.ask("GET", f"/v1/accounts/{bank.ann}/statement", **query)) == expected
    assert code(await bank.ask("GET", f"/v1/accounts/{uuid4()}/statement", format="pdf")) == (404, "account_not_found")
    mine = await bank.ask("GET", f"/v1/accounts/{bank.ann}/statement", who="merchant", format="pdf")
    assert code(mine) == (403, "permission_missing")


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
async def test_a_list_that_is_refused_is_no_half_file(bank: ServedBank, form: str) -> None:
    refused = await bank.ask("GET", "/v1/payments", merchant_id=str(uuid4()), format=form)
    assert code(refused) == (404, "merchant_unknown")


async def test_lists_and_the_trial_balance_as_workbooks(bank: ServedBank) -> None:
    account = await a_month(bank)
    head, *rows = sheet(await bank.ask("GET", "/v1/payments", account_id=str(account), format="xlsx"))
    assert head[:5] == ["编号", "时间", "类型", "状态", "金额"]
    assert [row[3:5] for row in rows] == [["支付成功", 25.5], ["支付成功", 800], ["支付成功", 12.8], ["支付成功", 1000]]
    assert "已请款" in paper(await bank.ask("GET", "/v1/payments", account_id=str(account), format="pdf"))

    head, *rows = sheet(await bank.ask("GET", "/v1/trial-balance", format="xlsx", lang="en"))
    assert head[0] == "Line"
    assert sum(round(row[9] * 1000) for row in rows) == 0
    totals = paper(await bank.ask("GET", "/v1/trial-balance", format="pdf"))
    assert "试算平衡表" in totals
    assert "合计 ¥0.00" in totals.splitlines(), "no debits and credits of a day that is still open"


# Receipts


async def a_meal(bank: ServedBank, amount: int = 1280, **other: Any) -> str:
    shop = {"payee_account_id": None, "merchant_id": str(bank.shop)}
    paid = await bank.make("/v1/payments", bank.order(**shop, amount=amount, **other))
    return paid["id"]


async def test_a_receipt_says_who_paid_whom_in_figures_and_in_words(bank: ServedBank) -> None:
    account = await bank.account(100_000, customer=await bank.person("欧阳修远"))
    payment = await a_meal(bank, payer_account_id=str(account), reference="牛肉面 =1+1")
    said = (await bank.ask("GET", f"/v1/payments/{payment}/receipt")).json()
    assert said["payer"]["name"] == "*阳修远"
    assert said["payee"]["name"] == "兰州拉面"
    assert (said["amount"], said["amount_in_words"]) == (1280, "人民币壹拾贰元捌角整")
    page = paper(await bank.ask("GET", f"/v1/payments/{payment}/receipt", format="pdf"))
    for part in (
        "电子回单",
        f"回单编号 {payment}",
        "*阳修远",
        "兰州拉面",
        said["payer"]["number"],
        "¥12.80",
        "人民币壹拾贰元捌角整",
        "牛肉面 =1+1",
        "电子回单专用章",
    ):
        assert part in page, page
    assert "欧阳修远" not in page
    english = paper(await bank.ask("GET", f"/v1/payments/{payment}/receipt", format="pdf", lang="en"))
    assert "Proof of payment" in english
    assert "Tongbao Bank" in english


async def test_a_receipt_tells_of_a_refund_and_of_money_from_outside(bank: ServedBank) -> None:
    payment = await a_meal(bank)
    await bank.make(f"/v1/payments/{payment}/refunds", {"amount": 280, "reason": "no beef"})
    assert (await bank.ask("GET", f"/v1/payments/{payment}/receipt")).json()["refunded"] == 280
    assert "已退款 ¥2.80" in paper(await bank.ask("GET", f"/v1/payments/{payment}/receipt", format="pdf"))
    account = await bank.account()
    topup = await bank.make("/v1/topups", {"account_id": str(account), "amount": 5, "currency": "CNY"})
    said = (await bank.ask("GET", f"/v1/payments/{topup['id']}/receipt")).json()
    assert said["payer"] == {"name": None, "number": None}
    assert said["amount_in_words"] == "人民币伍分"
    assert "行外账户" in paper(await bank.ask("GET", f"/v1/payments/{topup['id']}/receipt", format="pdf"))


async def test_whoever_may_see_a_payment_may_have_its_receipt_and_nobody_else(bank: ServedBank) -> None:
    mine, other = await a_meal(bank), (await bank.make("/v1/payments", bank.order()))["id"]
    assert (await bank.ask("GET", f"/v1/payments/{mine}/receipt", who="merchant")).status_code == 200
    for who in ("merchant", "partner"):
        if who in bank.tokens:
            refused = await bank.ask("GET", f"/v1/payments/{other}/receipt", who=who, format="pdf")
            assert code(refused) == (404, "payment_unknown")
    assert code(await bank.ask("GET", f"/v1/payments/{uuid4()}/receipt")) == (404, "payment_unknown")
    assert code(await bank.ask("GET", f"/v1/payments/{mine}/receipt", who=None)) == (401, "missing_key")


async def test_what_was_not_paid_has_no_receipt(bank: ServedBank) -> None:
    poor, key = await bank.account(1), uuid4()
    body = bank.order(payer_account_id=str(poor), amount=2)
    assert code(await bank.ask("POST", "/v1/payments", body, key=key)) == (402, "insufficient_funds")
    for form in ("json", "pdf"):
        assert code(await bank.ask("GET", f"/v1/payments/{key}/receipt", format=form)) == (409, "no_receipt")
    held = await bank.make("/v1/payments", bank.order(capture="manual"))
    assert code(await bank.ask("GET", f"/v1/payments/{held['id']}/receipt")) == (409, "no_receipt")
