"""The only Python that touches levels and verifications: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.identity.model import (
    Level,
    Verification,
    VerificationState,
)

Q = sql.load("tongbao.identity", "verification")

Row = tuple[Any, ...]


def _verification(row: Row) -> Verification:
    id_, customer_id, state, asked_at, decided_at, tries = row
    return Verification(
        id=id_,
        customer_id=customer_id,
        state=VerificationState(state),
        asked_at=asked_at,
        decided_at=decided_at,
        tries=tries,
    )


async def set_level(tx: Tx, customer_id: UUID, level: int) -> None:
    await tx.run(Q["set_level"], id=customer_id, level=level)


async def levels(tx: Tx) -> list[Level]:
    return [
        Level(level=level, name=name, per_payment_minor=per_payment, per_day_minor=per_day)
        for level, name, per_payment, per_day in await tx.rows(Q["levels"])
    ]


async def hold_identity_number(tx: Tx, fingerprint: bytes) -> None:
    await tx.run(Q["hold_identity_number"], key=int.from_bytes(fingerprint[:8], signed=True))


async def identified(tx: Tx, ids: Iterable[UUID]) -> set[UUID]:
    return {row[0] for row in await tx.rows(Q["identified"], ids=list(ids))}


async def add_verification(tx: Tx, id: UUID, customer_id: UUID, by: UUID, at: datetime) -> bool:
    return bool(await tx.rows(Q["add_verification"], id=id, customer_id=customer_id, by=by, at=at))


async def verification(tx: Tx, id: UUID) -> Verification | None:
    row = await tx.row(Q["verification"], id=id)
    return _verification(row) if row else None


async def verifications_of(tx: Tx, customer_id: UUID, most: int) -> list[Verification]:
    rows = await tx.rows(Q["verifications_of"], customer_id=customer_id, most=most)
    return [_verification(row) for row in rows]


async def newest_verifications(tx: Tx, customer_ids: Iterable[UUID]) -> dict[UUID, Verification]:
    rows = await tx.rows(Q["newest_verifications"], ids=list(customer_ids))
    return {row[1]: _verification(row) for row in rows}


async def lease_verifications(tx: Tx, lease: UUID, at: datetime, until: datetime, most: int) -> list[Verification]:
    rows = await tx.rows(Q["lease_verifications"], lease=lease, at=at, until=until, most=most)
    return [_verification(row) for row in rows]


async def lock_verification(tx: Tx, id: UUID, lease: UUID) -> Verification | None:
    rows = await tx.lock(Rank.IDS, Q["lock_verification"], [id], lease=lease)
    return _verification(rows[0]) if rows else None


async def set_verification(
    tx: Tx, id: UUID, state: VerificationState, *, tries: int, next_at: datetime | None, decided_at: datetime | None
) -> None:
    await tx.run(Q["set_verification"], id=id, state=state.value, tries=tries, next_at=next_at, decided_at=decided_at)


async def verifications_waiting(tx: Tx) -> tuple[int, datetime | None]:
    row = await tx.row(Q["verifications_waiting"])
    assert row is not None
    return row[0], row[1]
