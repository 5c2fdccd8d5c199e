"""Take what was authorised: all of it, a part, or several parts. `final` lets the rest go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from tongbao import ledger
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.payments import refusals as no
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts
from tongbao.payments.model import Arrives, Check, HoldsFor, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate


async def capture(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Captures `amount_minor` (None: all that is left) of authorised payments; never more than was authorised.

    Refuses `payment_unknown`, `not_capturable`, `capture_too_late`, `capture_exceeds_authorised` and what the ledger does.
    """
    return await operate(tx, "capture", operations, _capture, facts, at=at, zone=zone, holds_for=holds_for)


def _capture(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.state != State.AUTHORISED or payment.arrives != Arrives.NOW:
        raise no.NOT_CAPTURABLE()
    assert payment.due_at is not None
    if desk.at >= payment.due_at:
        checks.append(Check("in_time", False, desk.at.isoformat(), payment.due_at.isoformat()))
        raise no.CAPTURE_TOO_LATE()
    return take(desk, payment, operation, checks)


def take(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    """Moves held money to the payee, with its share of the fee; the last part closes the payment."""
    left = payment.authorised_minor - payment.captured_minor
    amount = operation.amount_minor or left
    checks.append(Check("at_most_authorised", amount <= left, amount, left))
    if amount > left:
        raise no.CAPTURE_EXCEEDS_AUTHORISED()
    final = operation.final or amount == left
    posting = ledger.Posting(desk.payer(payment), desk.payee(payment), amount, payment.currency)
    done = desk.book.apply(
        ledger.Transfer(id=operation.id, kind="capture", postings=(posting,), hold=payment.id, final=final)
    )
    if isinstance(done, Refusal):
        raise done
    payment.captured_minor += amount
    fee = desk.fee(payment, payment.captured_minor) - payment.fee_minor
    payment.fee_minor += fee
    if final:
        if amount < left:
            desk.give_back(payment, left - amount)
        payment.due_at = None
        desk.writes.closed.append(payment.id)
    payment.move(State.COMPLETED if final else State.AUTHORISED)
    desk.tell("captured", payment, operation_id=operation.id, moved=amount)
    return Moved(amount, 0, fee)
