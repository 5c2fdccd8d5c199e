"""The only Python that touches `notices.*`: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.notices.model import Backlog, Channel, Message, MessageState, NewMessage, Parcel, Reason, Turn, Verb

Q = sql.load("tongbao.notices")


async def queue_messages(tx: Tx, messages: Sequence[NewMessage], expires: Sequence[datetime], at: datetime) -> None:
    await tx.run(
        Q["queue_messages"],
        ids=[m.id for m in messages],
        subjects=[m.subject_id for m in messages],
        channels=[m.channel.value for m in messages],
        kinds=[m.kind for m in messages],
        to=[m.sealed_to for m in messages],
        texts=[m.sealed_text for m in messages],
        expires=list(expires),
        at=at,
    )


async def lease_messages(
    tx: Tx, channels: Iterable[Channel], *, lease: UUID, at: datetime, until: datetime, most: int
) -> list[Parcel]:
    rows = await tx.rows(
        Q["lease_messages"], channels=[c.value for c in channels], lease=lease, at=at, until=until, most=most
    )
    return [
        Parcel(
            id=row[0],
            subject_id=row[1],
            channel=Channel(row[2]),
            sealed_to=bytes(row[3]),
            sealed_text=bytes(row[4]),
            state=MessageState(row[5]),
            next=Verb(row[6]),
            tries=row[7],
            expires_at=row[8],
            left_at=row[9],
            sent_at=row[10],
            lease=row[11],
        )
        for row in rows
    ]


async def write_messages(tx: Tx, turns: Sequence[tuple[Parcel, Turn]]) -> int:
    return await tx.run(
        Q["write_messages"],
        ids=[p.id for p, _ in turns],
        leases=[p.lease for p, _ in turns],
        states=[t.state.value for _, t in turns],
        reasons=[t.reason.value if t.reason else None for _, t in turns],
        next=[t.next.value if t.next else None for _, t in turns],
        next_at=[t.next_at for _, t in turns],
        tries=[t.tries for _, t in turns],
        left_at=[t.left_at for _, t in turns],
        sent_at=[t.sent_at for _, t in turns],
        ended_at=[t.ended_at for _, t in turns],
    )


async def end_expired(tx: Tx, at: datetime, most: int) -> int:
    return await tx.run(Q["end_expired"], at=at, most=most)


def _message(row: Sequence[Any]) -> Message:
    return Message(
        id=row[0],
        subject_id=row[1],
        channel=Channel(row[2]),
        kind=row[3],
        state=MessageState(row[4]),
        reason=Reason(row[5]) if row[5] else None,
        queued_at=row[6],
        expires_at=row[7],
        tries=row[8],
        sent_at=row[9],
        ended_at=row[10],
    )


async def messages(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Message]:
    return {row[0]: _message(row) for row in await tx.rows(Q["messages"], ids=list(ids))}


async def messages_to(tx: Tx, subject_id: UUID, most: int) -> list[Message]:
    return [_message(row) for row in await tx.rows(Q["messages_to"], subject_id=subject_id, most=most)]


async def backlog(tx: Tx, since: datetime) -> Backlog:
    row = await tx.row(Q["backlog"], since=since)
    assert row is not None
    return Backlog(waiting=row[0], oldest_at=row[1], failed=row[2])


async def forget_messages(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_messages"], before=before, most=most)
