"""The Python that reads what customers look for among their own."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.payments.model import Payment, Schedule

Q = sql.load("tongbao.payments", "own")


async def orders_of(tx: Tx, account_ids: Collection[UUID], most: int) -> list[Schedule]:
    return [Schedule(*row) for row in await tx.rows(Q["orders_of"], account_ids=list(account_ids), most=most)]


async def others_of(tx: Tx, account_id: UUID, most: int) -> list[tuple[UUID | None, UUID | None]]:
    """(account, shop): the shop where one was paid."""
    rows = await tx.rows(Q["others_of"], account_id=account_id, most=most)
    return [(other, shop) for other, shop in rows]


async def records_like(
    tx: Tx, account_id: UUID, text: str, *, others: Collection[UUID], shops: Collection[UUID], **where: Any
) -> list[Payment]:
    """Newest first. `text` in small letters."""
    asked = {**where, "account_id": account_id, "text": text, "others": list(others), "shops": list(shops)}
    return [Payment(*row) for row in await tx.rows(Q["records_like"], **asked)]


async def income(tx: Tx, account_id: UUID, since: datetime, until: datetime) -> list[tuple[str, int, int]]:
    """(kind, payments, minor units), the largest first."""
    rows = await tx.rows(Q["income"], account_id=account_id, since=since, until=until)
    return [(kind, count, minor) for kind, count, minor in rows]
