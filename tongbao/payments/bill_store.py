"""The Python that reads a month's bill: one statement."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.payments", "bill")

Row = tuple[str | None, date | None, bool, int, int]


async def bill(tx: Tx, account_id: UUID, *, before: datetime, since: datetime, until: datetime, zone: str) -> list[Row]:
    """Category or day, whether it is of the month before, how many payments, and how much in minor units."""
    return await tx.rows(Q["bill"], account_id=account_id, before=before, since=since, until=until, zone=zone)


async def days(tx: Tx, account_id: UUID, *, since: datetime, zone: str) -> dict[date, int]:
    return dict(await tx.rows(Q["days"], account_id=account_id, since=since, zone=zone))
