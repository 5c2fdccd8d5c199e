"""Events of the outbox, given to one consumer until none is left."""

from __future__ import annotations

import asyncio

from tongbao.base import parked
from tongbao.base.clock import SystemClock
from tongbao.base.db import Database
from tongbao.base.dispatcher import Consumer, dispatch_once


async def hand_all(db: Database, consumer: Consumer) -> None:
    """A transaction anywhere in the cluster, of another test's too, holds events back for as long as it is open."""
    for _ in range(600):
        while await dispatch_once(db, consumer, SystemClock()):
            pass
        async with db.read() as tx:
            left = [line.unread for line in await parked.lag(tx) if line.consumer == consumer.name]
        if not any(left):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{consumer.name} still has events to read")
