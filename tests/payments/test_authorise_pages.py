"""Paying what the bank asks about, on its pages: seen once more, large, shown that it is he, paid by the same press."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.identity.phone import sent_to
from tests.payments.me import Me, Page, number_of, session_of, visiting
from tests.payments.payer import PASSWORD, PASSWORD_HASH, PIN, PIN_HASH
from tests.risk.rules_made import put_in_force
from tongbao import identity, payments, risk
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.principal import Principal, PrincipalKind


async def with_factors(me: Me, *kinds: str) -> Me:
    himself = Principal(id=me.customer, kind=PrincipalKind.CUSTOMER, subject_id=me.customer)
    now: Any = {"by": himself, "at": SystemClock().now()}
    async with Database(me.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        if "pin" in kinds:
            await identity.set_pin(tx, me.customer, PIN_HASH, **now)
        if "password" in kinds:
            await identity.set_password(tx, me.customer, PASSWORD_HASH, **now)
        if "sms" in kinds:
            await identity.set_sms(tx, me.customer, **now)
    return me


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥90,000.00 and a payment PIN, reading Chinese."""
    async with visiting(served, 9_000_000) as me:
        yield await with_factors(me, "pin")


async def asked(me: Me, amount: str = "800") -> tuple[str, Page]:
    """A press that the bank asks about, at any hour: somebody new is paid. Where it led, and that page."""
    payee = await me.bank.account(customer=await me.bank.person("赵大海"))
    confirm = await me.confirm(to=await number_of(me.bank, payee), amount=amount)
    answer = await me.post("/me/pay", confirm.form("/me/pay"))
    assert answer.status_code == 303
    place = answer.headers["location"]
    return place, await me.get(place)


async def test_a_press_leads_to_the_question_and_the_answer_pays(li: Me) -> None:
    place, page = await asked(li)
    assert re.fullmatch("/me/payments/[0-9a-f-]{36}/authorise", place)
    assert page.title == "付款验证"
    assert "Instruction(" not in page.html
    for said in ("*大海", "¥800.00", "支付密码", "验证并付款 ¥800.00", "为保障资金安全"):
        assert said in page.text, said
    assert await li.balance() == 9_000_000
    form = page.form(place)
    wrong = await li.post(place, {**form, "secret": "000000"})
    assert (wrong.status_code, "输入有误" in wrong.text, 'value="000000"' in wrong.text) == (401, True, False)
    form = Page(wrong).form(place)
    done = await li.post(place, {**form, "secret": PIN})
    assert (done.status_code, done.headers["location"]) == (303, place.removesuffix("/authorise"))
    paid = await li.get(done.headers["location"])
    assert (paid.title, "您已确认该笔付款" in paid.text or "已确认" in paid.text) == ("支付成功", True)
    assert await li.balance() == 8_920_000
    again = await li.post(place, {**form, "secret": PIN})
    assert (again.status_code, await li.balance()) == (303, 8_920_000), "the same form again pays nothing more"
    assert (await li.get(place)).title == "支付成功", "the question is over"


async def test_the_proof_is_a_file_of_his(li: Me) -> None:
    place, page = await asked(li)
    done = await li.post(place, {**page.form(place), "secret": PIN})
    payment = done.headers["location"]
    assert ("付款凭证（文件）", f"{payment}/proof") in (await li.get(payment)).links
    file = await li.file(f"{payment}/proof")
    assert 'filename="proof-' in file.headers["content-disposition"]
    assert payments.verify_proof(file.content).instruction["amount_minor"] == 80_000
    async with visiting(li.bank) as other:
        assert (await other.file(f"{payment}/proof")).status_code == 404


async def test_the_first_of_two_ways_asks_for_the_second(li: Me) -> None:
    await with_factors(li, "sms")
    place, page = await asked(li, "6000")
    assert "双重验证" in page.text
    assert ("继续" in page.text, "验证并付款" in page.text) == (True, False), "more is asked before it is paid"
    assert ("短信验证码", f"{place}?method=sms") in page.links
    half = await li.post(place, {**page.form(place), "secret": PIN})
    assert (half.status_code, half.headers["location"].split("?")[0]) == (303, place)
    again = await li.get(half.headers["location"])
    assert (again.title, "支付密码" in again.text, "获取验证码" in again.text) == ("付款验证", True, True)
    unreachable = await li.post(f"{place}/code", again.form(f"{place}/code"))
    assert unreachable.status_code == 409, "the bank has no telephone number of his"
    assert await li.balance() == 9_000_000


