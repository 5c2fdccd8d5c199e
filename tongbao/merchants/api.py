"""JSON routes: parse, call a verb in a transaction, render. Merchants, fee plans, orders, webhooks."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.money import LARGEST_MINOR
from tongbao.base.principal import Principal
from tongbao.merchants import enquire, fee_plan, orders, register, webhooks
from tongbao.merchants import refusals as no
from tongbao.merchants.fees import FeePlan, FeeRate, fee
from tongbao.merchants.model import (
    ORDER_LASTS,
    ORDER_LASTS_LONGEST,
    TOPICS,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointStatus,
    Merchant,
    MerchantStatus,
    NewEndpoint,
    NewMerchant,
    NewOrder,
    Order,
    OrderState,
)
from tongbao.web import paging
from tongbao.web.body import Amount, AmountOrZero, Body, Currency, Reason
from tongbao.web.paging import Page
from tongbao.web.refusals import MISSING_FIELD
from tongbao.web.site import By, Config, Db, Id, Key, Now, made, problems, require

Limit = Annotated[
    int | None, QueryParameter(description=f"Rows of a page, 1 to {paging.MOST}; {paging.USUAL} unless told.")
]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["老王面馆"])]
Category = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["restaurant"])]
Method = Literal["account", "qr", "card", "api"]
METHODS: Final[tuple[Method, ...]] = ("account", "qr", "card", "api")


class MerchantOrder(Body, frozen=True):
    name: Name
    customer_id: UUID | None = None
    """The firm it belongs to; a new one of the same name unless told."""
    category: Category | None = None
    currency: Currency | None = None
    """The bank's own currency unless told."""


class RateBody(Body, frozen=True):
    """`*` is every method without a rate of its own."""

    method: Literal["account", "qr", "card", "api", "*"]
    basis_points: Annotated[int, msgspec.Meta(ge=0, le=10_000, description="Hundredths of a per cent.", examples=[38])]
    fixed: AmountOrZero = 0
    smallest: AmountOrZero = 0
    largest: Amount | None = None
    """The cap; none unless told."""


class FeePlanBody(Body, frozen=True):
    rates: Annotated[list[RateBody], msgspec.Meta(min_length=1, max_length=20)]


class RateView(msgspec.Struct, kw_only=True):
    method: str
    currency: str
    basis_points: int
    fixed: int
    smallest: int
    largest: int | None


class FeePlanView(msgspec.Struct, kw_only=True):
    id: UUID
    merchant_id: UUID | None
    """Null: the bank's own plan, for all who have none of their own."""
    version: int
    rates: list[RateView]


class MerchantView(msgspec.Struct, kw_only=True):
    id: UUID
    name: str
    category: str | None
    customer_id: UUID
    status: MerchantStatus
    currency: str
    takings_account_id: UUID
    settlement_account_id: UUID
    fee_plan: FeePlanView
    created_at: datetime


class StatusBody(Body, frozen=True):
    status: MerchantStatus
    reason: Reason


class FeeQuote(msgspec.Struct, kw_only=True):
    """What a payment of `amount` would cost the merchant now, and what is left of it."""

    method: str
    amount: int
    currency: str
    fee: int
    net: int


class OrderBody(Body, frozen=True):
    amount: Amount
    currency: Currency
    merchant_id: UUID | None = None
    """A merchant's own key need not say it."""
    description: Annotated[str, msgspec.Meta(max_length=200, examples=["3 bowls of beef noodles"])] | None = None
    expires_in_s: Annotated[int, msgspec.Meta(ge=1, le=int(ORDER_LASTS_LONGEST.total_seconds()))] = int(
        ORDER_LASTS.total_seconds()
    )


class OrderView(msgspec.Struct, kw_only=True):
    id: UUID
    merchant_id: UUID
    amount: int
    currency: str
    description: str | None
    state: OrderState
    payment_id: UUID | None
    captured: int
    refunded: int
    fee_quotes: list[FeeQuote]
    created_at: datetime
    expires_at: datetime
    changed_at: datetime


