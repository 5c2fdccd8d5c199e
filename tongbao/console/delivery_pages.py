"""Webhooks as staff see them: who hears of what, what was sent or waits, every attempt, and sending once more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao import merchants
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.merchants import Delivery, DeliveryState, Endpoint
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

_NO: Final = {kind.code: kind for kind in merchants.REFUSALS}
_LONGEST: Final = 300
_STATES: Final = {
    "pending": ("on its way", "待发送"),
    "delivered": ("delivered", "已送达"),
    "failed": ("given up", "发送失败"),
}
_STATUSES: Final = {
    "active": ("on", "已启用"),
    "slow": ("takes nothing", "接收异常"),
    "disabled": ("off", "已停用"),
    "deleted": ("deleted", "已删除"),
}


def delivery_word(state: str, lang: Lang) -> str:
    return _STATES[state][lang == "zh"]


def status_word(status: str, lang: Lang) -> str:
    return _STATUSES[status][lang == "zh"]


ENDPOINTS: Final = (
    Column("url", "Address", "接收地址"),
    Column("status", "State", "状态", words=status_word),
    Column("whose", "Of", "所属商户"),
    Column("failing_since", "Takes nothing since", "异常起始时间", tables.MOMENT),
    Column("topics", "Topics", "主题数", tables.COUNT),
    Column("created_at", "Made", "创建时间", tables.MOMENT),
)
DELIVERIES: Final = (
    Column("created_at", "Happened", "发生时间", tables.MOMENT),
    Column("state", "State", "状态", words=delivery_word),
    Column("topic", "Topic", "主题"),
    Column("attempts", "Attempts", "发送次数", tables.COUNT),
    Column("status", "Last answer", "最近响应"),
    Column("ms", "Milliseconds", "耗时（毫秒）", tables.COUNT),
    Column("next_at", "Next try", "下次发送", tables.MOMENT),
    Column("delivered_at", "Delivered", "送达时间", tables.MOMENT),
)
ATTEMPTS: Final = (
    Column("number", "Attempt", "次序", tables.COUNT),
    Column("at", "Time", "时间", tables.MOMENT),
    Column("status", "Status", "状态码"),
    Column("ms", "Milliseconds", "耗时（毫秒）", tables.COUNT),
    Column("error", "Error", "错误"),
    Column("answer", "What it said", "响应内容"),
)


class Resend(Form, frozen=True):
    """`expected`: the attempts that the page showed."""

    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


@get("/staff/deliveries", guards=[visitor("staff", "webhooks:read")], include_in_schema=False)
async def list_page(request: PageRequest, db: Db, clock: Now, cursor: Cursor = None) -> Page:
    """Everybody who hears of something, and how webhooks stand in the whole bank."""
    most, at = paging.USUAL, clock.now()
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        backlog = await merchants.webhook_backlog(tx, at)
        found = await merchants.list_endpoints(tx, after=place[0] if place else None, most=most + 1)
        shops = await merchants.find(tx, {e.merchant_id for e in found if e.merchant_id})
    names = {i: shop.name for i, shop in shops.items()}
    lang = pages.language(request)
    listed = paging.page(found, most, lambda e: paging.cursor(e.id), lambda e: _endpoint_row(e, names, lang))
    table = Listing(columns=ENDPOINTS, rows=listed.items, next_cursor=listed.next_cursor)
    late_s = (at - backlog.oldest_due_at) // timedelta(seconds=1) if backlog.oldest_due_at else 0
    return pages.show(request, "console/deliveries.html", table=table, backlog=backlog, late_s=max(0, late_s))


def _endpoint_row(endpoint: Endpoint, names: dict[UUID, str], lang: Lang) -> tuple[Any, ...]:
    of = endpoint.merchant_id
    return (
        Linked(endpoint.url[:_LONGEST], f"/staff/deliveries/{endpoint.id}"),
        Marked(_status(endpoint)),
        Linked(names.get(of, str(of)[-8:]), f"/staff/merchants/{of}") if of else i18n.say("the bank itself", lang),
        endpoint.failing_since,
        len(endpoint.topics),
        endpoint.created_at,
    )


def _status(endpoint: Endpoint) -> str:
    return "slow" if endpoint.status == "active" and endpoint.failing_since else endpoint.status.value


InState = Annotated[DeliveryState | None, QueryParameter(name="state")]


@get("/staff/deliveries/{id:uuid}", guards=[visitor("staff", "webhooks:read")], include_in_schema=False)
async def endpoint_page(request: PageRequest, id: Id, db: Db, wanted: InState = None, cursor: Cursor = None) -> Page:
    """What one address was sent, newest first."""
    most, lang = paging.USUAL, pages.language(request)
    place = paging.place(cursor, datetime, UUID)
    async with db.read() as tx:
        endpoint = await _endpoint(tx, id)
        shops = await merchants.find(tx, [endpoint.merchant_id] if endpoint.merchant_id else [])
        before = {"before": place[0], "before_id": place[1]} if place else {}
        found = await merchants.list_deliveries(tx, id, state=wanted, most=most + 1, **before)
    listed = paging.page(found, most, lambda d: paging.cursor(d.created_at, d.id), _delivery_row)
    return pages.show(
        request,
        "console/endpoint.html",
        endpoint=endpoint,
        state=_status(endpoint),
        state_said=status_word(_status(endpoint), lang),
        shop=next(iter(shops.values()), None),
        table=Listing(columns=DELIVERIES, rows=listed.items, next_cursor=listed.next_cursor),
        choices=[(state.value, delivery_word(state.value, lang)) for state in DeliveryState],
    )


async def _endpoint(tx: Tx, id: UUID) -> Endpoint:
    found = await merchants.find_endpoint(tx, id)
    if found is None:
        raise _NO["webhook_unknown"]()
    return found


def _delivery_row(delivery: Delivery) -> tuple[Any, ...]:
    last = delivery.history[-1] if delivery.history else None
    return (
        Linked(delivery.created_at, f"/staff/deliveries/of/{delivery.id}"),
        Marked(delivery.state.value),
        delivery.topic,
        delivery.attempts,
        (str(last.status) if last.status else (last.error or "")[:40]) if last else None,
        last.duration_ms if last else None,
        delivery.next_at,
        delivery.delivered_at,
    )


@post("/staff/deliveries/{id:uuid}/enable", guards=[visitor("staff", "webhooks:write")], include_in_schema=False)
async def enable(id: Id, db: Db) -> Page:
    """Switches an address on again that was switched off for failing."""

    async def work(tx: Tx) -> Endpoint:
        return await merchants.enable_endpoint(tx, id)

    await db.retry(work)
    return pages.go(f"/staff/deliveries/{id}", said="Switched on. What failed meanwhile can be sent again one by one.")


@get("/staff/deliveries/of/{id:uuid}", guards=[visitor("staff", "webhooks:read")], include_in_schema=False)
async def delivery_page(request: PageRequest, id: Id, db: Db) -> Page:
    return await _show(request, db, id, forms.blank())


async def _show(request: PageRequest, db: Database, id: UUID, form: Filled[Any], *, status: int = 200) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        delivery = await _delivery(tx, id)
        endpoint = await merchants.find_endpoint(tx, delivery.endpoint_id)
    rows = [
        (a.number, a.at, a.status, a.duration_ms, (a.error or "")[:_LONGEST], (a.answer or "")[:_LONGEST])
        for a in reversed(delivery.history)
    ]
    return pages.show(
        request,
        "console/delivery.html",
        status=status,
        delivery=delivery,
        endpoint=endpoint,
        state_said=delivery_word(delivery.state.value, lang),
        attempts=Listing(columns=ATTEMPTS, rows=rows, empty=i18n.say("It was not tried yet.", lang)),
        form=form,
    )


async def _delivery(tx: Tx, id: UUID) -> Delivery:
    found = await merchants.find_delivery(tx, id)
    if found is None:
        raise _NO["delivery_unknown"]()
    return found


@post("/staff/deliveries/of/{id:uuid}/resend", guards=[visitor("staff", "webhooks:write")], include_in_schema=False)
async def resend(request: PageRequest, id: Id, db: Db, clock: Now) -> Page:
    """Sends it once more, now, with a fresh set of tries."""
    filled = await forms.read(request, Resend)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, id, filled, status=422)

    async def work(tx: Tx) -> bool:
        if (await _delivery(tx, id)).attempts != wanted.expected:
            return False
        await merchants.resend(tx, id, clock.now())
        return True

    lang = pages.language(request)
    try:
        if await db.retry(work):
            return pages.go(f"/staff/deliveries/of/{id}", said="It is sent again now.")
    except Refusal as refusal:
        return await _show(request, db, id, filled.refused(refusal, lang), status=refusal.kind.status)
    said = i18n.say("It was tried again since the page was loaded. Look at what came of it, then decide.", lang)
    return await _show(request, db, id, Filled[Any](None, filled.given, {"": said}), status=409)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, endpoint_page, enable, delivery_page, resend)
