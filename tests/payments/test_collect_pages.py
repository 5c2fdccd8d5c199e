"""A payer shows his code and a shop takes it: two pages of two people, each of whom sees what has become of it."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, Page, visiting
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.identity import VisitorKind
from tongbao.web import session

WRONG = "付款码无效或已失效，本次未收款，请顾客出示新的付款码。"


class Till(Me):
    """Somebody who is logged in for a shop; `account` is where its takings are."""

    async def collect(self, code: str, amount: str = "12.80", **more: Any) -> httpx.Response:
        page = await self.get("/shop/collect")
        return await self.post("/shop/collect", {**page.form("/shop/collect"), "amount": amount, "code": code, **more})

    async def take(self, code: str, amount: str = "12.80", **more: Any) -> tuple[str, Page]:
        answer = await self.collect(code, amount, **more)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"], await self.get(answer.headers["location"])


@asynccontextmanager
async def opened_till(bank: ServedBank, *, lang: str = "zh") -> AsyncIterator[Till]:
    made = await bank.make("/v1/merchants", {"name": "老王面馆", "currency": "CNY", "category": "restaurant"})
    shop, at = UUID(made["id"]), SystemClock().now()
    token = identity.fresh_token(VisitorKind.SHOP, secrets.token_bytes)
    async with Database(bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        opened: Any = {"session_id": uuid7(at), "token": token, "by": SYSTEM, "at": at}
        await identity.open_session(tx, VisitorKind.SHOP, shop, **opened)
    till = Till(bank, shop, UUID(made["takings_account_id"]), str(token), lang)
    till.http.cookies.set(session.NAMES["shop"], str(token))
    async with till.http:
        yield till


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥9,000.00 in one account, reading Chinese."""
    async with visiting(served, 900_000) as me:
        yield me


@pytest.fixture
async def wang(served: ServedBank) -> AsyncIterator[Till]:  # noqa: F811
    async with opened_till(served) as till:
        yield till


def digits(page: Page) -> str:
    found = re.search(r'id="code-digits">([0-9 ]+)<', page.html)
    assert found, page.text
    return found[1]


async def live(who: Me, page: Page) -> Page:
    """What the part that renews itself is answered."""
    found = re.search(r'hx-get="([^"]+)"', page.html)
    assert found, "nothing renews itself"
    return Page(await who.file(found[1].replace("&amp;", "&")))


async def test_a_code_is_shown_scanned_and_paid_and_both_see_it(li: Me, wang: Till) -> None:
    phone = await li.get("/me/code")
    assert phone.title == "付款码"
    assert "<svg" in phone.html
    assert (await live(li, phone)).status == 204, "nothing has happened yet"
    place, counter = await wang.take(digits(phone), reference="牛肉面")
    assert "已收到 ¥12.80。" in counter.text
    assert ("下一笔", "/shop/collect") in counter.links
    assert "hx-get" not in counter.html, "nothing more will come"
    done = await live(li, phone)
    assert (done.status, "支付成功" in done.text, "老王面馆" in done.text) == (200, True, True)
    assert "hx-get" not in done.html
    id_ = place.rsplit("/", 1)[1]
    assert ("查看电子回单", f"/me/payments/{id_}") in done.links
    assert (await li.get(f"/me/payments/{id_}")).title == "支付成功"
    assert await li.balance() == 898_720
    reused = await wang.collect(digits(phone))
    assert reused.status_code == 422
    assert WRONG in reused.text


async def test_without_a_script_a_link_tells_what_became_of_it(li: Me, wang: Till) -> None:
    phone = await li.get("/me/code")
    link = next(href for said, href in phone.links if said == "查看是否已付款")
    fresh = await li.get(link)
    assert digits(fresh) != digits(phone), "nobody has scanned it: another one is shown"
    await wang.take(digits(phone))
    assert "支付成功" in (await li.get(link)).text
    async with visiting(li.bank) as other:
        assert "支付成功" not in (await other.get("/me/code", code=link.rsplit("=", 1)[1])).text


async def test_a_large_sum_waits_for_the_payer_and_both_see_how_it_ends(li: Me, wang: Till) -> None:
    phone = await li.get("/me/code")
    place, counter = await wang.take(digits(phone), "1500")
    assert "正在等待顾客在手机上确认" in counter.text
    asked = await live(li, phone)
    assert "老王面馆请您支付 ¥1,500.00" in asked.text
    id_ = place.rsplit("/", 1)[1]
    confirm = f"/me/payments/{id_}/authorise"
    assert ("核对并确认", confirm) in asked.links
    assert "¥1,500.00" in (await li.get(confirm)).text
    assert (await live(wang, counter)).status == 204
    assert (await live(li, asked)).status == 204
    assert await li.balance() == 900_000
    refused = await li.api("POST", f"/v1/payments/{id_}/cancel", {})
    assert refused.status_code == 200, refused.text
    over = await live(wang, counter)
    assert "本次未收款。" in over.text
    assert "未付款" in (await live(li, asked)).text


