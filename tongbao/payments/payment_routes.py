"""JSON routes of payments: pay, look up, and what is asked of a payment."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao.base.db import Tx
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.payments import model, records, store
from tongbao.payments import refusals as no
from tongbao.payments.asked import Cursor, Form, Limit, Pays
from tongbao.payments.bodies import (
    Batch,
    BatchOrder,
    BatchOutcome,
    BatchView,
    CaptureOrder,
    NoOrder,
    PaymentOrder,
    RefundOrder,
    TimelineView,
    TopUpOrder,
)
from tongbao.payments.door import PATH, Answer, answer_of, may_debit, order_of
from tongbao.payments.intake import Intake
from tongbao.payments.model import OUTSIDE, Kind, Method, Order, Outcome, Payment, State
from tongbao.payments.timeline import Step, timeline
from tongbao.payments.view import PaymentView, view
from tongbao.web import paging
from tongbao.web.body import Body, canonical_hash
from tongbao.web.door import note
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Config, Db, Id, Key, export, problems, require

From = Annotated[date | None, QueryParameter(name="from", description="First day, in the bank's zone.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last day, in the bank's zone.")]
InState = Annotated[State | None, QueryParameter(name="state", description="Only payments in this state.")]

_BATCH_LARGEST: Final = 8 << 20

_DECIDED: Final = (
    no.PAYER_UNKNOWN,
    no.PAYEE_UNKNOWN,
    no.MERCHANT_UNKNOWN,
    no.MERCHANT_CLOSED,
    no.ACCOUNTS_MUST_BE_DIFFERENT,
    no.CURRENCY_MISMATCH,
    no.ACCOUNT_FROZEN,
    no.CUSTOMER_FROZEN,
    no.OVER_PAYMENT_LIMIT,
    no.OVER_DAY_LIMIT,
    no.OVER_MONTH_LIMIT,
    no.OVER_DAY_COUNT,
    no.OVER_MONTH_COUNT,
    no.BY_CODE["insufficient_funds"],
    no.BY_CODE["account_closed"],
)
"""What a payment may be declined for: remembered under its id."""


def _response(request: Request[Any, Any, Any], answer: Answer, outcome: Outcome) -> Any:
    if outcome.refusal is not None:
        note(request.scope, code=outcome.refusal.code)  # pyright: ignore[reportArgumentType]
    status, headers, body = answer
    media_type = headers[0][1].decode()
    rest = {name.decode(): value.decode() for name, value in headers[1:]}
    return Response(body, status_code=status, media_type=media_type, headers=rest)


@post(
    PATH,
    guards=[require("payments:debit")],
    tags=["payments"],
    summary="Pay",
    operation_id="pay",
    response_description="The payment, decided, with every check. What is declined is a problem, with its `payment_id`.",
    responses=problems(*_DECIDED, make=True, batched=True),
)
async def pay(
    request: Request[Any, Any, Any], data: JSONBody[PaymentOrder], key: Key, principal: By, intake: Pays
) -> PaymentView:
    may_debit(principal)
    outcome = await intake.pay(order_of(data, key, principal.id))
    return _response(request, answer_of(outcome, key), outcome)


@post(
    "/v1/topups",
    guards=[require("topups:write")],
    tags=["payments"],
    summary="Money in from outside (sandbox channel)",
    operation_id="top_up",
    response_description="The payment.",
    responses=problems(no.PAYEE_UNKNOWN, no.CURRENCY_MISMATCH, no.BY_CODE["account_closed"], make=True, batched=True),
)
async def top_up(
    request: Request[Any, Any, Any], data: JSONBody[TopUpOrder], key: Key, principal: By, intake: Pays
) -> PaymentView:
    order = Order(
        id=key,
        principal_id=principal.id,
        request_hash=canonical_hash(data, "topup"),
        payer_account_id=OUTSIDE,
        payee_account_id=data.account_id,
        amount_minor=data.amount,
        currency=data.currency,
        kind=Kind.TOPUP,
        method=Method.API,
        reference=data.reference,
    )
    outcome = await intake.pay(order)
    return _response(request, answer_of(outcome, key), outcome)


@post(
    f"{PATH}/batch",
    status_code=200,
    guards=[require("payments:debit")],
    request_max_body_size=_BATCH_LARGEST,
    tags=["payments"],
    summary="Pay many: up to 10,000 orders, an outcome each; not atomic",
    operation_id="pay_many",
    response_description="What became of each order, in order. Each is remembered under its own id.",
    responses=problems(write=True),
)
async def pay_many(data: JSONBody[Batch], principal: By, intake: Pays) -> BatchView:
    may_debit(principal)
    orders: list[Order] = []
    outcomes: dict[int, Outcome] = {}
    places: list[int] = []
    for i, asked in enumerate(data.orders):
        try:
            orders.append(order_of(_alone(asked), asked.id, principal.id))
            places.append(i)
        except Refusal as refusal:
            outcomes[i] = Outcome(None, refusal=refusal)
    outcomes.update(zip(places, await intake.pay_many(orders), strict=True))
    return BatchView(outcomes=[_batch_outcome(asked.id, outcomes[i]) for i, asked in enumerate(data.orders)])


def _alone(asked: BatchOrder) -> PaymentOrder:
    """The same order as `POST /v1/payments` takes it, so that either way sees the other's replay."""
    return PaymentOrder(**{name: getattr(asked, name) for name in PaymentOrder.__struct_fields__})


