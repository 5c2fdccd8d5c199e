"""Somebody whom a customer trusts: told of large payments, asked before larger ones, never able to pay."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.handed import hand_all
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.identity.phone import sent_to
from tests.payments.me import Me, Page, session_of
from tests.payments.payer import PIN
from tests.payments.test_me_order_pages import agree as agree_to_order
from tests.payments.test_me_order_pages import look as look_at_order
from tests.payments.test_me_order_pages import orders, with_pin
from tongbao import app, govern
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.prove import Proof
from tongbao.payments import CHECKS
from tongbao.payments.family_model import Family
from tongbao.payments.refusals import BY_CODE

(CONSUMER,) = [one for one in app.CONSUMERS if one.name == "payments.family"]
SHANGHAI = ZoneInfo("Asia/Shanghai")
PRESS = {"id": "once"}


class Home:
    """奶奶 with ¥5,000.00 and her grandson, each with a telephone and a browser, and a payee whom she has paid before."""

    def __init__(self, bank: ServedBank, grandmother: Me, grandson: Me, phone: str, payee: UUID) -> None:
        self.bank, self.grandmother, self.grandson, self.phone, self.payee = bank, grandmother, grandson, phone, payee

    async def name(self, *, tell: str = "100", ask: str = "200") -> str:
        """She names him; the family's id."""
        page = await self.grandmother.get("/me/family")
        wish = {**page.form("/me/family"), "to": self.phone, "tell": tell, "ask": ask, "secret": PIN}
        answer = await self.grandmother.post("/me/family", wish)
        assert answer.status_code == 303, Page(answer).text
        return wish["id"]

    async def trust(self, **more: str) -> str:
        id_ = await self.name(**more)
        assert (await self.grandson.post(f"/me/family/{id_}/accept", PRESS)).status_code == 303
        return id_

    async def pay(self, fen: int, **more: Any) -> dict[str, Any]:
        order = {"payer_account_id": str(self.grandmother.account), "payee_account_id": str(self.payee)}
        answer = await self.grandmother.api("POST", "/v1/payments", {**order, "amount": fen, "currency": "CNY", **more})
        return answer.json()

    async def state(self, payment: str) -> str:
        return (await self.bank.ask("GET", f"/v1/payments/{payment}")).json()["state"]

    async def hand_on(self) -> None:
        """Gives the outbox's events to whoever tells families."""
        async with Database(self.bank.database, size=2, limits=BULK) as db:
            await hand_all(db, CONSUMER)

    async def told(self, who: Me) -> list[str]:
        async with Database(self.bank.database, size=1, limits=BULK) as db:
            world: Any = type("World", (), {"db": db})
            return [text for _, _, text in await sent_to(world, who.customer)]

    async def export(self, who: Me) -> dict[str, Any]:
        himself = Principal(id=who.customer, kind=PrincipalKind.CUSTOMER, subject_id=who.customer)
        async with Database(self.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
            return await govern.export_person(tx, himself, at=SystemClock().now())

    async def unagreed(self) -> set[UUID]:
        """What the proof names under P16."""
        async with Database(self.bank.database, size=2, limits=BULK) as db:
            (check,) = [one for one in CHECKS if "P16" in one.invariants]
            proof = Proof(db, SystemClock(), zone=SHANGHAI, on_progress=lambda *_: None)
            return {UUID(found.key.removeprefix("payment_id=")) async for found in check.run(proof)}

    async def sql(self, statement: LiteralString, **values: Any) -> None:
        async with Database(self.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
            await tx.run(statement, **values)


async def _comes(bank: ServedBank, name: str, amount: int) -> tuple[Me, str]:
    phone = f"139{secrets.randbelow(10**8):08}"
    made = await bank.make("/v1/customers", {"kind": "person", "name": name, "phone": f"+86{phone}"})
    id_ = UUID(made["id"])
    account = await bank.account(amount, customer=id_)
    return Me(bank, id_, account, await session_of(bank, id_), "zh"), phone


@pytest.fixture
async def home(served: ServedBank) -> AsyncIterator[Home]:  # noqa: F811
    async with AsyncExitStack() as stack:
        grandmother, _ = await _comes(served, "张桂兰", 500_000)
        grandson, phone = await _comes(served, "李小明", 1_000)
        for me in (grandmother, grandson):
            await stack.enter_async_context(me.http)
            await with_pin(me)
        shopkeeper = await served.account(customer=await served.person("王强"))
        await grandmother.knows(shopkeeper)
        yield Home(served, grandmother, grandson, phone, shopkeeper)


async def test_she_names_him_and_he_accepts(home: Home) -> None:
    id_ = await home.name()
    assert "等待对方接受" in (await home.grandmother.get("/me/family")).text
    assert (await home.pay(30_000))["state"] == "completed", "until he accepts nothing changes"
    page = await home.grandson.get("/me/family")
    assert "*桂兰邀请您成为信任的亲友" in page.text
    assert page.asks(f"/me/family/{id_}/accept")
    for _ in range(2):
        assert (await home.grandson.post(f"/me/family/{id_}/accept", PRESS)).status_code == 303
    assert "您是*桂兰信任的亲友" in (await home.grandson.get("/me/family")).text
    seen = await home.grandmother.get("/me/family")
    assert "*小明" in seen.text
    assert "生效中" in seen.text
    assert any("邀请您成为其信任的亲友" in text for text in await home.told(home.grandson))
    assert any("已成为您信任的亲友" in text for text in await home.told(home.grandmother))


async def test_what_he_is_to_agree_to_waits_for_him_and_she_pays_it(home: Home) -> None:
    await home.trust()
    assert (await home.pay(20_000))["state"] == "completed", "not above the amount"
    before = await home.grandmother.balance()
    made = await home.pay(20_001)
    assert made["state"] == "challenged"
    payment = made["id"]
    confirm = f"/v1/payments/{payment}/confirm"
    refused = await home.grandmother.api("POST", confirm, {})
    assert (refused.status_code, refused.json()["code"]) == (409, "family_to_agree")
    by_the_bank = await home.bank.ask("POST", confirm, {})
    assert by_the_bank.json()["code"] == "family_to_agree", "nor does the bank's key confirm it"
    waits = await home.grandmother.get(f"/me/payments/{payment}")
    assert "须先由*小明确认" in waits.text
    assert not waits.asks(f"/me/payments/{payment}/confirm")
    await home.hand_on()
    assert any("200.01" in text and "请您确认" in text for text in await home.told(home.grandson))
    page = await home.grandson.get("/me/family")
    for said in ("*桂兰请您确认", "¥200.01", "*强"):
        assert said in page.text, said
    yes = {"agree": "yes"}
    for _ in range(2):
        assert (await home.grandson.post(f"/me/family/payments/{payment}", yes)).status_code == 303
    assert (await home.state(payment), await home.grandmother.balance()) == ("challenged", before), (
        "his yes moves nothing"
    )
    assert any("已同意" in text for text in await home.told(home.grandmother))
    page = await home.grandmother.get(f"/me/payments/{payment}")
    done = await home.grandmother.post(f"/me/payments/{payment}/confirm", page.form(f"/me/payments/{payment}/confirm"))
    assert done.status_code == 303
    assert (await home.state(payment), await home.grandmother.balance()) == ("completed", before - 20_001)


async def test_his_no_lets_it_go(home: Home) -> None:
    """Who has said no does not say yes afterwards."""
    await home.trust()
    before = await home.grandmother.balance()
    payment = (await home.pay(90_000))["id"]
    for _ in range(2):
        answer = await home.grandson.post(f"/me/family/payments/{payment}", {"agree": "no"})
        assert answer.status_code == 303
    assert (await home.state(payment), await home.grandmother.balance()) == ("cancelled", before)
    assert any("未同意" in text for text in await home.told(home.grandmother))
    late = await home.grandson.post(f"/me/family/payments/{payment}", {"agree": "yes"})
    assert late.status_code == 409
    assert BY_CODE["family_not_asked"].zh in Page(late).text


async def test_nobody_else_answers_and_he_cannot_pay(home: Home) -> None:
    await home.trust()
    payment = (await home.pay(90_000))["id"]
    stranger, _ = await _comes(home.bank, "赵六", 0)
    async with stranger.http:
        assert (await stranger.post(f"/me/family/payments/{payment}", {"agree": "yes"})).status_code == 409
    assert (await home.grandmother.post(f"/me/family/payments/{payment}", {"agree": "yes"})).status_code == 409
    for verb in ("confirm", "cancel"):
        answer = await home.grandson.api("POST", f"/v1/payments/{payment}/{verb}", {})
        assert answer.status_code == 404, "he is no party to it"
    assert (await home.grandson.api("GET", f"/v1/accounts/{home.grandmother.account}/balance")).status_code == 404
    order = {"payer_account_id": str(home.grandmother.account), "payee_account_id": str(home.grandson.account)}
    tried = await home.grandson.api("POST", "/v1/payments", {**order, "amount": 100, "currency": "CNY"})
    assert tried.json()["code"] == "payer_unknown"
    assert await home.state(payment) == "challenged"


async def test_he_hears_once_of_what_she_pays_above_the_amount(home: Home) -> None:
    await home.pay(15_000)
    await home.trust(tell="100", ask="")
    for fen in (10_000, 10_001, 40_000):
        assert (await home.pay(fen))["state"] == "completed"
    later = await home.pay(12_345, arrives="next_day")
    assert later["state"] == "authorised"
    for _ in range(2):
        await home.hand_on()
    heard = [text for text in await home.told(home.grandson) if "已付款" in text]
    assert len(heard) == 3, heard
    for amount in ("100.01", "400.00", "123.45"):
        assert sum(amount in text for text in heard) == 1


async def test_she_ends_it_and_for_a_day_it_holds_on(home: Home) -> None:
    id_ = await home.trust()
    for _ in range(2):
        assert (await home.grandmother.post(f"/me/family/{id_}/end", PRESS)).status_code == 303
    for who in (home.grandmother, home.grandson):
        assert sum("一天后" in text for text in await home.told(who)) == 1, "both hear of it, once"
    assert (await home.pay(30_000))["state"] == "challenged"
    assert not (await home.grandmother.get("/me/family")).asks("/me/family"), "nobody else meanwhile"
    over = datetime.now(UTC) - timedelta(seconds=1)
    await home.sql("UPDATE payments.family SET ends_at = %(at)s WHERE id = %(id)s", at=over, id=UUID(id_))
    assert (await home.pay(30_000))["state"] == "completed"
    assert (await home.grandmother.get("/me/family")).asks("/me/family")


async def test_he_leaves_at_once_and_she_is_told(home: Home) -> None:
    id_ = await home.trust()
    assert (await home.grandson.post(f"/me/family/{id_}/end", PRESS)).status_code == 303
    assert any("不再担任" in text for text in await home.told(home.grandmother))
    assert (await home.pay(30_000))["state"] == "completed"


async def test_who_declines_is_not_asked(home: Home) -> None:
    """What was declined is not accepted afterwards."""
    id_ = await home.name()
    assert (await home.grandson.post(f"/me/family/{id_}/end", PRESS)).status_code == 303
    assert any("未接受" in text for text in await home.told(home.grandmother))
    late = await home.grandson.post(f"/me/family/{id_}/accept", PRESS)
    assert (late.status_code, BY_CODE["family_unknown"].zh in Page(late).text) == (404, True)
    assert (await home.pay(30_000))["state"] == "completed"


async def test_one_at_a_time_and_never_oneself(home: Home) -> None:
    page = await home.grandmother.get("/me/family")
    form = {**page.form("/me/family"), "tell": "100", "secret": PIN}
    number = (await home.bank.ask("GET", f"/v1/accounts/{home.grandmother.account}")).json()["number"]
    herself = await home.grandmother.post("/me/family", {**form, "to": number})
    assert (herself.status_code, BY_CODE["family_of_oneself"].zh in Page(herself).text) == (422, True)
    await home.trust()
    second = {**form, "id": "0192aaaa-0000-7000-8000-000000000001", "to": home.phone}
    again = await home.grandmother.post("/me/family", second)
    assert (again.status_code, BY_CODE["family_named_already"].zh in Page(again).text) == (409, True)


async def test_of_several_named_at_one_moment_one_is(home: Home) -> None:
    page = await home.grandmother.get("/me/family")
    form = {**page.form("/me/family"), "to": home.phone, "tell": "100", "secret": PIN}
    presses = (home.grandmother.post("/me/family", {**form, "id": str(uuid4())}) for _ in range(4))
    answers = [answer.status_code for answer in await asyncio.gather(*presses)]
    assert answers.count(303) == 1, answers
    page = await home.grandson.get("/me/family")
    assert page.text.count("邀请您成为信任的亲友") == 1


async def test_of_yes_and_no_at_one_moment_one_counts(home: Home) -> None:
    await home.trust()
    before = await home.grandmother.balance()
    payment = (await home.pay(90_000))["id"]
    said = [{"agree": word} for word in ("yes", "no") * 10]
    answers = await asyncio.gather(*(home.grandson.post(f"/me/family/payments/{payment}", one) for one in said))
    assert {answer.status_code for answer in answers} == {303, 409}
    (agreed,) = {one["agree"] for one, answer in zip(said, answers, strict=True) if answer.status_code == 303}
    assert await home.state(payment) == ("challenged" if agreed == "yes" else "cancelled")
    assert await home.grandmother.balance() == before


async def test_naming_takes_her_pin(home: Home) -> None:
    page = await home.grandmother.get("/me/family")
    wish = {**page.form("/me/family"), "to": home.phone, "tell": "100", "secret": "908172"}
    answer = await home.grandmother.post("/me/family", wish)
    assert answer.status_code in (401, 403, 422)
    assert "908172" not in answer.text
    assert not (await home.grandson.get("/me/family")).asks(f"/me/family/{wish['id']}/accept")


async def test_a_standing_order_is_no_way_around_him(home: Home) -> None:
    await home.trust()
    number = (await home.bank.ask("GET", f"/v1/accounts/{home.payee}")).json()["number"]
    path, page = await look_at_order(home.grandmother, number, amount="300.00")
    refused = await home.grandmother.post(path, {**page.form(path), "secret": PIN})
    assert refused.status_code == 409
    assert await orders(home.grandmother) == []
    await agree_to_order(home.grandmother, number, amount="150.00")


async def test_between_her_own_accounts_nobody_is_asked(home: Home) -> None:
    await home.trust()
    savings = await home.bank.account(customer=home.grandmother.customer)
    assert (await home.pay(30_000, payee_account_id=str(savings)))["state"] == "completed"


async def test_what_went_on_without_his_yes_is_named(home: Home) -> None:
    """`P16`, by a hand in the database."""
    await home.trust()
    payment = (await home.pay(90_000))["id"]
    assert (await home.grandson.post(f"/me/family/payments/{payment}", {"agree": "yes"})).status_code == 303
    assert (await home.grandmother.api("POST", f"/v1/payments/{payment}/confirm", {})).status_code == 200
    assert UUID(payment) not in await home.unagreed()
    await home.sql("UPDATE payments.family_ask SET agreed = false WHERE payment_id = %(id)s", id=UUID(payment))
    assert UUID(payment) in await home.unagreed()
    await home.sql("UPDATE payments.family_ask SET agreed = true WHERE payment_id = %(id)s", id=UUID(payment))


async def test_both_sides_find_it_in_their_own_data_and_neither_the_other(home: Home) -> None:
    await home.trust()
    number = (await home.bank.ask("GET", f"/v1/accounts/{home.payee}")).json()["number"]
    await agree_to_order(home.grandmother, number, amount="150.00", reference="房租")
    hers, his = await home.export(home.grandmother), await home.export(home.grandson)
    (owner,), (trusted,) = hers["family"], his["family"]
    assert (owner["as"], owner["tell_above"], owner["ask_above"]) == ("owner", 10_000, 20_000)
    assert trusted["as"] == "trusted"
    assert str(home.grandmother.customer) not in str(his["family"])
    (order,) = hers["standing_orders"]
    assert (order["amount"], order["every"], order["reference"]) == (15_000, "month", "房租")
    assert his["standing_orders"] == []


def test_a_family_holds_from_the_yes_to_the_end() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    asked = Family(UUID(int=1), UUID(int=2), UUID(int=3), 0, None, at, None, None, None)
    assert not asked.holds(at)
    accepted = Family(UUID(int=1), UUID(int=2), UUID(int=3), 0, None, at, at, at + timedelta(days=1), "owner")
    assert accepted.holds(at + timedelta(hours=23))
    assert not accepted.holds(at + timedelta(days=1))
