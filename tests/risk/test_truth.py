"""A city that knows its own thieves: what it says is held against what was thought of them, and labelled when somebody finds out."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_judged_payments import in_force
from tests.risk.test_labels import say
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.identity import Role
from tongbao.risk.label import labels
from tongbao.risk.rule_model import Action
from tongbao.risk.truth_model import Against

WALL = "/staff/risk"
HOUR = timedelta(hours=1)


async def tell(house: House, payment: UUID, what: str, *, known_after: timedelta | None = None) -> None:
    known_at = None if known_after is None else house.at + known_after
    async with house.db.tx() as tx:
        await risk.tell_truth(tx, [risk.Truth(payment_id=payment, what=what, at=house.at, known_at=known_at)])


async def found_out(house: House) -> int:
    async with house.db.tx() as tx:
        return await risk.label_told(tx, by=house.bank, at=house.at)


async def test_the_wall_holds_it_against_what_was_thought_of_them(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(10_000_000), await house.shop()
    await house.pay_by_http(payer, shop, 90_000)
    await tell(house, UUID((await house.pay_by_http(payer, shop, 80_000))["id"]), "theft")
    await in_force(desk, expression="amount_minor > 500.00 CNY", action=Action.CHALLENGE)
    assert "Against the truth" not in (await house.look(WALL, house.staff(Role.AUDITOR))).text, "no rule looked at it"
    for minor, what in ((60_000, "theft"), (70_000, "theft"), (40_000, "theft"), (30_000, "scam"), (10_000, "")):
        made = UUID((await house.pay_by_http(payer, shop, minor))["id"])
        if what:
            await tell(house, made, what)
    await tell(house, house.id(), "mule")  # an order that never came to the bank
    house.clock.tick(timedelta(minutes=11))  # what changes slowly is looked at anew
    page = await house.look(WALL, house.staff(Role.AUDITOR))
    assert "stolen telephone 3 2 1 400.00 0 0" in page.text.replace("¥", "")
    assert "scam 1 0 1 300.00 0 0" in page.text.replace("¥", "")
    assert "mule" not in page.text
    zh = await house.look(WALL, house.staff(Role.OPERATOR), lang="zh")
    assert "与真实情况对照" in zh.text
    assert "手机被盗 3 2 1" in zh.text


async def test_whoever_is_found_out_is_labelled_then_and_once(house: House) -> None:
    soon, late, never, judged = (house.id() for _ in range(4))
    await tell(house, soon, "theft", known_after=HOUR)
    await tell(house, late, "scam", known_after=5 * HOUR)
    await tell(house, never, "mule")
    await tell(house, judged, "scam", known_after=HOUR)
    await tell(house, soon, "scam")  # what it has said before stays
    await say(house, judged, is_fraud=False)
    assert await found_out(house) == 0
    house.clock.tick(2 * HOUR)
    assert [await found_out(house), await found_out(house)] == [1, 0]
    async with house.db.read() as tx:
        (said,) = await labels(tx, soon)
        assert (said.is_fraud, said.source, said.reason, said.at) == (True, "outcome", "theft", house.at - HOUR)
        assert [one.is_fraud for one in await labels(tx, judged)] == [False], "what a person said stays"
    house.clock.tick(4 * HOUR)
    assert await found_out(house) == 1
    house.clock.tick(timedelta(days=900))
    assert await found_out(house) == 0, "nobody ever finds out"


@pytest.mark.parametrize(("score", "beside", "expected"), [(60, None, (1, 1)), (None, 50, (1, 1)), (49, 90, (1, 0))])
async def test_what_models_said_of_them_is_counted(
    desk: Desk, score: int | None, beside: int | None, expected: tuple[int, int]
) -> None:
    """Of the champion where there is one, of the one beside it otherwise."""
    house = desk.house
    payer, shop = await house.person(10_000_000), await house.shop()
    await in_force(desk, expression="amount_minor > 500.00 CNY", action=Action.CHALLENGE)
    paid = UUID((await house.pay_by_http(payer, shop, 40_000))["id"])
    await tell(house, paid, "theft")
    await house.run_sql(
        "UPDATE risk.assessment SET score = %(score)s, beside_score = %(beside)s WHERE id = %(id)s",
        id=paid, score=score, beside=beside,
    )  # fmt: skip
    async with house.db.read() as tx:
        found = await risk.against_truth(tx, since=house.at - HOUR, until=house.at, currency="CNY")
    scored, high = expected
    assert found == [Against(what="theft", frauds=1, caught=0, missed_minor=40_000, scored=scored, scored_high=high)]