def _batch_outcome(id: UUID, outcome: Outcome) -> BatchOutcome:
    refusal = outcome.refusal
    return BatchOutcome(
        id=id,
        status=refusal.kind.status if refusal else 201,
        state=outcome.payment.state if outcome.payment else None,
        code=refusal.code if refusal else None,
        field=refusal.field if refusal else None,
        replayed=outcome.replayed,
    )


async def _seen_by(tx: Tx, id: UUID, principal: Principal) -> Payment:
    """The payment, if this principal may see it: the bank all, a merchant its own, a partner what it made itself."""
    payment = (await store.payments(tx, [id])).get(id)
    if payment is None:
        raise no.PAYMENT_UNKNOWN()
    if principal.kind is PrincipalKind.MERCHANT and payment.merchant_id != principal.subject_id:
        raise no.PAYMENT_UNKNOWN()
    if principal.kind is PrincipalKind.PARTNER and payment.principal_id != principal.id:
        raise no.PAYMENT_UNKNOWN()
    return payment


@get(
    f"{PATH}/{{id:uuid}}",
    guards=[require("payments:read")],
    tags=["payments"],
    summary="A payment as it is now",
    operation_id="get_payment",
    response_description="The payment. To the bank also the checks of its first decision.",
    responses=problems(no.PAYMENT_UNKNOWN),
)
async def get_payment(id: Id, principal: By, db: Db) -> PaymentView:
    async with db.read() as tx:
        payment = await _seen_by(tx, id, principal)
        decided = {} if _is_stranger(principal) else await store.decisions(tx, [id])
    return view(payment, decided[id][2] if id in decided else ())


def _is_stranger(principal: Principal) -> bool:
    """Whoever is neither the bank nor its staff learns nothing of the payer's money."""
    return principal.kind in (PrincipalKind.MERCHANT, PrincipalKind.PARTNER)


@get(
    f"{PATH}/{{id:uuid}}/timeline",
    guards=[require("payments:read")],
    tags=["payments"],
    summary="What happened to a payment and why",
    operation_id="get_timeline",
    response_description="Every step in order, in English and in Chinese. A merchant sees only its own side of the money.",
    responses=problems(no.PAYMENT_UNKNOWN),
)
async def get_timeline(id: Id, principal: By, db: Db) -> TimelineView:
    async with db.read() as tx:
        payment = await _seen_by(tx, id, principal)
        steps = (await timeline(tx, id)).steps
    if _is_stranger(principal):
        steps = tuple(step for step in steps if _is_for_merchants(step))
    return TimelineView(payment=view(payment), steps=steps)


def _is_for_merchants(step: Step) -> bool:
    if step.what == "entry":
        return step.details.get("gl_line") in ("2020", "2030")
    return step.what not in ("check", "hold")


