"""A customer pays by a shop's code: the standing one on the counter, one of an order, or the number below it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, visiting
from tests.payments.test_collect_pages import Till, opened_till
from tongbao.base.refusal import Refusal
from tongbao.payments.shop_code import read_code


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading English."""
    async with visiting(served, lang="en", name="Ann Lee") as me:
        yield me


@pytest.fixture
async def wang(served: ServedBank) -> AsyncIterator[Till]:  # noqa: F811
    async with opened_till(served, lang="en") as till:
        yield till


async def order(me: Me, **other: Any) -> UUID:
    """¥12.80 for a bowl of noodles, for half an hour unless told."""
    id_ = uuid4()
    asked = {"merchant_id": str(me.bank.shop), "amount": 1280, "currency": "CNY", "description": "a bowl of noodles"}
    answer = await me.bank.ask("POST", "/v1/orders", {**asked, "expires_in_s": 1800, **other}, key=id_)
    assert answer.status_code == 201, answer.text
    return id_


async def shop_name(me: Me) -> str:
    return (await me.bank.ask("GET", f"/v1/merchants/{me.bank.shop}")).json()["name"]


async def bought(me: Me) -> dict[str, Any]:
    """The one payment that he has made to a shop."""
    (made,) = [one for one in await me.payments() if one["kind"] == "payment"]
    return made


async def led(me: Me, code: str) -> str:
    """Where scanning this leads to."""
    answer = await me.http.get("/me/scan", params={"code": code})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_the_code_on_the_counter_asks_for_the_amount_alone(ann: Me) -> None:
    where = await led(ann, f"{ann.bank.url}/me/pay?merchant={ann.bank.shop}")
    form = await ann.get(where)
    assert await shop_name(ann) in form.text
    assert "Pay somebody else" in form.text
    page = await ann.get("/me/pay", merchant=str(ann.bank.shop), amount="12.80")
    assert (await ann.press(page)).status == 200
    assert await ann.balance() == 98_720


async def test_the_number_below_it_is_as_good(ann: Me, wang: Till) -> None:
    shown = await wang.get("/shop/code")
    (number,) = re.findall(r"\d{4} \d{4} \d{4} \d{4} \d{3}\b", shown.text)
    assert (await led(ann, number)).startswith("/me/pay?to=")
    page = await ann.get("/me/pay", to=number, amount="12.80")
    assert "老王面馆" in page.text
    await ann.press(page)
    made = await bought(ann)
    assert (made["merchant_id"], made["method"]) == (str(wang.customer), "qr")


async def test_the_code_of_an_order_knows_its_amount_and_is_good_once(ann: Me) -> None:
    id_ = await order(ann)
    page = await ann.get(await led(ann, f"{ann.bank.url}/me/pay?order={id_}&amount=0.01"))
    assert "¥12.80" in page.text
    assert "a bowl of noodles" in page.text
    form = page.form("/me/pay")
    assert (await ann.post("/me/pay", form)).status_code == 303
    assert (await ann.post("/me/pay", form)).headers["location"] == f"/me/payments/{form['id']}"
    made = await bought(ann)
    assert (made["order_id"], made["amount"]) == (str(id_), 1280)
    again = await ann.get("/me/pay", order=str(id_))
    assert again.status == 422
    assert "Confirm and pay" not in again.text
    assert await ann.balance() == 98_720


async def test_an_amount_that_was_changed_on_the_way_is_the_order_s_all_the_same(ann: Me) -> None:
    page = await ann.get("/me/pay", order=str(await order(ann)))
    await ann.post("/me/pay", {**page.form("/me/pay"), "amount": "0.01"})
    made = await bought(ann)
    assert made["amount"] == 1280


@pytest.mark.parametrize("which", ["order_unknown", "order_expired", "order_not_open"])
async def test_an_order_that_nobody_can_pay_says_so(ann: Me, which: str) -> None:
    id_ = uuid4()
    if which == "order_expired":
        id_ = await order(ann, expires_in_s=1)
        await asyncio.sleep(1.1)
    elif which == "order_not_open":
        id_ = await order(ann)
        assert (await ann.bank.ask("POST", f"/v1/orders/{id_}/cancel", {})).status_code == 200
    page = await ann.get("/me/pay", order=str(id_))
    assert page.status == 422
    assert "Confirm and pay" not in page.text
    wanted = {"merchant_id": str(ann.bank.shop), "order_id": str(id_), "amount": 1280, "currency": "CNY"}
    refused = await ann.api("POST", "/v1/payments", {"payer_account_id": str(ann.account), **wanted})
    assert refused.json()["code"] == which


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("https://evil.example/me/pay?merchant=1", "This code is not of this bank. It was not opened."),
        ("javascript:alert(1)", "This code is not of this bank. It was not opened."),
        ("//evil.example/me/pay?merchant=1", "This is no code that one pays by."),
        ("WIFI:S:guest;T:WPA;P:secret;;", "This code is not of this bank. It was not opened."),
        ("hello", "This is no code that one pays by."),
        ("{home}/staff/board", "This is no code that one pays by."),
        ("{home}/me/pay?amount=5", "This is no code that one pays by."),
        ("{home}@evil.example/me/pay?merchant=1", "This code is not of this bank. It was not opened."),
        ("http://[::1/me/pay", "This is no code that one pays by."),
    ],
)
async def test_what_is_no_code_of_the_bank_opens_nothing(ann: Me, code: str, said: str) -> None:
    page = await ann.get("/me/scan", code=code.format(home=ann.bank.url))
    assert page.status == 422
    assert said in page.text


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("noodles", "code_unreadable"),
        ("x" * 501, "code_unreadable"),
        ("https://other.example/me/pay?to=1", "code_of_another"),
    ],
)
def test_what_is_no_code_is_refused_by_name(code: str, refusal: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_code(code, ["https://bank.example"])
    assert refused.value.code == refusal


async def test_nothing_but_what_a_code_may_say_goes_on(ann: Me) -> None:
    where = await led(ann, f"{ann.bank.url}/me/pay?merchant={ann.bank.shop}&id=1&account=2&card=3&sent=1")
    assert where == f"/me/pay?merchant={ann.bank.shop}"


async def test_the_camera_is_allowed_on_this_page_alone(ann: Me) -> None:
    scan, pay = await ann.http.get("/me/scan"), await ann.http.get("/me/pay")
    assert "camera=(self)" in scan.headers["permissions-policy"]
    assert "camera=()" in pay.headers["permissions-policy"]
