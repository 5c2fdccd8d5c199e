"""The only Python that corrects and erases what is known of people: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.identity", "erase")


async def erase_people(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.run(Q["erase_people"], ids=list(ids))


async def drop_means(tx: Tx, ids: Sequence[UUID]) -> None:
    await tx.run(Q["drop_means"], ids=list(ids))


async def correct_phone(tx: Tx, customer_id: UUID, phone: str) -> None:
    await tx.run(Q["correct_phone"], customer_id=customer_id, phone=phone)


async def correct_name(tx: Tx, customer_id: UUID, name: str) -> None:
    await tx.run(Q["correct_name"], customer_id=customer_id, name=name)
