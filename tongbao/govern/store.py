"""The only Python that touches `govern.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.govern.model import Leaver, Request, RequestKind, RequestState

Q = sql.load("tongbao.govern")

Row = tuple[Any, ...]


def _request(row: Row) -> Request:
    id_, customer_id, kind, state, asked_at, due_on, decided_at, decided_by = row
    return Request(
        id=id_,
        customer_id=customer_id,
        kind=RequestKind(kind),
        state=RequestState(state),
        asked_at=asked_at,
        due_on=due_on,
        decided_at=decided_at,
        decided_by=decided_by,
    )


def _leaver(row: Row) -> Leaver:
    customer_id, noted_at, erase_on, held_because, erased_at = row
    return Leaver(
        customer_id=customer_id, noted_at=noted_at, erase_on=erase_on, held_because=held_because, erased_at=erased_at
    )


async def add_request(
    tx: Tx, id: UUID, customer_id: UUID, kind: RequestKind, sealed: bytes | None, due_on: date, at: datetime
) -> bool:
    made = await tx.run(
        Q["add_request"], id=id, customer_id=customer_id, kind=kind.value, sealed=sealed, due_on=due_on, at=at
    )
    return bool(made)


async def request(tx: Tx, id: UUID) -> Request | None:
    row = await tx.row(Q["request"], id=id)
    return _request(row) if row else None


async def lock_request(tx: Tx, id: UUID) -> Request | None:
    rows = await tx.lock(Rank.IDS, Q["lock_request"], [id])
    return _request(rows[0]) if rows else None


async def sealed_texts(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[bytes | None, bytes | None]]:
    rows = await tx.rows(Q["sealed_texts"], ids=list(ids))
    return {id_: (asked and bytes(asked), answered and bytes(answered)) for id_, asked, answered in rows}


async def requests_of(tx: Tx, customer_id: UUID, most: int) -> list[Request]:
    return [_request(row) for row in await tx.rows(Q["requests_of"], customer_id=customer_id, most=most)]


async def requests(
    tx: Tx, state: RequestState | None, kind: RequestKind | None, after: tuple[date, UUID], most: int
) -> list[Request]:
    rows = await tx.rows(Q["requests"], state=state, kind=kind, after_day=after[0], after_id=after[1], most=most)
    return [_request(row) for row in rows]


async def decide_request(tx: Tx, id: UUID, state: RequestState, sealed: bytes | None, by: UUID, at: datetime) -> None:
    await tx.run(Q["decide_request"], id=id, state=state.value, sealed=sealed, by=by, at=at)


async def late_requests(tx: Tx, today: date) -> int:
    row = await tx.row(Q["late_requests"], today=today)
    return row[0] if row else 0


async def note_leavers(tx: Tx, erase_on: date, at: datetime, most: int) -> int:
    return await tx.run(Q["note_leavers"], erase_on=erase_on, at=at, most=most)


async def leavers(tx: Tx, after: tuple[date, UUID], most: int) -> list[Leaver]:
    return [_leaver(row) for row in await tx.rows(Q["leavers"], after_day=after[0], after_id=after[1], most=most)]


async def lock_leavers(tx: Tx, ids: Iterable[UUID]) -> list[Leaver]:
    return [_leaver(row) for row in await tx.lock(Rank.IDS, Q["lock_leavers"], ids)]


async def leavers_due(tx: Tx, today: date, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["leavers_due"], today=today, most=most)]


async def hold_leaver(tx: Tx, customer_id: UUID, because: str | None) -> None:
    await tx.run(Q["hold_leaver"], customer_id=customer_id, because=because)


async def leaver_erased(tx: Tx, ids: Sequence[UUID], at: datetime) -> None:
    await tx.run(Q["leaver_erased"], ids=list(ids), at=at)


async def erased_with_words(tx: Tx, most: int) -> list[tuple[UUID, int]]:
    return [(row[0], row[1]) for row in await tx.rows(Q["erased_with_words"], most=most)]


async def leavers_still_here(tx: Tx, most: int) -> list[tuple[UUID, str]]:
    return [(row[0], row[1]) for row in await tx.rows(Q["leavers_still_here"], most=most)]


async def count_leavers(tx: Tx) -> int:
    row = await tx.row(Q["count_leavers"])
    return row[0] if row else 0
