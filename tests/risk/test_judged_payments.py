"""What a rule says happens to payments: approved by a second person now, it counts for the next payment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao.identity import Role
from tongbao.risk.expression_model import Unit
from tongbao.risk.in_force import LOOK
from tongbao.risk.rule_model import Action, ListChange, Mode


async def in_force(desk: Desk, **says: Any) -> None:
    await desk.approve(await desk.propose(desk.change(**says)))
    desk.house.clock.tick(LOOK)


async def remembered(house: House, id_: str) -> tuple[str, int, list[dict[str, Any]] | None, bool]:
    async with house.db.read() as tx:
        (row,) = await tx.rows(
            "SELECT action, points, hits, is_declined FROM risk.assessment WHERE id = %(id)s", id=UUID(id_)
        )
    return row


async def test_what_a_rule_denies_is_not_paid(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    assert (await house.pay_by_http(payer, shop, 60_000)).status == 201
    await in_force(desk, expression="amount_minor > 500.00 CNY", action=Action.DENY, points=90)
    key = house.id()
    for _ in range(2):  # and again under the same id
        denied = await house.pay_by_http(payer, shop, 60_000, key=key)
        assert (denied.status, denied.code) == (403, "authorisation_refused")
    assert (await house.pay_by_http(payer, shop, 40_000)).status == 201
    action, points, hits, is_declined = await remembered(house, str(key))
    assert (action, points, is_declined) == ("deny", 90, True)
    assert hits is not None
    assert [hit["name"] for hit in hits] == ["many_in_short"]
    await house.books_balance()


async def test_a_burst_is_asked_about_from_its_third_payment_on(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    await in_force(desk, expression="payer_count_1m >= 3", action=Action.CHALLENGE)
    states = [(await house.pay_by_http(payer, shop, 100))["state"] for _ in range(4)]
    assert states == ["completed", "completed", "challenged", "challenged"]


async def test_a_rule_in_shadow_is_remembered_and_does_nothing(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    await in_force(desk, expression="amount_minor > 1.00 CNY", action=Action.DENY, mode=Mode.SHADOW)
    paid = await house.pay_by_http(payer, shop, 60_000)
    assert paid["state"] == "completed"
    action, points, hits, _ = await remembered(house, paid["id"])
    assert (action, points) == ("approve", 0)
    assert hits is not None
    assert hits[0]["mode"] == "shadow"


async def test_an_account_on_a_list_can_receive_nothing_until_it_is_taken_off(desk: Desk) -> None:
    house = desk.house
    payer, mule = await house.person(1_000_000), await house.person()
    filed = await desk.propose_list(ListChange(name="mules", unit=Unit.ACCOUNT, come=(str(mule.id),)))
    await desk.approve(filed)
    await in_force(desk, expression="payee in mules", action=Action.DENY)
    assert (await house.pay_by_http(payer, mule, 100)).code == "authorisation_refused"
    await desk.approve(await desk.propose_list(ListChange(name="mules", unit=Unit.ACCOUNT, go=(str(mule.id),))))
    house.clock.tick(LOOK)
    assert (await house.pay_by_http(payer, mule, 100)).status == 201


async def test_staff_read_why_on_the_page_of_the_payment(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    await in_force(desk, expression="payer_count_1m >= 1 and amount_minor > 500.00 CNY", action=Action.DENY, points=70)
    key = house.id()
    await house.pay_by_http(payer, shop, 60_000, key=key)
    by = house.staff(Role.OPERATOR)
    path = f"/staff/risk/payments/{key}"
    assert path in (await house.look(f"/staff/payments/{key}", by)).links()
    page = await house.look(path, by)
    assert page.status == 200
    for said in ("many_in_short", "Payments by the payer within 1 minute", "70"):
        assert said in page.text, said
    zh = await house.look(path, by, lang="zh")
    assert "付款人 1 分钟内的付款笔数" in zh.text
    assert (await house.look(path, house.staff(Role.ADMIN))).status == 403


async def test_no_page_of_a_payment_that_risk_has_not_seen(house: House) -> None:
    page = await house.look(f"/staff/risk/payments/{house.id()}", house.staff(Role.OPERATOR))
    assert page.status == 404  # assessment_unknown
    assert "Risk has not looked at this payment." in page.text


async def test_with_risk_off_nothing_is_asked_or_remembered(desk: Desk) -> None:
    house = desk.house
    await in_force(desk, expression="amount_minor > 1.00 CNY", action=Action.DENY)
    house.intake._settings = msgspec.structs.replace(house.settings, risk="off")
    paid = await house.pay_by_http(await house.person(1_000_000), await house.shop(), 60_000)
    assert paid["state"] == "completed"
    async with house.db.read() as tx:
        assert await tx.rows("SELECT id FROM risk.assessment") == []
