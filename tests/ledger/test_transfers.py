"""Transfers, holds and floors, told as stories."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.ledger.bank import check
from tongbao import ledger
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from tests.ledger.bank import Bank


async def test_money_moves_and_no_further_than_there_is(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=1000)
    await check(
        bank,
        (bank.transfer(("ann", "bob", 400)), "posted"),
        (bank.transfer(("ann", "bob", 601)), "insufficient_funds"),
        (bank.transfer(("ann", "bob", 600)), "posted"),
        (bank.transfer(("bob", "ann", 250)), "posted"),
        ann=250,
        bob=750,
    )


async def test_postings_of_a_transfer_stand_or_fall_together(bank: Bank) -> None:
    await bank.open("ann", "shop", "fees")
    await bank.fund(ann=100)
    await check(
        bank,
        (bank.transfer(("ann", "shop", 100), ("ann", "fees", 1)), "insufficient_funds"),
        (bank.transfer(("ann", "shop", 100), ("shop", "fees", 1)), "posted"),
        ann=0,
        shop=99,
        fees=1,
    )


async def test_what_comes_in_with_a_transfer_may_go_out_with_it(bank: Bank) -> None:
    await bank.open("ann", "bob", "eve")
    await bank.fund(ann=50)
    await check(bank, (bank.transfer(("bob", "eve", 50), ("ann", "bob", 50)), "posted"), ann=0, bob=0, eve=50)


async def test_an_id_is_posted_once(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    payment = bank.transfer(("ann", "bob", 60))
    other = bank.transfer(("ann", "bob", 1), id=payment.id)
    await check(bank, (payment, "posted"), (payment, "replayed"), (other, "transfer_id_reused"), bob=60)
    await check(bank, (payment, "replayed"), (other, "transfer_id_reused"), ann=40, bob=60)


async def test_a_hold_counts_until_it_is_captured_or_released(bank: Bank) -> None:
    await bank.open("ann", "shop")
    await bank.fund(ann=100)
    hold = bank.hold("ann", 80)
    await check(bank, (hold, "posted"), (bank.transfer(("ann", "shop", 21)), "insufficient_funds"), ann=(100, 80))
    first = bank.transfer(("ann", "shop", 30), hold=hold.id, final=False)
    too_much = bank.transfer(("ann", "shop", 51), hold=hold.id)
    await check(bank, (first, "posted"), (too_much, "capture_exceeds_hold"), ann=(70, 50), shop=30)
    await check(bank, (bank.transfer(("ann", "shop", 20), hold=hold.id), "posted"), ann=(50, 0), shop=50)
    await check(bank, (bank.transfer(("ann", "shop", 1), hold=hold.id), "capture_exceeds_hold"), ann=(50, 0))


async def test_a_hold_may_be_placed_captured_and_released_in_one_batch(bank: Bank) -> None:
    await bank.open("ann", "shop")
    await bank.fund(ann=100)
    hold, gone = bank.hold("ann", 60), bank.hold("ann", 40)
    await check(
        bank,
        (hold, "posted"),
        (gone, "posted"),
        (bank.hold("ann", 1), "insufficient_funds"),
        (bank.transfer(("ann", "shop", 45), hold=hold.id, final=False), "posted"),
        (ledger.Release(hold=gone.id), "posted"),
        (ledger.Release(hold=gone.id), "posted"),
        (hold, "replayed"),
        ann=(55, 15),
        shop=45,
    )
    await check(bank, (hold, "replayed"), (ledger.Release(hold=hold.id), "posted"), ann=(55, 0))


async def test_a_hold_that_has_expired_is_not_captured_and_still_counts(bank: Bank) -> None:
    await bank.open("ann", "shop")
    await bank.fund(ann=100)
    hold = bank.hold("ann", 80)
    await check(bank, (hold, "posted"))
    bank.at = hold.expires_at
    await check(bank, (bank.transfer(("ann", "shop", 80), hold=hold.id), "hold_expired"), ann=(100, 80))
    await check(bank, (ledger.Release(hold=hold.id), "posted"), ann=(100, 0))


async def test_a_frozen_account_pays_nothing_and_still_receives(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100, bob=100)
    hold = bank.hold("ann", 10)
    await check(bank, (hold, "posted"))
    async with bank.db.tx() as tx:
        await ledger.set_state(tx, bank["ann"], ledger.State.FROZEN, bank.at)
    await check(
        bank,
        (bank.transfer(("ann", "bob", 1)), "account_frozen"),
        (bank.hold("ann", 1), "account_frozen"),
        (bank.transfer(("ann", "bob", 10), hold=hold.id), "account_frozen"),
        (bank.transfer(("bob", "ann", 5)), "posted"),
        (bank.transfer(("ann", "bob", 2), forced=ledger.Forced.FEE), "posted"),
        (ledger.Release(hold=hold.id), "posted"),
        ann=(103, 0),
        bob=97,
    )


async def test_an_account_is_closed_empty_and_for_ever(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=10)
    hold = bank.hold("ann", 10)
    await check(bank, (hold, "posted"))
    for release in (False, True):
        if release:
            await check(bank, (ledger.Release(hold=hold.id), "posted"))
        with pytest.raises(Refusal, match="account_not_empty"):
            async with bank.db.tx() as tx:
                await ledger.set_state(tx, bank["ann"], ledger.State.CLOSED, bank.at)
    await check(bank, (bank.transfer(("ann", "bob", 10)), "posted"))
    async with bank.db.tx() as tx:
        closed = await ledger.set_state(tx, bank["ann"], ledger.State.CLOSED, bank.at)
    assert closed.state is ledger.State.CLOSED
    await check(
        bank,
        (bank.transfer(("bob", "ann", 1)), "account_closed"),
        (bank.transfer(("bob", "ann", 1), forced=ledger.Forced.CORRECTION), "account_closed"),
        (bank.hold("ann", 1), "account_closed"),
    )
    with pytest.raises(Refusal, match="state_move_refused"):
        async with bank.db.tx() as tx:
            await ledger.set_state(tx, bank["ann"], ledger.State.OPEN, bank.at)


async def test_only_a_named_force_goes_below_the_floor(bank: Bank) -> None:
    await bank.open("ann", floor_minor=-100)
    await bank.open("bank")
    await check(
        bank,
        (bank.transfer(("ann", "bank", 100)), "posted"),
        (bank.transfer(("ann", "bank", 1)), "insufficient_funds"),
        (bank.transfer(("ann", "bank", 30), forced=ledger.Forced.INTEREST), "posted"),
        (bank.transfer(("ann", "bank", 1)), "insufficient_funds"),
        (bank.transfer(("bank", "ann", 20)), "posted"),
        ann=-110,
    )
    assert (await bank.account("ann")).excess_minor == 10
    await check(
        bank, (bank.transfer(("bank", "ann", 15)), "posted"), (bank.transfer(("ann", "bank", 6)), "insufficient_funds")
    )
    assert (await bank.account("ann")).excess_minor == 0


async def test_a_limit_that_is_cut_leaves_the_account_where_it_is(bank: Bank) -> None:
    await bank.open("ann", floor_minor=-100)
    await bank.open("shop")
    hold = bank.hold("ann", 40)
    await check(bank, (bank.transfer(("ann", "shop", 50)), "posted"), (hold, "posted"))
    async with bank.db.tx() as tx:
        cut = await ledger.set_floor(tx, bank["ann"], -60, bank.at)
    assert (cut.floor_minor, cut.excess_minor, cut.available_minor) == (-60, 30, -30)
    await check(
        bank,
        (bank.transfer(("ann", "shop", 1)), "insufficient_funds"),
        (bank.transfer(("ann", "shop", 40), hold=hold.id), "posted"),
        ann=(-90, 0),
    )
    assert (await bank.account("ann")).excess_minor == 30


async def test_a_limit_over_several_accounts(bank: Bank) -> None:
    group, cash = await bank.open("group", "cash_limit", gl_line="9010", floor_minor=-100)
    async with bank.db.tx() as tx:
        await ledger.set_floor(tx, cash, -30, bank.at)
    await bank.open("card", floor_minor=-100, controls=(group,))
    await bank.open("cash_line", floor_minor=-100, controls=(group, cash))
    await bank.open("shop")
    hold = bank.hold("card", 40)
    await check(
        bank,
        (bank.transfer(("cash_line", "shop", 31)), "control_exceeded"),
        (bank.transfer(("cash_line", "shop", 30)), "posted"),
        (hold, "posted"),
        (bank.transfer(("card", "shop", 31)), "control_exceeded"),
        (bank.transfer(("card", "cash_line", 10)), "posted"),
        (bank.transfer(("card", "shop", 15), hold=hold.id), "posted"),
        (bank.transfer(("card", "shop", 55)), "posted"),
        (bank.transfer(("card", "shop", 1)), "control_exceeded"),
        (bank.transfer(("shop", "card", 5)), "posted"),
        card=(-75, 0),
        cash_line=(-20, 0),
        group=(-95, 0),
        cash_limit=(-20, 0),
    )
    assert (await bank.account("group")).version == 0


async def test_several_currencies_go_through_position_accounts(bank: Bank) -> None:
    await bank.open("yuan", "position_cny", floor_minor=None)
    await bank.open("dollar", "position_usd", currency="USD", floor_minor=None)
    postings = (
        ledger.Posting(bank["yuan"], bank["position_cny"], 720, "CNY"),
        ledger.Posting(bank["position_usd"], bank["dollar"], 100, "USD"),
    )
    await check(
        bank,
        (ledger.Transfer(id=bank.id(), kind="exchange", postings=postings), "posted"),
        (bank.transfer(("yuan", "dollar", 1)), "currency_mismatch"),
        yuan=-720,
        dollar=100,
    )
    async with bank.db.read() as tx:
        books = await ledger.trial_balance(tx)
    assert {line.currency: line.balance_minor for line in books} == {"CNY": 0, "USD": 0}


async def test_a_transfer_is_reversed_once(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    payment = bank.transfer(("ann", "bob", 60))
    await check(bank, (payment, "posted"), bob=60)
    reversal = bank.id()
    for replayed in (False, True):
        async with bank.db.tx() as tx:
            done = await ledger.reverse(tx, payment.id, id=reversal, at=bank.at, reason="sent twice")
        assert done.replayed is replayed
    with pytest.raises(Refusal, match="already_reversed"):
        async with bank.db.tx() as tx:
            await ledger.reverse(tx, payment.id, id=bank.id(), at=bank.at, reason="once more")
    twice = [bank.transfer(("bob", "ann", 1), reverses=payment.id) for _ in range(2)]
    await check(bank, *((item, "already_reversed") for item in twice), ann=100, bob=0)


async def test_a_reversal_may_need_force(bank: Bank) -> None:
    await bank.open("ann", "bob", "eve")
    await bank.fund(ann=100)
    payment = bank.transfer(("ann", "bob", 60))
    await check(bank, (payment, "posted"), (bank.transfer(("bob", "eve", 60)), "posted"))
    with pytest.raises(Refusal, match="insufficient_funds"):
        async with bank.db.tx() as tx:
            await ledger.reverse(tx, payment.id, id=bank.id(), at=bank.at, reason="fraud")
    async with bank.db.tx() as tx:
        await ledger.reverse(tx, payment.id, id=bank.id(), at=bank.at, reason="fraud", forced=ledger.Forced.CHARGEBACK)
    await check(bank, ann=100, bob=-60)


async def test_an_entry_is_never_earlier_than_the_one_before(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    await check(bank, (bank.transfer(("ann", "bob", 1)), "posted"))
    before = (await bank.account("bob")).recorded_at
    bank.at -= timedelta(hours=1)
    await check(bank, (bank.transfer(("ann", "bob", 1)), "posted"))
    assert (await bank.account("bob")).recorded_at == before


async def test_own_accounts_are_opened_once(bank: Bank) -> None:
    async def ask() -> int:
        async with bank.db.tx() as tx:
            return await ledger.own_account(tx, "4010", "CNY", bank.at)

    assert len(set(await asyncio.gather(*(ask() for _ in range(8))))) == 1