class EndpointBody(Body, frozen=True):
    url: Annotated[str, msgspec.Meta(min_length=8, max_length=2000, examples=["https://shop.example/hooks/tongbao"])]
    topics: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)] = TOPICS
    merchant_id: UUID | None = None
    """A bank's key may make one for a merchant; without it, the bank's own, which hears of every merchant."""


class EndpointView(msgspec.Struct, kw_only=True):
    """`secret` is shown by the answer that made it and by its replay, and never again."""

    id: UUID
    merchant_id: UUID | None
    url: str
    topics: list[str]
    status: EndpointStatus
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None
    secret: str | None = None


class AttemptView(msgspec.Struct, kw_only=True):
    number: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


class DeliveryView(msgspec.Struct, kw_only=True):
    """Order messages about one `aggregate` by `sequence`, never by arrival."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    topic: str
    aggregate: UUID
    sequence: int
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_at: datetime | None
    delivered_at: datetime | None
    history: list[AttemptView]


def own(principal: Principal, merchant_id: UUID) -> UUID:
    """`merchant_id`, if this principal may ask about it: whoever acts for one merchant does not learn of another."""
    if principal.subject_id not in (None, merchant_id):
        raise no.MERCHANT_UNKNOWN()
    return merchant_id


def only(principal: Principal, merchant_id: UUID | None) -> UUID | None:
    """Which merchant a list is about: the principal's own, the one asked for, or all."""
    if merchant_id is not None:
        return own(principal, merchant_id)
    return principal.subject_id


def plan_view(plan: FeePlan) -> FeePlanView:
    rates = [
        RateView(
            method=r.method,
            currency=r.currency,
            basis_points=r.basis_points,
            fixed=r.fixed_minor,
            smallest=r.smallest_minor,
            largest=r.largest_minor,
        )
        for r in plan.rates
    ]
    return FeePlanView(id=plan.id, merchant_id=plan.merchant_id, version=plan.version, rates=rates)


def merchant_view(merchant: Merchant) -> MerchantView:
    return MerchantView(
        id=merchant.id,
        name=merchant.name,
        category=merchant.category,
        customer_id=merchant.customer_id,
        status=merchant.status,
        currency=merchant.currency,
        takings_account_id=merchant.takings_account_id,
        settlement_account_id=merchant.settlement_account_id,
        fee_plan=plan_view(merchant.plan),
        created_at=merchant.created_at,
    )


def quote(merchant: Merchant, method: str, amount_minor: int) -> FeeQuote:
    cost = fee(merchant.plan, method, merchant.currency, amount_minor)
    return FeeQuote(method=method, amount=amount_minor, currency=merchant.currency, fee=cost, net=amount_minor - cost)


async def _merchant(tx: Tx, principal: Principal, merchant_id: UUID) -> Merchant:
    found = (await enquire.find(tx, [own(principal, merchant_id)])).get(merchant_id)
    if found is None:
        raise no.MERCHANT_UNKNOWN()
    return found


# --- merchants


@post(
    "/v1/merchants",
    guards=[require("merchants:write")],
    tags=["merchants"],
    summary="Register a merchant with its takings and settlement accounts",
    operation_id="register_merchant",
    response_description="The merchant, on the bank's fee plan.",
    responses=problems(no.CUSTOMER_NOT_A_FIRM, make=True),
)
async def register_merchant(
    data: JSONBody[MerchantOrder], key: Key, principal: By, db: Db, clock: Now, settings: Config
) -> MerchantView:
    new = NewMerchant(
        id=key,
        name=data.name,
        currency=data.currency or settings.currency,
        customer_id=data.customer_id,
        category=data.category,
    )

    async def work(tx: Tx) -> register.Made[Merchant]:
        done = await register.register_merchants(tx, [new], by=principal, at=clock.now(), bank_code=settings.bank_code)
        return done[0]

    done = await db.retry(work)
    return made(merchant_view(done.thing), replayed=done.replayed)


