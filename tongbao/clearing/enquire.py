"""Look at batches, positions, settlements, takings and fees. No locks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.clearing import refusals as no
from tongbao.clearing import store
from tongbao.clearing.model import (
    Batch,
    Settlement,
    SettlementStory,
    Step,
    TakingsDay,
    TakingsLine,
    TakingsMove,
    batch_id,
    settlement_id,
)

_LONGEST_SPAN = 366
_EARLIEST = 1970
"""Ids begin with a moment since then (RFC 9562 section 5.7)."""


async def takings(tx: Tx, merchant_id: UUID, day: date) -> list[TakingsLine]:
    """What a merchant took on a booking day, by method, up to this moment."""
    return await store.takings_of(tx, merchant_id, day, day)


async def fee_report(tx: Tx, merchant_id: UUID, first: date, last: date) -> list[TakingsLine]:
    """What a merchant took and what that cost, a line a day and method. Refuses `span_too_long`."""
    if (last - first).days >= _LONGEST_SPAN:
        raise no.SPAN_TOO_LONG(field="from")
    return await store.takings_of(tx, merchant_id, first, last)


async def takings_by_day(tx: Tx, merchant_id: UUID, first: date, last: date) -> list[TakingsDay]:
    """What a merchant took on each booking day that it took anything on, oldest first: netted days as they were netted, the
    rest up to this moment. Refuses `span_too_long`.
    """
    if (last - first).days >= _LONGEST_SPAN:
        raise no.SPAN_TOO_LONG(field="from")
    found = await store.netted_days_of(tx, merchant_id, first, last)
    netted = await store.netted_through(tx)
    since = max(first, netted + timedelta(1)) if netted else first
    live: dict[date, list[TakingsLine]] = {}
    for line in await store.takings_of(tx, merchant_id, since, last) if since <= last else ():
        live.setdefault(line.booking_date, []).append(line)
    return found + [_sum(day, lines) for day, lines in live.items()]


def _sum(day: date, lines: Sequence[TakingsLine]) -> TakingsDay:
    return TakingsDay(
        booking_date=day,
        currency=lines[0].currency,
        captures_minor=sum(line.captures_minor for line in lines),
        refunds_minor=sum(line.refunds_minor for line in lines),
        covered_minor=sum(line.covered_minor for line in lines),
        fees_minor=sum(line.fees_minor for line in lines),
    )


async def takings_moves(
    tx: Tx, merchant_id: UUID, day: date, *, before: tuple[datetime, UUID, str] | None = None, most: int = 50
) -> list[TakingsMove]:
    """What a merchant's booking day consists of, newest first, from below a moment, id and kind."""
    return await store.movements_of(tx, merchant_id, day, before=before, most=most)


async def settlements(tx: Tx, merchant_id: UUID, *, below: UUID | None = None, most: int = 50) -> list[Settlement]:
    """A merchant's settlements, paid or still to be paid, newest first."""
    return await store.settlements_of(tx, merchant_id, below=below, most=most)


async def find_settlement(tx: Tx, merchant_id: UUID, id: UUID) -> SettlementStory:
    """One of a merchant's settlements with the debts that it took over, or left. Refuses `settlement_unknown`."""
    found = await store.settlement_with_debts(tx, merchant_id, id)
    own = next((s for s in found if s.id == id), None)
    if own is None:
        raise no.SETTLEMENT_UNKNOWN()
    return SettlementStory(
        own,
        tuple(s for s in found if s.booking_date < own.booking_date),
        next((s for s in found if s.booking_date > own.booking_date), None),
    )


async def settlement_of_day(tx: Tx, merchant_id: UUID, day: date, currency: str) -> Settlement | None:
    """What was or will be paid out to a merchant for a booking day; None where that has not been netted yet."""
    if day.year < _EARLIEST:
        return None
    id_ = settlement_id(batch_id(day, currency), merchant_id)
    return next((s for s in await store.settlement_with_debts(tx, merchant_id, id_) if s.id == id_), None)


async def list_batches(
    tx: Tx,
    *,
    before: date | None = None,
    before_currency: str | None = None,
    first: date | None = None,
    last: date | None = None,
    most: int = 50,
) -> list[Batch]:
    """Batches, newest first."""
    return await store.batch_page(tx, before=before, before_currency=before_currency, first=first, last=last, most=most)


async def find_batch(tx: Tx, id: UUID) -> Batch:
    """Refuses `batch_unknown`."""
    found = (await store.batches(tx, [id])).get(id)
    if found is None:
        raise no.BATCH_UNKNOWN()
    return found


async def totals(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[int, ...]]:
    """Of each batch its merchants' captures, refunds, covered, fees, carried, net."""
    return await store.totals_of_batches(tx, ids)


async def positions(tx: Tx, batch_id: UUID, *, after: UUID | None = None, most: int = 50) -> list[Settlement]:
    """A batch's positions, the bank's own two among them, in the order of their ids."""
    return await store.positions_of_batch(tx, batch_id, after=after, most=most)


async def own_positions(tx: Tx, batch_id: UUID) -> list[Settlement]:
    """The two positions of a batch that are the bank's own: its fee income and the acquirer's."""
    return await store.own_positions(tx, batch_id)


async def settlement_behind(tx: Tx, transfer_id: UUID) -> Settlement | None:
    """The position that a transfer of the ledger emptied takings for, or settled. None: it did neither."""
    first = transfer_id.int >> 80 << 80  # what is derived from an id begins like it
    beside = await store.positions_beside(tx, UUID(int=first), UUID(int=first | (1 << 80) - 1))
    return next((p for p in beside if transfer_id in (p.id, derived(p.id, "clearing"))), None)


async def steps(tx: Tx, day: date) -> list[Step]:
    """What the end of a day has done."""
    return await store.eod_steps(tx, day)


async def newest_steps(tx: Tx, *, most: int = 14) -> dict[date, dict[str, Step]]:
    """What the ends of the newest `most` days have done, by day, newest first, and by the step's name."""
    return await store.newest_eod_steps(tx, most)
