"""Every way the ledger says no, provoked once. A refusal without a case fails the walk."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.ledger.bank import DAY, Bank
from tongbao import ledger
from tongbao.base import approvals
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

ANN = Principal(id=uuid.UUID(int=1), kind=PrincipalKind.STAFF, permissions=frozenset({ledger.MAY_PROPOSE}))
EVE = Principal(id=uuid.UUID(int=2), kind=PrincipalKind.STAFF, permissions=frozenset({ledger.MAY_PROPOSE}))

CASES: dict[str, Any] = {}


def case(refusal: str) -> Callable[[Any], Any]:
    def keep(story: Any) -> Any:
        CASES[refusal] = story
        return story

    return keep


async def _one(bank: Bank, item: ledger.Item) -> None:
    async with bank.db.tx() as tx:
        outcome = (await ledger.post(tx, [item], bank.at))[0]
        if isinstance(outcome, Refusal):
            raise outcome


async def _state(bank: Bank, name: str, state: ledger.State) -> None:
    async with bank.db.tx() as tx:
        await ledger.set_state(tx, bank[name], state, bank.at)


async def _placed(bank: Bank) -> ledger.NewHold:
    hold = bank.hold("ann", 50)
    await _one(bank, hold)
    return hold


@case("transfer_id_reused")
async def _(bank: Bank) -> None:
    payment = bank.transfer(("ann", "bob", 1))
    await _one(bank, payment)
    await _one(bank, bank.transfer(("ann", "bob", 2), id=payment.id))


@case("transfer_size")
async def _(bank: Bank) -> None:
    await _one(bank, bank.transfer())


@case("account_unknown")
async def _(bank: Bank) -> None:
    bank.names["nobody"] = 2**62
    await _one(bank, bank.transfer(("ann", "nobody", 1)))


@case("account_is_control")
async def _(bank: Bank) -> None:
    await bank.open("limit", gl_line="9010")
    await _one(bank, bank.transfer(("ann", "limit", 1)))


@case("journal_line_refused")
async def _(bank: Bank) -> None:
    await bank.open("bob", gl_line="2030")
    await _journal(bank)


@case("accounts_must_be_different")
async def _(bank: Bank) -> None:
    await _one(bank, bank.transfer(("ann", "ann", 1)))


@case("amount_not_positive")
async def _(bank: Bank) -> None:
    await _one(bank, bank.hold("ann", 0))


@case("amount_too_large")
async def _(bank: Bank) -> None:
    await _one(bank, bank.transfer(("ann", "bob", 2**53)))


@case("currency_mismatch")
async def _(bank: Bank) -> None:
    await bank.open("usd", currency="USD")
    await _one(bank, bank.transfer(("ann", "usd", 1)))


@case("account_closed")
async def _(bank: Bank) -> None:
    await _state(bank, "bob", ledger.State.CLOSED)
    await _one(bank, bank.transfer(("ann", "bob", 1)))


@case("account_frozen")
async def _(bank: Bank) -> None:
    await _state(bank, "ann", ledger.State.FROZEN)
    await _one(bank, bank.transfer(("ann", "bob", 1)))


@case("hold_unknown")
async def _(bank: Bank) -> None:
    await _one(bank, ledger.Release(hold=bank.id()))


@case("hold_expired")
async def _(bank: Bank) -> None:
    hold = await _placed(bank)
    bank.at += timedelta(hours=2)
    await _one(bank, bank.transfer(("ann", "bob", 1), hold=hold.id))


@case("hold_of_another_account")
async def _(bank: Bank) -> None:
    hold = await _placed(bank)
    await bank.fund(bob=10)
    await _one(bank, bank.transfer(("bob", "ann", 1), hold=hold.id))


@case("capture_exceeds_hold")
async def _(bank: Bank) -> None:
    hold = await _placed(bank)
    await _one(bank, bank.transfer(("ann", "bob", 51), hold=hold.id))


@case("already_reversed")
async def _(bank: Bank) -> None:
    payment = bank.transfer(("ann", "bob", 1))
    await _one(bank, payment)
    for _ in range(2):
        async with bank.db.tx() as tx:
            await ledger.reverse(tx, payment.id, id=bank.id(), at=bank.at, reason="a mistake")


@case("transfer_unknown")
async def _(bank: Bank) -> None:
    async with bank.db.tx() as tx:
        await ledger.reverse(tx, bank.id(), id=bank.id(), at=bank.at, reason="a mistake")


@case("insufficient_funds")
async def _(bank: Bank) -> None:
    await _one(bank, bank.transfer(("ann", "bob", 101)))


@case("control_exceeded")
async def _(bank: Bank) -> None:
    (limit,) = await bank.open("limit", gl_line="9010", floor_minor=-10)
    await bank.open("line", floor_minor=-100, controls=(limit,))
    await _one(bank, bank.transfer(("line", "bob", 11)))


@case("state_move_refused")
async def _(bank: Bank) -> None:
    await _state(bank, "bob", ledger.State.FROZEN)
    await _state(bank, "bob", ledger.State.CLOSED)


@case("account_not_empty")
async def _(bank: Bank) -> None:
    await _state(bank, "ann", ledger.State.CLOSED)


@case("control_unsuitable")
async def _(bank: Bank) -> None:
    await bank.open("line", controls=(bank["ann"],))


@case("gl_line_unknown")
async def _(bank: Bank) -> None:
    await bank.open("stray", gl_line="8888")


async def _journal(bank: Bank, *, value_date: date | None = None) -> None:
    line = ledger.JournalLine(debit=bank["ann"], credit=bank["bob"], amount_minor=5, currency="CNY")
    journal = ledger.Journal(lines=(line,), value_date=value_date)
    async with bank.db.tx() as tx:
        await ledger.propose_journal(tx, ANN, journal, id=bank.id(), reason="wrong branch", at=bank.at)


async def close_period(bank: Bank, last_day: date) -> None:
    id_ = bank.id()
    async with bank.db.tx() as tx:
        await ledger.propose_period_close(tx, ANN, last_day, id=id_, reason="month end", at=bank.at)
    async with bank.db.tx() as tx:
        await approvals.decide(tx, EVE, ledger.KINDS, id=id_, state=approvals.ApprovalState.APPROVED, at=bank.at)


@case("period_closed")
async def _(bank: Bank) -> None:
    await bank.close_day()
    await close_period(bank, DAY)
    await _journal(bank, value_date=DAY)


@case("period_not_over")
async def _(bank: Bank) -> None:
    await close_period(bank, DAY)


@case("journal_not_whole")
async def _(bank: Bank) -> None:
    id_ = bank.id()
    async with bank.db.tx() as tx:
        await approvals.propose(
            tx, ANN, ledger.KINDS, id=id_, kind="ledger.journal", payload={"lines": "all"}, reason="by hand", at=bank.at
        )
    async with bank.db.tx() as tx:
        await approvals.decide(tx, EVE, ledger.KINDS, id=id_, state=approvals.ApprovalState.APPROVED, at=bank.at)


@pytest.mark.parametrize("refusal", [kind.code for kind in ledger.REFUSALS])
async def test_says_no(bank: Bank, refusal: str) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    with pytest.raises(Refusal) as raised:
        await CASES[refusal](bank)
    assert raised.value.code == refusal
    assert raised.value.kind in ledger.REFUSALS


def test_every_case_is_a_refusal() -> None:
    assert set(CASES) == {kind.code for kind in ledger.REFUSALS}
