"""Where a shop's computers hear of payments: made, switched on again, ended; what was sent, and sent again."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from tongbao import merchants
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.clearing.shop_pages import shop_of
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

_STATUS_MESSAGES: Final = {"active": "in use", "disabled": "switched off", "deleted": "deleted"}
_STATE_MESSAGES: Final = {"pending": "on its way", "delivered": "delivered", "failed": "not delivered"}
_TOPIC_MESSAGES: Final = {
    "payment.completed": "A payment is paid",
    "payment.authorised": "A payment is authorised",
    "payment.challenged": "A payment waits for its payer",
    "payment.held": "A payment is looked at by the bank",
    "payment.declined": "A payment is declined",
    "payment.captured": "A payment is captured",
    "payment.cancelled": "A payment is cancelled",
    "payment.expired": "A payment has expired",
    "payment.refunded": "A payment is refunded",
    "payment.recalled": "A payment is recalled",
    "settlement.completed": "A settlement is paid out",
}


def status_word(status: str, lang: Lang) -> str:
    return i18n.say(_STATUS_MESSAGES.get(status, status), lang)


def state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES.get(state, state), lang)


def topic_word(topic: str, lang: Lang) -> str:
    return i18n.say(_TOPIC_MESSAGES.get(topic, topic), lang)


ENDPOINTS: Final = (
    Column("url", "Address", "地址"),
    Column("status", "State", "状态", words=status_word),
    Column("topics", "Topics", "主题", tables.COUNT),
    Column("since", "Made", "创建时间", tables.MOMENT),
)
DELIVERIES: Final = (
    Column("at", "Time", "时间", tables.MOMENT),
    Column("topic", "About", "主题", words=topic_word),
    Column("state", "State", "状态", words=state_word),
    Column("attempts", "Tries", "尝试次数", tables.COUNT),
    Column("next_at", "Next try", "下次尝试", tables.MOMENT),
    Column("sequence", "Sequence", "序号", tables.COUNT),
)
ATTEMPTS: Final = (
    Column("number", "Try", "次数", tables.COUNT),
    Column("at", "Time", "时间", tables.MOMENT),
    Column("status", "HTTP status", "HTTP 状态码"),
    Column("error", "Error", "错误"),
    Column("ms", "Milliseconds", "耗时（毫秒）", tables.COUNT),
    Column("answer", "Answer", "返回内容"),
)
_MOST: Final = 100


class EndpointForm(Form, frozen=True):
    """Beside these each topic is a box of its own; none of them: all."""

    id: UUID
    url: Annotated[str, msgspec.Meta(min_length=8, max_length=2000)]


class ResendForm(Form, frozen=True):
    """`expected`: how often it had been tried when the page was shown."""

    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


@get("/shop/webhooks", guards=[visitor("shop", "webhooks:read")], include_in_schema=False)
async def endpoints(request: PageRequest, principal: By, db: Db) -> Page:
    return await _list(request, db, principal, forms.blank())


async def _list(
    request: PageRequest, db: Database, principal: Principal, form: Filled[Any], *, status: int = 200
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        found = await merchants.list_endpoints(tx, merchant_id=shop.id, most=_MOST)
    table = Listing(
        columns=ENDPOINTS,
        rows=[(Linked(e.url, f"/shop/webhooks/{e.id}"), Marked(e.status), len(e.topics), e.created_at) for e in found],
        empty=i18n.say("No address yet. Without one, your own computers hear of payments by asking.", lang),
    )
    topics = [(topic, topic_word(topic, lang)) for topic in merchants.TOPICS]
    return pages.show(
        request, "clearing/shop_webhooks.html", status=status, table=table, topics=topics, form=form, shop=shop
    )


@post("/shop/webhooks", guards=[visitor("shop", "webhooks:write")], include_in_schema=False)
async def make_endpoint(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """Makes one. Its secret stands on the page that answers this form, once; the same form again makes and shows nothing."""
    given = await forms.posted(request)
    topics = tuple(topic for topic in merchants.TOPICS if given.pop(f"topic.{topic}", ""))
    filled = forms.convert(request, EndpointForm, given)
    kept = msgspec.structs.replace(filled, given={**given, **{f"topic.{topic}": "on" for topic in topics}})
    if filled.value is None:
        return await _list(request, db, principal, kept, status=422)
    wanted = filled.value
    secret = merchants.fresh_secret(secrets.token_bytes)

    async def make(tx: Tx) -> merchants.Made[merchants.Endpoint]:
        shop = await shop_of(tx, principal)
        new = merchants.NewEndpoint(
            id=wanted.id, url=wanted.url, topics=tuple(sorted(topics or merchants.TOPICS)), merchant_id=shop.id
        )
        return await merchants.create_endpoint(
            tx, new, secret, by=principal, at=clock.now(), private=settings.webhook_private
        )

    try:
        made = await db.retry(make)
    except Refusal as refusal:
        again = kept.refused(refusal, pages.language(request))
        return await _list(request, db, principal, again, status=refusal.kind.status)
    return pages.show(
        request, "clearing/shop_webhook_made.html", endpoint=made.thing, secret=None if made.replayed else secret
    )


async def _own(tx: Tx, principal: Principal, id: UUID) -> merchants.Endpoint:
    """One of the shop's own. Refuses `webhook_unknown`."""
    found = await merchants.find_endpoint(tx, id)
    if found is None or found.merchant_id != principal.subject_id:
        raise merchants.WEBHOOK_UNKNOWN()
    return found


