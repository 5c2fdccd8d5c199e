"""The hottest route, `POST /v1/payments`, straight over ASGI; and how every outcome becomes an answer.

A replay answers the same bytes with the same status: a remembered problem names no request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.payments.bodies import PaymentOrder
from tongbao.payments.intake import Intake
from tongbao.payments.model import Check, Kind, Order, Outcome
from tongbao.payments.view import PaymentView, view
from tongbao.web import body as bodies
from tongbao.web import problem
from tongbao.web.door import Door, note
from tongbao.web.refusals import INVALID_FIELD, MISSING_FIELD

PATH: Final = "/v1/payments"

_encode = msgspec.json.Encoder().encode
_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", problem.MEDIA_TYPE.encode())
_REPLAYED: Final = (b"idempotency-replayed", b"true")

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


def may_debit(principal: Principal) -> None:
    """Only the bank itself debits a payer whom it knows; a merchant's or a partner's key never does."""
    principal.require("payments:debit")
    if principal.kind is not PrincipalKind.BANK:
        raise PERMISSION_MISSING("only a key of the bank debits an account")


def order_of(body: PaymentOrder, id: UUID, principal_id: UUID) -> Order:
    """The order that a body asks for. Refuses `missing_field` and `invalid_field` for fields that do not go together."""
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
    )


def answer_of(outcome: Outcome, payment_id: UUID, status: int = 201) -> Answer:
    """Status, headers and body. Raises the refusals that leave no trace."""
    refusal = outcome.refusal
    if refusal is None:
        shown = _shown(outcome)
        return status, [_JSON, *((_REPLAYED,) if outcome.replayed else ())], _encode(shown)
    if outcome.payment is None and not outcome.checks and not outcome.replayed:
        raise refusal
    document = problem.problem(refusal, payment_id=payment_id, checks=_checks(outcome))
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
        principal = await door.principal(headers)
        note(scope, principal=principal)
        may_debit(principal)
        id_ = bodies.idempotency_key(headers)
        body = bodies.parse(PaymentOrder, await door.body(scope, receive))
        outcome = await intake.pay(order_of(body, id_, principal.id))
        if outcome.refusal is not None:
            note(scope, code=outcome.refusal.code)
        status, answer_headers, content = answer_of(outcome, id_)
        answer_headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": content})

    return pay
