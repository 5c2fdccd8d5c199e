"""A payment that a rule wants held: its money is set aside until a person of the bank has decided, and goes where he says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_judged_payments import in_force
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import identity, payments
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.prove import prove
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.payments import held
from tongbao.risk.rule_model import Action

PAID = 60_000


@pytest.fixture
async def holding(desk: Desk) -> Desk:
    """A bank that holds what is above 500 yuan."""
    await in_force(desk, expression="amount_minor > 500.00 CNY", action=Action.HOLD, points=70)
    return desk


async def propose(desk: Desk, payment_id: str) -> UUID:
    house = desk.house
    async with house.db.tx() as tx:
        filed = await held.propose_release(
            tx, desk.analyst, UUID(payment_id), id=house.id(), reason="the payer was called", at=house.at
        )
    return filed.id


async def approve(desk: Desk, id_: UUID) -> None:
    house = desk.house
    async with house.db.tx() as tx:
        await approvals.decide(
            tx,
            house.principal_of_staff(Role.ACCOUNTANT),
            desk.kinds,
            id=id_,
            state=ApprovalState.APPROVED,
            at=house.at,
            reason="seen",
        )


async def refuse(house: House, payment_id: str) -> payments.Outcome:
    asked = payments.Operation(
        id=house.id(), payment_id=UUID(payment_id), principal_id=house.bank.id, request_hash=b"", reason="a scam"
    )
    return await house.intake.ask("refuse", asked)


async def wrong(house: House) -> list[str]:
    """Invariants of payments that do not hold."""
    done = await prove(house.db, payments.CHECKS, house.clock)
    return sorted({finding.invariant for one in done for finding in one.findings})


async def test_money_that_is_held_is_neither_spent_nor_free(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    assert (waits.status, waits["state"], waits["captured"]) == (201, "held", 0)
    assert await house.money(payer) == (100_000, 60_000)
    assert (await house.pay_by_http(payer, shop, 45_000)).code == "insufficient_funds"
    assert (await house.payment(UUID(waits["id"])))["due_at"] is not None
    assert (await house.payment(UUID(waits["id"])))["waits_for"] == waits["waits_for"] == "person"
    await house.books_balance()
    assert await wrong(house) == []


async def test_two_people_let_it_go_on_and_the_shop_is_paid(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    proposed = await propose(holding, waits["id"])
    assert (await house.payment(UUID(waits["id"])))["state"] == "held", "one person alone moves nothing"
    await approve(holding, proposed)
    paid = await house.payment(UUID(waits["id"]))
    assert (paid["state"], paid["captured"]) == ("completed", PAID)
    assert await house.money(payer) == (40_000, 0)
    with pytest.raises(Refusal, match="not_held"):
        await propose(holding, waits["id"])
    await house.books_balance()
    assert await wrong(house) == []


async def test_what_is_refused_is_the_payers_again(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    await house.put(f"/v1/accounts/{payer.id}/limits", {"per_day": 70_000})
    waits = await house.pay_by_http(payer, shop, PAID)
    assert (await house.pay_by_http(payer, shop, 20_000)).code == "over_day_limit", "what is held counts"
    assert (await refuse(house, waits["id"])).refusal is None
    ended = await house.payment(UUID(waits["id"]))
    assert (ended["state"], ended["code"]) == ("declined", "authorisation_refused")
    assert await house.money(payer) == (100_000, 0)
    assert (await house.pay_by_http(payer, shop, 20_000)).status == 201
    again = await refuse(house, waits["id"])
    assert again.refusal is not None
    assert again.refusal.code == "not_held"
    assert await wrong(house) == []


async def test_what_nobody_decides_ends_by_itself_and_nothing_can_let_it_go_on_then(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    proposed = await propose(holding, waits["id"])
    house.clock.tick(timedelta(minutes=119))
    assert await house.intake.end_due() == 0
    house.clock.tick(timedelta(minutes=1))
    with pytest.raises(Refusal, match="not_held"):
        await approve(holding, proposed)
    assert await house.intake.end_due() == 1
    assert (await house.payment(UUID(waits["id"])))["state"] == "expired"
    assert await house.money(payer) == (100_000, 0)
    assert await wrong(house) == []


async def test_a_bank_says_for_how_long_its_people_are_waited_for(holding: Desk) -> None:
    house = holding.house
    house.intake = payments.Intake(house.db, house.clock, replace(house.settings, held_minutes=30))
    house.open_doors()
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    house.clock.tick(timedelta(minutes=29))
    assert await house.intake.end_due() == 0
    house.clock.tick(timedelta(minutes=1))
    assert await house.intake.end_due() == 1
    assert (await house.payment(UUID(waits["id"])))["state"] == "expired"
    assert await wrong(house) == []


async def test_the_payer_takes_it_back_himself(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    back = await house.post(f"/v1/payments/{waits['id']}/cancel", {})
    assert back["state"] == "cancelled"
    assert await house.money(payer) == (100_000, 0)


async def test_whoever_must_confirm_confirms_first_and_then_a_person_decides(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    asked = await house.pay_by_http(payer, shop, PAID, confirm="explicit")
    assert asked["state"] == "challenged"
    assert await house.money(payer) == (100_000, 0)
    confirmed = await house.post(f"/v1/payments/{asked['id']}/confirm", {})
    assert confirmed["state"] == "held"
    assert await house.money(payer) == (100_000, 60_000)
    await approve(holding, await propose(holding, asked["id"]))
    assert (await house.payment(UUID(asked["id"])))["state"] == "completed"
    assert await wrong(house) == []


@pytest.mark.parametrize(("more", "then"), [({"capture": "manual"}, "capture"), ({"arrives": "next_day"}, "arrival")])
async def test_what_was_to_be_taken_later_is_still_taken_later(holding: Desk, more: dict[str, Any], then: str) -> None:
    house = holding.house
    payer = await house.person(100_000)
    payee: Any = await house.shop() if then == "capture" else await house.person()
    waits = await house.pay_by_http(payer, payee, PAID, **more)
    assert waits["state"] == "held"
    house.clock.tick(timedelta(minutes=90))
    await approve(holding, await propose(holding, waits["id"]))
    going = await house.payment(UUID(waits["id"]))
    assert (going["state"], going["captured"]) == ("authorised", 0)
    assert await house.money(payer) == (100_000, 60_000)
    if then == "capture":
        assert (await house.post(f"/v1/payments/{waits['id']}/capture", {}))["state"] == "completed"
    else:
        house.clock.tick(timedelta(days=1))
        assert await house.intake.end_due() == 1
    assert (await house.payment(UUID(waits["id"])))["captured"] == PAID
    assert await wrong(house) == []


async def test_who_looked_away_does_not_take_it_from_another(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    waits = UUID((await house.pay_by_http(payer, shop, PAID))["id"])
    other = house.principal_of_staff(Role.OPERATOR)
    async with house.db.tx() as tx:
        await held.take_held(tx, holding.analyst, waits, to=holding.analyst.id, seen=None, at=house.at)
    async with house.db.tx() as tx:
        with pytest.raises(Refusal, match="held_by_another"):
            await held.take_held(tx, other, waits, to=other.id, seen=None, at=house.at)
        await held.take_held(tx, other, waits, to=other.id, seen=holding.analyst.id, at=house.at)


async def test_a_frozen_payer_pays_nothing_even_when_two_people_want_it(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    proposed = await propose(holding, waits["id"])
    async with house.db.tx() as tx:
        await identity.freeze_account(tx, payer.id, reason="a scam", by=holding.analyst, at=house.at)
    with pytest.raises(Refusal, match="account_frozen"):
        await approve(holding, proposed)
    assert await house.money(payer) == (100_000, 60_000)


async def test_a_hold_whose_money_is_gone_is_found(holding: Desk) -> None:
    house = holding.house
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    await house.run_sql("UPDATE ledger.hold SET left_minor = 1 WHERE id = %(id)s", id=UUID(waits["id"]))
    assert await wrong(house) == ["P3"]


async def test_who_waits_for_a_person_is_told_by_the_rule_that_held_it(desk: Desk) -> None:
    from tongbao import risk

    house = desk.house
    await in_force(
        desk,
        expression="amount_minor > 500.00 CNY",
        action=Action.HOLD,
        told_en="Somebody may be urging you.",
        told_zh="谨防诈骗。",
    )
    payer, shop = await house.person(100_000), await house.shop()
    waits = await house.pay_by_http(payer, shop, PAID)
    async with house.db.read() as tx:
        en, zh = [await risk.sayings(tx, UUID(waits["id"]), lang) for lang in ("en", "zh")]
    assert (en.told, zh.told) == (("Somebody may be urging you.",), ("谨防诈骗。",))
    assert en.why == ("many payments in a short time",)
