"""What an analyst says of one payment counts at the next: a mule who was found out once is paid no more before somebody looks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.govern.conftest import house as house
from tests.risk.test_judged_payments import in_force, remembered
from tests.risk.test_labels import FORM
from tests.risk.test_rules import Desk, fields
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.identity import Account, Role
from tongbao.risk import Action
from tongbao.risk.catalogue import VERSION, names_of


async def test_a_payment_to_a_mule_that_was_called_fraud_stops_the_next_one(desk: Desk) -> None:
    house = desk.house
    await in_force(desk, expression="payee_frauds_known_90d >= 1", action=Action.HOLD, points=70)
    li, wang = await house.person(1_000_000), await house.person(1_000_000)
    mule, shop = await house.person(0), await house.shop()

    async def pays(who: Account, to: Any) -> tuple[str, int, str]:
        done = await house.pay_by_http(who, to, 60_000)
        _, points, _, _ = await remembered(house, done["id"])
        return done["state"], points, done["id"]

    state, points, first = await pays(li, mule)
    assert (state, points) == ("completed", 0)
    by, path = house.staff(Role.OPERATOR), f"/staff/risk/payments/{first}"
    page = await house.look(path, by)
    assert (await house.send_form(path, {**fields(page), **FORM}, by)).status == 303
    state, points, second = await pays(wang, mule)
    assert (state, points) == ("held", 70), "another payer, and nobody trained a model"
    assert (await pays(wang, shop))[:2] == ("completed", 0), "nobody else is stopped"
    assert (
        "Payments to the payee within 90 days that are labelled as fraud by now"
        in (await house.look(f"/staff/risk/payments/{second}", by)).text
    )
    changed = {**fields(await house.look(path, by)), **FORM, "verdict": "genuine"}
    assert (await house.send_form(path, changed, by)).status == 303
    assert (await pays(li, mule))[:2] == ("completed", 0), "the newest label counts"
    async with house.db.read() as tx:
        told = await tx.rows("SELECT payee = %(mule)s, paid_at IS NOT NULL FROM risk.label", mule=mule.id)
        assert told == [(True, True)] * 2
        rows = await tx.rows("SELECT features FROM risk.assessment WHERE id = %(id)s", id=UUID(second))
    known = dict(zip(names_of(VERSION), rows[0][0], strict=True))
    assert known["payee_frauds_known_90d"] == 1


async def test_a_label_of_a_payment_that_nobody_judged_is_kept_and_counts_for_nobody(desk: Desk) -> None:
    house = desk.house
    async with house.db.tx() as tx:
        await risk.label(
            tx,
            house.id(),
            id=house.id(),
            is_fraud=True,
            source=risk.LabelSource.OUTCOME,
            reason="told by another bank",
            by=house.principal_of_staff(Role.OPERATOR),
            at=house.at,
        )
    async with house.db.read() as tx:
        assert await tx.rows("SELECT payee, paid_at FROM risk.label") == [(None, None)]


def test_what_was_remembered_by_the_first_catalogue_is_read_by_its_own_names() -> None:
    before, now = names_of(1), names_of(2)
    assert [name for name in now if name not in before] == ["payee_frauds_known_90d"]
    assert len(before) == 75
