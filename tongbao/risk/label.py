"""Label a payment: fraud or not, as it became known afterwards. Labels are history; models learn from the newest."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.risk import label_store
from tongbao.risk import refusals as no
from tongbao.risk.label_model import Label, LabelSource

MOST_SHOWN: Final = 50


async def label(
    tx: Tx,
    payment_id: UUID,
    *,
    id: UUID,
    is_fraud: bool,
    source: LabelSource,
    reason: str,
    by: Principal,
    at: datetime,
    expected: int | None = None,
) -> None:
    """The newest label counts. The same `id` again changes nothing. `reason`: 1 to 500 characters that name no person.

    `expected`: the number of the newest label that was seen, 0 for none; None: whichever it is. Refuses `label_changed` where
    somebody else's came first. Whether the payment was ever judged is not asked: what is known is kept.
    """

    async def add() -> bool:
        return await label_store.add(
            tx, payment_id, id, is_fraud=is_fraud, source=source, at=at, by=by.id, reason=reason, expected=expected
        )

    if not await add():
        known = await label_store.by_id(tx, id)
        if known == payment_id:
            return
        # Where any newest label is right, another one of this very moment is no reason to say nothing.
        if known is not None or expected is not None or not await add():
            raise no.LABEL_CHANGED()
    said = {"is_fraud": is_fraud, "source": source.value}
    await audit.record(tx, by, "risk.label", payment_id, at=at, reason=reason, details=said)


async def labels(tx: Tx, payment_id: UUID) -> list[Label]:
    """What became known of a payment, newest first, 50 at most."""
    return await label_store.labels(tx, payment_id, MOST_SHOWN)