async def test_what_is_declined_is_said_to_both(wang: Till) -> None:
    async with visiting(wang.bank, 100, lang="en") as poor:
        phone = await poor.get("/me/code")
        _, counter = await wang.take(digits(phone))
        assert "本次未收款。" in counter.text
        told = await live(poor, phone)
        assert "Not paid" in told.text
        assert ("Show a new code", f"/me/code?account={poor.account}") in told.links


async def test_a_code_renews_itself_and_the_one_before_still_leads_to_its_payment(li: Me, wang: Till) -> None:
    phone = await li.get("/me/code")
    await _older(li.bank, timedelta(seconds=55))
    fresh = await live(li, phone)
    assert digits(fresh) != digits(phone)
    await wang.take(digits(phone))
    assert "支付成功" in (await live(li, fresh)).text, "it was scanned as it changed"


async def test_a_page_that_is_left_open_stops_asking_for_new_codes(li: Me) -> None:
    phone = await li.get("/me/code")
    await _older(li.bank, timedelta(seconds=55))
    found = re.search(r"code=([0-9a-f-]+)&amp;left=10", phone.html)
    assert found
    over = Page(await li.file("/me/code/live", code=found[1], left=0, seen="shown"))
    assert "重新出示付款码" in over.text
    assert "hx-get" not in over.html
    assert (await li.file("/me/code/live", code=found[1], left=11)).status_code == 422


async def test_one_accounts_code_is_nobody_elses(li: Me) -> None:
    async with visiting(li.bank) as other:
        assert (await other.get("/me/code", account=str(li.account))).status == 404
        phone = await li.get("/me/code")
        found = re.search(r"code=([0-9a-f-]+)", phone.html)
        assert found
        assert (await other.file("/me/code/live", code=found[1])).status_code == 204


async def test_a_frozen_account_shows_no_code(li: Me) -> None:
    frozen = await li.api("POST", f"/v1/accounts/{li.account}/freeze", {"reason": "lost my telephone"})
    assert frozen.status_code in (200, 201), frozen.text
    page = await li.get("/me/code")
    assert "<svg class" not in page.html
    assert "冻结" in page.text


async def test_a_form_that_lacks_something_keeps_the_rest(wang: Till) -> None:
    answer = await wang.collect("", "12.80")
    assert answer.status_code == 422
    page = Page(answer)
    assert page.form("/shop/collect")["amount"] == "12.80"
    assert re.search(r'name="code"[^>]*autofocus', page.html), "a scanner types into the right field"
    assert re.search(r'name="amount"[^>]*autofocus', (await wang.get("/shop/collect")).html)
    for amount in ("", "0", "-1", "1e9", "九块", "12.801"):
        assert (await wang.collect("810000000000000051", amount)).status_code == 422, amount
    for code in ("<script>alert(1)</script>", "\u202e81", "８" * 40, "9" * 40):
        assert (await wang.collect(code)).status_code == 422, code
    assert (await wang.collect("9" * 41)).status_code == 422


async def test_the_same_form_twice_takes_once_and_goes_on_anew_with_another_amount(li: Me, wang: Till) -> None:
    phone, form = await li.get("/me/code"), (await wang.get("/shop/collect")).form("/shop/collect")
    given = {**form, "amount": "12.80", "code": digits(phone)}
    first, again = await wang.post("/shop/collect", given), await wang.post("/shop/collect", given)
    assert first.headers["location"] == again.headers["location"] == f"/shop/collect/{form['id']}"
    assert await li.balance() == 898_720
    other = await wang.post("/shop/collect", {**given, "amount": "20"})
    assert other.status_code == 409
    fresh = Page(other).form("/shop/collect")
    assert fresh["id"] != form["id"], "the next press is another payment"
    assert fresh["amount"] == "20"


async def test_only_the_shop_that_took_it_sees_it(li: Me, wang: Till) -> None:
    place, _ = await wang.take(digits(await li.get("/me/code")))
    async with opened_till(wang.bank, lang="en") as zhao:
        assert (await zhao.get("/shop/collect")).title == "Collect"
        assert (await zhao.get(place)).status == 404
        assert (await zhao.get(f"{place}/live")).status == 404
    assert (await wang.get(f"/shop/collect/{uuid4()}")).status == 404
    nobody = await httpx.AsyncClient(trust_env=False).get(
        f"{wang.bank.url}/shop/collect", headers={"Accept": "text/html"}
    )
    assert nobody.status_code == 303


async def _older(bank: ServedBank, by: timedelta) -> None:
    """As if every code had been made so long before."""
    async with await psycopg.AsyncConnection.connect(bank.database, autocommit=True) as conn:
        await conn.execute("UPDATE payments.payer_code SET made_at = made_at - %s WHERE used_at IS NULL", [by])
