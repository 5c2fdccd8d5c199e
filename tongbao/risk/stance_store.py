"""The only Python that touches the stance towards risk: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tongbao.base import sql
from tongbao.base.approvals import Approval
from tongbao.base.db import Rank, Tx
from tongbao.risk.stance_model import Stance, StanceSet

Q = sql.load("tongbao.risk", "stance")
_NEWEST: Final = 2**31 - 1


def _set(row: Sequence[Any]) -> StanceSet:
    return StanceSet(
        change=row[0],
        id=row[1],
        stance=Stance(row[2]),
        since_at=row[3],
        indicator=row[4],
        value=row[5],
        reason=row[6],
        set_by=row[7],
        approval_id=row[8],
        calm_since=row[9],
    )


async def newest(tx: Tx, change: int = _NEWEST) -> StanceSet | None:
    """In force up to a change."""
    row = await tx.row(Q["newest_stance"], change=change)
    return _set(row) if row else None


async def stance_at(tx: Tx, change: int) -> Stance:
    found = await newest(tx, change)
    return found.stance if found else Stance.USUAL


async def stances(tx: Tx, most: int) -> list[StanceSet]:
    return [_set(row) for row in await tx.rows(Q["stances"], most=most)]


async def with_id(tx: Tx, id: UUID) -> StanceSet | None:
    row = await tx.row(Q["stance_with_id"], id=id)
    return _set(row) if row else None


async def add(tx: Tx, new: StanceSet, seconded: Approval | None) -> bool:
    """Whether it is new under its id."""
    added = await tx.lock(
        Rank.IDS,
        Q["add_stance"],
        [new.id],
        change=new.change,
        stance=new.stance.value,
        at=new.since_at,
        indicator=new.indicator,
        value=new.value,
        reason=new.reason,
        set_by=new.set_by,
        proposed_by=seconded.proposed_by if seconded else None,
        approval_id=new.approval_id,
    )
    return bool(added)


async def look(tx: Tx, change: int, at: datetime, *, gap_before: datetime, calm: bool) -> datetime | None:
    """Since when indicators have been calm."""
    rows = await tx.lock(Rank.IDS, Q["look_at_stance"], [change], at=at, gap_before=gap_before, calm=calm)
    return rows[0][0] if rows else None


async def beyond(tx: Tx, *, told_since: datetime, since: datetime) -> dict[str, int]:
    return dict(await tx.rows(Q["beyond_now"], told_since=told_since, since=since))


async def raised_rules(tx: Tx, most: int) -> list[tuple[UUID, str, str, str]]:
    """Id, name, action, condition."""
    return [(i, name, action, said) for i, name, action, said in await tx.rows(Q["raised_rules"], most=most)]
