"""Close the open day now: staff do not wait for the calendar. The worker does the work; this only asks for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tongbao.base import audit, days
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.settings import Settings
from tongbao.clearing import refusals as no
from tongbao.clearing import store
from tongbao.clearing.model import STEP_NAMES, DayProgress, Phase


async def close_today(tx: Tx, day: date, *, by: Principal, at: datetime, settings: Settings) -> DayProgress:
    """Asks for the close of `day`, the open one, and tells how far it has come. Audited with who asked first.

    The day is named, so that pressing twice, or two people at once, close it once: one that is closed, or asked for, stays
    as it is. Refuses `permission_missing`, `day_not_open` for a day that is still to open, `day_not_over` for an open day
    that the calendar has not reached, unless days are timed.
    """
    by.require("day:write")
    now = await days.current(tx)
    if day > now.open_date:
        raise days.DAY_NOT_OPEN(f"{now.open_date} is open", field="business_date")
    if day == now.open_date:
        today = days.local_day(at, settings.zone)
        if day > today and not settings.day_every_s:
            raise no.DAY_NOT_OVER(f"today is {today}", field="business_date")
        if await store.order_close(tx, day, by.id, at):
            await audit.record(tx, by, "day.close", day.isoformat(), at=at)
    return await day_progress(tx, day, settings=settings)


async def day_progress(tx: Tx, day: date, *, settings: Settings) -> DayProgress:
    """How far the end of `day` has come, step by step. Refuses `bank_not_founded`."""
    watch = await store.day_watch(tx)
    if watch is None:
        raise days.NOT_FOUNDED()
    steps = await store.eod_steps(tx, day)
    order = await store.close_order_of(tx, day)
    done = {step.name for step in steps}
    ended = day < watch.next_to_end
    if ended:
        phase = Phase.ENDED
    elif steps or day <= watch.closed_through:
        phase = Phase.ENDING
    elif order:
        phase = Phase.ASKED
    else:
        phase = Phase.OPEN if day == watch.open_date else Phase.TO_COME
    closes_at = None
    if settings.day_every_s and day == watch.open_date and watch.began_at is not None:
        closes_at = watch.began_at + timedelta(seconds=settings.day_every_s)
    return DayProgress(
        day=day,
        phase=phase,
        steps=tuple(steps),
        to_do=() if ended else tuple(name for name in STEP_NAMES if name not in done),
        asked_by=order[0] if order else None,
        asked_at=order[1] if order else None,
        closes_at=closes_at,
    )


async def time_anew(tx: Tx, at: datetime) -> None:
    """Where days are timed: the open one has its full time from this moment on, because the bank stood still before."""
    await store.time_anew(tx, at)
