"""What nobody confirmed or captured in time ends by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tongbao.base.db import Tx
from tongbao.payments import refusals as no
from tongbao.payments.cancel import let_go
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts
from tongbao.payments.model import Arrives, Check, HoldsFor, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate


async def expire(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Ends payments whose `due_at` has passed. Refuses `payment_unknown`, `not_due`."""
    return await operate(tx, "expire", operations, _expire, facts, at=at, zone=zone, holds_for=holds_for)


def _expire(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    waits = payment.state in (State.CHALLENGED, State.HELD) or (
        payment.state == State.AUTHORISED and payment.arrives == Arrives.NOW
    )
    if not waits or payment.due_at is None or desk.at < payment.due_at:
        raise no.NOT_DUE()
    let_go(desk, payment, State.EXPIRED)
    desk.tell("expired", payment, operation_id=operation.id)
    return Moved()
