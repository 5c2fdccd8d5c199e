"""The only Python that touches what a simulated city says of itself: one small function a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.risk.label_model import LabelSource
from tongbao.risk.truth_model import Against, Truth

Q = sql.load("tongbao.risk", "truth")


async def tell(tx: Tx, told: Sequence[Truth]) -> None:
    await tx.run(
        Q["tell_truth"],
        payments=[one.payment_id for one in told],
        whats=[one.what for one in told],
        moments=[one.at for one in told],
        known=[one.known_at for one in told],
    )


async def label(tx: Tx, by: UUID, at: datetime, most: int) -> int:
    row = await tx.row(Q["label_told"], source=LabelSource.OUTCOME.value, by=by, at=at, most=most)
    return row[0] if row else 0


async def against(tx: Tx, since: datetime, until: datetime, currency: str, high: int) -> list[Against]:
    rows = await tx.rows(Q["against_truth"], since=since, until=until, currency=currency, high=high)
    names = Against.__struct_fields__
    return [Against(**dict(zip(names, row, strict=True))) for row in rows]