@get(
    "/v1/merchants",
    guards=[require("merchants:read")],
    tags=["merchants"],
    summary="Merchants",
    operation_id="list_merchants",
    response_description="A page of merchants.",
    responses=problems(),
)
async def list_merchants(
    principal: By,
    db: Db,
    customer_id: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[MerchantView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await enquire.list_merchants(
            tx,
            after=place[0] if place else None,
            customer_id=customer_id,
            only=principal.subject_id,
            most=most + 1,
        )
    return paging.page(found, most, lambda m: paging.cursor(m.id), merchant_view)


@get(
    "/v1/merchants/{id:uuid}",
    guards=[require("merchants:read")],
    tags=["merchants"],
    summary="A merchant",
    operation_id="get_merchant",
    response_description="The merchant.",
    responses=problems(no.MERCHANT_UNKNOWN),
)
async def get_merchant(id: Id, principal: By, db: Db) -> MerchantView:
    async with db.read() as tx:
        return merchant_view(await _merchant(tx, principal, id))


@post(
    "/v1/merchants/{id:uuid}/status",
    status_code=200,
    guards=[require("merchants:write")],
    tags=["merchants"],
    summary="Suspend, reopen or close a merchant",
    operation_id="set_merchant_status",
    response_description="The merchant.",
    responses=problems(no.MERCHANT_UNKNOWN, no.MERCHANT_MOVE_REFUSED, write=True),
)
async def set_merchant_status(id: Id, data: JSONBody[StatusBody], principal: By, db: Db, clock: Now) -> MerchantView:
    own(principal, id)

    async def work(tx: Tx) -> Merchant:
        merchant = await register.set_status(tx, id, data.status)
        action = f"merchant.{data.status.value}"
        await audit.record(tx, principal, action, id, at=clock.now(), reason=data.reason)
        return merchant

    return merchant_view(await db.retry(work))


# --- fees


@get(
    "/v1/merchants/{id:uuid}/fee-plan",
    guards=[require("merchants:read")],
    tags=["merchants", "fees"],
    summary="The fee plan in force for a merchant",
    operation_id="get_fee_plan",
    response_description="The plan.",
    responses=problems(no.MERCHANT_UNKNOWN),
)
async def get_fee_plan(id: Id, principal: By, db: Db) -> FeePlanView:
    async with db.read() as tx:
        return plan_view((await _merchant(tx, principal, id)).plan)


@put(
    "/v1/merchants/{id:uuid}/fee-plan",
    guards=[require("merchants:write")],
    tags=["merchants", "fees"],
    summary="Set a merchant's fee plan, for what is captured from now on",
    operation_id="set_fee_plan",
    response_description="The plan, in its new version.",
    responses=problems(
        no.MERCHANT_UNKNOWN, no.FEE_PLAN_INCOMPLETE, no.FEE_RATE_TWICE, no.FEE_BOUNDS_CROSSED, write=True
    ),
)
async def set_fee_plan(id: Id, data: JSONBody[FeePlanBody], principal: By, db: Db, clock: Now) -> FeePlanView:
    async def work(tx: Tx) -> FeePlan:
        merchant = await _merchant(tx, principal, id)
        rates = [
            FeeRate(
                method=r.method,
                currency=merchant.currency,
                basis_points=r.basis_points,
                fixed_minor=r.fixed,
                smallest_minor=r.smallest,
                largest_minor=r.largest,
            )
            for r in data.rates
        ]
        plan = await fee_plan.set_fee_plan(tx, id, rates, by=principal, at=clock.now())
        await audit.record(tx, principal, "merchant.fee_plan", id, at=clock.now(), details={"plan_id": str(plan.id)})
        return plan

    return plan_view(await db.retry(work))


@get(
    "/v1/merchants/{id:uuid}/fee-quote",
    guards=[require("merchants:read")],
    tags=["merchants", "fees"],
    summary="What a payment would cost the merchant",
    operation_id="quote_fee",
    response_description="The fee.",
    responses=problems(no.MERCHANT_UNKNOWN, no.ORDER_CURRENCY_DIFFERS),
)
async def quote_fee(
    id: Id,
    principal: By,
    db: Db,
    amount: Annotated[int, QueryParameter(ge=1, le=LARGEST_MINOR, description="Minor units.")],
    currency: FromQuery[str | None] = None,
    method: FromQuery[Method] = "account",
) -> FeeQuote:
    async with db.read() as tx:
        merchant = await _merchant(tx, principal, id)
    if currency not in (None, merchant.currency):
        raise no.ORDER_CURRENCY_DIFFERS(f"the merchant is paid in {merchant.currency}", field="currency")
    return quote(merchant, method, amount)


# --- orders


def order_view(order: Order, merchant: Merchant, at: datetime) -> OrderView:
    return OrderView(
        id=order.id,
        merchant_id=order.merchant_id,
        amount=order.amount_minor,
        currency=order.currency,
        description=order.description,
        state=order.state_at(at),
        payment_id=order.payment_id,
        captured=order.captured_minor,
        refunded=order.refunded_minor,
        fee_quotes=[quote(merchant, method, order.amount_minor) for method in METHODS],
        created_at=order.created_at,
        expires_at=order.expires_at,
        changed_at=order.changed_at,
    )


async def _order(tx: Tx, principal: Principal, order_id: UUID) -> Order:
    found = (await enquire.find_orders(tx, [order_id])).get(order_id)
    if found is None or principal.subject_id not in (None, found.merchant_id):
        raise no.ORDER_UNKNOWN()
    return found


@post(
    "/v1/orders",
    guards=[require("orders:write")],
    tags=["orders"],
    summary="Make an order that can be paid once",
    operation_id="create_order",
    response_description="The order, with the fee of each way to pay it.",
    responses=problems(
        no.MERCHANT_UNKNOWN, no.MERCHANT_SUSPENDED, no.MERCHANT_CLOSED, no.ORDER_CURRENCY_DIFFERS, make=True
    ),
)
async def create_order(data: JSONBody[OrderBody], key: Key, principal: By, db: Db, clock: Now) -> OrderView:
    merchant_id = only(principal, data.merchant_id)
    if merchant_id is None:
        raise MISSING_FIELD(field="merchant_id")
    at = clock.now()
    new = NewOrder(
        id=key,
        merchant_id=merchant_id,
        amount_minor=data.amount,
        currency=data.currency,
        description=data.description,
        expires_at=at + timedelta(seconds=data.expires_in_s),
    )

    async def work(tx: Tx) -> tuple[orders.Made[Order], Merchant]:
        done = await orders.create_order(tx, new, by=principal, at=at)
        return done, (await enquire.find(tx, [merchant_id]))[merchant_id]

    done, merchant = await db.retry(work)
    return made(order_view(done.thing, merchant, at), replayed=done.replayed)


@get(
    "/v1/orders/{id:uuid}",
    guards=[require("orders:read")],
    tags=["orders"],
    summary="An order",
    operation_id="get_order",
    response_description="The order.",
    responses=problems(no.ORDER_UNKNOWN),
)
async def get_order(id: Id, principal: By, db: Db, clock: Now) -> OrderView:
    async with db.read() as tx:
        order = await _order(tx, principal, id)
        merchant = (await enquire.find(tx, [order.merchant_id]))[order.merchant_id]
    return order_view(order, merchant, clock.now())


@get(
    "/v1/orders",
    guards=[require("orders:read")],
    tags=["orders"],
    summary="Orders, newest first",
    operation_id="list_orders",
    response_description="A page of orders.",
    responses=problems(no.MERCHANT_UNKNOWN),
)
async def list_orders(
    principal: By,
    db: Db,
    clock: Now,
    merchant_id: FromQuery[UUID | None] = None,
    state: FromQuery[OrderState | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[OrderView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await enquire.list_orders(
            tx,
            merchant_id=only(principal, merchant_id),
            below=place[0] if place else None,
            state=state,
            most=most + 1,
        )
        merchants = await enquire.find(tx, {order.merchant_id for order in found})
    at = clock.now()
    return paging.page(
        found, most, lambda o: paging.cursor(o.id), lambda o: order_view(o, merchants[o.merchant_id], at)
    )


@post(
    "/v1/orders/{id:uuid}/cancel",
    status_code=200,
    guards=[require("orders:write")],
    tags=["orders"],
    summary="Cancel an order that nobody has paid",
    operation_id="cancel_order",
    response_description="The order, cancelled now or before.",
    responses=problems(no.ORDER_UNKNOWN, no.ORDER_NOT_OPEN),
)
async def cancel_order(id: Id, principal: By, db: Db, clock: Now) -> OrderView:
    at = clock.now()

    async def work(tx: Tx) -> tuple[Order, Merchant]:
        order = await _order(tx, principal, id)
        merchant = (await enquire.find(tx, [order.merchant_id]))[order.merchant_id]
        return await orders.cancel_order(tx, id, at), merchant

    order, merchant = await db.retry(work)
    return order_view(order, merchant, at)


# --- webhooks


def endpoint_view(endpoint: Endpoint, secret: str | None = None) -> EndpointView:
    return EndpointView(
        id=endpoint.id,
        merchant_id=endpoint.merchant_id,
        url=endpoint.url,
        topics=list(endpoint.topics),
        status=endpoint.status,
        created_at=endpoint.created_at,
        failing_since=endpoint.failing_since,
        disabled_at=endpoint.disabled_at,
        disabled_because=endpoint.disabled_because,
        secret=secret,
    )


def delivery_view(delivery: Delivery) -> DeliveryView:
    return DeliveryView(
        id=delivery.id,
        webhook_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        topic=delivery.topic,
        aggregate=delivery.aggregate,
        sequence=delivery.sequence,
        state=delivery.state,
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        next_at=delivery.next_at,
        delivered_at=delivery.delivered_at,
        history=[AttemptView(**msgspec.structs.asdict(attempt)) for attempt in delivery.history],
    )


async def _endpoint(tx: Tx, principal: Principal, endpoint_id: UUID) -> Endpoint:
    found = await enquire.find_endpoint(tx, endpoint_id)
    if found is None or principal.subject_id not in (None, found.merchant_id):
        raise no.WEBHOOK_UNKNOWN()
    return found


@post(
    "/v1/webhooks",
    guards=[require("webhooks:write")],
    tags=["webhooks"],
    summary="Hear about payments: signed messages to an address of yours",
    operation_id="create_webhook",
    response_description="The webhook. `secret` checks the signatures; keep it.",
    responses=problems(no.MERCHANT_UNKNOWN, no.WEBHOOK_URL_REFUSED, no.WEBHOOK_TOPIC_UNKNOWN, make=True),
)
async def create_webhook(
    data: JSONBody[EndpointBody], key: Key, principal: By, db: Db, clock: Now, settings: Config
) -> EndpointView:
    new = NewEndpoint(
        id=key,
        url=data.url,
        topics=tuple(sorted(set(data.topics))),
        merchant_id=only(principal, data.merchant_id),
    )
    secret = webhooks.fresh_secret(secrets.token_bytes)

    async def work(tx: Tx) -> tuple[webhooks.Made[Endpoint], str]:
        return await webhooks.create_endpoint(
            tx, new, secret, by=principal, at=clock.now(), private=settings.webhook_private
        )

    done, secret = await db.retry(work)
    return made(endpoint_view(done.thing, secret), replayed=done.replayed)


@get(
    "/v1/webhooks",
    guards=[require("webhooks:read")],
    tags=["webhooks"],
    summary="Webhooks",
    operation_id="list_webhooks",
    response_description="A page of webhooks.",
    responses=problems(no.MERCHANT_UNKNOWN),
)
async def list_webhooks(
    principal: By,
    db: Db,
    merchant_id: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[EndpointView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await enquire.list_endpoints(
            tx, merchant_id=only(principal, merchant_id), after=place[0] if place else None, most=most + 1
        )
    return paging.page(found, most, lambda e: paging.cursor(e.id), endpoint_view)


@get(
    "/v1/webhooks/{id:uuid}",
    guards=[require("webhooks:read")],
    tags=["webhooks"],
    summary="A webhook",
    operation_id="get_webhook",
    response_description="The webhook, without its secret.",
    responses=problems(no.WEBHOOK_UNKNOWN),
)
async def get_webhook(id: Id, principal: By, db: Db) -> EndpointView:
    async with db.read() as tx:
        return endpoint_view(await _endpoint(tx, principal, id))


@delete(
    "/v1/webhooks/{id:uuid}",
    guards=[require("webhooks:write")],
    tags=["webhooks"],
    summary="Stop a webhook for ever",
    operation_id="delete_webhook",
    response_description="Nothing more is sent.",
    responses=problems(no.WEBHOOK_UNKNOWN),
)
async def delete_webhook(id: Id, principal: By, db: Db, clock: Now) -> None:
    async def work(tx: Tx) -> None:
        await _endpoint(tx, principal, id)
        await webhooks.delete_endpoint(tx, id, clock.now())

    await db.retry(work)


@post(
    "/v1/webhooks/{id:uuid}/enable",
    status_code=200,
    guards=[require("webhooks:write")],
    tags=["webhooks"],
    summary="Switch on a webhook that was switched off for failing",
    operation_id="enable_webhook",
    response_description="The webhook.",
    responses=problems(no.WEBHOOK_UNKNOWN),
)
async def enable_webhook(id: Id, principal: By, db: Db) -> EndpointView:
    async def work(tx: Tx) -> Endpoint:
        await _endpoint(tx, principal, id)
        return await webhooks.enable_endpoint(tx, id)

    return endpoint_view(await db.retry(work))


@get(
    "/v1/webhooks/{id:uuid}/deliveries",
    guards=[require("webhooks:read")],
    tags=["webhooks"],
    summary="What was sent or is on its way, with every attempt, newest first",
    operation_id="list_deliveries",
    response_description="A page of deliveries.",
    responses=problems(no.WEBHOOK_UNKNOWN),
)
async def list_deliveries(
    id: Id,
    principal: By,
    db: Db,
    state: FromQuery[DeliveryState | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[DeliveryView]:
    most = paging.limit(limit)
    place = paging.place(cursor, datetime, UUID)
    async with db.read() as tx:
        await _endpoint(tx, principal, id)
        found = await enquire.list_deliveries(
            tx,
            id,
            state=state,
            before=place[0] if place else None,
            before_id=place[1] if place else None,
            most=most + 1,
        )
    return paging.page(found, most, lambda d: paging.cursor(d.created_at, d.id), delivery_view)


@post(
    "/v1/webhook-deliveries/{id:uuid}/resend",
    status_code=202,
    guards=[require("webhooks:write")],
    tags=["webhooks"],
    summary="Send a delivery again",
    operation_id="resend_delivery",
    response_description="The delivery, due now with a fresh set of tries.",
    responses=problems(no.DELIVERY_UNKNOWN, no.WEBHOOK_OFF),
)
async def resend_delivery(id: Id, principal: By, db: Db, clock: Now) -> DeliveryView:
    async def work(tx: Tx) -> Delivery:
        delivery = await enquire.find_delivery(tx, id)
        if delivery is None:
            raise no.DELIVERY_UNKNOWN()
        await _endpoint(tx, principal, delivery.endpoint_id)
        due = await webhooks.resend(tx, id, clock.now())
        return msgspec.structs.replace(due, history=delivery.history)

    return delivery_view(await db.retry(work))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    register_merchant,
    list_merchants,
    get_merchant,
    set_merchant_status,
    get_fee_plan,
    set_fee_plan,
    quote_fee,
    create_order,
    get_order,
    list_orders,
    cancel_order,
    create_webhook,
    list_webhooks,
    get_webhook,
    delete_webhook,
    enable_webhook,
    list_deliveries,
    resend_delivery,
)
