"""The only Python that touches restrictions: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.identity.restriction_model import Restriction

Q = sql.load("tongbao.identity", "restriction")


async def restriction(tx: Tx, id: UUID) -> Restriction | None:
    row = await tx.row(Q["restriction"], id=id)
    return Restriction(*row) if row else None


async def restriction_of(tx: Tx, customer_id: UUID) -> Restriction | None:
    row = await tx.row(Q["restriction_of"], customer_id=customer_id)
    return Restriction(*row) if row else None


async def restriction_history(tx: Tx, customer_id: UUID, most: int) -> list[Restriction]:
    return [Restriction(*row) for row in await tx.rows(Q["restriction_history"], customer_id=customer_id, most=most)]


async def restrictions(tx: Tx, before: tuple[datetime, UUID] | None, most: int) -> list[Restriction]:
    at, id_ = before or (None, None)
    return [Restriction(*row) for row in await tx.rows(Q["restrictions"], before=at, before_id=id_, most=most)]


async def due_restrictions(tx: Tx, at: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["due_restrictions"], at=at, most=most)]


async def add_restriction(
    tx: Tx, id: UUID, customer_id: UUID, level: int, reason: str, until: datetime | None, *, by: UUID, at: datetime
) -> None:
    known = {"id": id, "customer_id": customer_id, "level": level, "reason": reason, "until": until}
    await tx.run(Q["add_restriction"], **known, by=by, at=at)


async def end_restriction(tx: Tx, customer_id: UUID, *, by: UUID, at: datetime) -> None:
    await tx.run(Q["end_restriction"], customer_id=customer_id, by=by, at=at)
