"""The only Python that holds what is stored against what the audit says: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.identity", "trail")

Row = tuple[Any, ...]


async def customers_after(tx: Tx, after: UUID, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["customers_after"], after=after, most=most)]


async def wrong_standing(tx: Tx, ids: Sequence[UUID], full: int, at: datetime, most: int) -> list[Row]:
    return await tx.rows(Q["wrong_standing"], ids=[str(id_) for id_ in ids], full=full, at=at, most=most)


async def wrong_factors(tx: Tx, ids: Sequence[UUID], most: int) -> list[Row]:
    return await tx.rows(Q["wrong_factors"], ids=[str(id_) for id_ in ids], most=most)


async def wrong_passkeys(tx: Tx, ids: Sequence[UUID], most: int) -> list[Row]:
    return await tx.rows(Q["wrong_passkeys"], ids=[str(id_) for id_ in ids], most=most)


async def device_keys_said(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    return await tx.rows(Q["device_keys_said"], ids=[str(id_) for id_ in ids])


async def wrong_devices(tx: Tx, ids: Sequence[UUID], most: int) -> list[Row]:
    return await tx.rows(Q["wrong_devices"], ids=[str(id_) for id_ in ids], most=most)


async def wrong_consents(tx: Tx, ids: Sequence[UUID], most: int) -> list[Row]:
    return await tx.rows(Q["wrong_consents"], ids=[str(id_) for id_ in ids], most=most)


async def wrong_staff(tx: Tx, most: int) -> list[Row]:
    return await tx.rows(Q["wrong_staff"], most=most)


async def keys_after(tx: Tx, after: UUID, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["keys_after"], after=after, most=most)]


async def wrong_keys(tx: Tx, ids: Sequence[UUID], most: int) -> list[Row]:
    return await tx.rows(Q["wrong_keys"], ids=[str(id_) for id_ in ids], most=most)
