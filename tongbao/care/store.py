"""The only Python that touches `care.*`: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.care.model import Channel, Context, Kind, Request, State, Waiting, What

Q = sql.load("tongbao.care")

Row = tuple[Any, ...]
Place = tuple[datetime, UUID]


def _request(row: Row) -> Request:
    names = Request.__struct_fields__
    known = dict(zip(names, row, strict=True))
    return Request(**{**known, "kind": Kind(row[2]), "channel": Channel(row[3]), "state": State(row[4])})


async def add_request(
    tx: Tx, id: UUID, customer_id: UUID, kind: Kind, context: Context, *, urgent: bool, at: datetime, due_at: datetime
) -> bool:
    made = await tx.run(
        Q["add_request"],
        id=id,
        customer_id=customer_id,
        kind=kind.value,
        channel=context.channel.value,
        urgent=urgent,
        path=context.path,
        payment_id=context.payment_id,
        device=context.device,
        lang=context.lang,
        at=at,
        due_at=due_at,
    )
    return bool(made)


async def add_message(
    tx: Tx,
    id: UUID,
    request_id: UUID,
    place: int,
    what: What,
    sealed: bytes | None,
    *,
    by_customer: bool,
    by: UUID,
    at: datetime,
) -> bool:
    made = await tx.run(
        Q["add_message"],
        id=id,
        request_id=request_id,
        place=place,
        at=at,
        what=what.value,
        by_customer=by_customer,
        by_id=by,
        sealed=sealed,
    )
    return bool(made)


async def request(tx: Tx, id: UUID) -> Request | None:
    row = await tx.row(Q["request"], id=id)
    return _request(row) if row else None


async def open_request_about(tx: Tx, payment_id: UUID) -> Request | None:
    row = await tx.row(Q["open_request_about"], payment_id=payment_id)
    return _request(row) if row else None


async def lock_request(tx: Tx, id: UUID) -> Request | None:
    rows = await tx.lock(Rank.IDS, Q["lock_request"], [id])
    return _request(rows[0]) if rows else None


async def said_before(tx: Tx, id: UUID) -> UUID | None:
    row = await tx.row(Q["said_before"], id=id)
    return row[0] if row else None


async def turn(tx: Tx, after: Request) -> None:
    """Writes what changes of a matter."""
    await tx.run(
        Q["turn"],
        id=after.id,
        state=after.state.value,
        owner_id=after.owner_id,
        turned_at=after.turned_at,
        answered_at=after.answered_at,
        closed_at=after.closed_at,
        said=after.said,
    )


async def requests_of(tx: Tx, customer_id: UUID, before: Place, most: int) -> list[Request]:
    rows = await tx.rows(Q["requests_of"], customer_id=customer_id, before=before[0], before_id=before[1], most=most)
    return [_request(row) for row in rows]


async def not_closed(tx: Tx, customer_id: UUID) -> int:
    row = await tx.row(Q["not_closed"], customer_id=customer_id)
    return row[0] if row else 0


async def queue(
    tx: Tx, *, kind: Kind | None, owner_id: UUID | None, after: tuple[bool, datetime, UUID], most: int
) -> list[Request]:
    calm, due, id_ = after
    rows = await tx.rows(
        Q["queue"], kind=kind, owner_id=owner_id, after_calm=calm, after_due=due, after_id=id_, most=most
    )
    return [_request(row) for row in rows]


async def requests(
    tx: Tx, *, state: State | None, kind: Kind | None, owner_id: UUID | None, before: Place, most: int
) -> list[Request]:
    rows = await tx.rows(
        Q["requests"],
        state=state,
        kind=kind,
        owner_id=owner_id,
        before=before[0],
        before_id=before[1],
        most=most,
    )
    return [_request(row) for row in rows]


async def messages(tx: Tx, request_id: UUID) -> list[Row]:
    return await tx.rows(Q["messages"], request_id=request_id)


async def said_of_person(tx: Tx, customer_id: UUID, hidden: list[str], most: int) -> list[Row]:
    return await tx.rows(Q["said_of_person"], customer_id=customer_id, hidden=hidden, most=most)


async def waiting(tx: Tx, at: datetime) -> Waiting:
    row = await tx.row(Q["waiting"], at=at)
    return Waiting(*row) if row else Waiting(0, 0, None)


async def forget_words(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_words"], before=before, most=most)
