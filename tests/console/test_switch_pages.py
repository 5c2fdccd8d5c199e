"""Kill switches in a browser: what is stopped is said first, a press stops at once, and two who press see each other."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.console.house import HOSTILE, House
from tongbao import payments
from tongbao.base.db import Tx
from tongbao.identity import Role
from tongbao.payments import Scope

QR = "/staff/switches/method/qr"


async def stopped(house: House, scope: Scope = Scope.METHOD, key: str = "qr") -> bool:
    async with house.db.read() as tx:
        found = await payments.switches(tx)
    return any((s.scope, s.key) == (scope, key) and s.stops(house.at) for s in found)


async def test_an_operator_stops_a_method_and_takes_it_again(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    quiet = await house.look("/staff/switches", by)
    assert "Nothing is stopped. Every payment is taken." in quiet.text
    page = await house.look(QR, by)
    assert "Nobody can pay by QR code." in page.text
    assert payments.refusal_word("method_stopped", "en") in page.text, "what payers will read"
    done = await house.send_form(QR, {**page.hidden(), "reason": "forged codes"}, by)
    assert (done.status, done.to) == (303, "/staff/switches")
    assert done.said.startswith("Stopped.")
    assert await stopped(house)
    ann, shop = await house.person(5000), await house.shop()
    outcome = await house.pay(ann.id, shop, 100, method=payments.Method.QR)
    assert outcome.refusal is not None
    assert outcome.refusal.code == "method_stopped"
    told = await house.look("/staff/switches", by)
    first = told.text.partition("Methods")[0]
    assert "QR code: stopped" in first
    assert "forged codes" in first
    assert "until somebody resumes it" in first
    page = await house.look(QR, by)
    done = await house.send_form(QR, {**page.hidden(), "reason": "the forger is caught"}, by)
    assert done.said.startswith("Proposed.")
    assert await stopped(house), "one person resumes nothing"
    await house.agree(done)
    assert not await stopped(house)
    await house.sell(shop, ann, 100, method=payments.Method.QR)
    assert [reason for _, reason in await house.audited("switch.stop")] == ["forged codes"]
    assert [reason for _, reason in await house.audited("switch.resume")] == ["the forger is caught"]


async def test_a_stop_ends_when_the_page_said_it_would(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    page = await house.look(QR, by)
    offered = [value for value in page.html.split('option value="')[1:] if value[0].isdigit()]
    assert len(offered) == 5
    until = offered[0].partition('"')[0]
    house.later(minutes=2)  # the page lay open meanwhile
    await house.send_form(QR, {**page.hidden(), "reason": "a short pause", "until": until}, by)
    house.later(minutes=12, seconds=59)
    assert await stopped(house)
    house.later(seconds=1)
    assert not await stopped(house)
    assert "Nothing is stopped." in (await house.look("/staff/switches", by)).text


async def test_the_same_form_twice_is_one_stop(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    form = {**(await house.look(QR, by)).hidden(), "reason": "pressed twice"}
    first, second = await house.send_form(QR, form, by), await house.send_form(QR, form, by)
    assert (first.status, second.status) == (303, 303)
    assert len(await house.audited("switch.stop")) == 1


async def test_whoever_was_overtaken_sees_how_it_is_and_decides_again(house: House) -> None:
    early, late = house.staff(Role.OPERATOR), house.staff(Role.OPERATOR)
    seen_by_late = (await house.look(QR, late)).hidden()
    await house.send_form(QR, {**seen_by_late, "reason": "first one"}, early)
    until = (house.at + timedelta(hours=1)).isoformat()
    told = await house.send_form(QR, {**seen_by_late, "reason": "second one", "until": until}, late)
    assert told.status == 409
    assert "Somebody else has changed this switch meanwhile." in told.text
    assert "first one" in told.text, "the page shows the present state"
    again = await house.send_form(QR, {**told.hidden(), "reason": "it is over"}, late)
    await house.agree(again)
    assert not await stopped(house)


async def test_a_merchant_is_found_by_id_and_stopped(house: House) -> None:
    by, shop = house.staff(Role.OPERATOR), await house.shop("兰州拉面")
    there = await house.look(f"/staff/switches?merchant= {str(shop.id).upper()} ", by)
    assert there.to == f"/staff/switches/merchant/{shop.id}"
    page = await house.look(there.to, by)
    assert "兰州拉面" in page.text
    assert "Nobody can pay this merchant." in page.text
    await house.send_form(there.to, {**page.hidden(), "reason": "raided by the police"}, by)
    assert await stopped(house, Scope.MERCHANT, str(shop.id))
    assert "兰州拉面: stopped" in (await house.look("/staff/switches", by)).text


async def test_a_country_is_found_by_its_code_and_stopped(house: House) -> None:
    by, shop = house.staff(Role.OPERATOR), await house.shop(country="HK")
    there = await house.look("/staff/switches?country=%20hk", by)
    assert there.to == "/staff/switches/country/HK"
    page = await house.look(there.to, by)
    assert "Nobody can pay a merchant in this country." in page.text
    await house.send_form(there.to, {**page.hidden(), "reason": "ordered by the regulator"}, by)
    assert await stopped(house, Scope.COUNTRY, "HK")
    payer = await house.person(1_000)
    assert (await house.pay_by_http(payer, shop, 100)).code == "country_stopped"
    assert "merchants in HK: stopped" in (await house.look("/staff/switches", by)).text
    zh = await house.look("/staff/switches", by, lang="zh")
    assert "HK 的商户" in zh.text
    back = await house.send_form(there.to, {**(await house.look(there.to, by)).hidden(), "reason": "over"}, by)
    asked = await house.look(back.to, house.staff(Role.ACCOUNTANT))
    assert "merchants in HK" in asked.text
    await house.agree(back)
    assert (await house.pay_by_http(payer, shop, 100)).status == 201
    wrong = await house.look("/staff/switches?country=Mars", by)
    assert (wrong.status, "This is no country's code." in wrong.text) == (422, True)
    assert (await house.look("/staff/switches/country/XX", by)).status == 404


async def test_what_is_no_switch_is_said(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    wrong = await house.look("/staff/switches?merchant=noodles", by)
    assert (wrong.status, "This is not an id." in wrong.text) == (422, True)
    assert 'value="noodles"' in wrong.html
    for path in ("method/cheque", "kind/qr", "planet/mars", f"merchant/{uuid4()}", "merchant/noodles"):
        assert (await house.look(f"/staff/switches/{path}", by)).status == 404, path
        form = {"action": "stop", "expected": 0, "reason": "let us see"}
        assert (await house.send_form(f"/staff/switches/{path}", form, by)).status == 404, path
    assert await house.audited("switch.stop") == []


async def test_who_only_looks_cannot_throw(house: House) -> None:
    auditor, admin = house.staff(Role.AUDITOR), house.staff(Role.ADMIN)
    page = await house.look("/staff/switches", auditor)
    assert page.status == 200
    assert 'method="post"' not in page.html.partition("<main")[2]
    form = {"action": "stop", "expected": 0, "reason": "let us see"}
    assert (await house.send_form(QR, form, auditor)).status == 403
    assert (await house.look("/staff/switches", admin)).status == 403
    assert (await house.look("/staff/switches", None)).to == "/staff/login?next=%2Fstaff%2Fswitches"
    assert not await stopped(house)


@pytest.mark.parametrize("reason", ["", "  ", "x", HOSTILE[5]])
async def test_a_reason_is_needed_and_bounded(house: House, reason: str) -> None:
    by = house.staff(Role.OPERATOR)
    page = await house.look(QR, by)
    told = await house.send_form(QR, {**page.hidden(), "reason": reason}, by)
    assert told.status == 422
    assert 'aria-invalid="true"' in told.html
    assert not await stopped(house)


async def test_hostile_reasons_are_text_and_nothing_else(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    for reason in HOSTILE[:5]:
        page = await house.look(QR, by)
        assert (await house.send_form(QR, {**page.hidden(), "reason": reason}, by)).status == 303
        shown = await house.look("/staff/switches", by)
        assert "<script>alert" not in shown.html
        assert "49" not in shown.text.partition("Methods")[0]
        page = await house.look(QR, by)
        await house.agree(await house.send_form(QR, {**page.hidden(), "reason": "it is over"}, by))
    assert len(await house.audited("switch.stop")) == 5


@pytest.mark.parametrize(
    "until", ["tomorrow", "2026-11-23T10:00:00", "2020-01-01T00:00:00+08:00", "0001-01-01T00:00:00+14:00"]
)
async def test_an_end_that_is_none_is_refused_beside_its_field(house: House, until: str) -> None:
    by = house.staff(Role.OPERATOR)
    page = await house.look(QR, by)
    told = await house.send_form(QR, {**page.hidden(), "reason": "a while", "until": until}, by)
    assert told.status == 422
    assert 'id="e-until"' in told.html
    assert not await stopped(house)


async def test_it_is_all_said_in_chinese(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    await house.send_form(QR, {**(await house.look(QR, by)).hidden(), "reason": "伪造二维码"}, by)
    page = await house.look("/staff/switches", by, lang="zh")
    assert "扫码：已停用" in page.text
    assert "无法扫码支付。" in page.text
    assert "直至人工恢复" in page.text


async def test_many_merchants_cost_no_more_questions(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    shops = [await house.shop(f"第{n}号店") for n in range(30)]

    async def stop_all(tx: Tx) -> None:
        for shop in shops:
            await payments.stop(tx, house.bank, Scope.MERCHANT, str(shop.id), reason="all of them", at=house.at)

    await house.db.retry(stop_all)
    page = await house.look("/staff/switches", by)
    assert page.text.count(": stopped") == 30
    assert len(page.html) < 150_000
