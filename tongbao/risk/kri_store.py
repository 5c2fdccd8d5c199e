"""The only Python that touches indicators of risk: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.approvals import Approval
from tongbao.base.db import Rank, Tx
from tongbao.risk.kri_model import Breach, Day, Limit, LimitChange, Measured

Q = sql.load("tongbao.risk", "kri")


async def days(tx: Tx, since: datetime, until: datetime, *, zone: str, currency: str, most: int) -> list[Day]:
    rows = await tx.rows(Q["kri_days"], since=since, until=until, zone=zone, currency=currency, most=most)
    return [Day(*row) for row in rows]


async def limits(tx: Tx) -> dict[str, Limit]:
    return {row[0]: Limit(*row) for row in await tx.rows(Q["limits"])}


async def limits_of(tx: Tx, indicator: str, most: int) -> list[Limit]:
    return [Limit(*row) for row in await tx.rows(Q["limits_of"], indicator=indicator, most=most)]


async def add_limit(tx: Tx, change: LimitChange, approval: Approval, approved_by: UUID, at: datetime) -> bool:
    """Whether this version is new."""
    added = await tx.lock(
        Rank.IDS,
        Q["add_limit"],
        [change.indicator],
        version=change.expected + 1,
        amber=change.amber,
        red=change.red,
        at=at,
        reason=approval.reason,
        proposed_by=approval.proposed_by,
        approved_by=approved_by,
        approval_id=approval.id,
        tightens=change.tightens,
    )
    return bool(added)


async def tell_breaches(tx: Tx, day: date, beyond: Sequence[Measured], at: datetime) -> set[str]:
    """Those of them that are new."""
    if not beyond:
        return set()
    order = sorted(beyond, key=lambda one: one.indicator.name)
    rows = await tx.lock(
        Rank.IDS,
        Q["tell_breaches"],
        [one.indicator.name for one in order],
        states=[one.state for one in order],
        values=[one.value for one in order],
        versions=[one.limit.version if one.limit else 0 for one in order],
        day=day,
        at=at,
    )
    return {indicator for indicator, is_new in rows if is_new}


async def breaches(tx: Tx, most: int) -> list[Breach]:
    return [Breach(*row) for row in await tx.rows(Q["breaches"], most=most)]
