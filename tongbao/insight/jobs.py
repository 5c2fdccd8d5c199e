"""What runs later: visits that are over become counts, and their steps are gone; counts go after 400 days."""

from __future__ import annotations

from datetime import timedelta
from operator import attrgetter
from typing import Final

from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.jobs import Job, JobContext
from tongbao.insight import store
from tongbao.insight.model import KEPT, LONGEST
from tongbao.insight.trace import count

_BULK: Final = 500
"""Visits that are counted in one transaction."""


async def _count_visits(context: JobContext) -> None:
    """Steps go and counts come in one transaction: a visit is counted once, whoever is killed."""
    at, zone = context.clock.now(), context.settings.zone
    quiet_since = at - timedelta(seconds=context.settings.visit_ends_s)

    async def work(tx: Tx) -> bool:
        steps = await store.take_over_visits(tx, quiet_since, at - LONGEST, _BULK)
        await store.add_counts(tx, count(sorted(steps, key=attrgetter("visit", "at", "id")), zone))
        return bool(steps)

    while await context.db.retry(work):
        pass


async def _forget_counts(context: JobContext) -> None:
    before = days.local_day(context.clock.now() - KEPT, context.settings.zone)
    async with context.db.tx() as tx:
        await store.forget(tx, before)


JOBS = (
    Job(name="insight.count_visits", cron="* * * * *", run=_count_visits),
    Job(name="insight.forget_counts", cron="41 19 * * *", run=_forget_counts),
)
