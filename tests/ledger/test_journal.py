"""Journals and period closes by two people; what lies in suspense too long."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.ledger.bank import DAY, check
from tests.ledger.test_refusals import ANN, EVE, close_period
from tongbao import ledger
from tongbao.base import approvals
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from tests.ledger.bank import Bank

APPROVED = approvals.ApprovalState.APPROVED


async def propose(bank: Bank, *lines: tuple[str, str, int], **what: object) -> UUID:
    id_ = bank.id()
    made = tuple(
        ledger.JournalLine(debit=bank[d], credit=bank[c], amount_minor=amount, currency="CNY") for d, c, amount in lines
    )
    async with bank.db.tx() as tx:
        await ledger.propose_journal(
            tx, ANN, ledger.Journal(lines=made, **what), id=id_, reason="booked to the wrong shop", at=bank.at
        )
    return id_


async def file(bank: Bank, line: tuple[str, str, int]) -> UUID:
    """Past the proposal's own look at the lines, as one that was filed under other rules."""
    id_ = bank.id()
    debit, credit, amount = line
    lines = [{"debit": bank[debit], "credit": bank[credit], "amount_minor": amount, "currency": "CNY"}]
    async with bank.db.tx() as tx:
        await approvals.propose(
            tx, ANN, ledger.KINDS, id=id_, kind="ledger.journal", payload={"lines": lines}, reason="by hand", at=bank.at
        )
    return id_


async def approve(bank: Bank, id_: UUID, by: object = EVE) -> None:
    async with bank.db.tx() as tx:
        await approvals.decide(tx, by, ledger.KINDS, id=id_, state=APPROVED, at=bank.at)


async def test_a_journal_is_posted_when_another_person_approves(bank: Bank) -> None:
    await bank.open("shop", "other", "fees")
    await bank.fund(shop=100)
    journal = await propose(bank, ("shop", "other", 70), ("other", "fees", 5), value_date=DAY - timedelta(3))
    await check(bank, shop=100)
    with pytest.raises(Refusal, match="second_person_needed"):
        await approve(bank, journal, ANN)
    await approve(bank, journal)
    await approve(bank, journal)
    await check(bank, shop=30, other=65, fees=5)
    async with bank.db.read() as tx:
        entry = (await ledger.entries(tx, bank["shop"]))[0]
        assert (entry.kind, entry.transfer_id, entry.value_date) == ("journal", journal, DAY - timedelta(3))
        assert await ledger.balance_on_value_date(tx, bank["shop"], DAY - timedelta(1)) == -70


async def test_a_journal_that_cannot_be_posted_stays_open(bank: Bank) -> None:
    await bank.open("shop", "other")
    journal = await propose(bank, ("shop", "other", 70))
    with pytest.raises(Refusal, match="insufficient_funds"):
        await approve(bank, journal)
    await bank.fund(shop=70)
    await approve(bank, journal)
    await check(bank, shop=0, other=70)


async def test_a_correction_may_go_below_the_floor(bank: Bank) -> None:
    await bank.open("shop", "other")
    await approve(bank, await propose(bank, ("shop", "other", 70), forced=ledger.Forced.CORRECTION))
    await check(bank, shop=-70, other=70)


@pytest.mark.parametrize("gl_line", ["2030", "2040"])
async def test_what_clearing_compares_is_not_moved_by_hand(bank: Bank, gl_line: str) -> None:
    await bank.open("shop", "other")
    await bank.open("takings", gl_line=gl_line)
    await bank.fund(shop=100, takings=100)
    for line in (("takings", "shop", 70), ("shop", "takings", 70)):
        with pytest.raises(Refusal, match="journal_line_refused"):
            await propose(bank, ("shop", "other", 1), line)
        filed = await file(bank, line)
        with pytest.raises(Refusal, match="journal_line_refused"):
            await approve(bank, filed)
    await check(bank, shop=100, takings=100, other=0)


async def test_a_period_that_closes_meanwhile_stops_a_journal(bank: Bank) -> None:
    await bank.open("shop", "other")
    await bank.fund(shop=100)
    payment = bank.transfer(("shop", "other", 10))
    await check(bank, (payment, "posted"))
    journal = await propose(bank, ("shop", "other", 70), value_date=DAY)
    tomorrow = await bank.close_day()
    await close_period(bank, DAY)
    with pytest.raises(Refusal, match="period_closed"):
        await approve(bank, journal)
    with pytest.raises(Refusal, match="period_closed"):
        await close_period(bank, DAY)
    async with bank.db.tx() as tx:
        assert await ledger.closed_period(tx) == DAY
        await ledger.reverse(tx, payment.id, id=bank.id(), at=bank.at, reason="sent twice")
    async with bank.db.read() as tx:
        assert (await ledger.entries(tx, bank["shop"]))[0].value_date == tomorrow


async def test_only_who_may_propose_proposes(bank: Bank) -> None:
    await bank.open("shop", "other")
    line = ledger.JournalLine(debit=bank["shop"], credit=bank["other"], amount_minor=1, currency="CNY")
    nobody = type(ANN)(id=ANN.id, kind=ANN.kind)
    with pytest.raises(Refusal, match="permission_missing"):
        async with bank.db.tx() as tx:
            await ledger.propose_journal(
                tx, nobody, ledger.Journal(lines=(line,)), id=bank.id(), reason="because", at=bank.at
            )


async def test_what_lies_in_suspense_too_long_is_listed(bank: Bank) -> None:
    await bank.open("suspense", gl_line="2090")
    await bank.open("unexplained", gl_line="1090", floor_minor=None)
    await bank.open("ann")
    await bank.fund(suspense=100)
    matched = bank.transfer(("suspense", "ann", 70))
    await check(bank, (matched, "posted"), (bank.transfer(("unexplained", "ann", 5)), "posted"))
    await bank.close_day()
    newer = bank.transfer(("ann", "suspense", 20))
    await check(bank, (newer, "posted"), (bank.transfer(("suspense", "ann", 30)), "posted"), suspense=20)
    async with bank.db.read() as tx:
        assert await ledger.aged(tx, DAY + timedelta(3)) == []
        (first,) = await ledger.aged(tx, DAY + timedelta(4))
        assert (first.account_id, first.balance_minor, first.age_days) == (bank["unexplained"], -5, 4)
        found = await ledger.aged(tx, DAY + timedelta(9))
    assert [(a.account_id, a.balance_minor, a.transfer_id) for a in found[1:]] == [(bank["suspense"], 20, newer.id)]
