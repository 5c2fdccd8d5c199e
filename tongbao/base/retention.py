"""Events leave in whole months: a partition of the outbox is dropped when every consumer is past it and none holds of it.

Nothing that is asked about later is lost: what a payment went through stays with the payment.
"""

from __future__ import annotations

from datetime import date

from tongbao.base import log, sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.base")

KEPT_MONTHS = 13

logger = log.get(__name__)


def _month(day: date, ahead: int) -> date:
    months = day.year * 12 + day.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)


async def drop_old_events(tx: Tx, day: date) -> list[str]:
    """Drops the outbox's partitions whose month was over 13 months before that of `day`; their names.

    A partition with an event that a consumer has not read, or holds, stays and is told of in the log.
    """
    dropped: list[str] = []
    for (name,) in await tx.rows(Q["months_of_events"]):
        first = date(int(name[-7:-3]), int(name[-2:]), 1)
        if first >= _month(day, -KEPT_MONTHS):
            continue
        if await tx.row(Q["drop_events"], first=first) == (True,):
            dropped.append(name)
        else:
            logger.warning("old_events_still_needed", partition=name)
    return dropped
