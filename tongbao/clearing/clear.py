"""Clear a closed day: net it per participant, check that against the ledger, and empty the takings accounts."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from tongbao import ledger
from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.refusal import Refusal
from tongbao.clearing import store
from tongbao.clearing.model import Batch, Kind, Position, State, net

CLEARING = "2040"


class ClearingDiffers(Exception):
    """Payments and the ledger do not agree on what a day left on a takings account: nothing goes on until that is explained."""


class ClearingStuck(Exception):
    """The ledger will not move what was netted, not even by force."""


async def draw_batches(tx: Tx, day: date, at: datetime) -> list[Batch]:
    """Nets a closed day: a batch a currency, a position a participant. What was drawn before stays as it is.

    Raises ClearingDiffers, BatchDoesNotBalance; nothing is kept then. Refuses `day_not_open` for a day that still is.
    """
    if (await days.current(tx)).closed_through < day:
        raise days.DAY_NOT_OPEN(f"{day} is not closed yet")
    moved = await store.movements_of_day(tx, day)
    carried = [] if await store.batches_of_day(tx, day) else await store.carried_positions(tx)
    currencies = sorted({m.currency for m in moved} | {c.currency for c in carried})
    netted = {currency: net(day, currency, moved, carried) for currency in currencies}
    drawn = sorted(
        (
            positions[0].batch_id,
            currency,
            sum(p.kind is Kind.MERCHANT for p in positions),
            sum(m.count for m in moved if m.currency == currency),
        )
        for currency, positions in netted.items()
    )
    settle_on = await days.next_business_day(tx, day)
    fresh = await store.add_batches(tx, drawn, day=day, settle_on=settle_on, at=at) if drawn else set()
    positions = [p for batch in netted.values() for p in batch if p.batch_id in fresh]
    booked = await store.ledger_moves_of_day(tx, day, CLEARING)
    _compare(day, [p for batch in netted.values() for p in batch], booked)
    if positions:
        owner = {p.participant_id: p.id for p in positions}
        await store.add_positions(tx, positions)
        taken = [(c.id, owner[c.merchant_id]) for c in carried if c.merchant_id in owner]
        await store.take_over(tx, sorted(taken))
    return await store.batches_of_day(tx, day)


def _compare(day: date, positions: list[Position], booked: dict[UUID, int]) -> None:
    paid = {p.participant_id: p.takings_minor for p in positions if p.participant_id and p.takings_minor}
    wrong = sorted(str(m) for m in paid.keys() | booked.keys() if paid.get(m, 0) != booked.get(m, 0))
    if wrong:
        raise ClearingDiffers(f"{day}: {len(wrong)} merchants, the first are {', '.join(wrong[:5])}")


async def clear(tx: Tx, batch: Batch, at: datetime, *, most: int = 500) -> int:
    """Empties up to `most` takings accounts of a batch into the acquirer's clearing account; how many. 0: it is cleared.

    By force (scheme_force_post) where a refund of the next day has been quicker, or the account is frozen: the day's money is
    not the merchant's to withhold.
    """
    positions = await store.lock_positions_in_state(tx, batch.id, State.DRAWN, most)
    if not positions:
        await store.mark_cleared(tx, batch.id, at)
        return 0
    own = await ledger.own_account(tx, CLEARING, batch.currency, at)
    takings = [p.takings_ledger_id for p in positions if p.takings_ledger_id is not None and p.takings_minor]
    if takings:
        book = await ledger.lock(tx, accounts={own, *takings}, at=at)
        for position in positions:
            _empty(book, position, own, batch)
        await book.write(tx)
    await store.move_positions(tx, [(p.id, State.CLEARED, None) for p in positions])
    return len(positions)


def _empty(book: ledger.Book, position: Position, own: int, batch: Batch) -> None:
    amount, takings = position.takings_minor, position.takings_ledger_id
    if not amount or takings is None:
        return
    debit, credit = (takings, own) if amount > 0 else (own, takings)
    posting = ledger.Posting(debit, credit, abs(amount), batch.currency, batch.booking_date)
    for forced in (None, ledger.Forced.SCHEME_FORCE_POST):
        done = book.apply(
            ledger.Transfer(
                id=derived(position.id, "clearing"),
                kind="clearing",
                postings=(posting,),
                forced=forced,
                reason=f"batch {batch.id}",
            )
        )
        if not isinstance(done, Refusal):
            return
    raise ClearingStuck(f"{position.participant_id}: {done.code}")
