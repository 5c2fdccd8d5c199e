"""A transfer with a delay reaches its payee when its time has come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tongbao.base.db import Tx
from tongbao.payments import refusals as no
from tongbao.payments.capture import take
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts
from tongbao.payments.model import Arrives, Check, HoldsFor, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate


async def arrive(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Hands delayed transfers that are due to their payees. Refuses `payment_unknown`, `not_due`, `not_capturable`."""
    return await operate(tx, "capture", operations, _arrive, facts, at=at, zone=zone, holds_for=holds_for)


def _arrive(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.state != State.AUTHORISED or payment.arrives == Arrives.NOW:
        raise no.NOT_CAPTURABLE()
    if payment.due_at is None or desk.at < payment.due_at:
        raise no.NOT_DUE()
    return take(desk, payment, operation, checks)
