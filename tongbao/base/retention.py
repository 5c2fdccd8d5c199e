"""Events leave in whole months: a partition of the outbox is dropped when every consumer is past it and none holds of it.

Nothing that is asked about later is lost: what a payment went through stays with the payment.
"""

from __future__ import annotations

from datetime import date

from psycopg import sql as compose

from tongbao.base import log
from tongbao.base.db import Tx

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
    for name in await _partitions(tx):
        first = date(int(name[-7:-3]), int(name[-2:]), 1)
        if first >= _month(day, -KEPT_MONTHS):
            continue
        if await _needed(tx, name, first):
            logger.warning("old_events_still_needed", partition=name)
            continue
        part = compose.Identifier("base", name)
        await tx.conn.execute(compose.SQL("ALTER TABLE base.outbox DETACH PARTITION {}").format(part))
        await tx.conn.execute(compose.SQL("DROP TABLE {}").format(part))
        dropped.append(name)
    return dropped


async def _partitions(tx: Tx) -> list[str]:
    rows = await tx.rows(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'base.outbox'::regclass AND c.relname ~ '^outbox_[0-9]{4}_[0-9]{2}$' ORDER BY 1"
    )
    return [name for (name,) in rows]


async def _needed(tx: Tx, name: str, first: date) -> bool:
    """One look into the partition's index a consumer, however many events it has."""
    asked = await tx.conn.execute(
        compose.SQL(
            "SELECT EXISTS (SELECT 1 FROM base.outbox_held WHERE booking_date >= %s AND booking_date < %s)"
            " OR EXISTS (SELECT 1 FROM base.outbox_cursor c, LATERAL (SELECT 1 FROM {} o"
            " WHERE (o.xid, o.id) > (c.xid, c.id) ORDER BY o.xid, o.id LIMIT 1) AS unread)"
        ).format(compose.Identifier("base", name)),
        [first, _month(first, 1)],
    )
    found = await asked.fetchone()
    return found is not None and bool(found[0])
