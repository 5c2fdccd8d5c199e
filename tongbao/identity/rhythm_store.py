"""The only Python that touches measurements of how people type: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.identity.rhythm_model import Rhythm, Typed

Q = sql.load("tongbao.identity", "rhythm")


async def share_customer(tx: Tx, customer_id: UUID) -> bool:
    return bool(await tx.lock(Rank.IDS, Q["share_customers"], [customer_id]))


async def add_rhythm(tx: Tx, customer_id: UUID, new: Rhythm, *, since: datetime, most_a_day: int) -> bool:
    return bool(
        await tx.run(
            Q["add_rhythm"],
            id=new.id,
            customer_id=customer_id,
            form=new.form.value,
            intervals=list(new.intervals),
            holds=list(new.holds),
            device_id=new.device_id,
            at=new.recorded_at,
            unlike=new.unlike,
            since=since,
            most_a_day=most_a_day,
        )
    )


async def rhythms(tx: Tx, customer_id: UUID, since: datetime, most: int) -> list[Rhythm]:
    rows = await tx.rows(Q["rhythms"], customer_id=customer_id, since=since, most=most)
    return [_rhythm(*row) for row in rows]


async def habit(tx: Tx, customer_id: UUID, form: Typed, since: datetime, most: int) -> list[Rhythm]:
    rows = await tx.rows(Q["habit"], customer_id=customer_id, form=form.value, since=since, most=most)
    return [_rhythm(*row) for row in rows]


def _rhythm(
    id: UUID,
    form: str,
    intervals: Sequence[int],
    holds: Sequence[int],
    device_id: UUID | None,
    at: datetime,
    unlike: int | None,
) -> Rhythm:
    return Rhythm(
        id=id,
        form=Typed(form),
        intervals=tuple(intervals),
        holds=tuple(holds),
        device_id=device_id,
        recorded_at=at,
        unlike=unlike,
    )


async def count_rhythms(tx: Tx, customer_id: UUID) -> int:
    ((count,),) = await tx.rows(Q["count_rhythms"], customer_id=customer_id)
    return int(count)


async def drop_rhythms(tx: Tx, customer_id: UUID) -> None:
    await tx.run(Q["drop_rhythms"], customer_id=customer_id)


async def forget_rhythms(tx: Tx, before: datetime, most: int) -> int:
    return await tx.run(Q["forget_rhythms"], before=before, most=most)


async def all_agree_here(tx: Tx, browser_hash: bytes, purpose: str) -> bool:
    ((agree,),) = await tx.rows(Q["all_agree_here"], browser_hash=browser_hash, purpose=purpose)
    return bool(agree)
