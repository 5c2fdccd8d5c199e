"""Merchants register, get their accounts and their terms; terms change by version."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.merchants.market import Market
from tongbao import identity, ledger, merchants
from tongbao.base.refusal import Refusal
from tongbao.merchants import FeeRate, MerchantStatus
from tongbao.merchants import refusals as no


async def test_a_shop_gets_a_firm_and_two_accounts(market: Market) -> None:
    shop = await market.shop()
    async with market.db.read() as tx:
        firm = (await identity.find_customers(tx, [shop.customer_id]))[shop.customer_id]
        details = (await identity.masked_details(tx, [firm]))[firm.id]
        found = await ledger.accounts(tx, [shop.takings_ledger_id, shop.settlement_ledger_id])
    assert (firm.kind, details.name) == (identity.CustomerKind.FIRM, "老王面馆")
    assert found[shop.takings_ledger_id].gl_line == "2030"
    assert found[shop.takings_ledger_id].floor_minor == 0
    assert found[shop.settlement_ledger_id].gl_line == "2020"
    assert shop.takes_payments


async def test_registering_twice_under_one_id_is_a_replay(market: Market) -> None:
    new = merchants.NewMerchant(id=market.id(), name="花店", currency="CNY")
    made = []
    for _ in range(2):
        async with market.db.tx() as tx:
            made += await merchants.register_merchants(tx, [new], by=market.bank, at=market.at, bank_code="90001")
    assert [m.replayed for m in made] == [False, True]
    assert made[0].thing == made[1].thing


async def test_the_same_id_for_another_shop_is_refused(market: Market) -> None:
    shop = await market.shop()
    other = merchants.NewMerchant(id=shop.id, name="别的店", currency="CNY")
    with pytest.raises(Refusal, match="id_reused"):
        async with market.db.tx() as tx:
            await merchants.register_merchants(tx, [other], by=market.bank, at=market.at, bank_code="90001")


async def test_a_person_is_no_merchant(market: Market) -> None:
    person = await market.person()
    with pytest.raises(Refusal, match="customer_not_a_firm"):
        await market.shop(customer_id=person.customer_id)


async def test_a_firm_may_have_several_shops(market: Market) -> None:
    first = await market.shop("一店")
    second = await market.shop("二店", customer_id=first.customer_id)
    async with market.db.read() as tx:
        of_the_firm = await merchants.list_merchants(tx, customer_id=first.customer_id)
    assert [m.id for m in of_the_firm] == sorted([first.id, second.id])
    assert first.takings_account_id != second.takings_account_id


async def test_the_banks_plan_holds_until_a_shop_has_its_own(market: Market) -> None:
    shop, other = await market.shop("一店"), await market.shop("二店")
    assert [shop.fee(m, 100_000) for m in ("account", "qr", "card", "api")] == [380, 300, 600, 380]
    assert shop.fee("card", 100_000_000) == 8000, "capped"
    async with market.db.tx() as tx:
        plan = await merchants.set_fee_plan(
            tx, shop.id, [FeeRate(method="*", currency="CNY", basis_points=10)], by=market.bank, at=market.at
        )
    async with market.db.read() as tx:
        found = await merchants.find(tx, [shop.id, other.id, uuid4()])
    assert len(found) == 2, "unknown ids are left out"
    assert (found[shop.id].fee("qr", 100_000), found[other.id].fee("qr", 100_000)) == (100, 300)
    assert (plan.version, found[shop.id].plan) == (1, plan)


async def test_the_bank_changes_its_plan_for_all_without_their_own(market: Market) -> None:
    shop = await market.shop()
    rate = FeeRate(method="*", currency="*", basis_points=45)
    async with market.db.tx() as tx:
        plan = await merchants.set_fee_plan(tx, None, [rate], by=market.bank, at=market.at)
    async with market.db.tx() as tx:
        assert await merchants.set_fee_plan(tx, None, [rate], by=market.bank, at=market.at) == plan, "no new version"
        assert (await merchants.find(tx, [shop.id]))[shop.id].fee("qr", 10_000) == 45
    assert plan.version == 2


@pytest.mark.parametrize(
    ("rates", "refusal"),
    [
        ([FeeRate(method="qr", currency="CNY", basis_points=1)], no.FEE_PLAN_INCOMPLETE),
        ([FeeRate(method="*", currency="CNY", basis_points=1)] * 2, no.FEE_RATE_TWICE),
        (
            [FeeRate(method="*", currency="CNY", basis_points=1, smallest_minor=2, largest_minor=1)],
            no.FEE_BOUNDS_CROSSED,
        ),
    ],
)
async def test_a_plan_must_make_sense(market: Market, rates: list[FeeRate], refusal: object) -> None:
    shop = await market.shop()
    with pytest.raises(Refusal) as refused:
        async with market.db.tx() as tx:
            await merchants.set_fee_plan(tx, shop.id, rates, by=market.bank, at=market.at)
    assert refused.value.kind is refusal


async def test_a_suspended_shop_comes_back_and_a_closed_one_does_not(market: Market) -> None:
    shop = await market.shop()
    for status in (MerchantStatus.SUSPENDED, MerchantStatus.SUSPENDED, MerchantStatus.OPEN, MerchantStatus.CLOSED):
        async with market.db.tx() as tx:
            assert (await merchants.set_status(tx, shop.id, status)).status is status
    with pytest.raises(Refusal, match="merchant_move_refused"):
        async with market.db.tx() as tx:
            await merchants.set_status(tx, shop.id, MerchantStatus.OPEN)
    with pytest.raises(Refusal, match="merchant_unknown"):
        async with market.db.tx() as tx:
            await merchants.set_status(tx, uuid4(), MerchantStatus.OPEN)
