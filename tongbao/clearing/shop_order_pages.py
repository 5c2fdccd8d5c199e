"""What a shop asks to be paid for: its orders, made here or by its own computers, each paid once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import merchants, payments
from tongbao.base import say
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.clearing.shop_pages import shop_of
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Sum
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.qr import qr_path
from tongbao.web.site import By, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

_STATE_MESSAGES: Final = {
    "waiting": "not paid yet",
    "open": "not paid yet",
    "paying": "being paid",
    "authorised": "authorised, not captured",
    "paid": "paid",
    "partly_refunded": "partly refunded",
    "refunded": "refunded",
    "cancelled": "cancelled",
    "expired": "expired",
}
_LASTS_MESSAGES: Final = {30: "30 minutes", 120: "2 hours", 1440: "1 day", 10080: "7 days"}


def stage(state: merchants.OrderState) -> str:
    """An open order waits: its mark says so, where that of an open shop says that all is well."""
    return "waiting" if state is merchants.OrderState.OPEN else state.value


def state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES.get(state, state), lang)


ORDERS: Final = (
    Column("created_at", "Made", "创建时间", tables.MOMENT),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("description", "For what", "内容"),
    Column("state", "State", "状态", words=state_word),
    Column("expires_at", "Until", "有效期至", tables.MOMENT),
    Column("payment", "Payment", "付款编号"),
    Column("currency", "Currency", "币种"),
)


class Search(Form, frozen=True):
    state: merchants.OrderState | None = None


class OrderForm(Form, frozen=True):
    id: UUID
    amount: Sum
    description: Annotated[str, msgspec.Meta(max_length=200)] = ""
    lasts: Annotated[int, msgspec.Meta(ge=1, le=90 * 1440)] = 30


@get("/shop/orders", guards=[visitor("shop", "orders:read")], include_in_schema=False)
async def list_page(request: PageRequest, principal: By, db: Db, clock: Now, cursor: Cursor = None) -> Page:
    return await _list(request, db, principal, clock.now(), forms.blank(), cursor=cursor)


async def _list(
    request: PageRequest,
    db: Database,
    principal: Principal,
    at: datetime,
    form: Filled[Any],
    *,
    cursor: str | None = None,
    status: int = 200,
) -> Page:
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, UUID)
    asked = {"state": request.query_params.get("state", "")}
    search = forms.convert(request, Search, asked).value
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        found = await merchants.list_orders(
            tx,
            merchant_id=shop.id,
            below=place[0] if place else None,
            state=search.state if search else None,
            most=most + 1,
        )
    listed = paging.page(found, most, lambda o: paging.cursor(o.id), lambda o: _row(o, at))
    table = Listing(
        columns=ORDERS,
        rows=listed.items,
        next_cursor=listed.next_cursor,
        hidden=("currency",),
        empty=i18n.say("No order yet.", lang),
    )
    return pages.show(
        request,
        "clearing/shop_orders.html",
        status=status,
        table=table,
        shop=shop,
        form=form,
        states=[(state.value, state_word(state, lang)) for state in merchants.OrderState],
        lasts=[(str(minutes), i18n.say(said, lang)) for minutes, said in _LASTS_MESSAGES.items()],
    )


def _row(o: merchants.Order, at: datetime) -> tuple[Any, ...]:
    return (
        Linked(o.created_at, f"/shop/orders/{o.id}"),
        o.amount_minor,
        o.description,
        Marked(stage(o.state_at(at))),
        o.expires_at,
        Linked(str(o.payment_id)[-8:], f"/shop/payments/{o.payment_id}") if o.payment_id else None,
        o.currency,
    )


@post("/shop/orders", guards=[visitor("shop", "orders:write")], include_in_schema=False)
async def make_order(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
    at = clock.now()
    filled = await forms.read(request, OrderForm, currency=shop.currency)
    if filled.value is None:
        return await _list(request, db, principal, at, filled, status=422)
    wanted = filled.value
    new = merchants.NewOrder(
        id=wanted.id,
        merchant_id=shop.id,
        amount_minor=wanted.amount,
        currency=shop.currency,
        description=wanted.description or None,
        expires_at=at + timedelta(minutes=wanted.lasts),
    )

    async def make(tx: Tx) -> None:
        await merchants.create_order(tx, new, by=principal, at=at)

    try:
        await db.retry(make)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _list(request, db, principal, at, again, status=refusal.kind.status)
    return pages.go(f"/shop/orders/{wanted.id}", said="The order is made. It can be paid once, until its time is over.")


async def _own(tx: Tx, principal: Principal, id: UUID) -> merchants.Order:
    """Refuses `order_unknown`."""
    found = (await merchants.find_orders(tx, [id])).get(id)
    if found is None or found.merchant_id != principal.subject_id:
        raise merchants.ORDER_UNKNOWN()
    return found


@get("/shop/orders/{id:uuid}", guards=[visitor("shop", "orders:read")], include_in_schema=False)
async def order_page(request: PageRequest, principal: By, id: Id, db: Db, clock: Now) -> Page:
    return await _show(request, db, principal, id, clock.now(), forms.blank())


async def _show(
    request: PageRequest,
    db: Database,
    principal: Principal,
    id: UUID,
    at: datetime,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        order = await _own(tx, principal, id)
    state = order.state_at(at)
    fees = [
        (
            payments.method_word(method.value, lang),
            say.money(shop.fee(method.value, order.amount_minor), order.currency, lang),
        )
        for method in payments.Method
    ]
    return pages.show(
        request,
        "clearing/shop_order.html",
        status=status,
        order=order,
        state=state.value,
        stage=stage(state),
        word=state_word(state, lang),
        fees=fees,
        form=form,
        square=qr_path(payments.order_link(pages.origins(request)[0], order.id)),
    )


@post("/shop/orders/{id:uuid}/cancel", guards=[visitor("shop", "orders:write")], include_in_schema=False)
async def cancel_order(request: PageRequest, principal: By, id: Id, db: Db, clock: Now) -> Page:
    """Nobody can pay it any more; one that is paid, or being paid, stays as it is."""

    async def cancel(tx: Tx) -> None:
        await _own(tx, principal, id)
        await merchants.cancel_order(tx, id, clock.now())

    try:
        await db.retry(cancel)
    except Refusal as refusal:
        if refusal.kind.status == 404:
            raise
        said = forms.blank().refused(refusal, pages.language(request))
        return await _show(request, db, principal, id, clock.now(), said, status=refusal.kind.status)
    return pages.go(f"/shop/orders/{id}", said="Cancelled. Nobody can pay this order any more.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, make_order, order_page, cancel_order)
