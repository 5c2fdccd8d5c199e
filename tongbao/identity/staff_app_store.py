"""The only Python that touches the authenticator apps of staff: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.identity", "staff_app")


async def staff_app(tx: Tx, staff_id: UUID) -> bytes | None:
    row = await tx.row(Q["staff_app"], staff_id=staff_id)
    return bytes(row[0]) if row else None


async def use_staff_step(tx: Tx, staff_id: UUID, step: int) -> bool:
    return bool(await tx.run(Q["use_staff_step"], staff_id=staff_id, step=step))


async def set_staff_app(tx: Tx, staff_id: UUID, sealed: bytes, step: int, at: datetime) -> None:
    await tx.run(Q["set_staff_app"], staff_id=staff_id, sealed=sealed, step=step, at=at)


async def remove_staff_app(tx: Tx, staff_id: UUID) -> bool:
    return bool(await tx.run(Q["remove_staff_app"], staff_id=staff_id))


async def offer_staff_app(tx: Tx, staff_id: UUID, sealed: bytes, at: datetime) -> None:
    await tx.run(Q["offer_staff_app"], staff_id=staff_id, sealed=sealed, at=at)


async def staff_app_offer(tx: Tx, staff_id: UUID, since: datetime) -> bytes | None:
    row = await tx.row(Q["staff_app_offer"], staff_id=staff_id, since=since)
    return bytes(row[0]) if row else None


async def drop_staff_app_offer(tx: Tx, staff_id: UUID) -> None:
    await tx.run(Q["drop_staff_app_offer"], staff_id=staff_id)


async def end_other_sessions(tx: Tx, staff_id: UUID, but: UUID | None, at: datetime) -> None:
    await tx.run(Q["end_other_sessions"], staff_id=staff_id, but=but, at=at)
