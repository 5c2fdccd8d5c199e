"""Paying as a customer does it: by a shop's code or an account number, looked at once more, pressed, and done once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import pytest
from stdnum.iso7064 import mod_97_10

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, number_of, visiting
from tongbao.base.db import BULK, Database
from tongbao.payments.transfers import LOOKUPS_A_DAY
from tongbao.web import i18n


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


# A shop's code: one press.


async def test_a_shops_code_leads_straight_to_the_last_look(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80")
    assert page.title == "确认付款"
    assert "兰州拉面" in page.text
    assert "付款 ¥12.80" in page.text
    assert "可用余额 ¥1,000.00" in page.text
    assert await li.balance() == 100_000, "looking pays nothing"


async def test_one_press_pays_and_says_so_at_once(li: Me) -> None:
    done = await li.pay(merchant=li.bank.shop, amount="12.80", reference="牛肉面")
    assert (done.status, done.title) == (200, "支付成功")
    for said in ("¥12.80", "兰州拉面", "牛肉面", "付款 · 扫码", "余额 ¥987.20"):
        assert said in done.text, said
    assert await li.balance() == 98_720
    (payment,) = [p for p in await li.payments() if p["kind"] == "payment"]
    assert (payment["merchant_id"], payment["method"], payment["reference"]) == (str(li.bank.shop), "qr", "牛肉面")


async def test_in_english_it_reads_as_well(ann: Me) -> None:
    page = await ann.confirm(merchant=ann.bank.shop, amount="12.80")
    assert (page.title, "Pay ¥12.80" in page.text) == ("Confirm and pay", True)
    assert (await ann.press(page)).title == "Paid"


async def test_the_form_asks_for_what_is_missing(li: Me) -> None:
    page = await li.get("/me/pay", merchant=li.bank.shop)
    assert "兰州拉面" in page.text
    (form,) = [form for form in page.forms if form["action"] == "/me/pay"]
    assert form["method"] == "get"
    assert "to" not in form["fields"], "the shop is chosen"
    again = await li.get("/me/pay", **{**form["fields"], "amount": "", "reference": ""})
    assert (again.status, "请填写此项" in again.text) == (422, True)
    assert (await li.confirm(**{**form["fields"], "amount": "5"})).title == "确认付款"


async def test_shops_paid_lately_are_a_tap_away_for_whoever_agrees(li: Me) -> None:
    await li.pay(merchant=li.bank.shop, amount="1")
    assert "最近付过款的商户" not in (await li.get("/me/pay")).text, "nobody was asked"
    asked = await li.get(dict((await li.get("/me/pay")).links)["推荐我近期付过款的商户"])
    await li.post("/me/privacy/consents", asked.form("/me/privacy/consents", purpose="suggestions"))
    assert dict((await li.get("/me/pay")).links)["兰州拉面"] == f"/me/pay?merchant={li.bank.shop}"
    agreed = await li.get("/me/privacy")
    await li.post("/me/privacy/consents", agreed.form("/me/privacy/consents", purpose="suggestions"))
    assert "最近付过款的商户" not in (await li.get("/me/pay")).text, "it stops at once"


# Pressed twice, paid once.


async def test_a_double_click_pays_once(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80")
    fields = page.form("/me/pay")
    answers = [await li.post("/me/pay", fields) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303] * 3
    assert {answer.headers["location"] for answer in answers} == {f"/me/payments/{fields['id']}"}
    assert await li.balance() == 98_720


async def test_whoever_comes_back_is_told_that_it_was_paid(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80")
    await li.press(page)
    back = await li.get(str(page.answer.url))
    assert "没有重复付款" in back.text
    assert dict(back.links)["查看该笔付款"] == f"/me/payments/{page.form('/me/pay')['id']}"
    once_more = await li.get(dict(back.links)["再付一笔"])
    assert once_more.form("/me/pay")["id"] != page.form("/me/pay")["id"]
    await li.press(once_more)
    assert await li.balance() == 100_000 - 2 * 1280, "a second payment is a second look and a second press"


async def test_a_stale_page_of_another_tab_pays_nothing(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80")
    await li.press(page)
    changed = {**page.form("/me/pay"), "amount": "99"}
    answer = await li.post("/me/pay", changed)
    assert (answer.status_code, "没有重复付款" in answer.text) == (409, True)
    assert await li.balance() == 98_720


async def test_an_id_that_another_used_is_no_way_into_his_payment(li: Me, ann: Me) -> None:
    page = await ann.confirm(merchant=ann.bank.shop, amount="77.00")
    await ann.press(page)
    taken = page.form("/me/pay")["id"]
    fresh = await li.confirm(merchant=li.bank.shop, amount="12.80", id=taken)
    assert fresh.form("/me/pay")["id"] != taken
    answer = await li.post("/me/pay", {**fresh.form("/me/pay"), "id": taken})
    assert answer.status_code == 409
    assert "77.00" not in answer.text
    assert await li.balance() == 100_000


async def test_change_goes_back_to_the_form_with_all_that_was_typed(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80", reference="牛肉面")
    form = await li.get(dict(page.links)["修改"])
    (fields,) = [form["fields"] for form in form.forms if form["action"] == "/me/pay"]
    assert (fields["amount"], fields["reference"]) == ("12.80", "牛肉面")
    assert fields["id"] == page.form("/me/pay")["id"], "one id through both steps"


# The same order over the API is the same payment.


async def test_the_same_request_over_the_api_is_a_replay(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80", reference="牛肉面")
    await li.press(page)
    fields = page.form("/me/pay")
    body = {
        "payer_account_id": str(li.account),
        "merchant_id": str(li.bank.shop),
        "amount": 1280,
        "currency": "CNY",
        "method": "qr",
        "reference": "牛肉面",
    }
    answer = await li.api("POST", "/v1/payments", body, key=fields["id"])
    assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (201, "true")
    assert (answer.json()["id"], await li.balance()) == (fields["id"], 98_720)


async def test_so_is_a_transfer_and_the_other_way_round(li: Me) -> None:
    number = await number_of(li.bank, li.bank.bob)
    await li.knows(li.bank.bob)
    body = {"payer_account_id": str(li.account), "payee_account_id": str(li.bank.bob), "amount": 800, "currency": "CNY"}
    page = await li.confirm(to=number, amount="8")
    await li.press(page)
    replay = await li.api("POST", "/v1/payments", {**body, "method": "account"}, key=page.form("/me/pay")["id"])
    assert (replay.status_code, replay.headers.get("idempotency-replayed")) == (201, "true")
    page, id_ = await li.confirm(to=number, amount="8"), uuid4()
    assert (await li.api("POST", "/v1/payments", body, key=id_)).status_code == 201
    after = await li.post("/me/pay", {**page.form("/me/pay"), "id": str(id_)})
    assert (after.status_code, after.headers["location"]) == (303, f"/me/payments/{id_}")
    assert await li.balance() == 100_000 - 1 - 2 * 800


async def test_what_was_declined_is_declined_over_the_api_too(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="999.99")
    await li.pay(merchant=li.bank.shop, amount="500")
    declined = await li.press(page)
    assert declined.title == "未付款"
    body = {
        "payer_account_id": str(li.account),
        "merchant_id": str(li.bank.shop),
        "amount": 99_999,
        "currency": "CNY",
        "method": "qr",
    }
    replay = await li.api("POST", "/v1/payments", body, key=page.form("/me/pay")["id"])
    assert (replay.status_code, replay.json()["code"]) == (402, "insufficient_funds")
    assert replay.headers["idempotency-replayed"] == "true"


# An account number.


async def test_the_payee_is_shown_masked_before_anything_is_paid(li: Me) -> None:
    other = await li.bank.account(customer=await li.bank.person("欧阳修远"))
    number = await number_of(li.bank, other)
    await li.knows(other)
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    page = await li.confirm(to=spaced, amount="8", reference="房租")
    assert "*阳修远" in page.text
    assert "欧阳修远" not in page.text
    done = await li.press(page)
    assert (done.title, "*阳修远" in done.text) == ("支付成功", True)
    assert await li.bank.balance(other) == 801


async def test_a_payee_whom_he_has_not_paid_is_asked_about_and_he_reads_why(li: Me) -> None:
    page = await li.confirm(to=await number_of(li.bank, li.bank.bob), amount="8")
    asked = await li.press(page)
    assert "您此前未向该收款人付过款" in asked.text
    assert await li.balance() == 100_000
    shown = await li.get(f"/me/payments/{page.form('/me/pay')['id']}")
    assert (shown.title, "您此前未向该收款人付过款" in shown.text) == ("待您确认", True)
    assert "适用授权策略第 1 版" in shown.text
    assert "须单一验证（首次向该收款人付款）" in shown.text
    paid = await li.pay(merchant=li.bank.shop, amount="8")
    assert (paid.title, "您此前未" in paid.text) == ("支付成功", False), "in a shop nothing is asked for"


@pytest.mark.parametrize(
    ("to", "said"), [("9000100000000000001", "账号有误"), ("王小明", "账号有误"), ("9" * 61, "过长")]
)
async def test_a_number_that_cannot_be_is_told_beside_its_field(li: Me, to: str, said: str) -> None:
    page = await li.get("/me/pay", to=to, amount="8")
    assert (page.status, said in page.text) == (422, True)
    assert {p["kind"] for p in await li.payments()} == {"topup"}


async def test_a_number_that_nobody_has(li: Me) -> None:
    stem = "90001" + "9" * 12
    page = await li.get("/me/pay", to=stem + mod_97_10.calc_check_digits(stem), amount="8")
    assert (page.status, "收款账户不存在" in page.text) == (422, True)


async def test_nobody_pays_himself_and_a_shops_number_is_the_shop(li: Me) -> None:
    own = await li.get("/me/pay", to=await number_of(li.bank, li.account), amount="8")
    assert (own.status, "付款账户与收款账户不能相同" in own.text) == (422, True)
    takings = (await li.bank.ask("GET", f"/v1/merchants/{li.bank.shop}")).json()["takings_account_id"]
    shop = await li.get("/me/pay", to=await number_of(li.bank, UUID(takings)), amount="8")
    assert shop.form("/me/pay")["merchant"] == str(li.bank.shop), "its takings move through the shop alone"


async def test_full_width_digits_and_separators_mean_the_same(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="１２．８０")
    assert page.form("/me/pay")["amount"] == "12.80"


# Numbers cannot be tried out: as many look-ups a day as before a transfer.

USED_UP = "您今日查询收款人的次数已达上限，请明日再试。"


async def someone(me: Me) -> str:
    return await number_of(me.bank, await me.bank.account(customer=await me.bank.person("王小明")))


async def test_of_a_hundred_look_ups_at_once_thirty_are_answered(li: Me) -> None:
    numbers = [await someone(li) for _ in range(3)]
    asked = [numbers[i % 3] if i % 2 else nobody(i) for i in range(100)]
    answers = await asyncio.gather(*(li.http.get("/me/pay", params={"to": to, "amount": "1"}) for to in asked))
    told = sum(a.status_code == 303 or "收款账户不存在" in a.text for a in answers)
    assert told <= LOOKUPS_A_DAY, told
    assert {a.status_code for a in answers} <= {303, 422, 503}
    while (
        USED_UP not in (last := await li.get("/me/pay", to=nobody(told), amount="1")).text
    ):  # the door had no room for some
        told += 1
    assert (told, last.status) == (LOOKUPS_A_DAY, 422)
    for to in (numbers[0], nobody(200)):
        page = await li.get("/me/pay", to=to, amount="1")
        assert (USED_UP in page.text, "*小明" in page.text) == (True, False), "one answer for both"
        pressed_so = {"id": str(uuid4()), "account": str(li.account), "to": to, "amount": "1"}
        assert USED_UP in unescape((await li.post("/me/pay", pressed_so)).text), "nor by pressing at once"
    scanned = await li.get("/me/scan", code=numbers[0])
    assert (USED_UP in scanned.text, "*小明" in scanned.text) == (True, False)
    assert USED_UP in (await li.post("/me/transfer", {"id": str(uuid4()), "to": numbers[0], "amount": "1"})).text
    assert (await li.pay(merchant=li.bank.shop, amount="1")).title == "支付成功", "shops are paid all the same"


def nobody(nth: int) -> str:
    """A number that could be an account's and is none's."""
    stem = f"90001{999_999_999_999 - nth}"
    return stem + mod_97_10.calc_check_digits(stem)


async def looked_up(me: Me) -> int:
    async with Database(me.bank.database, size=1, limits=BULK) as db, db.read() as tx:
        asked = "SELECT looked_up FROM payments.transfer_habit WHERE customer_id = %(id)s"
        rows = await tx.rows(asked, id=me.customer)
    return rows[0][0] if rows else 0


async def test_one_payment_is_one_look_up_however_often_its_pages_are_seen(li: Me) -> None:
    account = await li.bank.account()
    await li.knows(account)
    number = await number_of(li.bank, account)
    page = await li.confirm(to=number, amount="8")
    await li.get(str(page.answer.url))
    form = await li.get(dict(page.links)["修改"])
    (fields,) = [form["fields"] for form in form.forms if form["action"] == "/me/pay"]
    page = await li.confirm(**{**fields, "amount": "9"})
    await li.press(page)
    assert (await li.post("/me/pay", page.form("/me/pay"))).status_code == 303, "asked again after a lost answer"
    assert await looked_up(li) == 1
    other = await someone(li)
    changed = await li.confirm(**{**fields, "to": other, "id": str(uuid4())})
    once_more = await li.confirm(to=number, amount="9", id=changed.form("/me/pay")["id"])
    assert once_more.form("/me/pay")["id"] != changed.form("/me/pay")["id"], "one id, one payee"
    assert await looked_up(li) == 3
    await li.get("/me/pay", to="9000100000000000001", amount="8")
    assert await looked_up(li) == 3, "what is no number at all was not looked up"


async def test_paying_leaves_alone_when_transfers_arrive(li: Me) -> None:
    await li.post("/me/transfer", {"id": str(uuid4()), "to": await someone(li), "amount": "1", "arrives": "next_day"})
    await li.confirm(to=await someone(li), amount="8")
    assert (await li.get("/me/transfer")).form("/me/transfer")["arrives"] == "next_day"
    async with visiting(li.bank) as new:
        await new.confirm(to=await someone(new), amount="8")
        assert (await new.get("/me/transfer")).form("/me/transfer")["arrives"] == "now"


# What cannot be paid is told before, and again where it was pressed nevertheless.


async def pressed(me: Me, **wanted: Any) -> Any:
    """As from a page that was opened before things changed."""
    fields = {
        "id": str(uuid4()),
        "account": str(me.account),
        "merchant": str(me.bank.shop),
        "amount": "12.80",
        **wanted,
    }
    answer = await me.post("/me/pay", fields)
    assert answer.status_code == 303, answer.text
    return await me.get(answer.headers["location"])


async def test_too_little_money(li: Me) -> None:
    told = await li.get("/me/pay", merchant=li.bank.shop, amount="1000.01")
    assert (told.status, "可用余额不足" in told.text) == (422, True)
    page = await pressed(li, amount="1000.01")
    assert page.title == "未付款"
    assert "可用余额不足" in page.text
    assert "请减少金额、换用其他账户，或先向该账户转入资金。" in page.text
    assert await li.balance() == 100_000


async def test_a_limit_of_ones_own(li: Me) -> None:
    await li.api("PUT", f"/v1/accounts/{li.account}/limits", {"per_payment": 1000})
    told = await li.get("/me/pay", merchant=li.bank.shop, amount="10.01")
    assert (told.status, "金额超过单笔限额" in told.text) == (422, True)
    page = await pressed(li, amount="10.01")
    assert (page.title, "金额超过单笔限额" in page.text) == ("未付款", True)
    assert dict(page.links)["查看我的限额"] == "/me/safety"
    assert (await li.pay(merchant=li.bank.shop, amount="10")).title == "支付成功"


async def test_a_frozen_account(li: Me) -> None:
    await li.api("POST", f"/v1/accounts/{li.account}/freeze", {"reason": "my telephone is gone"})
    told = await li.get("/me/pay", merchant=li.bank.shop, amount="12.80")
    assert (told.status, "该账户已冻结" in told.text, "携带身份证" in told.text) == (422, True, True)
    page = await pressed(li)
    assert (page.title, "账户已冻结" in page.text, "携带身份证" in page.text) == ("未付款", True, True)
    assert await li.balance() == 100_000


async def test_a_shop_that_the_bank_has_stopped(li: Me) -> None:
    shop = UUID((await li.bank.make("/v1/merchants", {"name": "停业面馆"}))["id"])
    switch = f"/v1/switches/merchant/{shop}"
    assert (await li.bank.ask("PUT", switch, {"stopped": True, "reason": "complaints"})).status_code == 200
    told = await li.get("/me/pay", merchant=shop, amount="12.80")
    assert (told.status, "银行已暂停该商户收款" in told.text) == (422, True)
    page = await pressed(li, merchant=str(shop))
    assert (page.title, "银行已暂停该商户收款" in page.text) == ("未付款", True)
    assert await li.balance() == 100_000
    assert (await li.bank.ask("PUT", switch, {"stopped": False, "reason": "cleared up"})).status_code == 200
    assert (await li.pay(merchant=shop, amount="12.80")).title == "支付成功"


async def test_a_shop_in_a_country_that_the_bank_has_stopped(li: Me) -> None:
    shop = UUID((await li.bank.make("/v1/merchants", {"name": "海边茶室", "country": "HK"}))["id"])
    body = {"stopped": True, "reason": "ordered"}
    assert (await li.bank.ask("PUT", "/v1/switches/country/HK", body)).status_code == 200
    told = await li.get("/me/pay", merchant=shop, amount="12.80")
    assert (told.status, "银行已暂停向该国家或地区的商户付款" in told.text) == (422, True)
    assert await li.balance() == 100_000
    assert (await li.pay(merchant=li.bank.shop, amount="12.80")).title == "支付成功"


async def test_a_shop_that_nobody_knows(li: Me) -> None:
    for merchant in (uuid4(), "noodles", "' OR 1=1"):
        page = await li.get("/me/pay", merchant=merchant, amount="12.80")
        assert (page.status, "商户不存在" in page.text) == (422, True), page.text


async def test_another_customers_account_pays_nothing(li: Me) -> None:
    fields = {"id": str(uuid4()), "account": str(li.bank.ann), "merchant": str(li.bank.shop), "amount": "12.80"}
    before = await li.bank.balance(li.bank.ann)
    answer = await li.post("/me/pay", fields)
    assert (answer.status_code, "账户不存在" in answer.text) == (404, True)
    assert (await li.get("/me/pay", account=li.bank.ann)).status == 404
    assert await li.bank.balance(li.bank.ann) == before


# Two accounts.


async def test_the_account_with_the_shops_currency_is_taken(li: Me) -> None:
    dollars = await li.bank.account(50_000, "USD", li.customer)
    page = await li.confirm(merchant=li.bank.shop, amount="1")
    assert page.form("/me/pay")["account"] == str(li.account)
    wrong = await li.get("/me/pay", merchant=li.bank.shop, amount="1", account=dollars)
    assert (wrong.status, "币种与账户币种不符" in wrong.text) == (422, True)
    form = await li.get("/me/pay", account=dollars)
    assert "USD 500.00" in form.text
    assert "金额（USD）" in form.text


async def test_yen_have_no_decimals(li: Me) -> None:
    yen = await li.bank.account(500, "JPY", li.customer)
    page = await li.get("/me/pay", account=yen, to=await number_of(li.bank, li.bank.bob), amount="1.5")
    assert page.status == 422
    assert "小数" in page.text


# Bad input.

RTL = "\u202eedoc\u202c שלום"
SCRIPT = "<script>alert(1)</script>"


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "-1",
        "0.001",
        "abc",
        "1e400",
        "1e999999",
        "NaN",
        "Infinity",
        "9" * 24,
        "9" * 5000,
        SCRIPT,
        RTL,
        "1,2,3,4a",
        "１２元",
    ],
)
async def test_amounts_that_are_none(li: Me, amount: str) -> None:
    page = await li.get("/me/pay", merchant=li.bank.shop, amount=amount)
    assert page.status == 422, page.text
    assert 'id="e-amount"' in page.html, "said beside the field"
    assert "<script>alert" not in page.html
    answer = await li.post(
        "/me/pay",
        {"id": str(uuid4()), "account": str(li.account), "merchant": str(li.bank.shop), "amount": amount},
    )
    assert answer.status_code == 422
    assert await li.balance() == 100_000


async def test_a_reference_is_text_and_nothing_else(li: Me) -> None:
    for reference in (SCRIPT, RTL, "раураl 支付宝", "'; DROP TABLE payments.payment; --"):
        done = await li.pay(merchant=li.bank.shop, amount="0.01", reference=reference)
        assert done.title == "支付成功"
        assert "<script>alert" not in done.html
        assert "\u202e" not in done.html, "nothing turns the text around it"
        assert reference.replace("\u202e", "").replace("\u202c", "") in done.text
        assert (await li.payments())[0]["reference"] == reference, "what was typed is what is kept"
    page = await li.get("/me/pay", merchant=li.bank.shop, amount="1", reference="长" * 141)
    assert (page.status, 'id="e-reference"' in page.html) == (422, True)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"amount": "1"},
        {"merchant": "", "to": "", "amount": "1"},
        {"to": "x" * 60_000, "amount": "1"},
        {"merchant": "shop", "amount": ""},
        {"merchant": "shop", "amount": "1", "surprise": "1"},
    ],
)
async def test_a_form_that_is_not_whole_pays_nothing(li: Me, fields: dict[str, str]) -> None:
    sent = {"id": str(uuid4()), "account": str(li.account), **fields}
    if sent.get("merchant") == "shop":
        sent["merchant"] = str(li.bank.shop)
    answer = await li.post("/me/pay", sent)
    assert answer.status_code == 422, answer.text
    assert await li.balance() == 100_000
    assert (await li.api("GET", f"/v1/payments/{sent['id']}")).status_code == 404


@pytest.mark.parametrize("id_", ["", "1", "00000000-0000-0000-0000-000000000000", "x" * 3000])
async def test_an_id_that_is_none(li: Me, id_: str) -> None:
    fields = {"id": id_, "account": str(li.account), "merchant": str(li.bank.shop), "amount": "1"}
    assert (await li.post("/me/pay", fields)).status_code == 400
    page = await li.confirm(merchant=li.bank.shop, amount="1", id=id_)
    assert page.form("/me/pay")["id"] not in ("", id_)
    assert await li.balance() == 100_000


async def test_what_is_no_form(li: Me) -> None:
    answer = await li.http.post("/me/pay", json={"amount": 1})
    assert answer.status_code == 415
    answer = await li.http.post(
        "/me/pay", content=b"amount=%00", headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert 400 <= answer.status_code < 500
    answer = await li.post("/me/pay", {"reference": "x" * 70_000})
    assert answer.status_code == 413


# Who may.

ENDED = "Your session has ended. Nothing was done. Log in again, then send the form once more."


async def test_a_session_lost_on_the_way_pays_nothing_and_says_so(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80")
    li.http.cookies.delete(COOKIE)
    answer = await li.post("/me/pay", page.form("/me/pay"))
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert i18n.say(ENDED, "zh") in unescape(answer.text)
    assert await li.balance() == 100_000


async def test_without_a_session_one_is_sent_to_the_door_and_back(li: Me) -> None:
    li.http.cookies.delete(COOKIE)
    answer = await li.http.get("/me/pay", params={"merchant": str(li.bank.shop), "amount": "12.80"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/me/login?next=%2Fme%2Fpay")


async def test_another_sites_page_cannot_pay(li: Me) -> None:
    page = await li.confirm(merchant=li.bank.shop, amount="12.80")
    answer = await li.post("/me/pay", page.form("/me/pay"), **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert await li.balance() == 100_000
