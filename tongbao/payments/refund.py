"""Give captured money back to the payer: all of it, a part, or several parts; never more than was captured."""

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
from tongbao.payments.model import OUTSIDE, Check, HoldsFor, Operation, Outcome, Payment
from tongbao.payments.operate import Moved, operate


async def refund(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Refunds `amount_minor` (None: all that is left), with its share of the fee.

    A merchant's refund comes out of the takings of the day; what they do not cover, out of its settlement account.
    What was paid from a card goes back to the customer's account. Refuses `payment_unknown`, `not_refunded_over_rail`, `nothing_to_refund`, `refund_exceeds_captured`,
    `refund_not_covered`.
    """
    return await operate(tx, "refund", operations, _refund, facts, at=at, zone=zone, holds_for=holds_for)


def _refund(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    if payment.payer_account_id == OUTSIDE and payment.rail is not None:
        raise no.NOT_REFUNDED_OVER_RAIL()
    left = payment.captured_minor - payment.refunded_minor
    if left == 0:
        raise no.NOTHING_TO_REFUND() if payment.captured_minor == 0 else no.REFUND_EXCEEDS_CAPTURED()
    amount = operation.amount_minor or left
    checks.append(Check("at_most_captured", amount <= left, amount, left))
    if amount > left:
        raise no.REFUND_EXCEEDS_CAPTURED()
    payer, payee = desk.payer(payment), desk.payee(payment)
    back = ledger.Posting(payee, payer, amount, payment.currency)
    cover = _cover(desk, payment, payee, amount)
    done = desk.book.apply(ledger.Transfer(id=operation.id, kind="refund", postings=(*cover, back)))
    if isinstance(done, Refusal):
        checks.append(Check("covered", False, amount))
        raise no.REFUND_NOT_COVERED() if done.kind.status == 402 else done
    fee_back = payment.fee_minor * amount // left
    payment.fee_minor -= fee_back
    payment.refunded_minor += amount
    desk.tell("refunded", payment, operation_id=operation.id, moved=amount)
    return Moved(amount, sum(p.amount_minor for p in cover), -fee_back)


def _cover(desk: Desk, payment: Payment, takings: int, amount: int) -> tuple[ledger.Posting, ...]:
    """What the settlement account must put in, where a merchant's takings do not cover the refund."""
    merchant = desk.merchant(payment)
    available = desk.book.accounts[takings].available_minor
    if merchant is None or available is None or available >= amount:
        return ()
    return (ledger.Posting(merchant.settlement_ledger_id, takings, amount - max(available, 0), payment.currency),)
