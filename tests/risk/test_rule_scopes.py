"""A rule may look at some merchants, or at merchants of some countries, alone."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.rolled import roll_all
from tests.risk.test_judged_payments import in_force
from tests.risk.test_replay import payment
from tests.risk.test_rules import FORM, NEW, Desk, fields, refused
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.identity import Role
from tongbao.risk import jobs, rules
from tongbao.risk import refusals as no
from tongbao.risk.catalogue import OWN
from tongbao.risk.rule_model import MOST_MERCHANTS, Action

SEED = 20261123


async def test_a_rule_of_one_merchant_leaves_the_others_alone(desk: Desk) -> None:
    house = desk.house
    payer, meant, other = await house.person(1_000_000), await house.shop(), await house.shop()
    await in_force(desk, expression="amount_minor > 1.00 CNY", action=Action.DENY, merchants=(meant.id,))
    assert (await house.pay_by_http(payer, meant, 200)).code == "authorisation_refused"
    assert (await house.pay_by_http(payer, other, 200))["state"] == "completed"
    assert (await house.pay_by_http(payer, await house.person(), 200))["state"] == "completed", "a transfer has no shop"


async def test_a_rule_of_a_country_looks_at_its_merchants_and_comes_out_the_same(desk: Desk) -> None:
    house = desk.house
    payer, near, far = await house.person(1_000_000), await house.shop(), await house.shop(country="HK")
    await in_force(desk, expression="amount_minor > 1.00 CNY", action=Action.DENY, countries=("HK", "MO"))
    keys = [house.id(), house.id()]
    assert (await house.pay_by_http(payer, far, 200, key=keys[0])).code == "authorisation_refused"
    assert (await house.pay_by_http(payer, near, 200, key=keys[1]))["state"] == "completed"
    async with house.db.read() as tx:
        again = await risk.replay(tx, keys)
    assert [(one.agrees, one.then.action) for one in again] == [(True, Action.DENY), (True, Action.APPROVE)]
    await roll_all(house.db, at=house.at)
    tried = await jobs.try_now(house.db, house.clock, "merchant_country = 'HK'", days_=2)
    assert isinstance(tried, risk.Result)
    assert (tried.looked, tried.new.hits) == (2, 1)


async def test_a_scope_is_a_condition_of_what_the_payment_says(desk: Desk) -> None:
    """Random payments: a rule within a scope meets those that its condition meets, and whose merchant or country it names."""
    chance = random.Random(SEED)
    shops = [UUID(int=n) for n in range(1, 6)]
    named, countries = (shops[0], shops[1]), ("CN", "HK")
    change = desk.change(expression="amount_minor > 1.00 CNY", merchants=named, countries=countries)
    await desk.approve(await desk.propose(change))
    async with desk.house.db.read() as tx:
        (version,) = await rules.rules_in_force(tx, at=desk.house.at)
    assert (version.says.merchants, version.says.countries) == (named, countries)
    judging = risk.Ruleset([version], {}, {}, ticks=int)
    seen = set()
    for _ in range(300):
        shop = chance.choice([None, *shops])
        country = chance.choice(("CN", "HK", "US")) if shop else None
        said = {**payment(chance), "merchant": str(shop) if shop else None, "merchant_country": country}
        own = {name: said.get(name) for name in OWN}
        met = bool(judging.judge(risk.row(own, [None] * len(risk.CATALOGUE))).hits)
        wanted = shop in named and country in countries and said["amount_minor"] > 100 and said["currency"] == "CNY"
        assert met == wanted, f"{SEED} {said}"
        seen.add(met)
    assert seen == {True, False}


@pytest.mark.parametrize(
    "wrong",
    [
        {"countries": "CN XX"},
        {"countries": "China"},
        {"merchants": "the noodle shop"},
        {"merchants": "\n".join(str(UUID(int=n)) for n in range(1, MOST_MERCHANTS + 2))},
    ],
)
async def test_what_is_no_scope_is_told_beside_its_field(house: House, wrong: dict[str, str]) -> None:
    by = house.staff(Role.OPERATOR)
    sent = await house.send_form(NEW, {**fields(await house.look(NEW, by)), **FORM, **wrong}, by)
    assert sent.status == 422  # rule_scope_wrong
    assert "Merchants are ids, up to 100" in sent.text
    assert 'value="many_in_short"' in sent.html


async def test_a_country_that_is_none_is_refused(desk: Desk) -> None:
    assert (await refused(desk.propose(desk.change(countries=("XX",))))).kind is no.RULE_SCOPE_WRONG
    assert (await refused(desk.house.shop(country="XX"))).code == "country_unknown"


async def test_the_scope_stands_in_the_form_and_on_the_page(desk: Desk) -> None:
    house = desk.house
    by, shop = house.staff(Role.OPERATOR), await house.shop()
    form = {**fields(await house.look(NEW, by)), **FORM, "merchants": f"{shop.id},\n{shop.id}", "countries": "hk, cn"}
    tried = await house.send_form("/staff/risk/trials", {**form, "id": str(house.id())}, by)
    assert tried.status == 303
    said = (await house.look(tried.to, by)).text
    assert "CN · HK" in said
    sent = await house.send_form(NEW, form, by)
    asked = await house.look(sent.to, house.staff(Role.ACCOUNTANT))
    assert f"{shop.id}, CN, HK" in asked.text
    await house.agree(sent)
    rule = (await house.run_sql("SELECT id FROM risk.rule"))[0][0]
    page = await house.look(f"/staff/risk/rules/{rule}", by)
    again = fields(page)
    assert (again["merchants"].strip(), again["countries"]) == (str(shop.id), "CN HK")
    unchanged = await house.send_form(f"/staff/risk/rules/{rule}", {**again, "reason": "the same"}, by)
    assert unchanged.status == 422
    assert "国家" in (await house.look(f"/staff/risk/rules/{rule}", by, lang="zh")).text
