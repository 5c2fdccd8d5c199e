"""Take a mistaken transfer back before it arrives."""

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


async def recall(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Recalls transfers that were sent with a delay and have not arrived: the recall window.

    Refuses `payment_unknown`, `not_recallable`, `recall_too_late`.
    """
    return await operate(tx, "recall", operations, _recall, facts, at=at, zone=zone, holds_for=holds_for)


def _recall(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.arrives == Arrives.NOW:
        raise no.NOT_RECALLABLE()
    if payment.state != State.AUTHORISED or payment.due_at is None or desk.at >= payment.due_at:
        raise no.RECALL_TOO_LATE() if payment.state in (State.COMPLETED, State.AUTHORISED) else no.NOT_RECALLABLE()
    let_go(desk, payment, State.CANCELLED)
    desk.tell("recalled", payment, operation_id=operation.id)
    return Moved()
