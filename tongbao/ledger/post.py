"""Post a batch of transfers, holds and releases: the ledger's own front door, used where no payment stands above it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.ledger import book, store
from tongbao.ledger import refusals as no
from tongbao.ledger.model import Item, NewHold, Posted, Transfer


async def post(tx: Tx, items: Sequence[Item], at: datetime) -> list[Posted | Refusal]:
    """One outcome an item, in order; the batch equals its items one by one.

    An id that was posted before with the same postings is a replay; with others it is refused. Two transactions that race
    with one id over different accounts: the later one fails on the primary key and, tried again, finds the first.
    """
    transfers = [i for i in items if isinstance(i, Transfer)]
    placed = [i for i in items if isinstance(i, NewHold)]
    accounts = {p.debit for i in transfers for p in i.postings} | {p.credit for i in transfers for p in i.postings}
    accounts |= {i.account_id for i in placed}
    holds = {i.hold for i in items if not isinstance(i, NewHold) and i.hold}
    locked = await book.lock(tx, accounts=accounts, holds=holds, at=at)
    seen = await _Seen.before(tx, transfers, placed, locked.booking_date)
    outcomes: list[Posted | Refusal] = []
    for item in items:
        outcome = seen.answer(item)
        if outcome is None:
            outcome = locked.apply(item)
            if isinstance(outcome, Posted):
                seen.remember(item, outcome)
        outcomes.append(outcome)
    await locked.write(tx)
    return outcomes


class _Seen(msgspec.Struct):
    """What ids were used for, in the books and earlier in the batch: by this a replay is told from an id used twice."""

    transfers: dict[UUID, tuple[Posted, Transfer | tuple[Any, ...]]]
    holds: dict[UUID, tuple[Posted, NewHold | tuple[Any, ...]]]
    reversed: set[UUID]

    @staticmethod
    async def before(tx: Tx, transfers: list[Transfer], placed: list[NewHold], open_date: date) -> _Seen:
        seen = _Seen({}, {}, set())
        found = await store.existing_transfers(tx, [i.id for i in transfers]) if transfers else []
        postings = await store.postings_of(tx, [row[0] for row in found]) if found else []
        for id_, kind, recorded_at, day, reverses in found:
            lines = tuple((d, c, amount, cur, value) for t, _, d, c, amount, cur, value, *_ in postings if t == id_)
            seen.transfers[id_] = (Posted(recorded_at, day, replayed=True), (kind, reverses, lines))
        for id_, account, amount, at, until in await store.existing_holds(tx, [i.id for i in placed]) if placed else []:
            seen.holds[id_] = (Posted(at, open_date, replayed=True), (account, amount, until))
        undone = [i.reverses for i in transfers if i.reverses]
        seen.reversed = await store.reversed_of(tx, undone) if undone else set()
        return seen

    def answer(self, item: Item) -> Posted | Refusal | None:
        """The outcome of an id that was seen before, or of a second reversal; None for what is new."""
        before = None
        if isinstance(item, Transfer):
            before = self.transfers.get(item.id)
        elif isinstance(item, NewHold):
            before = self.holds.get(item.id)
        if before is not None:
            answer, what = before
            if isinstance(what, Transfer | NewHold):
                what = _content(what, answer.booking_date)
            same = what == _content(item, answer.booking_date)
            return Posted(answer.recorded_at, answer.booking_date, replayed=True) if same else no.TRANSFER_ID_REUSED()
        if self.reversed and isinstance(item, Transfer) and item.reverses in self.reversed:
            return no.ALREADY_REVERSED()
        return None

    def remember(self, item: Item, answer: Posted) -> None:
        if isinstance(item, Transfer):
            self.transfers[item.id] = (answer, item)
            if item.reverses:
                self.reversed.add(item.reverses)
        elif isinstance(item, NewHold):
            self.holds[item.id] = (answer, item)


def _content(item: Item, booking_date: date) -> tuple[Any, ...]:
    if isinstance(item, NewHold):
        return (item.account_id, item.amount_minor, item.expires_at)
    assert isinstance(item, Transfer)
    lines = tuple((p.debit, p.credit, p.amount_minor, p.currency, p.value_date or booking_date) for p in item.postings)
    return (item.kind, item.reverses, lines)
