"""The payer says yes to what was shown: amount, payee, fee. Only now are limits used and money moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tongbao.base.db import Tx
from tongbao.payments import refusals as no
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts
from tongbao.payments.model import Check, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate


async def confirm(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, hold_days: int
) -> list[Outcome]:
    """Confirms challenged payments. One refused for want of money or limit stays challenged and may be confirmed again.

    Refuses `payment_unknown`, `not_challenged`, and what `submit` refuses for accounts, limits and money.
    """
    return await operate(tx, "confirm", operations, _confirm, facts, at=at, zone=zone, hold_days=hold_days)


def _confirm(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.state != State.CHALLENGED or payment.due_at is None or desk.at >= payment.due_at:
        raise no.NOT_CHALLENGED()
    desk.check_accounts(payment, checks)
    desk.authorise(payment, checks)
    moved = Moved(payment.at_once_minor, 0, payment.at_once_fee_minor)
    # The operation is the movement, on its own booking day; nothing was captured with the first decision.
    payment.at_once_minor = payment.at_once_fee_minor = 0
    if payment.state == State.COMPLETED:
        desk.writes.closed.append(payment.id)
    desk.tell(payment.state, payment, operation_id=operation.id, moved=moved.amount_minor)
    return moved
