"""Housekeeping of the whole bank: thin calls of verbs, each safe to run again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from tongbao import identity, ledger
from tongbao.base import approvals, calendar, days, log, partitions, proofs, retention
from tongbao.base.jobs import Job, JobContext
from tongbao.console import store
from tongbao.console.proof import CHECKS

_LOOK_EVERY_S: Final = 1
_AFTER_A_FAILURE_S: Final = 10
_SESSIONS_STAY: Final = timedelta(days=30)
"""After their last possible moment. Who came in and when stays in the audit."""
_ATTACKS_STAY: Final = timedelta(days=90)
_CHUNK: Final = 5_000

logger = log.get(__name__)


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


async def forget_sessions(context: JobContext) -> None:
    """Sessions that are long over, and wrong passwords that are long forgiven."""
    async with context.db.tx() as tx:
        await identity.forget_sessions(tx, before=context.clock.now() - _SESSIONS_STAY)


async def prove_when_asked(context: JobContext, stop: asyncio.Event) -> None:
    """Looks every second until `stop` whether somebody wants the books proved; a proof that is cut short is gone on with."""
    proving = asyncio.create_task(_prove_for_ever(context))
    try:
        await stop.wait()
    finally:
        proving.cancel()
        await asyncio.gather(proving, return_exceptions=True)


async def _prove_for_ever(context: JobContext) -> None:
    while True:
        pause_s = _LOOK_EVERY_S
        try:
            await proofs.run_asked(context.db, CHECKS, context.clock, ledger.proved_postings)
        except Exception:
            logger.exception("proof_interrupted")
            pause_s = _AFTER_A_FAILURE_S
        await asyncio.sleep(pause_s)


async def forget_attacks(context: JobContext) -> None:
    """What was counted more than 90 days ago, in chunks."""
    before = context.clock.now() - _ATTACKS_STAY
    while True:
        async with context.db.tx() as tx:
            if await store.forget_attacks(tx, before, _CHUNK) < _CHUNK:
                return


JOBS: Final = (
    Job(name="expire_approvals", cron="*/10 * * * *", run=expire_approvals),
    Job(name="seed_calendar", cron="17 18 * * *", run=seed_calendar),
    Job(name="make_partitions", cron="27 * * * *", run=make_partitions),
    Job(name="drop_old_events", cron="37 19 * * *", run=drop_old_events),
    Job(name="forget_sessions", cron="47 19 * * *", run=forget_sessions),
    Job(name="forget_attacks", cron="57 19 * * *", run=forget_attacks),
)
