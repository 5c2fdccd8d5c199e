"""Who sees how much of a payment: the bank all of it, a merchant its own side, a payer and a payee each theirs."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao import identity
from tongbao.base.db import Tx
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.model import Payment
from tongbao.payments.timeline import Step, timeline
from tongbao.payments.view import CHECKS_OF_PAYER, PaymentView, of_payer, view


class Side(StrEnum):
    """What whoever asks is to a payment."""

    BANK = "bank"
    MERCHANT = "merchant"
    """Or a partner: who sells, and learns nothing of the payer's money."""
    PAYER = "payer"
    PAYEE = "payee"


class Seen(msgspec.Struct, frozen=True):
    """A payment, what whoever asks is to it, and which of its two accounts are his."""

    payment: Payment
    side: Side
    own: frozenset[UUID] = frozenset()


async def may_see_payment(tx: Tx, principal: Principal, payment_id: UUID) -> Seen:
    """The bank sees every payment, a merchant its own, a partner what it made itself; a customer those that he pays or
    asked for, and those to him of which money has arrived: what another tried and could not do is not his to know.

    Refuses `payment_unknown`.
    """
    payment = (await store.payments(tx, [payment_id])).get(payment_id)
    found = None if payment is None else await _seen(tx, principal, payment)
    if found is None:
        raise no.PAYMENT_UNKNOWN()
    return found


async def _seen(tx: Tx, principal: Principal, payment: Payment) -> Seen | None:
    if principal.kind in (PrincipalKind.BANK, PrincipalKind.STAFF, PrincipalKind.SYSTEM):
        return Seen(payment, Side.BANK)
    if principal.kind is PrincipalKind.MERCHANT:
        return Seen(payment, Side.MERCHANT) if payment.merchant_id == principal.subject_id else None
    if principal.kind is PrincipalKind.PARTNER:
        return Seen(payment, Side.MERCHANT) if payment.principal_id == principal.id else None
    ends = {payment.payer_account_id, payment.payee_account_id} - {None}
    accounts = await identity.find_accounts(tx, [end for end in ends if end])
    own = frozenset(i for i, account in accounts.items() if identity.owns(principal, account.customer_id))
    # Whoever names an account that is not his is refused so: the owner did not do it and does not see it.
    if payment.payer_account_id in own and payment.refusal != no.PAYER_UNKNOWN.code:
        return Seen(payment, Side.PAYER, own)
    if payment.payee_account_id in own and (payment.captured_minor or payment.principal_id == principal.id):
        return Seen(payment, Side.PAYEE, own)
    return None


async def view_of(tx: Tx, seen: Seen) -> PaymentView:
    """The payment as it is now; to the bank and to the payer with the checks of its first decision."""
    if seen.side in (Side.MERCHANT, Side.PAYEE):
        return view(seen.payment)
    decided = (await store.decisions(tx, [seen.payment.id])).get(seen.payment.id)
    shown = view(seen.payment, decided[2] if decided else ())
    return of_payer(shown) if seen.side is Side.PAYER else shown


async def steps_of(tx: Tx, seen: Seen) -> tuple[Step, ...]:
    """What happened, as far as it is to be seen from this side of the payment."""
    steps = (await timeline(tx, seen.payment.id)).steps
    if seen.side is Side.BANK:
        return steps
    return tuple(_told(step, seen.side) for step in steps if _is_shown(step, seen))


_STEPS: Final[dict[Side, frozenset[str]]] = {
    Side.MERCHANT: frozenset({"instruction", "decision", "entry", "operation", "event"}),
    Side.PAYER: frozenset({"instruction", "check", "decision", "hold", "entry", "operation"}),
    Side.PAYEE: frozenset({"instruction", "decision", "entry", "operation"}),
}
_OF_SHOPS: Final = ("2020", "2030")
_OF_THE_PAYEE: Final = ("capture", "refund")
_NOT_FOR: Final[dict[Side, tuple[str, ...]]] = {
    Side.MERCHANT: ("principal_id",),
    Side.PAYER: ("principal_id", "fee", "covered"),
    Side.PAYEE: ("principal_id",),
}


def _is_shown(step: Step, seen: Seen) -> bool:
    if step.what not in _STEPS[seen.side]:
        return False
    if step.what == "entry":
        if seen.side is Side.MERCHANT:
            return step.details.get("gl_line") in _OF_SHOPS
        return step.details.get("account_id") in seen.own
    if step.what == "check":
        return step.details["check"] in CHECKS_OF_PAYER
    if step.what == "operation":
        return _is_operation_shown(step.details, seen.side)
    return True


def _is_operation_shown(details: dict[str, Any], side: Side) -> bool:
    """Strangers who asked were refused and are no part of the story; nor are, to the others, refusals of a payee's wish."""
    code = details.get("code")
    if code is None:
        return True
    if code == no.PAYMENT_UNKNOWN.code or side is Side.PAYEE:
        return False
    return side is Side.MERCHANT or details["kind"] not in _OF_THE_PAYEE


def _told(step: Step, side: Side) -> Step:
    details = {name: value for name, value in step.details.items() if name not in _NOT_FOR[side]}
    return msgspec.structs.replace(step, details=details)
