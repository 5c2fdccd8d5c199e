"""The only Python that touches what browsers are pushed to: one small function a named statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.notices.inbox_model import Subscribed

Q = sql.load("tongbao.notices", "subscription")


async def subscribe(tx: Tx, new: Subscribed, mark: bytes, at: datetime) -> None:
    await tx.run(Q["subscribe"], id=new.id, subject_id=new.subject_id, mark=mark, sealed=new.sealed, at=at)


async def subscriptions_of(tx: Tx, subjects: Collection[UUID]) -> list[Subscribed]:
    rows = await tx.rows(Q["subscriptions_of"], subjects=list(subjects))
    return [Subscribed(id=row[0], subject_id=row[1], sealed=bytes(row[2])) for row in rows]


async def unsubscribe(tx: Tx, subject_id: UUID) -> int:
    return await tx.run(Q["unsubscribe"], subject_id=subject_id)


async def drop_beyond(tx: Tx, subject_id: UUID, most: int) -> None:
    await tx.run(Q["drop_beyond"], subject_id=subject_id, most=most)


async def drop_marks(tx: Tx, marks: Sequence[bytes]) -> None:
    await tx.run(Q["drop_marks"], marks=list(marks))
