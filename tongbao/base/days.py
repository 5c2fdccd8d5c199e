"""The business day: which day the bank books on, which days are business days, and how a day is closed.

A posting's `booking_date` is the open day, read inside its own transaction after the transaction has an id. Closing
first publishes the new open day, then waits until every transaction that may have read the old one has ended.
"""

from __future__ import annotations

import warnings
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import partitions, sql, writers
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import RefusalKind

Q = sql.load("tongbao.base")

NOT_FOUNDED = RefusalKind(
    "bank_not_founded",
    503,
    "The bank has no business day yet. Run `tongbao migrate`.",
    "银行尚未开业，请先完成初始化。",
)
DAY_NOT_OPEN = RefusalKind("day_not_open", 409, "That business day is not the open one.", "该营业日不是当前营业日。")


class BusinessDay(msgspec.Struct, frozen=True):
    open_date: date
    closed_through: date


async def found(tx: Tx, day: date) -> None:
    """Gives a new bank its first business day and the partitions to book it in; does nothing to an old one."""
    await tx.run(Q["found_business_day"], day=day)
    await partitions.ensure(tx, (await current(tx)).open_date)


async def current(tx: Tx) -> BusinessDay:
    row = await tx.row(Q["business_day"])
    if row is None:
        raise NOT_FOUNDED()
    return BusinessDay(*row)


async def calendar(tx: Tx, first: date, last: date) -> dict[date, bool]:
    """Whether each day from `first` to `last` is a business day: the table where it speaks, else Monday to Friday."""
    known = {day: is_business for day, is_business, *_ in await tx.rows(Q["calendar_between"], first=first, last=last)}
    years = {year for (year,) in await tx.rows(Q["calendar_years"], first=first.year, last=last.year)}
    for year in range(first.year, last.year + 1):
        if year not in years:
            warnings.warn(f"no holidays are known for {year}; weekdays count as business days", stacklevel=2)
    days = (first + timedelta(n) for n in range((last - first).days + 1))
    return {day: known.get(day, day.weekday() < 5) for day in days}


async def next_business_day(tx: Tx, after: date) -> date:
    """The first business day after `after`; at the latest a month on, whatever the table says."""
    coming = await calendar(tx, after + timedelta(1), after + timedelta(31))
    return next((day for day, is_business in coming.items() if is_business), after + timedelta(31))


async def close(db: Database, day: date, *, wait_s: int = 60) -> BusinessDay:
    """Closes `day` if it is open and waits for the last transaction that may still book on it. Idempotent.

    The bank books on every calendar day, so the next open day is the day after. Owns its transactions: it is an edge.
    Refuses `day_not_open` for a day that is neither open nor already closed.
    """
    async with db.tx() as tx:
        await partitions.ensure(tx, day + timedelta(1))
        if await tx.row(Q["close_through"], day=day, next=day + timedelta(1)) is None:
            now = await current(tx)
            if now.closed_through < day:
                raise DAY_NOT_OPEN(f"{day} is not open; {now.open_date} is")
    if not await writers.have_ended(db, within_s=wait_s):
        raise TimeoutError(f"a transaction older than the close of {day} has run for over {wait_s} s")
    async with db.read() as tx:
        return await current(tx)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The calendar day of a moment in the bank's one zone: for limits, cut-offs and statements."""
    return at.astimezone(zone).date()
