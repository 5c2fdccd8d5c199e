"""The end of a day: expire, close, trial balance, clear, settle. An edge: each step owns its transactions.

Resumable at every point and idempotent: a step that is recorded is not done again, and one that was cut short finds by the
ids of what it had done where to go on. Several at once do no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from tongbao import ledger
from tongbao.base import calendar, days, log, metrics
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.jobs import Job, JobContext
from tongbao.base.settings import Settings
from tongbao.clearing import refusals as no
from tongbao.clearing import store
from tongbao.clearing.clear import clear, draw_batches
from tongbao.clearing.model import Batch
from tongbao.clearing.settle import settle
from tongbao.payments import Intake

_LOOK_EVERY_S: Final = 1
_AFTER_A_FAILURE_S: Final = 30
_CALENDAR_AHEAD: Final = timedelta(days=62)
"""So far ahead holidays are looked up: settlement goes a month at most."""

BULK: Final = 500
"""Merchants that are cleared or settled in one transaction."""

logger = log.get(__name__)


class DayEnded(msgspec.Struct, frozen=True):
    """What the end of a day did, by step; `steps` are those done now, the rest had been done before."""

    day: date
    open_date: date
    steps: list[str]
    results: dict[str, dict[str, Any]]


class _Edge(msgspec.Struct, frozen=True):
    db: Database
    clock: Clock
    settings: Settings


async def end_of_day(db: Database, clock: Clock, settings: Settings, *, through: date | None = None) -> list[DayEnded]:
    """Ends every business day up to `through`, unless told the last one that is over: by the calendar of the bank's zone or,
    where days are timed or somebody closed one early, because it has been closed.

    A day whose end was cut short is ended first. Ending the present day itself closes it before midnight: what comes later is
    booked on the next. Refuses `day_not_over` for a day to come, `bank_not_founded`.
    Raises ClearingDiffers, BooksDoNotBalance: the day stays closed, and the next run begins at that step.
    """
    today = days.local_day(clock.now(), settings.zone)
    if through is not None and through > today:
        raise no.DAY_NOT_OVER(f"today is {today}")
    if through is None:
        async with db.read() as tx:
            closed = (await days.current(tx)).closed_through
        through = closed if settings.day_every_s else max(closed, today - timedelta(1))
    return await _end_through(_Edge(db, clock, settings), through)


async def _end_through(edge: _Edge, last: date) -> list[DayEnded]:
    async with edge.db.read() as tx:
        watch = await store.day_watch(tx)
    if watch is None:
        raise days.NOT_FOUNDED()
    day = watch.next_to_end
    done: list[DayEnded] = []
    while day <= last:
        done.append(await _end(edge, day))
        day += timedelta(1)
    return done


async def _end(edge: _Edge, day: date) -> DayEnded:
    async with edge.db.read() as tx:
        results = {step.name: step.result for step in await store.eod_steps(tx, day)}
    now_done: list[str] = []
    for name, step in STEPS.items():
        if name in results:
            continue
        results[name] = await step(edge, day)
        now_done.append(name)

        async def record(tx: Tx, name: str = name) -> None:
            await store.add_eod_step(tx, day, name, results[name], edge.clock.now())

        await edge.db.retry(record)
        logger.info("end_of_day_step", day=str(day), step=name, **results[name])
    async with edge.db.read() as tx:
        return DayEnded(day, (await days.current(tx)).open_date, now_done, results)


async def _expire(edge: _Edge, day: date) -> dict[str, Any]:
    """What nobody confirmed or captured in time ends, and delayed transfers that are due arrive, while the day is open."""
    intake = Intake(edge.db, edge.clock, edge.settings)
    try:
        return {"payments": await intake.end_due()}
    finally:
        await intake.drain()


async def _close(edge: _Edge, day: date) -> dict[str, Any]:
    """The next day opens; then everybody who may still book on this one is waited for."""
    now = await days.close(edge.db, day)

    async def prepare(tx: Tx) -> None:
        # Days may run ahead of the clock, by which the calendar is seeded otherwise.
        await calendar.seed_unknown(tx, now.open_date, now.open_date + _CALENDAR_AHEAD)
        if edge.settings.day_every_s:
            await store.time_next_day(tx, now.open_date, edge.clock.now())

    await edge.db.retry(prepare)
    return {"open_date": str(now.open_date)}


async def _trial_balance(edge: _Edge, day: date) -> dict[str, Any]:
    async def close(tx: Tx) -> bool:
        return await ledger.close_day(tx, day, edge.clock.now())

    return {"summed": await edge.db.retry(close)}


async def _clear(edge: _Edge, day: date) -> dict[str, Any]:
    async def draw(tx: Tx) -> list[Batch]:
        return await draw_batches(tx, day, edge.clock.now())

    batches = await edge.db.retry(draw)
    for batch in batches:
        await _until_none(edge, clear, batch)
    return {
        "batches": len(batches),
        "merchants": sum(batch.participants for batch in batches),
        "movements": sum(batch.movements for batch in batches),
    }


async def _settle(edge: _Edge, day: date) -> dict[str, Any]:
    """What is due on the day that is open now, of this day and of those before it."""
    async with edge.db.read() as tx:
        due = await store.batches_to_settle(tx, (await days.current(tx)).open_date)
    merchants = 0
    for batch in due:
        merchants += await _until_none(edge, settle, batch)
    return {"batches": len(due), "merchants": merchants}


async def _until_none(edge: _Edge, verb: Callable[..., Awaitable[int]], batch: Batch) -> int:
    total = 0
    while True:

        async def chunk(tx: Tx) -> int:
            return await verb(tx, batch, edge.clock.now(), most=BULK)

        done = await edge.db.retry(chunk)
        if not done:
            return total
        total += done


STEPS: Final[dict[str, Callable[[_Edge, date], Awaitable[dict[str, Any]]]]] = {
    "expire": _expire,
    "close": _close,
    "trial_balance": _trial_balance,
    "clear": _clear,
    "settle": _settle,
}


async def _end_days_that_are_over(context: JobContext) -> None:
    await end_of_day(context.db, context.clock, context.settings)


async def close_when_due(db: Database, clock: Clock, settings: Settings) -> list[DayEnded]:
    """Ends days through the one that staff asked to close or, where days are timed, whose time is up; usually none.

    Raises what `end_of_day` raises.
    """
    at = clock.now()
    async with db.read() as tx:
        watch = await store.day_watch(tx)
    if watch is None:
        return []
    if settings.day_every_s and watch.began_at is None:

        async def begin(tx: Tx) -> None:
            await store.time_next_day(tx, watch.open_date, at)

        await db.retry(begin)
    through = watch.due(at, settings.day_every_s)
    return await _end_through(_Edge(db, clock, settings), through) if through else []


async def watch_days(context: JobContext, stop: asyncio.Event) -> None:
    """Looks every second until `stop` whether a day is to be closed now. What goes wrong is logged and tried again later."""
    while not stop.is_set():
        pause_s = _LOOK_EVERY_S
        try:
            await close_when_due(context.db, context.clock, context.settings)
        except Exception:
            metrics.JOBS.labels("clearing.close_when_due", "failed").inc()
            logger.exception("close_of_day_failed")
            pause_s = _AFTER_A_FAILURE_S
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)


JOBS = (
    # Every ten minutes, so that it follows midnight closely in any zone; it does nothing while no day is over.
    Job(name="clearing.end_of_day", cron="*/10 * * * *", run=_end_days_that_are_over),
)
