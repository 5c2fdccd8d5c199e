"""Remember payments that are being made, in the transaction that makes them, and those of them that came to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.risk import store
from tongbao.risk.catalogue import VERSION
from tongbao.risk.model import Asked, Own, Seen
from tongbao.risk.ruleset import Judged, Under


def remember(
    tx: Tx,
    asked: Sequence[Asked],
    seen: Seen,
    judged: Mapping[UUID, Judged],
    *,
    at: datetime,
    own: Mapping[UUID, Own] | None = None,
    under: Under | None = None,
) -> None:
    """One row a payment, in the order of their batch, of those that were `seen`; put off until the next statement.

    `own`: what each payment itself says. `under`: what judged them. Once a transaction: places are told apart within it. Before any account is locked: nobody waits for it.
    """
    fresh = [one for one in asked if one.id in seen.features]
    if fresh:
        store.remember(tx, fresh, seen, judged, own or {}, under, VERSION, at)


def came_to_nothing(tx: Tx, ids: Sequence[UUID]) -> None:
    """Payments that this transaction remembered and declined; put off until its end."""
    if ids:
        store.came_to_nothing(tx, ids)
