"""Roll what was remembered into running totals, so that long windows are differences of two rows. One roller at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from tongbao.base.db import Tx
from tongbao.risk import store, wall_store

MOST: Final = 5_000
"""Payments of one roll, and those of the last one's transaction."""


async def roll(tx: Tx, *, at: datetime, most: int = MOST) -> bool:
    """Rolls the next payments, of transactions that have all ended; whether there may be more.

    Totals and how far they go change together, so that a snapshot never shows the one without the other. False where
    somebody else rolls.
    """
    since = await store.lock_rolled(tx)
    if since is None:
        return False
    until = await store.roll_until(tx, since, most)
    if until <= since:
        return False
    await wall_store.roll_pace(tx, since, until)
    await store.roll(tx, since, until, at)
    return await store.roll_until(tx, until, most) > until


async def is_rolled(tx: Tx) -> bool:
    """Whether totals know every payment that this snapshot shows."""
    return await wall_store.behind(tx) is None