async def test_a_code_comes_with_payee_and_amount(served: ServedBank) -> None:  # noqa: F811
    made = await served.make(
        "/v1/customers", {"kind": "person", "name": "王芳", "phone": f"+86139{uuid4().int % 10**8:08}"}
    )
    customer = UUID(made["id"])
    account = await served.account(9_000_000, customer=customer)
    me = Me(served, customer, account, await session_of(served, customer), "zh")
    async with me.http:
        await with_factors(me, "sms")
        place, page = await asked(me)
        assert "获取验证码" in page.text
        sent = await me.post(f"{place}/code", page.form(f"{place}/code"))
        assert sent.status_code == 303, sent.text
        page = await me.get(sent.headers["location"])
        async with Database(served.database, size=1, limits=BULK) as db:
            world: Any = type("World", (), {"db": db})
            ((_, _, text),) = [one for one in await sent_to(world, me.customer) if one[0] == "code"]
        assert "*大海" in text
        assert "¥800.00" in text
        found = re.search("[0-9]{6}", text)
        assert found
        done = await me.post(place, {**page.form(place), "secret": found[0]})
        assert done.status_code == 303, done.text
        assert await me.balance() == 8_920_000


async def test_who_has_nothing_is_told_what_to_set_up(served: ServedBank) -> None:  # noqa: F811
    async with visiting(served, 9_000_000, lang="en", name="Ann Lee") as me:
        place, page = await asked(me)
        assert page.title == "Show that it is you"
        assert "You have not set up what this payment needs" in page.text
        assert ("How you prove that it is you", "/me/safety/factors") in page.links
        assert page.asks(place.replace("/authorise", "/cancel"))


async def test_a_password_where_there_is_no_pin(served: ServedBank) -> None:  # noqa: F811
    async with visiting(served, 9_000_000, lang="en", name="Ann Lee") as me:
        await with_factors(me, "password")
        place, page = await asked(me)
        assert "Log-in password" in page.text
        done = await me.post(place, {**page.form(place), "secret": PASSWORD})
        assert done.status_code == 303
        assert await me.balance() == 8_920_000


@pytest.mark.parametrize(
    "change",
    [
        {"secret": ""},
        {"secret": "9" * 300},
        {"secret": "<script>alert(1)</script>"},
        {"secret": "\u202e271813"},
        {"method": "passkey"},
        {"method": "sms", "code_id": "x"},
        {"instruction": "0" * 64},
        {"instruction": "x"},
        {"id": ""},
        {"more": "1"},
    ],
    ids=str,
)
async def test_bad_forms_pay_nothing(li: Me, change: dict[str, str]) -> None:
    place, page = await asked(li)
    answer = await li.post(place, {**page.form(place), "secret": PIN, **change})
    assert answer.status_code in (401, 409, 422), answer.status_code
    assert "<script>alert" not in answer.text
    assert await li.balance() == 9_000_000


async def test_nobody_else_sees_the_question(li: Me) -> None:
    place, page = await asked(li)
    async with visiting(li.bank) as other:
        await with_factors(other, "pin")
        assert (await other.file(place)).status_code == 404
        assert (await other.post(place, {**page.form(place), "secret": PIN})).status_code == 404
    assert await li.balance() == 9_000_000


async def test_a_rule_that_asks_says_to_the_payer_what_to_think_of(li: Me) -> None:
    """Before he confirms, on the page where he does, and on the payment's own."""
    urged = "如果有人催您转账，请先挂断电话。"
    says = risk.RuleSays(
        expression="amount_minor = 777.77 CNY",
        action=risk.Action.CHALLENGE,
        points=0,
        mode=risk.Mode.LIVE,
        why_en="a sum that scammers ask for",
        why_zh="常见诈骗金额",
        told_en="If somebody urges you to transfer, hang up first.",
        told_zh=urged,
    )
    assert urged not in (await asked(li, "777.77"))[1].text
    await put_in_force(li.bank.database, "sum_of_scammers", says)
    place, page = await asked(li, "777.77")
    assert urged in page.text
    assert urged in (await li.get(place.removesuffix("/authorise"))).text
    assert urged not in (await asked(li, "777.78"))[1].text
