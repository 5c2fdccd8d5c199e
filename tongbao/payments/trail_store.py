"""The only Python that holds what payers agreed to against what the audit says: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.payments", "trail")

Row = tuple[Any, ...]


class ScheduleSaid(msgspec.Struct, frozen=True):
    """What a schedule says now, and what the audit says of it: who made it by which request, how it was moved last."""

    id: UUID
    principal_id: UUID
    request_hash: bytes
    payer_account_id: UUID
    payee_account_id: UUID | None
    merchant_id: UUID | None
    amount_minor: int
    currency: str
    reference: str | None
    every: str
    starts_on: date
    ends_on: date | None
    state: str
    made_by: UUID | None
    request: str | None
    moved: str | None


async def schedules_said(tx: Tx, after: UUID, most: int) -> list[ScheduleSaid]:
    return [ScheduleSaid(*row) for row in await tx.rows(Q["schedules_said"], after=after, most=most)]


async def accounts_after(tx: Tx, after: UUID, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["accounts_after"], after=after, most=most)]


async def wrong_limits(tx: Tx, ids: Sequence[UUID], most: int) -> list[Row]:
    return await tx.rows(Q["wrong_limits"], ids=[str(id_) for id_ in ids], most=most)


async def wrong_cards(tx: Tx, most: int) -> list[Row]:
    return await tx.rows(Q["wrong_cards"], most=most)


async def wrong_policies(tx: Tx, most: int) -> list[Row]:
    return await tx.rows(Q["wrong_policies"], most=most)
