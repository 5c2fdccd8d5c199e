"""The only Python that touches recoveries: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.base.say import Lang
from tongbao.identity.recovery_model import Recovery

Q = sql.load("tongbao.identity", "recovery")


def _recovery(row: tuple[Any, ...]) -> Recovery:
    id_, customer_id, code_id, begun_at, confirmed_at, ripe_at, ended_at, outcome = row
    return Recovery(
        id=id_,
        customer_id=customer_id,
        code_id=code_id,
        begun_at=begun_at,
        confirmed_at=confirmed_at,
        ripe_at=ripe_at,
        ended_at=ended_at,
        outcome=outcome,
    )


async def recovery_of_form(tx: Tx, form_id: UUID, browser_hash: bytes) -> tuple[UUID, bool] | None:
    """The recovery, and whether it is this browser's."""
    row = await tx.row(Q["recovery_of_form"], form_id=form_id, browser_hash=browser_hash)
    return (row[0], row[1]) if row else None


async def add_recovery(
    tx: Tx,
    id: UUID,
    form_id: UUID,
    customer_id: UUID | None,
    *,
    browser_hash: bytes,
    code_id: UUID,
    lang: Lang,
    at: datetime,
) -> bool:
    made = {"id": id, "form_id": form_id, "customer_id": customer_id, "browser_hash": browser_hash}
    return await tx.run(Q["add_recovery"], **made, code_id=code_id, lang=lang, at=at) > 0


async def recovery(tx: Tx, id: UUID, browser_hash: bytes) -> Recovery | None:
    row = await tx.row(Q["recovery"], id=id, browser_hash=browser_hash)
    return _recovery(row) if row else None


async def lock_recovery(tx: Tx, id: UUID, browser_hash: bytes) -> Recovery | None:
    rows = await tx.lock(Rank.IDS, Q["lock_recoveries"], [id], browser_hash=browser_hash)
    return _recovery(rows[0]) if rows else None


async def recovery_of_browser(tx: Tx, browser_hash: bytes, since: datetime) -> UUID | None:
    row = await tx.row(Q["recovery_of_browser"], browser_hash=browser_hash, since=since)
    return row[0] if row else None


async def open_recovery(tx: Tx, customer_id: UUID, since: datetime) -> Recovery | None:
    row = await tx.row(Q["open_recovery"], customer_id=customer_id, since=since)
    return _recovery(row) if row else None


async def end_recoveries_of(tx: Tx, customer_id: UUID, outcome: str, at: datetime) -> list[UUID]:
    rows = await tx.rows(Q["end_recoveries_of"], customer_id=customer_id, outcome=outcome, at=at)
    return [row[0] for row in rows]


async def confirm_recovery(tx: Tx, id: UUID, at: datetime, ripe_at: datetime) -> None:
    await tx.run(Q["confirm_recovery"], id=id, at=at, ripe_at=ripe_at)


async def end_recovery(tx: Tx, id: UUID, at: datetime) -> None:
    await tx.run(Q["end_recovery"], id=id, at=at)


async def take_ripe(tx: Tx, at: datetime, most: int) -> list[tuple[UUID, Lang]]:
    return [(row[0], cast("Lang", row[1])) for row in await tx.rows(Q["take_ripe"], at=at, most=most)]


async def be_cautious(tx: Tx, customer_id: UUID, until: datetime) -> None:
    await tx.run(Q["be_cautious"], customer_id=customer_id, until=until)


async def cautious_until(tx: Tx, customer_id: UUID) -> datetime | None:
    row = await tx.row(Q["cautious_until"], customer_id=customer_id)
    return row[0] if row else None


async def end_caution(tx: Tx, at: datetime) -> int:
    return await tx.run(Q["end_caution"], at=at)


async def old_recoveries(tx: Tx, before: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["old_recoveries"], before=before, most=most)]


async def forget_recoveries(tx: Tx, ids: list[UUID]) -> int:
    return await tx.run(Q["forget_recoveries"], ids=ids)
