"""Look at batches, positions, settlements, takings and fees. No locks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.clearing import refusals as no
from tongbao.clearing import store
from tongbao.clearing.model import Batch, FeeLine, Settlement, Step, TakingsLine

_LONGEST_SPAN = 366


async def takings(tx: Tx, merchant_id: UUID, day: date) -> list[TakingsLine]:
    """What a merchant took on a booking day, by method, up to this moment."""
    return await store.takings_of(tx, merchant_id, day)


async def fee_report(tx: Tx, merchant_id: UUID, first: date, last: date) -> list[FeeLine]:
    """What payments cost a merchant, a line a day and method. Refuses `span_too_long`."""
    if (last - first).days >= _LONGEST_SPAN:
        raise no.SPAN_TOO_LONG(field="from")
    return await store.fees_of(tx, merchant_id, first, last)


async def settlements(tx: Tx, merchant_id: UUID, *, below: UUID | None = None, most: int = 50) -> list[Settlement]:
    """A merchant's settlements, paid or still to be paid, newest first."""
    return await store.settlements_of(tx, merchant_id, below=below, most=most)


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


async def steps(tx: Tx, day: date) -> list[Step]:
    """What the end of a day has done."""
    return await store.eod_steps(tx, day)
