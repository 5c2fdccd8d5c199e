"""Monthly partitions of every table that is partitioned by `booking_date`, made before the month they are for.

A partition is built beside its parent and then attached, which blocks neither readers nor writers of the parent.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.base")
_AHEAD = 2


def _month(day: date, ahead: int) -> date:
    months = day.year * 12 + day.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)


async def ensure(tx: Tx, day: date) -> None:
    """Makes the partitions of the month of `day` and of the next two where they are missing."""
    months = [_month(day, ahead) for ahead in range(_AHEAD + 1)]
    wanted = {
        (schema, f"{table}_{first:%Y_%m}"): (table, first)
        for schema, table in await tx.rows(Q["partitioned_tables"])
        for first in months
    }
    if not await _missing(tx, wanted):
        return
    await tx.rows(Q["one_maker_of_partitions"])
    for schema, name in await _missing(tx, wanted):
        table, first = wanted[schema, name]
        await tx.rows(Q["make_month"], schema=schema, table=table, first=first)


async def _missing(tx: Tx, wanted: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    names = sorted(wanted)
    found = await tx.rows(Q["tables_named"], schemas=[s for s, _ in names], tables=[t for _, t in names])
    return [name for name in names if name not in set(found)]
