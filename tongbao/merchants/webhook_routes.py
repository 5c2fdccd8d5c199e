"""JSON routes of webhooks and of what is on its way to them."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.merchants import enquire, webhooks
from tongbao.merchants import refusals as no
from tongbao.merchants.merchant_routes import only
from tongbao.merchants.model import TOPICS, Delivery, DeliveryState, Endpoint, EndpointStatus, NewEndpoint
from tongbao.web import paging
from tongbao.web.body import Body
from tongbao.web.paging import Page
from tongbao.web.site import By, Config, Cursor, Db, Id, Key, Limit, Now, made, problems, require

InDeliveryState = Annotated[
    DeliveryState | None, QueryParameter(name="state", description="Only deliveries in this state.")
]


class EndpointBody(Body, frozen=True):
    url: Annotated[str, msgspec.Meta(min_length=8, max_length=2000, examples=["https://shop.example/hooks/tongbao"])]
    topics: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)] = TOPICS
    merchant_id: UUID | None = None
    """A bank's key may make one for a merchant; without it, the bank's own, which hears of every merchant."""


class EndpointView(msgspec.Struct, kw_only=True):
    """`secret` is shown once: by the answer that made it, not by its replay."""

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

    async def work(tx: Tx) -> webhooks.Made[Endpoint]:
        return await webhooks.create_endpoint(
            tx, new, secret, by=principal, at=clock.now(), private=settings.webhook_private
        )

    done = await db.retry(work)
    view = endpoint_view(done.thing, None if done.replayed else secret)
    # as the first answer had it
    view.status, view.failing_since, view.disabled_at, view.disabled_because = EndpointStatus.ACTIVE, None, None, None
    return made(view, replayed=done.replayed)


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
    in_state: InDeliveryState = None,
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
            state=in_state,
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
    create_webhook,
    list_webhooks,
    get_webhook,
    delete_webhook,
    enable_webhook,
    list_deliveries,
    resend_delivery,
)