@get("/shop/webhooks/{id:uuid}", guards=[visitor("shop", "webhooks:read")], include_in_schema=False)
async def endpoint(
    request: PageRequest,
    principal: By,
    id: Id,
    db: Db,
    failed: FromQuery[bool] = False,
    cursor: Cursor = None,
) -> Page:
    """One address, and what was sent there; `failed`: only what did not arrive."""
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, datetime, UUID)
    async with db.read() as tx:
        own = await _own(tx, principal, id)
        found = await merchants.list_deliveries(
            tx,
            id,
            state=merchants.DeliveryState.FAILED if failed else None,
            before=place[0] if place else None,
            before_id=place[1] if place else None,
            most=most + 1,
        )
    listed = paging.page(found, most, lambda d: paging.cursor(d.created_at, d.id), _delivery)
    table = Listing(
        columns=DELIVERIES,
        rows=listed.items,
        next_cursor=listed.next_cursor,
        empty=i18n.say("Everything has arrived." if failed else "Nothing has been sent yet.", lang),
    )
    return pages.show(
        request,
        "clearing/shop_webhook.html",
        endpoint=own,
        status_word=status_word(own.status, lang),
        topics=[(topic, topic_word(topic, lang)) for topic in own.topics],
        table=table,
        failed=failed,
    )


def _delivery(d: merchants.Delivery) -> tuple[Any, ...]:
    link = Linked(d.created_at, f"/shop/webhooks/{d.endpoint_id}/deliveries/{d.id}")
    return (link, d.topic, Marked(d.state), d.attempts, d.next_at, d.sequence)


@post("/shop/webhooks/{id:uuid}/enable", guards=[visitor("shop", "webhooks:write")], include_in_schema=False)
async def enable(principal: By, id: Id, db: Db) -> Page:
    await _act(db, principal, id, merchants.enable_endpoint)
    return pages.go(
        f"/shop/webhooks/{id}", said="Switched on again. What failed meanwhile can be sent again one by one."
    )


@post("/shop/webhooks/{id:uuid}/delete", guards=[visitor("shop", "webhooks:write")], include_in_schema=False)
async def delete(principal: By, id: Id, db: Db, clock: Now) -> Page:
    async def end(tx: Tx, id_: UUID) -> None:
        await merchants.delete_endpoint(tx, id_, clock.now())

    await _act(db, principal, id, end)
    return pages.go("/shop/webhooks", said="Deleted. Nothing more is sent there.")


async def _act(db: Database, principal: Principal, id: UUID, verb: Callable[[Tx, UUID], Awaitable[object]]) -> None:
    async def act(tx: Tx) -> None:
        await _own(tx, principal, id)
        await verb(tx, id)

    await db.retry(act)


async def _own_delivery(tx: Tx, principal: Principal, endpoint_id: UUID, id: UUID) -> merchants.Delivery:
    """Refuses `webhook_unknown`, `delivery_unknown`."""
    await _own(tx, principal, endpoint_id)
    found = await merchants.find_delivery(tx, id)
    if found is None or found.endpoint_id != endpoint_id:
        raise merchants.DELIVERY_UNKNOWN()
    return found


@get(
    "/shop/webhooks/{id:uuid}/deliveries/{delivery:uuid}",
    guards=[visitor("shop", "webhooks:read")],
    include_in_schema=False,
)
async def delivery_page(request: PageRequest, principal: By, id: Id, delivery: FromPath[UUID], db: Db) -> Page:
    return await _show(request, db, principal, id, delivery, forms.blank())


async def _show(
    request: PageRequest,
    db: Database,
    principal: Principal,
    endpoint_id: UUID,
    id: UUID,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    """One message with every try."""
    lang = pages.language(request)
    async with db.read() as tx:
        found = await _own_delivery(tx, principal, endpoint_id, id)
    rows = [(a.number, a.at, str(a.status or ""), a.error, a.duration_ms, a.answer) for a in found.history]
    return pages.show(
        request,
        "clearing/shop_delivery.html",
        status=status,
        delivery=found,
        topic=topic_word(found.topic, lang),
        word=state_word(found.state, lang),
        of_payment=found.topic.startswith("payment."),
        table=Listing(columns=ATTEMPTS, rows=rows, empty=i18n.say("It has not been tried yet.", lang)),
        form=form,
    )


@post(
    "/shop/webhooks/{id:uuid}/deliveries/{delivery:uuid}",
    guards=[visitor("shop", "webhooks:write")],
    include_in_schema=False,
)
async def resend(request: PageRequest, principal: By, id: Id, delivery: FromPath[UUID], db: Db, clock: Now) -> Page:
    """Sends it again now. Where it is on its way already, or was tried since the page was shown, nothing is done twice."""
    filled = await forms.read(request, ResendForm)
    if filled.value is None:
        return await _show(request, db, principal, id, delivery, filled, status=422)
    expected = filled.value.expected

    async def send(tx: Tx) -> None:
        found = await _own_delivery(tx, principal, id, delivery)
        if found.attempts == expected and found.state is not merchants.DeliveryState.PENDING:
            await merchants.resend(tx, delivery, clock.now())

    try:
        await db.retry(send)
    except Refusal as refusal:
        if refusal.kind.status == 404:
            raise
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, principal, id, delivery, again, status=refusal.kind.status)
    return pages.go(f"/shop/webhooks/{id}/deliveries/{delivery}", said="On its way. This page shows how it ends.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    endpoints,
    make_endpoint,
    endpoint,
    enable,
    delete,
    delivery_page,
    resend,
)
