"""What payments tells the rest of the bank, on the outbox: ids and figures, never a name or a free text."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from tongbao.base.ids import derived
from tongbao.base.outbox import Event
from tongbao.payments.model import Payment


def event(
    topic: str, payment: Payment, at: datetime, day: date, *, operation_id: UUID | None = None, moved: int | None = None
) -> Event:
    """The payment's next event; takes the next number of its sequence, under its lock."""
    payment.sequence += 1
    payload = {
        "payment_id": payment.id,
        "kind": payment.kind,
        "state": payment.state,
        "amount": payment.amount_minor,
        "currency": payment.currency,
        "authorised": payment.authorised_minor,
        "captured": payment.captured_minor,
        "refunded": payment.refunded_minor,
        "fee": payment.fee_minor,
        "payer_account_id": payment.payer_account_id,
        "payee_account_id": payment.payee_account_id,
        "merchant_id": payment.merchant_id,
        "order_id": payment.order_id,
        "method": payment.method,
    }
    if payment.refusal:
        payload["code"] = payment.refusal
    if operation_id is not None:
        payload["operation_id"] = operation_id
    if moved is not None:
        payload["moved"] = moved
    return Event(
        event_id=derived(payment.id, f"event {payment.sequence}"),
        topic=f"payment.{topic}",
        aggregate=payment.id,
        sequence=payment.sequence,
        at=at,
        booking_date=day,
        payload=payload,
    )
