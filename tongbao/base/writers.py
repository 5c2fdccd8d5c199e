"""Whoever is writing just now, waited for: what a sequence gave them is visible afterwards, or never will be."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from tongbao.base import sql
from tongbao.base.db import Database

Q = sql.load("tongbao.base")

_BETWEEN_LOOKS: Final = timedelta(milliseconds=50)


async def have_ended(db: Database, *, within_s: int) -> bool:
    """Returns True once every transaction that had written before the call has ended; False where one lasts longer.

    Owns its transactions: it is for an edge. PostgreSQL counts transactions of all databases of the cluster.
    """
    # An id of our own: what a snapshot calls the next one may be that of a transaction which still runs.
    async with db.tx() as tx:
        own = (await tx.rows(Q["transaction_id"]))[0][0]
    for _ in range(1 + timedelta(seconds=within_s) // _BETWEEN_LOOKS):
        async with db.read() as tx:
            if (await tx.rows(Q["oldest_running_transaction"]))[0][0] > own:
                return True
        await asyncio.sleep(_BETWEEN_LOOKS.total_seconds())
    return False
