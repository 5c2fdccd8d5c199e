"""JSON routes of payments: pay, look up, and what is asked of a payment."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao.base.db import Database
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.identity import may_see_account, require_or_own
from tongbao.payments import model, records
from tongbao.payments import refusals as no
from tongbao.payments.asked import Cursor, Limit, Pays
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
from tongbao.payments.door import PATH, Answer, answer_of, may_debit, order_of, payer_of
from tongbao.payments.intake import Intake
from tongbao.payments.model import OUTSIDE, Kind, Method, Order, Outcome, State
from tongbao.payments.rail_routes import over_of
from tongbao.payments.seen import may_see_payment, steps_of, view_of
from tongbao.payments.view import PaymentView, view
from tongbao.web import paging
from tongbao.web.body import Body, canonical_hash
from tongbao.web.door import note
from tongbao.web.export import FileForm, Form, ReadersLang, export
from tongbao.web.paging import Page
from tongbao.web.refusals import EXPORT_TOO_LARGE, INVALID_FIELD, MISSING_FIELD, NO_FONT
from tongbao.web.site import By, Config, Db, Id, Key, Now, problems, require

From = Annotated[date | None, QueryParameter(name="from", description="First day, in the bank's zone.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last day, in the bank's zone.")]
InState = Annotated[State | None, QueryParameter(name="state", description="Only payments in this state.")]

_BATCH_LARGEST: Final = 8 << 20

DECIDED: Final = (
    *no.STOPPED.values(),
    no.PAYER_UNKNOWN,
    no.PAYEE_UNKNOWN,
    no.MERCHANT_UNKNOWN,
    no.MERCHANT_CLOSED,
    no.ACCOUNTS_MUST_BE_DIFFERENT,
    no.CURRENCY_MISMATCH,
    no.ACCOUNT_FROZEN,
    no.CUSTOMER_FROZEN,
    no.NOT_VERIFIED,
    no.OVER_LEVEL_LIMIT,
    no.OVER_PAYMENT_LIMIT,
    no.OVER_DAY_LIMIT,
    no.OVER_MONTH_LIMIT,
    no.OVER_DAY_COUNT,
    no.OVER_MONTH_COUNT,
    no.BY_CODE["insufficient_funds"],
    no.BY_CODE["account_closed"],
)
"""What a payment may be declined for: remembered under its id."""


def response_of(request: Request[Any, Any, Any], answer: Answer, outcome: Outcome) -> Any:
    if outcome.refusal is not None:
        note(request.scope, code=outcome.refusal.code)  # pyright: ignore[reportArgumentType]
    status, headers, body = answer
    media_type = headers[0][1].decode()
    rest = {name.decode(): value.decode() for name, value in headers[1:]}
    return Response(body, status_code=status, media_type=media_type, headers=rest)


@post(
    PATH,
    guards=[require_or_own("payments:debit", "me:pay")],
    tags=["payments"],
    summary="Pay",
    operation_id="pay",
    response_description="The payment, decided, with every check. What is declined is a problem, with its `payment_id`.",
    responses=problems(*DECIDED, make=True, batched=True),
)
async def pay(
    request: Request[Any, Any, Any], data: JSONBody[PaymentOrder], key: Key, principal: By, intake: Pays
) -> PaymentView:
    payer_id = payer_of(principal)
    order = order_of(data, key, principal.id, payer_id, device_known=principal.device_id is not None)
    outcome = await intake.pay(order)
    return response_of(request, answer_of(outcome, key, to_payer=payer_id is not None), outcome)


@post(
    "/v1/topups",
    guards=[require("topups:write")],
    tags=["payments"],
    summary="Money in from outside: at once (sandbox channel), or over a rail when the other bank has sent it",
    operation_id="top_up",
    response_description="The payment. Over a rail it is `created`: look it up, or listen, for what becomes of it.",
    responses=problems(
        no.RAIL_UNKNOWN,
        no.RAIL_DOWN,
        no.KIND_STOPPED,
        no.METHOD_STOPPED,
        no.PAYEE_UNKNOWN,
        no.CURRENCY_MISMATCH,
        no.BY_CODE["account_closed"],
        make=True,
        batched=True,
    ),
)
async def top_up(
    request: Request[Any, Any, Any],
    data: JSONBody[TopUpOrder],
    key: Key,
    principal: By,
    intake: Pays,
    db: Db,
    settings: Config,
    clock: Now,
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
        over=await over_of(data, key, db, settings, clock.now()),
    )
    outcome = await intake.pay(order)
    return response_of(request, answer_of(outcome, key), outcome)


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


@get(
    f"{PATH}/{{id:uuid}}",
    guards=[require_or_own("payments:read", "me:read")],
    tags=["payments"],
    summary="A payment as it is now",
    operation_id="get_payment",
    response_description="The payment. To the bank and to its payer also the checks of its first decision.",
    responses=problems(no.PAYMENT_UNKNOWN),
)
async def get_payment(id: Id, principal: By, db: Db) -> PaymentView:
    async with db.read() as tx:
        return await view_of(tx, await may_see_payment(tx, principal, id))


@get(
    f"{PATH}/{{id:uuid}}/timeline",
    guards=[require_or_own("payments:read", "me:read")],
    tags=["payments"],
    summary="What happened to a payment and why",
    operation_id="get_timeline",
    response_description="Every step in order, in English and in Chinese. Whoever is not the bank sees his own side of it.",
    responses=problems(no.PAYMENT_UNKNOWN),
)
async def get_timeline(id: Id, principal: By, db: Db) -> TimelineView:
    async with db.read() as tx:
        seen = await may_see_payment(tx, principal, id)
        shown = await view_of(tx, seen)
        return TimelineView(payment=msgspec.structs.replace(shown, checks=()), steps=await steps_of(tx, seen))


@get(
    PATH,
    guards=[require_or_own("payments:read", "me:read")],
    tags=["payments"],
    summary="Payments by account, merchant, day, amount, state and party, newest first; as a file with format=csv, xlsx or pdf",
    operation_id="list_payments",
    response_description="A page of payments. A customer names an account of his own.",
    responses=problems(no.MERCHANT_UNKNOWN, no.ACCOUNT_NOT_FOUND, EXPORT_TOO_LARGE, NO_FONT),
)
async def list_payments(
    principal: By,
    db: Db,
    clock: Now,
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
    lang: ReadersLang = "zh",
) -> Page[PaymentView]:
    if principal.kind is PrincipalKind.MERCHANT:
        merchant_id = principal.subject_id
    is_customer = principal.kind is PrincipalKind.CUSTOMER
    if is_customer:
        await _must_be_own(db, principal, account_id)
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
        of_owner=is_customer,
    )
    most = paging.limit(limit)
    place = paging.place(cursor, datetime, UUID)
    if principal.kind is PrincipalKind.PARTNER:
        return Page(items=[])
    if form != "json":
        return await _file(form, lang, db, wanted, settings, clock.now())
    async with db.read() as tx:
        before = place if place else records.NEWEST
        found = await records.records(tx, wanted, settings.zone, before=before, most=most + 1)  # pyright: ignore[reportArgumentType]
    return paging.page(found, most, lambda p: paging.cursor(*records.place_of(p)), view)


async def _must_be_own(db: Database, principal: Principal, account_id: UUID | None) -> None:
    if account_id is None:
        raise MISSING_FIELD("an account of yours", field="account_id")
    async with db.read() as tx:
        await may_see_account(tx, principal, account_id)


async def _file(
    form: FileForm, lang: Lang, db: Database, wanted: records.Filter, settings: Settings, at: datetime
) -> Any:
    return await export(
        records.COLUMNS,
        records.every(db, wanted, settings.zone),
        name="payments",
        form=form,
        title="付款记录" if lang == "zh" else "Payments",
        settings=settings,
        at=at,
        lang=lang,
    )


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
    payer_id = payer_of(principal) if principal.kind is PrincipalKind.CUSTOMER else None
    operation = model.Operation(
        id=key,
        payment_id=payment_id,
        principal_id=principal.id,
        request_hash=canonical_hash(body),
        merchant_id=principal.subject_id if principal.kind is PrincipalKind.MERCHANT else None,
        payer_id=payer_id,
        **said,
    )
    outcome = await intake.ask(verb, operation)
    answer = answer_of(outcome, payment_id, status, to_payer=payer_id is not None)
    return response_of(request, answer, outcome)


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
    guards=[require_or_own("payments:cancel", "me:pay")],
    tags=["payments"],
    summary="Let a payment go before it is taken",
    operation_id="cancel",
    response_description="The payment after it. What was captured before stands. A payer lets go only what waits for him.",
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
    guards=[require_or_own("payments:confirm", "me:pay")],
    tags=["payments"],
    summary="The payer says yes",
    operation_id="confirm",
    response_description="The payment after it.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_CHALLENGED, no.FAMILY_TO_AGREE, *DECIDED, make=True, batched=True),
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
    guards=[require_or_own("payments:cancel", "me:pay")],
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
