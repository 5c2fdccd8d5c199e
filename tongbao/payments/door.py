"""The hottest route, `POST /v1/payments`, straight over ASGI; and how every outcome becomes an answer.

A replay answers the same bytes with the same status: a remembered problem names no request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.payments.bodies import OrderProof, PaymentOrder
from tongbao.payments.canonical import from_b64
from tongbao.payments.intake import Intake
from tongbao.payments.model import Check, Kind, Method, Order, OrderSignature, Outcome
from tongbao.payments.view import PaymentView, checks_of_payer, of_payer, view
from tongbao.web import body as bodies
from tongbao.web import problem
from tongbao.web.door import Door, note
from tongbao.web.refusals import INVALID_FIELD, MISSING_FIELD

PATH: Final = "/v1/payments"

_encode = msgspec.json.Encoder().encode
_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", problem.MEDIA_TYPE.encode())
_REPLAYED: Final = (b"idempotency-replayed", b"true")
_BY_HIMSELF: Final = (Method.ACCOUNT, Method.QR)

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


def may_debit(principal: Principal) -> None:
    """Only the bank itself debits any payer; a merchant's or a partner's key never does, a customer by `payer_of`."""
    principal.require("payments:debit")
    if principal.kind is not PrincipalKind.BANK:
        raise PERMISSION_MISSING("only a key of the bank debits an account")


def payer_of(principal: Principal) -> UUID | None:
    """The customer who is asking, who debits accounts of his own; None for the bank. Refuses `permission_missing`."""
    if principal.kind is not PrincipalKind.CUSTOMER:
        may_debit(principal)
        return None
    principal.require("me:pay")
    if principal.subject_id is None:
        raise PERMISSION_MISSING("a customer pays for himself")
    return principal.subject_id


def order_of(
    body: PaymentOrder, id: UUID, principal_id: UUID, payer_id: UUID | None = None, *, device_known: bool = False
) -> Order:
    """The order that a body asks for; `payer_id` is the customer, where one asks for himself, `device_known` his browser.

    Refuses `missing_field` and `invalid_field` for fields that do not go together.
    """
    if body.merchant_id is None:
        if body.payee_account_id is None:
            raise MISSING_FIELD("`payee_account_id` or `merchant_id`", field="payee_account_id")
        if body.order_id is not None:
            raise INVALID_FIELD("an order belongs to a merchant", field="order_id")
    elif body.payee_account_id is not None:
        raise INVALID_FIELD("either `payee_account_id` or `merchant_id`", field="payee_account_id")
    if body.arrives != "now" and (body.merchant_id is not None or body.capture != "automatic"):
        raise INVALID_FIELD("only a transfer that is captured at once may arrive later", field="arrives")
    if body.hold_s is not None and body.capture != "manual":
        raise INVALID_FIELD("only with `capture` manual", field="hold_s")
    if payer_id is not None and body.method not in _BY_HIMSELF:
        raise INVALID_FIELD("a customer pays from his account or by QR", field="method")  # the fee depends on it
    return Order(
        id=id,
        principal_id=principal_id,
        request_hash=bodies.canonical_hash(body),
        payer_account_id=body.payer_account_id,
        payee_account_id=body.payee_account_id,
        amount_minor=body.amount,
        currency=body.currency,
        kind=Kind.TRANSFER if body.merchant_id is None else Kind.PAYMENT,
        merchant_id=body.merchant_id,
        order_id=body.order_id,
        capture=body.capture,
        arrives=body.arrives,
        method=body.method,
        confirm=body.confirm == "explicit",
        hold_s=body.hold_s,
        reference=body.reference,
        device=body.device,
        payer_id=payer_id,
        device_known=device_known,
        signature=_signature(body.proof) if body.proof is not None else None,
    )


def _signature(proof: OrderProof) -> OrderSignature:
    return OrderSignature(
        key_id=proof.key_id,
        signature=from_b64(proof.signature),
        nonce=proof.nonce,
        expires_at=proof.expires_at,
    )


def answer_of(outcome: Outcome, payment_id: UUID, status: int = 201, *, to_payer: bool = False) -> Answer:
    """Status, headers and body, without what is not the payer's business where it goes to him.

    Raises the refusals that leave no trace.
    """
    refusal = outcome.refusal
    if refusal is None:
        shown = _shown(outcome)
        if to_payer:
            shown = of_payer(shown)
        return status, [_JSON, *((_REPLAYED,) if outcome.replayed else ())], _encode(shown)
    if outcome.payment is None and not outcome.checks and not outcome.replayed:
        raise refusal
    checks = _checks(outcome)
    document = problem.problem(refusal, payment_id=payment_id, checks=checks_of_payer(checks) if to_payer else checks)
    return refusal.kind.status, [_PROBLEM, *((_REPLAYED,) if outcome.replayed else ())], _encode(document)


def _shown(outcome: Outcome) -> PaymentView:
    if outcome.answer is not None:
        return msgspec.convert(outcome.answer, PaymentView)
    assert outcome.payment is not None
    return view(outcome.payment, outcome.checks)


def _checks(outcome: Outcome) -> tuple[Check, ...]:
    """None are kept of what was asked of a payment that does not exist, so none are shown."""
    if outcome.answer is not None:
        return _shown(outcome).checks
    return outcome.checks if outcome.payment is not None else ()


def route(door: Door, intake: Intake) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """`POST /v1/payments` as an ASGI application; the app mounts it before the framework, inside `door.wrap`."""

    async def pay(scope: Any, receive: Any, send: Any) -> None:
        note(scope, path=PATH)
        headers = scope["headers"]
        principal = await door.caller(scope)
        note(scope, principal=principal)
        payer_id = payer_of(principal)
        id_ = bodies.idempotency_key(headers)
        body = bodies.parse(PaymentOrder, await door.body(scope, receive))
        device_known = principal.device_id is not None
        outcome = await intake.pay(order_of(body, id_, principal.id, payer_id, device_known=device_known))
        if outcome.refusal is not None:
            note(scope, code=outcome.refusal.code)
        status, answer_headers, content = answer_of(outcome, id_, to_payer=payer_id is not None)
        answer_headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": content})

    return pay
