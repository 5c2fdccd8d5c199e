"""The only Python that touches the inbox and what people chose: one small function a named statement."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.notices.inbox_model import Kind, NewNotice, Notice, Unread, Way, What

Q = sql.load("tongbao.notices", "inbox")


async def tell(tx: Tx, notices: Sequence[NewNotice]) -> None:
    await tx.run(
        Q["tell"],
        ids=[n.id for n in notices],
        subjects=[n.subject_id for n in notices],
        kinds=[n.kind.value for n in notices],
        whats=[n.what.value if n.what else None for n in notices],
        amounts=[n.amount_minor for n in notices],
        currencies=[n.currency for n in notices],
        texts=[n.sealed_text for n in notices],
        paths=[n.path for n in notices],
        ats=[n.at for n in notices],
    )


async def inbox(tx: Tx, subject_id: UUID, before: tuple[datetime, UUID], most: int) -> list[Notice]:
    at, id_ = before
    rows = await tx.rows(Q["inbox"], subject_id=subject_id, before_at=at, before_id=id_, most=most)
    return [
        Notice(
            id=row[0],
            kind=Kind(row[1]),
            what=What(row[2]) if row[2] else None,
            amount_minor=row[3],
            currency=row[4],
            sealed_text=bytes(row[5]) if row[5] else None,
            path=row[6],
            told_at=row[7],
            read_at=row[8],
        )
        for row in rows
    ]


async def unread(tx: Tx, subjects: Collection[UUID]) -> dict[UUID, Unread]:
    return {row[0]: Unread(row[1], row[2]) for row in await tx.rows(Q["unread"], subjects=list(subjects))}


async def read_notices(tx: Tx, subject_id: UUID, until: datetime, at: datetime) -> int:
    return await tx.run(Q["read_notices"], subject_id=subject_id, until=until, at=at)


async def choices(tx: Tx, subjects: Collection[UUID]) -> dict[UUID, dict[tuple[Kind, Way], bool]]:
    found: dict[UUID, dict[tuple[Kind, Way], bool]] = {}
    for subject, kind, way, wanted in await tx.rows(Q["choices"], subjects=list(subjects)):
        found.setdefault(subject, {})[Kind(kind), Way(way)] = wanted
    return found


async def set_choices(tx: Tx, subject_id: UUID, wanted: Mapping[tuple[Kind, Way], bool]) -> None:
    await tx.run(
        Q["set_choices"],
        subject_id=subject_id,
        kinds=[kind.value for kind, _ in wanted],
        channels=[way.value for _, way in wanted],
        wanted=list(wanted.values()),
    )


async def forget_notices(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_notices"], before=before, most=most)


async def drop_people(tx: Tx, subjects: Sequence[UUID]) -> None:
    await tx.run(Q["drop_people"], subjects=list(subjects))
