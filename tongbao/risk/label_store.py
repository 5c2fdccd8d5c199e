"""The only Python that touches labels: one small function a named statement."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.risk.label_model import Label, LabelSource

Q = sql.load("tongbao.risk", "label")


async def add(
    tx: Tx,
    payment_id: UUID,
    id_: UUID,
    *,
    is_fraud: bool,
    source: LabelSource,
    at: datetime,
    by: UUID,
    reason: str,
    expected: int | None,
) -> bool:
    row = await tx.row(
        Q["add_label"],
        payment_id=payment_id,
        id=id_,
        is_fraud=is_fraud,
        source=source.value,
        at=at,
        by=by,
        reason=reason,
        expected=expected,
    )
    return row is not None


async def by_id(tx: Tx, id_: UUID) -> UUID | None:
    row = await tx.row(Q["label_by_id"], id=id_)
    return row[0] if row else None


async def labels(tx: Tx, payment_id: UUID, most: int) -> list[Label]:
    rows = await tx.rows(Q["labels_of"], payment_id=payment_id, most=most)
    return [
        Label(number=number, is_fraud=is_fraud, source=LabelSource(source), at=at, by=by, reason=reason)
        for number, is_fraud, source, at, by, reason in rows
    ]
