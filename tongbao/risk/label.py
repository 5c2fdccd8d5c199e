"""Label a payment: fraud or not, as it became known afterwards. Labels are history; models learn from the newest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.risk import label_store
from tongbao.risk import refusals as no
from tongbao.risk.label_model import KnownFraud, Label, LabelSource

MOST_SHOWN: Final = 50
_NAMESPACE: Final = UUID("5b1f6f0e-0e62-5a2c-9d6c-2f1c1f8f4c55")
_AT_ONCE: Final = 500


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


async def label_known(tx: Tx, frauds: Sequence[KnownFraud], *, by: Principal, at: datetime) -> int:
    """Labels them as outcomes, each at the moment from which on it was known; how many were new.

    A payment that somebody has labelled keeps what he said, and the same call again changes nothing.
    """
    added = 0
    rest = iter(frauds)
    while some := list(islice(rest, _AT_ONCE)):
        ids: Mapping[UUID, UUID] = {one.payment_id: derived(_NAMESPACE, str(one.payment_id)) for one in some}
        added += await label_store.add_known(tx, some, ids, by=by.id)
    if added:
        await audit.record(
            tx, by, "risk.labels", "past", at=at, reason="a past was brought in", details={"labels": added}
        )
    return added
