"""JSON routes: parse, call a verb, render. Payments and what is asked of them, records, limits, payrolls, schedules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, SkipValidation

from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.money import LARGEST_MINOR, is_currency
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal, RefusalKind
from tongbao.base.settings import Settings
from tongbao.payments import model, payroll, records, schedules, set_limits, store
from tongbao.payments import refusals as no
from tongbao.payments.bodies import (
    AccountLimitsView,
    BankLimitsOrder,
    BankLimitView,
    Batch,
    BatchOrder,
    BatchOutcome,
    BatchView,
    CaptureOrder,
    LimitsOrder,
    LimitsView,
    NoOrder,
    PaymentOrder,
    PayrollConfirmation,
    PayrollLineView,
    PayrollProblem,
    PayrollView,
    RefundOrder,
    ScheduleOrder,
    ScheduleRunView,
    ScheduleView,
    TimelineView,
    TopUpOrder,
    UsedView,
    Why,
)
from tongbao.payments.door import PATH, Answer, answer_of, may_debit, order_of
from tongbao.payments.door import route as pay_route
from tongbao.payments.intake import Intake
from tongbao.payments.model import OUTSIDE, Kind, Limits, Method, Order, Outcome, Payment, ScheduleState, State
from tongbao.payments.timeline import Step, timeline
from tongbao.payments.view import PaymentView, view
from tongbao.web import paging
from tongbao.web.body import Body, canonical_hash, header, read
from tongbao.web.door import note
from tongbao.web.paging import Page
from tongbao.web.refusals import CURRENCY_UNKNOWN, INVALID_FIELD, UNSUPPORTED_MEDIA_TYPE
from tongbao.web.site import By, Config, Db, Id, Key, Now, export, made, problems, require

Pays = NamedDependency[SkipValidation[Intake]]
Limit = Annotated[
    int | None, QueryParameter(description=f"Rows of a page, 1 to {paging.MOST}; {paging.USUAL} unless told.")
]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]
From = Annotated[date | None, QueryParameter(name="from", description="First day, in the bank's zone.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last day, in the bank's zone.")]
Form = Annotated[Literal["json", "csv"], QueryParameter(name="format", description="`csv`: all of it, as a file.")]
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


# --- payments


@post(
    PATH,
    guards=[require("payments:debit")],
    tags=["payments"],
    summary="Pay",
    operation_id="pay",
    response_description="The payment, decided, with every check. What is declined is a problem, with its `payment_id`.",
    responses=problems(*_DECIDED, make=True),
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
    responses=problems(no.PAYEE_UNKNOWN, no.CURRENCY_MISMATCH, no.BY_CODE["account_closed"], make=True),
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


# --- what is asked of a payment


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
        no.PAYMENT_UNKNOWN, no.NOT_CAPTURABLE, no.CAPTURE_TOO_LATE, no.CAPTURE_EXCEEDS_AUTHORISED, make=True
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
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_CANCELLABLE, make=True),
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
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_CHALLENGED, *_DECIDED, make=True),
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
    responses=problems(no.PAYMENT_UNKNOWN, no.NOT_RECALLABLE, no.RECALL_TOO_LATE, make=True),
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


# --- limits


def _limits(order: LimitsOrder) -> Limits:
    return Limits(order.per_payment, order.per_day, order.per_month, order.count_per_day, order.count_per_month)


def _limits_view(limits: Limits) -> LimitsView:
    return LimitsView(
        per_payment=limits.per_payment_minor,
        per_day=limits.per_day_minor,
        per_month=limits.per_month_minor,
        count_per_day=limits.per_day_count,
        count_per_month=limits.per_month_count,
    )


def _used(used: int, bound: int | None) -> UsedView:
    return UsedView(used=used, left=None if bound is None else max(0, bound - used))


def _account_limits(found: model.AccountLimits) -> AccountLimitsView:
    counts, spending = found.effective, found.spending
    return AccountLimitsView(
        account_id=found.account_id,
        currency=found.currency,
        limits=_limits_view(counts),
        bank=_limits_view(found.bank),
        of_this_account=found.of_this_account,
        own=_limits_view(found.own),
        day=spending.day,
        amount_today=_used(spending.day_minor, counts.per_day_minor),
        count_today=_used(spending.day_count, counts.per_day_count),
        amount_this_month=_used(spending.month_minor, counts.per_month_minor),
        count_this_month=_used(spending.month_count, counts.per_month_count),
    )


@get(
    "/v1/accounts/{id:uuid}/limits",
    guards=[require("limits:read")],
    tags=["limits"],
    summary="What an account may spend, and what of it is used",
    operation_id="get_limits",
    response_description="The bank's limits, the customer's own, the lower of both, and what is used of them.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def get_limits(id: Id, db: Db, clock: Now, settings: Config) -> AccountLimitsView:
    async with db.read() as tx:
        return _account_limits(await set_limits.limits_of(tx, id, days.local_day(clock.now(), settings.zone)))


@put(
    "/v1/accounts/{id:uuid}/limits",
    guards=[require("limits:write")],
    tags=["limits"],
    summary="The customer's own limits: lower than the bank's, or raised again up to them",
    operation_id="set_own_limits",
    response_description="Every limit of the account.",
    responses=problems(no.ACCOUNT_NOT_FOUND, no.LIMIT_ABOVE_BANK, write=True),
)
async def set_own_limits(
    id: Id, data: JSONBody[LimitsOrder], principal: By, db: Db, clock: Now, settings: Config
) -> AccountLimitsView:
    async def write(tx: Tx) -> model.AccountLimits:
        at = clock.now()
        day = days.local_day(at, settings.zone)
        return await set_limits.set_own_limit(tx, id, _limits(data), by=principal, at=at, day=day)

    return _account_limits(await db.retry(write))


async def _by_the_bank(
    db: Database, clock: Any, settings: Settings, id: UUID, limits: Limits | None, principal: Principal, reason: str
) -> AccountLimitsView:
    async def write(tx: Tx) -> model.AccountLimits:
        at = clock.now()
        day = days.local_day(at, settings.zone)
        return await set_limits.set_account_limit(tx, id, limits, by=principal, reason=reason, at=at, day=day)

    return _account_limits(await db.retry(write))


@put(
    "/v1/accounts/{id:uuid}/bank-limits",
    guards=[require("limits:write")],
    tags=["limits"],
    summary="The bank's limits for this account alone",
    operation_id="set_account_limits",
    response_description="Every limit of the account.",
    responses=problems(no.ACCOUNT_NOT_FOUND, write=True),
)
async def set_account_limits(
    id: Id, data: JSONBody[BankLimitsOrder], principal: By, db: Db, clock: Now, settings: Config
) -> AccountLimitsView:
    return await _by_the_bank(db, clock, settings, id, _limits(data), principal, data.reason)


@post(
    "/v1/accounts/{id:uuid}/bank-limits/drop",
    status_code=200,
    guards=[require("limits:write")],
    tags=["limits"],
    summary="Back to the bank's limits for everybody",
    operation_id="drop_account_limits",
    response_description="Every limit of the account.",
    responses=problems(no.ACCOUNT_NOT_FOUND, write=True),
)
async def drop_account_limits(
    id: Id, data: JSONBody[Why], principal: By, db: Db, clock: Now, settings: Config
) -> AccountLimitsView:
    return await _by_the_bank(db, clock, settings, id, None, principal, data.reason)


@get(
    "/v1/limits",
    guards=[require("limits:read")],
    tags=["limits"],
    summary="The bank's limits for everybody, by kind of customer and currency",
    operation_id="list_bank_limits",
    response_description="All of them.",
    responses=problems(),
)
async def list_bank_limits(db: Db) -> list[BankLimitView]:
    async with db.read() as tx:
        return [_bank_limit(found) for found in await set_limits.bank_limits(tx)]


def _bank_limit(found: model.BankLimit) -> BankLimitView:
    return BankLimitView(customer_kind=found.customer_kind, currency=found.currency, limits=_limits_view(found.limits))


@put(
    "/v1/limits/{customer_kind:str}/{currency:str}",
    guards=[require("limits:write")],
    tags=["limits"],
    summary="Set the bank's limits for everybody of a kind, in a currency",
    operation_id="set_bank_limits",
    response_description="The limits.",
    responses=problems(CURRENCY_UNKNOWN, write=True),
)
async def set_bank_limits(
    customer_kind: FromPath[str],
    currency: FromPath[str],
    data: JSONBody[BankLimitsOrder],
    principal: By,
    db: Db,
    clock: Now,
) -> BankLimitView:
    if customer_kind not in ("person", "firm"):
        raise INVALID_FIELD("person or firm", field="customer_kind")
    if not is_currency(currency):
        raise CURRENCY_UNKNOWN(field="currency")

    async def write(tx: Tx) -> model.BankLimit:
        return await set_limits.set_bank_limit(
            tx, customer_kind, currency, _limits(data), by=principal, reason=data.reason, at=clock.now()
        )

    return _bank_limit(await db.retry(write))


# --- payrolls

_FILE: Final = "account_number,name,amount,reference\n9000100000000000177,王小明,1234.50,十一月工资\n"


@dataclass
class _TakesCsv(Operation):
    """The file itself is the body; the framework cannot guess that from a signature."""

    def __post_init__(self) -> None:
        media = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), example=_FILE)
        self.request_body = RequestBody(content={"text/csv": media}, required=True, description="UTF-8.")


async def _payroll_view(tx: Tx, found: model.Payroll) -> PayrollView:
    figures = await store.payroll_figures(tx, found.id)
    payable = [row for row in figures if row[1] is None]
    wrong: dict[str, int] = {}
    for _, problem, _, lines, _ in figures:
        if problem is not None:
            wrong[problem] = wrong.get(problem, 0) + lines
    ended = {state: [row for row in payable if row[0] == state] for state in ("paid", "failed", "skipped")}
    return PayrollView(
        id=found.id,
        state=found.state,
        payer_account_id=found.payer_account_id,
        currency=found.currency,
        lines=sum(row[3] for row in figures),
        payable=sum(row[3] for row in payable),
        total=sum(row[4] for row in payable),
        duplicates=sum(row[3] for row in payable if row[2]),
        problems=[_problem(no.BY_CODE[code], lines) for code, lines in sorted(wrong.items())],
        lines_paid=sum(row[3] for row in ended["paid"]),
        paid=sum(row[4] for row in ended["paid"]),
        lines_failed=sum(row[3] for row in ended["failed"]),
        lines_skipped=sum(row[3] for row in ended["skipped"]),
        created_at=found.created_at,
        confirmed_at=found.confirmed_at,
        completed_at=found.completed_at,
    )


def _problem(kind: RefusalKind, lines: int) -> PayrollProblem:
    return PayrollProblem(code=kind.code, title=kind.en, title_zh=kind.zh, lines=lines)


@post(
    "/v1/payrolls",
    guards=[require("payments:debit")],
    operation_class=_TakesCsv,
    tags=["payrolls"],
    summary="Upload salaries as CSV for a preview; nothing is paid yet",
    operation_id="upload_payroll",
    response_description="What the file says: how many lines, how much money, what is wrong.",
    responses=problems(
        no.ACCOUNT_NOT_FOUND, no.CURRENCY_MISMATCH, no.PAYROLL_UNREADABLE, no.PAYROLL_TOO_LONG, make=True
    ),
)
async def upload_payroll(
    request: Request[Any, Any, Any],
    payer_account_id: FromQuery[UUID],
    key: Key,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    currency: FromQuery[str | None] = None,
) -> PayrollView:
    may_debit(principal)
    headers: Any = request.scope["headers"]
    kind = header(headers, b"content-type")
    if kind is None or kind.partition(b";")[0].strip().lower() != b"text/csv":
        raise UNSUPPORTED_MEDIA_TYPE("send the file as text/csv")
    money = currency or settings.currency
    if not is_currency(money):
        raise CURRENCY_UNKNOWN(field="currency")
    raw = await read(request.receive, headers, largest=payroll.LARGEST_FILE)

    async def keep(tx: Tx) -> tuple[PayrollView, bool]:
        at = clock.now()
        found, replayed = await payroll.upload(
            tx,
            key,
            raw,
            payer_account_id=payer_account_id,
            currency=money,
            by=principal,
            at=at,
            day=days.local_day(at, settings.zone),
        )
        return await _payroll_view(tx, found), replayed

    shown, replayed = await db.retry(keep)
    return made(shown, replayed=replayed)


@get(
    "/v1/payrolls",
    guards=[require("payments:read"), require("payments:debit")],
    tags=["payrolls"],
    summary="Payrolls of an account, newest first",
    operation_id="list_payrolls",
    response_description="A page of payrolls.",
    responses=problems(),
)
async def list_payrolls(
    account_id: FromQuery[UUID], db: Db, cursor: Cursor = None, limit: Limit = None
) -> Page[PayrollView]:
    most = paging.limit(limit)
    place = paging.place(cursor, datetime, UUID) or records.NEWEST
    async with db.read() as tx:
        found = await store.payrolls(tx, account_id, (place[0], place[1]), most + 1)
        shown = {one.id: await _payroll_view(tx, one) for one in found[:most]}
    return paging.page(found, most, lambda p: paging.cursor(p.created_at, p.id), lambda p: shown[p.id])


@get(
    "/v1/payrolls/{id:uuid}",
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="A payroll and how far it has come",
    operation_id="get_payroll",
    response_description="The payroll.",
    responses=problems(no.PAYROLL_UNKNOWN),
)
async def get_payroll(id: Id, db: Db) -> PayrollView:
    async with db.read() as tx:
        return await _payroll_view(tx, await payroll.find_payroll(tx, id))


@post(
    "/v1/payrolls/{id:uuid}/confirm",
    status_code=200,
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="Pay it; asked again, it goes on where it stopped",
    operation_id="confirm_payroll",
    response_description="The payroll: `completed`, or `running` where the bank was busy and a job goes on with it.",
    responses=problems(
        no.PAYROLL_UNKNOWN, no.PAYROLL_NOT_OPEN, no.PAYROLL_EMPTY, no.PAYROLL_HAS_DUPLICATES, write=True
    ),
)
async def confirm_payroll(
    id: Id,
    principal: By,
    db: Db,
    clock: Now,
    intake: Pays,
    data: JSONBody[PayrollConfirmation | None] = None,
) -> PayrollView:
    may_debit(principal)
    duplicates = (data or PayrollConfirmation()).duplicates

    async def decide(tx: Tx) -> model.Payroll:
        return await payroll.confirm_payroll(tx, id, duplicates=duplicates, by=principal, at=clock.now())

    await db.retry(decide)
    await payroll.run_payroll(db, intake, id, clock.now())
    async with db.read() as tx:
        return await _payroll_view(tx, await payroll.find_payroll(tx, id))


@post(
    "/v1/payrolls/{id:uuid}/cancel",
    status_code=200,
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="Throw a preview away",
    operation_id="cancel_payroll",
    response_description="The payroll.",
    responses=problems(no.PAYROLL_UNKNOWN, no.PAYROLL_NOT_OPEN, write=True),
)
async def cancel_payroll(
    id: Id, principal: By, db: Db, clock: Now, data: JSONBody[NoOrder | None] = None
) -> PayrollView:
    may_debit(principal)

    async def cancel_it(tx: Tx) -> PayrollView:
        return await _payroll_view(tx, await payroll.cancel_payroll(tx, id, by=principal, at=clock.now()))

    return await db.retry(cancel_it)


_LINE_COLUMNS: Final = (
    "line",
    "account_number",
    "amount",
    "currency",
    "reference",
    "state",
    "code",
    "why",
    "payment_id",
)


@get(
    "/v1/payrolls/{id:uuid}/lines",
    guards=[require("payments:debit")],
    tags=["payrolls"],
    summary="Lines of a payroll, or only what was not paid; as CSV with format=csv",
    operation_id="list_payroll_lines",
    response_description="A page of lines.",
    responses=problems(no.PAYROLL_UNKNOWN),
)
async def list_payroll_lines(
    id: Id,
    db: Db,
    failures: FromQuery[bool] = False,
    cursor: Cursor = None,
    limit: Limit = None,
    form: Form = "json",
) -> Page[PayrollLineView]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = await payroll.find_payroll(tx, id)
        if form == "json":
            after = place[0] if place else 0
            lines = await store.payroll_lines(
                tx, id, after=max(0, min(after, 2**31 - 1)), failures=failures, most=most + 1
            )
            return paging.page(lines, most, lambda x: paging.cursor(x.line), _line_view)
    rows = _line_rows(db, found, failures=failures)
    return export(_LINE_COLUMNS, rows, name=f"payroll-{id}")  # pyright: ignore[reportReturnType]


def _line_view(x: model.PayrollLine) -> PayrollLineView:
    return PayrollLineView(
        line=x.line,
        account_number=x.account_number,
        account_id=x.account_id,
        amount=x.amount_minor,
        reference=x.reference,
        duplicate_of=x.duplicate_of,
        state=x.state,
        code=x.problem or x.refusal,
        payment_id=x.payment_id,
    )


async def _line_rows(db: Database, found: model.Payroll, *, failures: bool) -> AsyncIterator[Sequence[object]]:
    after = 0
    while True:
        async with db.read() as tx:
            lines = await store.payroll_lines(tx, found.id, after=after, failures=failures, most=1000)
        for x in lines:
            code = x.problem or x.refusal
            amount = None if x.amount_minor is None else records.decimal(x.amount_minor, found.currency)
            why = no.BY_CODE[code].zh if code else None
            number = f"'{x.account_number}"  # else a spreadsheet rounds it
            yield x.line, number, amount, found.currency, x.reference, x.state, code, why, x.payment_id
        if len(lines) < 1000:
            return
        after = lines[-1].line


# --- schedules


def _schedule_view(s: model.Schedule) -> ScheduleView:
    return ScheduleView(
        id=s.id,
        state=s.state,
        payer_account_id=s.payer_account_id,
        payee_account_id=s.payee_account_id,
        merchant_id=s.merchant_id,
        amount=s.amount_minor,
        currency=s.currency,
        every=s.every,
        starts_on=s.starts_on,
        ends_on=s.ends_on,
        next_on=s.next_on,
        try_on=s.try_on,
        failures=s.failures,
        reference=s.reference,
        created_at=s.created_at,
    )


def _new_schedule(data: ScheduleOrder, key: UUID, principal: Principal, at: datetime) -> model.Schedule:
    if (data.payee_account_id is None) == (data.merchant_id is None):
        raise INVALID_FIELD("either `payee_account_id` or `merchant_id`", field="payee_account_id")
    return model.Schedule(
        id=key,
        principal_id=principal.id,
        request_hash=canonical_hash(data),
        payer_account_id=data.payer_account_id,
        payee_account_id=data.payee_account_id,
        merchant_id=data.merchant_id,
        amount_minor=data.amount,
        currency=data.currency,
        reference=data.reference,
        every=data.every.value,
        starts_on=paging.day(data.starts_on, "starts_on") or data.starts_on,
        ends_on=paging.day(data.ends_on, "ends_on"),
        next_on=data.starts_on,
        try_on=data.starts_on,
        failures=0,
        state=ScheduleState.ACTIVE.value,
        sequence=0,
        created_at=at,
    )


@post(
    "/v1/schedules",
    guards=[require("schedules:write")],
    tags=["schedules"],
    summary="Pay on a date, or every day, week or month",
    operation_id="create_schedule",
    response_description="The schedule.",
    responses=problems(
        no.SCHEDULE_IN_THE_PAST,
        no.SCHEDULE_HAS_NO_DATE,
        no.PAYER_UNKNOWN,
        no.PAYEE_UNKNOWN,
        no.MERCHANT_UNKNOWN,
        no.ACCOUNTS_MUST_BE_DIFFERENT,
        no.CURRENCY_MISMATCH,
        make=True,
    ),
)
async def create_schedule(
    data: JSONBody[ScheduleOrder], key: Key, principal: By, db: Db, clock: Now, settings: Config
) -> ScheduleView:
    may_debit(principal)
    at = clock.now()
    new = _new_schedule(data, key, principal, at)

    async def create(tx: Tx) -> tuple[model.Schedule, bool]:
        today = days.local_day(at, settings.zone)
        return await schedules.create_schedule(tx, new, by=principal, today=today, at=at)

    found, replayed = await db.retry(create)
    first = msgspec.structs.replace(new, created_at=found.created_at)  # as the first answer had it
    return made(_schedule_view(first), replayed=replayed)


@get(
    "/v1/schedules",
    guards=[require("schedules:read")],
    tags=["schedules"],
    summary="Schedules that an account pays",
    operation_id="list_schedules",
    response_description="A page of schedules.",
    responses=problems(),
)
async def list_schedules(
    account_id: FromQuery[UUID], db: Db, cursor: Cursor = None, limit: Limit = None
) -> Page[ScheduleView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await schedules.schedules_of(tx, account_id, after=place[0] if place else None, most=most + 1)
    return paging.page(found, most, lambda s: paging.cursor(s.id), _schedule_view)


@get(
    "/v1/schedules/{id:uuid}",
    guards=[require("schedules:read")],
    tags=["schedules"],
    summary="A schedule",
    operation_id="get_schedule",
    response_description="The schedule.",
    responses=problems(no.SCHEDULE_UNKNOWN),
)
async def get_schedule(id: Id, db: Db) -> ScheduleView:
    async with db.read() as tx:
        return _schedule_view(await schedules.find_schedule(tx, id))


@get(
    "/v1/schedules/{id:uuid}/runs",
    guards=[require("schedules:read")],
    tags=["schedules"],
    summary="Every try of a schedule, newest first",
    operation_id="list_schedule_runs",
    response_description="A page of tries.",
    responses=problems(no.SCHEDULE_UNKNOWN),
)
async def list_schedule_runs(id: Id, db: Db, cursor: Cursor = None, limit: Limit = None) -> Page[ScheduleRunView]:
    most = paging.limit(limit)
    place = paging.place(cursor, date, date) or (date.max, date.max)
    async with db.read() as tx:
        found = await schedules.schedule_runs(tx, id, before=(place[0], place[1]), most=most + 1)
    return paging.page(found, most, lambda r: paging.cursor(r.tried_on, r.due_on), _run_view)


def _run_view(run: model.ScheduleRun) -> ScheduleRunView:
    return ScheduleRunView(
        due_on=run.due_on,
        tried_on=run.tried_on,
        payment_id=run.payment_id,
        state=run.state,
        code=run.refusal,
        run_at=run.run_at,
    )


async def _move(
    db: Database, clock: Any, settings: Settings, id: UUID, state: ScheduleState, principal: Principal
) -> ScheduleView:
    async def move(tx: Tx) -> model.Schedule:
        at = clock.now()
        today = days.local_day(at, settings.zone)
        return await schedules.move_schedule(tx, id, state, by=principal, today=today, at=at)

    return _schedule_view(await db.retry(move))


@post(
    "/v1/schedules/{id:uuid}/pause",
    status_code=200,
    guards=[require("schedules:write")],
    tags=["schedules"],
    summary="Pause; dates that pass meanwhile are not made up for",
    operation_id="pause_schedule",
    response_description="The schedule.",
    responses=problems(no.SCHEDULE_UNKNOWN, no.SCHEDULE_OVER, write=True),
)
async def pause_schedule(
    id: Id, principal: By, db: Db, clock: Now, settings: Config, data: JSONBody[NoOrder | None] = None
) -> ScheduleView:
    return await _move(db, clock, settings, id, ScheduleState.PAUSED, principal)


@post(
    "/v1/schedules/{id:uuid}/resume",
    status_code=200,
    guards=[require("schedules:write")],
    tags=["schedules"],
    summary="Resume with the next date from today on",
    operation_id="resume_schedule",
    response_description="The schedule.",
    responses=problems(no.SCHEDULE_UNKNOWN, no.SCHEDULE_OVER, write=True),
)
async def resume_schedule(
    id: Id, principal: By, db: Db, clock: Now, settings: Config, data: JSONBody[NoOrder | None] = None
) -> ScheduleView:
    return await _move(db, clock, settings, id, ScheduleState.ACTIVE, principal)


@delete(
    "/v1/schedules/{id:uuid}",
    status_code=200,
    guards=[require("schedules:write")],
    tags=["schedules"],
    summary="Cancel a schedule, for ever",
    operation_id="cancel_schedule",
    response_description="The schedule.",
    responses=problems(no.SCHEDULE_UNKNOWN, no.SCHEDULE_OVER),
)
async def cancel_schedule(id: Id, principal: By, db: Db, clock: Now, settings: Config) -> ScheduleView:
    return await _move(db, clock, settings, id, ScheduleState.CANCELLED, principal)


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
    get_limits,
    set_own_limits,
    set_account_limits,
    drop_account_limits,
    list_bank_limits,
    set_bank_limits,
    upload_payroll,
    list_payrolls,
    get_payroll,
    confirm_payroll,
    cancel_payroll,
    list_payroll_lines,
    create_schedule,
    list_schedules,
    get_schedule,
    list_schedule_runs,
    pause_schedule,
    resume_schedule,
    cancel_schedule,
)

__all__ = ["ROUTES", "pay_route"]
