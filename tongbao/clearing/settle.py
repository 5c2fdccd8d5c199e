"""Settle a cleared batch: pay merchants their net, book the fees, collect what is owed or carry it forward."""

from __future__ import annotations

from datetime import date, datetime

from tongbao import ledger
from tongbao.base import days, outbox
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.clearing import store
from tongbao.clearing.clear import CLEARING, ClearingStuck
from tongbao.clearing.model import Batch, Position, State

FEE_INCOME = "4010"
SUSPENSE = "2090"


async def settle(tx: Tx, batch: Batch, at: datetime, *, most: int = 500) -> int:
    """Settles up to `most` merchants of a cleared batch on the open day; how many. 0: it is settled, or not due yet.

    A merchant whose refunds and fees were more than its takings pays the difference from its settlement account if there is
    enough, and else owes it to the next batch. Money for an account that has been closed goes to suspense.
    """
    open_date = (await days.current(tx)).open_date
    if batch.settle_on > open_date or batch.cleared_at is None:
        return 0
    positions = await store.lock_positions_in_state(tx, batch.id, State.CLEARED, most)
    if not positions:
        await store.mark_settled(tx, batch.id, at)
        return 0
    own = [await ledger.own_account(tx, line, batch.currency, at) for line in (CLEARING, FEE_INCOME, SUSPENSE)]
    accounts = {p.settlement_ledger_id for p in positions if p.settlement_ledger_id is not None}
    book = await ledger.lock(tx, accounts={*own, *accounts}, at=at)
    moved = [(p, _pay(book, p, batch, *own)) for p in positions]
    await book.write(tx)
    await store.move_positions(tx, [(p.id, state, book.booking_date) for p, state in moved])
    await outbox.append(tx, [_event(p, state, batch, book.booking_date, at) for p, state in moved])
    return len(moved)


def _pay(book: ledger.Book, position: Position, batch: Batch, clearing: int, income: int, suspense: int) -> State:
    """What became of the position, after the ledger has said whether it can."""
    account = position.settlement_ledger_id
    assert account is not None
    fees = _postings(clearing, income, position.fees_minor, batch)
    if not position.net_minor:
        return _transfer(book, position, batch, fees, State.SETTLED) or State.SETTLED
    net = _postings(clearing, account, position.net_minor, batch)
    done = _transfer(book, position, batch, (*net, *fees), State.SETTLED)
    if done is None and position.net_minor < 0:
        done = _transfer(book, position, batch, fees, State.CARRIED)
    elif done is None:
        instead = _postings(clearing, suspense, position.net_minor, batch)
        done = _transfer(book, position, batch, (*instead, *fees), State.SUSPENSE)
    if done is None:
        raise ClearingStuck(f"{position.participant_id}: position {position.id}")
    return done


def _postings(debit: int, credit: int, amount: int, batch: Batch) -> tuple[ledger.Posting, ...]:
    if not amount:
        return ()
    debit, credit = (debit, credit) if amount > 0 else (credit, debit)
    return (ledger.Posting(debit, credit, abs(amount), batch.currency),)


def _transfer(
    book: ledger.Book, position: Position, batch: Batch, postings: tuple[ledger.Posting, ...], state: State
) -> State | None:
    """`state` where the ledger agrees (to nothing at all, it always does), None where it refuses."""
    if not postings:
        return state
    done = book.apply(
        ledger.Transfer(
            id=position.id, kind="settlement", postings=postings, reason=f"batch {batch.id} of {batch.booking_date}"
        )
    )
    return None if isinstance(done, Refusal) else state


def _event(position: Position, state: State, batch: Batch, day: date, at: datetime) -> outbox.Event:
    """What a merchant hears: ids and figures."""
    return outbox.Event(
        event_id=position.id,
        topic="settlement.completed",
        aggregate=position.id,
        sequence=1,
        at=at,
        booking_date=day,
        payload={
            "settlement_id": position.id,
            "merchant_id": position.participant_id,
            "booking_date": batch.booking_date,
            "currency": batch.currency,
            "captures": position.captures_minor,
            "refunds": position.refunds_minor,
            "covered": position.covered_minor,
            "fees": position.fees_minor,
            "carried": position.carried_minor,
            "net": position.net_minor,
            "state": state.value,
        },
    )
