"""An analyst asks what would have been: another amount, another threshold; nothing of it is stored."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.console.house import HOSTILE, House
from tests.govern.conftest import house as house
from tests.risk.models_small import stump
from tests.risk.test_models import put, registered, tampered
from tests.risk.test_replay import Judge, payment
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.identity import Role
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.rule_model import Action
from tongbao.risk.what_if import read_value

SAID = {**payment(random.Random(1)), "amount_minor": 40_000, "currency": "CNY", "method": "qr", "level": 2}


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("amount_minor", "500.00 CNY", 50_000),
        ("amount_minor", "1,500", 150_000),
        ("payer_count_10m", "7", 7),
        ("payer_since_last", "10 minutes", 600),
        ("device_known", "false", False),
        ("device_known", "true", True),
        ("method", "card", "card"),
        ("method", "'card'", "card"),
        ("level", "", None),
        ("level", " null ", None),
    ],
)
def test_values_are_typed_as_in_conditions(name: str, typed: str, value: Any) -> None:
    assert read_value(name, typed, "CNY") == value


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("amount_minor", "500.00 USD"),
        ("amount_minor", "five"),
        ("payer_since_last", "10"),
        ("payer_count_10m", "7 or device_known"),
        ("payer_count_10m", "payer_count_1d"),
        ("device_known", "perhaps"),
        ("payer_count_10m", "7)"),
        ("payer_count_10m", "9" * 40),
    ],
)
def test_what_is_no_value_is_refused(name: str, typed: str) -> None:
    with pytest.raises(ExpressionError):
        read_value(name, typed, "CNY")


async def judged(desk: Desk) -> str:
    judge = Judge(desk.house)
    for name, expression, action in (
        ("dear_payments", "amount_minor > 500.00 CNY", Action.DENY),
        ("by_code", "method = 'qr'", Action.CHALLENGE),
    ):
        await desk.approve(await desk.propose(desk.change(name=name, expression=expression, action=action, points=30)))
    await judge.judge(desk.house.at, SAID)
    return f"/staff/risk/payments/{judge.judged[0]}"


async def ask(house: House, path: str, **given: str) -> Any:
    return await house.look(f"{path}/what-if?{urlencode(given)}", house.staff(Role.AUDITOR))


def row(page: Any, rule: str) -> str:
    return page.text.rpartition(f" {rule} ")[2][:70]


async def test_another_amount_would_have_been_refused(desk: Desk) -> None:
    house, path = desk.house, await judged(desk)
    assert f"{path}/what-if" in (await house.look(path, house.staff(Role.AUDITOR))).links()
    page = await ask(house, path)
    assert page.status == 200
    assert "As it was 30 ask the payer to prove himself With the changes 30 ask" in page.text
    page = await ask(house, path, name1="amount_minor", value1="600.00")
    assert "As it was 30 ask the payer to prove himself With the changes 60 refuse it" in page.text
    assert "¥400.00 ¥600.00" in page.text
    assert "refuse it 30 not met met" in row(page, "dear_payments")
    assert "30 met met" in row(page, "by_code")
    page = await ask(house, path, name1="amount_minor", value1="600.00", name2="method", value2="card", value3="7")
    assert "30 met not met" in row(page, "by_code")
    assert await house.run_sql("SELECT points FROM risk.assessment") == [(30,)]


async def test_another_threshold_would_have_met_it(desk: Desk) -> None:
    house, path = desk.house, await judged(desk)
    page = await ask(house, path, rule="dear_payments", condition="amount_minor > 300.00 CNY")
    assert "30 not met met" in row(page, "dear_payments")
    assert "60 refuse it" in page.text
    alone = await ask(house, path, condition="level < 2", name1="level", value1="1")
    assert "As it was not met With the changes met" in alone.text
    wrong = await ask(house, path, rule="dear_payments", condition="amount_minor > 300")
    assert wrong.status == 422
    assert 'id="e-condition"' in wrong.html
    assert "amount_minor &gt; 300</textarea>" in wrong.html, "what was typed is kept"


async def test_the_rules_are_those_that_judged_it(desk: Desk) -> None:
    house, path = desk.house, await judged(desk)
    await desk.approve(await desk.propose(desk.change(name="later_rule", expression="level = 2", points=9)))
    page = await ask(house, path)
    assert "later_rule" not in page.text
    await house.run_sql("UPDATE risk.assessment SET rules_change = NULL")
    page = await ask(house, path)
    assert "these are the rules of now" in page.text
    assert "later_rule" in page.text


async def test_the_models_are_asked_again_and_rules_hear_them(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    deny = desk.change(name="likely_fraud", expression="model_score >= 90", action=Action.DENY)
    await desk.approve(await desk.propose(deny))
    await put(desk, await registered(house))
    await put(desk, await registered(house, stump(cut=30_000)), risk.ModelRole.CHALLENGER)
    paid = await house.pay_by_http(payer, shop, 40_000)
    path = f"/staff/risk/payments/{paid['id']}"
    by_both = await house.look(path, house.staff(Role.AUDITOR))
    assert "Why model 1 says 1" in by_both.text
    assert "Why model 2 says 95" in by_both.text
    page = await ask(house, path, name1="amount_minor", value1="600.00")
    assert "As it was 1 let it pass With the changes 95 refuse it" in page.text
    assert "model 1 champion 1 95 model 2 challenger 95 95" in page.text
    assert "not met met" in row(page, "likely_fraud")
    assert "The amount of this payment: ¥600.00" in page.text.partition("Why model 1 says 95")[2]
    less = await ask(house, path, name1="amount_minor", value1="200.00")
    assert "model 1 champion 1 1 model 2 challenger 95 1" in less.text
    said = await ask(house, path, name1="amount_minor", value1="600.00", name2="model_score", value2="7")
    assert "As it was 1 let it pass With the changes 7 let it pass" in said.text, "a score that is typed counts"
    await tampered(house, 1)
    gone = await ask(house, path, name1="amount_minor", value1="600.00")
    assert "As it was 1 let it pass With the changes 1 let it pass" in gone.text
    assert "no longer kept as it was" in gone.text


@pytest.mark.parametrize("typed", HOSTILE)
async def test_no_page_is_broken_by_what_is_typed(desk: Desk, typed: str) -> None:
    house, path = desk.house, await judged(desk)
    for field in ("name1", "value2", "rule", "condition"):
        given = {"name2": "amount_minor", "value2": "1.00", "condition": "level = 1", field: typed}
        page = await ask(house, path, **given)
        assert page.status in (200, 422), field
        assert "<script>alert(1)</script>" not in page.html
    assert (await ask(house, path, name1=typed, value1="1")).status == 422


async def test_only_who_may_look_sees_it(desk: Desk) -> None:
    house, path = desk.house, await judged(desk)
    assert (await house.look(f"{path}/what-if", house.staff(Role.ADMIN))).status == 403
    assert (await house.look(f"/staff/risk/payments/{house.id()}/what-if", house.staff(Role.AUDITOR))).status == 404
    zh = await house.look(f"{path}/what-if", house.staff(Role.AUDITOR), lang="zh")
    assert "假设分析" in zh.text
