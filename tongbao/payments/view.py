"""A payment as the bank shows it: to API clients, in stored answers, in exports."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.payments.actions import waits_for
from tongbao.payments.model import OUTSIDE, Check, Payment


class PaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in minor units of `currency`. `checks`: what was verified for this answer, passed or failed.

    `fee` is what the payee pays the bank; to the payer it is 0. `waits_for`: what has to happen next, left out where nothing has:
    `confirmation` by the payer, `person` of the bank who decides, `capture`, `arrival`, `rail` or `rail_answer` of another bank.
    `due_at`: until when. Left out, an answer given again after an upgrade is the one that was given before it.
    """

    id: UUID
    kind: str
    state: str
    amount: int
    currency: str
    authorised: int
    captured: int
    refunded: int
    fee: int
    payer_account_id: UUID | None
    payee_account_id: UUID | None
    merchant_id: UUID | None
    order_id: UUID | None
    method: str
    capture: str
    arrives: str
    reference: str | None
    created_at: datetime
    due_at: datetime | None
    code: str | None
    waits_for: str | msgspec.UnsetType = msgspec.UNSET
    checks: tuple[Check, ...] = ()


CHECKS_OF_PAYER: Final = frozenset(
    {
        "authentication",
        "switch",
        "accounts",
        "customer",
        "merchant",
        "order",
        "judgement",
        "policy",
        "ways",
        "authorisation",
        "level",
        "level_per_payment",
        "level_per_day",
        "limit_per_payment",
        "limit_per_day",
        "limit_per_month",
        "count_per_day",
        "count_per_month",
        "evidence",
        "balance",
    }
)
"""What was verified about the payer and what he asked for; the rest compares with the payee's money."""


def checks_of_payer(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.check in CHECKS_OF_PAYER)


def of_payer(shown: PaymentView) -> PaymentView:
    """A payment as its payer is shown it."""
    return msgspec.structs.replace(shown, fee=0, checks=checks_of_payer(shown.checks))


def view(payment: Payment, checks: tuple[Check, ...] = ()) -> PaymentView:
    return PaymentView(
        id=payment.id,
        kind=payment.kind,
        state=payment.state,
        amount=payment.amount_minor,
        currency=payment.currency,
        authorised=payment.authorised_minor,
        captured=payment.captured_minor,
        refunded=payment.refunded_minor,
        fee=payment.fee_minor,
        payer_account_id=None if payment.payer_account_id == OUTSIDE else payment.payer_account_id,
        payee_account_id=payment.payee_account_id,
        merchant_id=payment.merchant_id,
        order_id=payment.order_id,
        method=payment.method,
        capture=payment.capture,
        arrives=payment.arrives,
        reference=payment.reference,
        created_at=payment.created_at,
        due_at=payment.due_at,
        code=payment.refusal,
        waits_for=waits_for(payment) or msgspec.UNSET,
        checks=checks,
    )
