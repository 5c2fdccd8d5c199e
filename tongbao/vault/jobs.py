"""What runs later: whatever a new key leaves behind is sealed again, in chunks between which the bank goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from tongbao.base import log
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.jobs import Job, JobContext
from tongbao.base.principal import SYSTEM
from tongbao.vault import rotate
from tongbao.vault.kms import is_open
from tongbao.vault.rotate import Chunk, Place

CHUNK: Final = 500
_RETIRED_FOR: Final = timedelta(days=1)
"""After which nobody can still hold a kek that he read before it was retired."""

logger = log.get(__name__)


async def reencrypt(
    db: Database, clock: Clock, *, chunk: int = CHUNK, on_progress: Callable[[int], None] = lambda _: None
) -> int:
    """Everything that is not yet under the newest keys; how many keys and data were done. Cut short, the next run goes on."""

    async def keks(tx: Tx) -> int:
        return await rotate.rewrap_keks(tx, by=SYSTEM, at=clock.now())

    async def keys(tx: Tx, after: Place) -> Chunk:
        return await rotate.rewrap_keys(tx, after, most=chunk, at=clock.now())

    async def data(tx: Tx, after: Place) -> Chunk:
        return await rotate.reseal_data(tx, after, most=chunk, by=SYSTEM, at=clock.now())

    async def forget(tx: Tx) -> int:
        return await rotate.forget_keks(tx, before=clock.now() - _RETIRED_FOR)

    done = await db.retry(keks)
    done += await _chunks(db, keys, on_progress)
    done += await _chunks(db, data, on_progress)
    await db.retry(forget)
    return done


async def _chunks(
    db: Database, verb: Callable[[Tx, Place], Awaitable[Chunk]], on_progress: Callable[[int], None]
) -> int:
    after: Place | None = rotate.START
    done = broken = 0
    while after is not None:
        place = after

        async def one(tx: Tx, place: Place = place) -> Chunk:
            return await verb(tx, place)

        chunk = await db.retry(one)
        after, done, broken = chunk.ended, done + chunk.done, broken + chunk.broken
        on_progress(done)
        await asyncio.sleep(0)
    if broken:
        logger.error("vault_does_not_open", rows=broken, verb=verb.__name__)
    return done


async def _reencrypt(context: JobContext) -> None:
    if is_open(context.settings):
        await reencrypt(context.db, context.clock)


JOBS: Final = (Job(name="vault.reencrypt", cron="23 * * * *", run=_reencrypt),)
