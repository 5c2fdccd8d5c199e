"""The only Python that touches factors on their way out: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.base.say import Lang
from tongbao.identity.model import FactorKind
from tongbao.identity.phone_change_model import Removal

Q = sql.load("tongbao.identity", "removal")


def _removal(row: tuple[Any, ...]) -> Removal:
    id_, customer_id, kind, passkey_id, lang, asked_at, ripe_at, is_over = row
    return Removal(
        id=id_,
        customer_id=customer_id,
        kind=kind,
        passkey_id=passkey_id,
        lang=lang,
        asked_at=asked_at,
        ripe_at=ripe_at,
        is_over=is_over,
    )


async def add_removal(
    tx: Tx,
    id: UUID,
    customer_id: UUID,
    kind: FactorKind,
    passkey_id: UUID | None,
    *,
    lang: Lang,
    at: datetime,
    ripe_at: datetime,
) -> bool:
    what = {"id": id, "customer_id": customer_id, "kind": kind.value, "passkey_id": passkey_id, "lang": lang}
    return await tx.run(Q["add_removal"], **what, at=at, ripe_at=ripe_at) > 0


async def open_removals(tx: Tx, customer_id: UUID) -> list[Removal]:
    return [_removal(row) for row in await tx.rows(Q["open_removals"], customer_id=customer_id)]


async def lock_removal(tx: Tx, id: UUID) -> Removal | None:
    rows = await tx.lock(Rank.IDS, Q["lock_removals"], [id])
    return _removal(rows[0]) if rows else None


async def end_removal(tx: Tx, id: UUID, outcome: str, at: datetime) -> None:
    await tx.run(Q["end_removal"], id=id, outcome=outcome, at=at)


async def ripe_removals(tx: Tx, at: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["ripe_removals"], at=at, most=most)]


async def forget_removals(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_removals"], before=before)
