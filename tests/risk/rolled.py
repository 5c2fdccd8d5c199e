"""Everything that is remembered, rolled into totals."""

from __future__ import annotations

import asyncio
from datetime import datetime

from tongbao import risk
from tongbao.base.db import Database


async def roll_all(db: Database, *, at: datetime, most: int = 5_000, rollers: int = 1) -> None:
    """By so many rollers at a time. Transactions of other databases in the cluster hold them back for as long as they are open."""

    async def one() -> None:
        async with db.tx() as tx:
            await risk.roll(tx, at=at, most=most)

    for _ in range(4_000):
        await asyncio.gather(*(one() for _ in range(rollers)))
        async with db.read() as tx:
            if await risk.is_rolled(tx):
                return
        await asyncio.sleep(0.01)
    raise TimeoutError
