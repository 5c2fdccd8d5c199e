"""What runs later: who has left is noted, and forgotten when the time has come; what was done is put under seal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tongbao import vault
from tongbao.base import log, writers
from tongbao.base.db import Tx
from tongbao.base.jobs import Job, JobContext
from tongbao.govern import audit_seals, leave

_BULK: Final = 500
_ERASED_AT_ONCE: Final = 20
_IN_THE_AIR_S: Final = 1
"""Whoever was given a number has written it after so long, or never does."""
_ENDS_WITHIN_S: Final = 50

logger = log.get(__name__)


async def _in_chunks(context: JobContext, verb: Callable[[Tx], Awaitable[int]], chunk: int) -> None:
    while await context.db.retry(verb) == chunk:
        pass


async def _note_leavers(context: JobContext) -> None:
    settings = context.settings

    async def note(tx: Tx) -> int:
        return await leave.note_leavers(
            tx, at=context.clock.now(), zone=settings.zone, keep_years=settings.keep_people_years, most=_BULK
        )

    await _in_chunks(context, note, _BULK)


async def _erase_due(context: JobContext) -> None:
    async def erase(tx: Tx) -> int:
        return await leave.erase_due(tx, at=context.clock.now(), zone=context.settings.zone, most=_ERASED_AT_ONCE)

    await _in_chunks(context, erase, _ERASED_AT_ONCE)


async def _seal_audit(context: JobContext) -> None:
    """Up to the newest entry that could be seen, once everybody who may have been writing a lower one has ended."""
    if not vault.is_open(context.settings):
        return
    async with context.db.read() as tx:
        through = await audit_seals.newest(tx)
    await asyncio.sleep(_IN_THE_AIR_S)
    if not await writers.have_ended(context.db, within_s=_ENDS_WITHIN_S):
        return  # somebody writes for longer than that; the next minute comes back

    async def seal(tx: Tx) -> audit_seals.Stretch | None:
        return await audit_seals.seal_next(tx, through, at=context.clock.now())

    while done := await context.db.retry(seal):
        logger.info("audit_sealed", through=done.through, entries=done.entries, seal=done.seal.hex())


JOBS = (
    Job(name="govern.seal_audit", cron="* * * * *", run=_seal_audit),
    Job(name="govern.note_leavers", cron="41 * * * *", run=_note_leavers),
    Job(name="govern.erase_due", cron="43 18 * * *", run=_erase_due),
)
