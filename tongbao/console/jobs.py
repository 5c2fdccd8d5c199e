"""Housekeeping of the whole bank: thin calls of verbs, each safe to run again."""

from __future__ import annotations

from typing import Final

from tongbao.base import approvals, calendar, days, partitions, retention
from tongbao.base.jobs import Job, JobContext


async def expire_approvals(context: JobContext) -> None:
    """Closes proposals that nobody decided in time."""
    async with context.db.tx() as tx:
        await approvals.expire_due(tx, at=context.clock.now())


async def seed_calendar(context: JobContext) -> None:
    """Holidays of this year and the next, as soon as the libraries know them."""
    year = context.clock.now().astimezone(context.settings.zone).year
    async with context.db.tx() as tx:
        await calendar.seed(tx, [year, year + 1])


async def make_partitions(context: JobContext) -> None:
    """The month of the open day and the next two."""
    async with context.db.tx() as tx:
        await partitions.ensure(tx, (await days.current(tx)).open_date)


async def drop_old_events(context: JobContext) -> None:
    """Months of events that every consumer has long read."""
    async with context.db.tx() as tx:
        await retention.drop_old_events(tx, (await days.current(tx)).open_date)


JOBS: Final = (
    Job(name="expire_approvals", cron="*/10 * * * *", run=expire_approvals),
    Job(name="seed_calendar", cron="17 18 * * *", run=seed_calendar),
    Job(name="make_partitions", cron="27 * * * *", run=make_partitions),
    Job(name="drop_old_events", cron="37 19 * * *", run=drop_old_events),
)
