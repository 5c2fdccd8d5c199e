"""`POST /v1/collections`: a shop's terminal takes a payment by the code that its payer shows. Pages collect the same way."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base.db import Database, Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.payments import payer_codes
from tongbao.payments import refusals as no
from tongbao.payments.asked import Pays
from tongbao.payments.bodies import Device, PaymentOrder, Reference
from tongbao.payments.door import answer_of, order_of
from tongbao.payments.intake import Intake
from tongbao.payments.model import Method, Outcome
from tongbao.payments.payer_code_model import Collection
from tongbao.payments.payment_routes import DECIDED, response_of
from tongbao.payments.view import PaymentView, view
from tongbao.web.body import Amount, Body, Currency, canonical_hash
from tongbao.web.refusals import ID_REUSED, ID_TAKEN
from tongbao.web.site import By, Db, Key, Now, problems, require


class CollectionOrder(Body, frozen=True, kw_only=True):
    """What a terminal takes: by the code, how much, and for which order of the shop's if for any."""

    code: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=40,
            description="The 18 digits that the payer shows. Each code is good once, for a minute.",
            examples=["810314159265358979"],
        ),
    ]
    amount: Amount
    currency: Currency
    order_id: UUID | None = None
    reference: Reference | None = None
    device: Device | None = None
    """What the shop calls the terminal."""


async def collect(
    db: Database, intake: Intake, principal: Principal, body: CollectionOrder, *, id: UUID, at: datetime
) -> Outcome:
    """Uses the code in a transaction of its own, then pays from the account that it was made for, as its owner would.

    The payment's id is `id`: asked again, it answers what it answered first. Raises what leaves no trace: `permission_missing`,
    `payer_code_wrong`, `terminal_locked`, `id_taken`, `id_reused`, `overloaded`, `busy`.
    """
    if principal.kind is not PrincipalKind.MERCHANT or principal.subject_id is None:
        raise PERMISSION_MISSING("only a shop collects by a payer's code")
    merchant_id = principal.subject_id
    asked = {"merchant_id": merchant_id, "terminal_id": principal.id, "request_hash": canonical_hash(body)}

    async def take(tx: Tx) -> Collection | Refusal:
        return await payer_codes.take_code(tx, body.code, id=id, **asked, at=at)

    taken = await db.retry(take)
    if isinstance(taken, Refusal):
        raise taken
    order = PaymentOrder(
        payer_account_id=taken.account_id,
        merchant_id=merchant_id,
        amount=body.amount,
        currency=body.currency,
        order_id=body.order_id,
        method=Method.QR,
        reference=body.reference,
        device=body.device,
    )
    known = order_of(order, id, principal.id, taken.customer_id, device_known=taken.device_known)
    return await intake.pay(msgspec.structs.replace(known, request_hash=taken.request_hash))


@post(
    "/v1/collections",
    guards=[require("payments:collect")],
    tags=["payments"],
    summary="Take a payment by the code that its payer shows",
    operation_id="collect",
    response_description="The payment. `challenged`: its payer is asked on his phone; look the payment up, or listen.",
    responses=problems(no.TERMINAL_LOCKED, no.PAYER_CODE_WRONG, ID_TAKEN, ID_REUSED, *DECIDED, make=True, batched=True),
)
async def collect_by_code(
    request: Request[Any, Any, Any],
    data: JSONBody[CollectionOrder],
    key: Key,
    principal: By,
    db: Db,
    clock: Now,
    intake: Pays,
) -> PaymentView:
    outcome = await collect(db, intake, principal, data, id=key, at=clock.now())
    return response_of(request, answer_of(_for_shop(outcome), key), outcome)


def _for_shop(outcome: Outcome) -> Outcome:
    """Without what was compared of the payer's money, and how his accounts are called."""
    payment, answer = outcome.payment, outcome.answer
    if answer is not None:
        answer = {**answer, "checks": []}
    elif payment is not None and outcome.refusal is None:
        answer = msgspec.to_builtins(view(payment))
    return msgspec.structs.replace(outcome, checks=(), answer=answer)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (collect_by_code,)
