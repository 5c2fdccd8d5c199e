"""JSON routes of orders: make, look up, cancel."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.merchants import enquire, orders
from tongbao.merchants import refusals as no
from tongbao.merchants.merchant_routes import METHODS, FeeQuote, only, quote
from tongbao.merchants.model import ORDER_LASTS, ORDER_LASTS_LONGEST, Merchant, NewOrder, Order, OrderState
from tongbao.web import paging
from tongbao.web.body import Amount, Body, Currency
from tongbao.web.paging import Page
from tongbao.web.refusals import MISSING_FIELD
from tongbao.web.site import By, Cursor, Db, Id, Key, Limit, Now, made, problems, require

InOrderState = Annotated[OrderState | None, QueryParameter(name="state", description="Only orders in this state.")]


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
        merchant = (await enquire.find(tx, [merchant_id]))[merchant_id]
        plan = await enquire.fee_plan_at(tx, merchant_id, done.thing.created_at)
        return done, msgspec.structs.replace(merchant, plan=plan)

    done, merchant = await db.retry(work)
    return made(order_view(done.thing.as_made(), merchant, done.thing.created_at), replayed=done.replayed)


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
    in_state: InOrderState = None,
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
            state=in_state,
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


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    create_order,
    get_order,
    list_orders,
    cancel_order,
)
