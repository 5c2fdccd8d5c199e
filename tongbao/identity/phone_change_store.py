"""The only Python that touches changes of telephone numbers: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.base.say import Lang
from tongbao.identity.phone_change_model import PhoneChange

Q = sql.load("tongbao.identity", "phone_change")


def _change(row: tuple[Any, ...]) -> PhoneChange:
    id_, customer_id, code_id, sealed, is_strong, lang, begun_at, confirmed_at, ripe_at, outcome = row
    return PhoneChange(
        id=id_,
        customer_id=customer_id,
        code_id=code_id,
        sealed=bytes(sealed) if sealed is not None else None,
        is_strong=is_strong,
        lang=lang,
        begun_at=begun_at,
        confirmed_at=confirmed_at,
        ripe_at=ripe_at,
        outcome=outcome,
    )


async def phone_change_of_form(tx: Tx, form_id: UUID, browser_hash: bytes) -> tuple[UUID, bool] | None:
    """The change, and whether it is this browser's."""
    row = await tx.row(Q["phone_change_of_form"], form_id=form_id, browser_hash=browser_hash)
    return (row[0], row[1]) if row else None


async def add_phone_change(
    tx: Tx,
    id: UUID,
    form_id: UUID,
    customer_id: UUID,
    *,
    browser_hash: bytes,
    code_id: UUID,
    sealed: bytes,
    is_strong: bool,
    lang: Lang,
    at: datetime,
) -> bool:
    made = {"id": id, "form_id": form_id, "customer_id": customer_id, "browser_hash": browser_hash, "code_id": code_id}
    return await tx.run(Q["add_phone_change"], **made, sealed=sealed, is_strong=is_strong, lang=lang, at=at) > 0


async def phone_change(tx: Tx, id: UUID, browser_hash: bytes) -> PhoneChange | None:
    row = await tx.row(Q["phone_change"], id=id, browser_hash=browser_hash)
    return _change(row) if row else None


async def lock_phone_change(tx: Tx, id: UUID, browser_hash: bytes | None) -> PhoneChange | None:
    """`browser_hash` None: whichever browser began it."""
    rows = await tx.lock(Rank.IDS, Q["lock_phone_changes"], [id], browser_hash=browser_hash)
    return _change(rows[0]) if rows else None


async def open_phone_change(tx: Tx, customer_id: UUID) -> PhoneChange | None:
    row = await tx.row(Q["open_phone_change"], customer_id=customer_id)
    return _change(row) if row else None


async def strengthen_phone_change(tx: Tx, id: UUID) -> None:
    await tx.run(Q["strengthen_phone_change"], id=id)


async def confirm_phone_change(tx: Tx, id: UUID, at: datetime, ripe_at: datetime) -> None:
    await tx.run(Q["confirm_phone_change"], id=id, at=at, ripe_at=ripe_at)


async def end_phone_change(tx: Tx, id: UUID, outcome: str, at: datetime) -> None:
    await tx.run(Q["end_phone_change"], id=id, outcome=outcome, at=at)


async def end_phone_changes_of(tx: Tx, customer_id: UUID, outcome: str, at: datetime) -> list[UUID]:
    rows = await tx.rows(Q["end_phone_changes_of"], customer_id=customer_id, outcome=outcome, at=at)
    return [row[0] for row in rows]


async def ripe_phone_changes(tx: Tx, at: datetime, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["ripe_phone_changes"], at=at, most=most)]


async def forget_phone_changes(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_phone_changes"], before=before)