@get(
    PATH,
    guards=[require("payments:read")],
    tags=["payments"],
    summary="Payments by account, merchant, day, amount, state and party, newest first; as CSV with format=csv",
    operation_id="list_payments",
    response_description="A page of payments.",
    responses=problems(no.MERCHANT_UNKNOWN),
)
async def list_payments(
    principal: By,
    db: Db,
    settings: Config,
    account_id: FromQuery[UUID | None] = None,
    merchant_id: FromQuery[UUID | None] = None,
    party: FromQuery[UUID | None] = None,
    first: From = None,
    last: To = None,
    min_amount: FromQuery[int | None] = None,
    max_amount: FromQuery[int | None] = None,
    in_state: InState = None,
    kind: FromQuery[Kind | None] = None,
    method: FromQuery[Method | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
    form: Form = "json",
) -> Page[PaymentView]:
    if principal.kind is PrincipalKind.MERCHANT:
        merchant_id = principal.subject_id
    wanted = records.Filter(
        account_id=account_id,
        merchant_id=merchant_id,
        party_id=party,
        first=paging.day(first, "from"),
        last=paging.day(last, "to"),
        smallest_minor=_bound(min_amount, 0, "min_amount"),
        largest_minor=_bound(max_amount, LARGEST_MINOR, "max_amount"),
        state=in_state,
        kind=kind,
        method=method,
    )
    most = paging.limit(limit)
    place = paging.place(cursor, datetime, UUID)
    if principal.kind is PrincipalKind.PARTNER:
        return Page(items=[])
    if form == "csv":
        return export(records.COLUMNS, records.export(db, wanted, settings.zone), name="payments")  # pyright: ignore[reportReturnType]
    async with db.read() as tx:
        before = place if place else records.NEWEST
        found = await records.records(tx, wanted, settings.zone, before=before, most=most + 1)  # pyright: ignore[reportArgumentType]
    return paging.page(found, most, lambda p: paging.cursor(*records.place_of(p)), view)


def _bound(given: int | None, usual: int, field: str) -> int:
    if given is None:
        return usual
    if not 0 <= given <= LARGEST_MINOR:
        raise INVALID_FIELD(f"between 0 and {LARGEST_MINOR}", field=field)
    return given


async def _ask(
    request: Request[Any, Any, Any],
    verb: str,
    payment_id: UUID,
    key: UUID,
    principal: Principal,
    intake: Intake,
    body: Body,
    *,
    status: int = 200,
    **said: Any,
) -> Any:
    if principal.kind is PrincipalKind.PARTNER:
        raise no.PAYMENT_UNKNOWN()
    operation = model.Operation(
        id=key,
        payment_id=payment_id,
        principal_id=principal.id,
        request_hash=canonical_hash(body),
        merchant_id=principal.subject_id if principal.kind is PrincipalKind.MERCHANT else None,
        **said,
    )
    outcome = await intake.ask(verb, operation)
    return _response(request, answer_of(outcome, payment_id, status), outcome)


@post(
    f"{PATH}/{{id:uuid}}/capture",
    status_code=200,
    guards=[require("payments:capture")],
    tags=["payments"],
    summary="Take what was authorised: all, a part, or several parts",
    operation_id="capture",
    response_description="The payment after it.",
    responses=problems(
        no.PAYMENT_UNKNOWN,
        no.NOT_CAPTURABLE,
        no.CAPTURE_TOO_LATE,
        no.CAPTURE_EXCEEDS_AUTHORISED,
        make=True,
        batched=True,
    ),
)
async def capture(
    request: Request[Any, Any, Any],
    id: Id,
    key: Key,
    principal: By,
    intake: Pays,
    data: JSONBody[CaptureOrder | None] = None,
) -> PaymentView:
    body = data or CaptureOrder()
    return await _ask(request, "capture", id, key, principal, intake, body, amount_minor=body.amount, final=body.final)


@post(
    f"{PATH}/{{id:uuid}}/cancel",
    status_code=200,
    guards=[require("payments:cancel")],
    tags=["payments"],
    summary="Let a payment go before it is taken",
    operation_id="cancel",
    response_description="The payment after it. What was captured before stands.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_CANCELLABLE, make=True, batched=True),
)
async def cancel(
    request: Request[Any, Any, Any],
    id: Id,
    key: Key,
    principal: By,
    intake: Pays,
    data: JSONBody[NoOrder | None] = None,
) -> PaymentView:
    return await _ask(request, "cancel", id, key, principal, intake, data or NoOrder())


@post(
    f"{PATH}/{{id:uuid}}/confirm",
    status_code=200,
    guards=[require("payments:confirm")],
    tags=["payments"],
    summary="The payer says yes",
    operation_id="confirm",
    response_description="The payment after it.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_CHALLENGED, *_DECIDED, make=True, batched=True),
)
async def confirm(
    request: Request[Any, Any, Any],
    id: Id,
    key: Key,
    principal: By,
    intake: Pays,
    data: JSONBody[NoOrder | None] = None,
) -> PaymentView:
    may_confirm = principal.kind in (PrincipalKind.BANK, PrincipalKind.CUSTOMER)
    if not may_confirm:
        raise no.PAYMENT_UNKNOWN()
    return await _ask(request, "confirm", id, key, principal, intake, data or NoOrder())


@post(
    f"{PATH}/{{id:uuid}}/recall",
    status_code=200,
    guards=[require("payments:cancel")],
    tags=["payments"],
    summary="Take a mistaken transfer back before it arrives",
    operation_id="recall",
    response_description="The payment after it.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_RECALLABLE, no.RECALL_TOO_LATE, make=True, batched=True),
)
async def recall(
    request: Request[Any, Any, Any],
    id: Id,
    key: Key,
    principal: By,
    intake: Pays,
    data: JSONBody[NoOrder | None] = None,
) -> PaymentView:
    return await _ask(request, "recall", id, key, principal, intake, data or NoOrder())


@post(
    f"{PATH}/{{id:uuid}}/refunds",
    guards=[require("payments:refund")],
    tags=["payments"],
    summary="Give money back: all, a part, or several parts; never more than was captured",
    operation_id="refund",
    response_description="The payment after it.",
    responses=problems(
        no.PAYMENT_UNKNOWN,
        no.NOTHING_TO_REFUND,
        no.REFUND_EXCEEDS_CAPTURED,
        no.REFUND_NOT_COVERED,
        no.ACCOUNT_FROZEN,
        make=True,
        batched=True,
    ),
)
async def refund(
    request: Request[Any, Any, Any],
    id: Id,
    key: Key,
    principal: By,
    intake: Pays,
    data: JSONBody[RefundOrder | None] = None,
) -> PaymentView:
    body = data or RefundOrder()
    return await _ask(
        request,
        "refund",
        id,
        key,
        principal,
        intake,
        body,
        status=201,
        amount_minor=body.amount,
        reason=body.reason,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    pay,
    top_up,
    pay_many,
    get_payment,
    get_timeline,
    list_payments,
    capture,
    cancel,
    confirm,
    recall,
    refund,
)
