"""JSON routes for whoever is on watch: parked events, payments that wait, the audit, the calendar, settings."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tongbao import payments
from tongbao.base import audit, calendar, days, parked
from tongbao.base.audit import AuditEntry
from tongbao.base.calendar import CalendarDay
from tongbao.base.db import Tx
from tongbao.base.parked import HeldEvent, Lag
from tongbao.console import in_force, store
from tongbao.console.in_force import SettingView
from tongbao.console.model import WaitingPayment
from tongbao.web import paging
from tongbao.web.body import Body, Reason
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD, NOT_FOUND
from tongbao.web.site import By, Config, Cursor, Db, Id, Limit, Now, problems, require

From = Annotated[date | None, QueryParameter(name="from", description="First day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last day.")]
_CALENDAR_LONGEST: Final = timedelta(days=3 * 366)


class ResendOrder(Body, frozen=True):
    """Which events to send again: those named, those since a moment, or all that are parked."""

    reason: Reason
    event_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    everything: bool = False
    consumer: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class Resent(msgspec.Struct, kw_only=True):
    """How many events get a fresh set of tries."""

    sent: int


@get(
    "/v1/parked-events",
    guards=[require("events:read")],
    tags=["events"],
    summary="Events that a consumer could not take, oldest first",
    operation_id="list_parked_events",
    response_description="A page of events; with parked_only=false also those being tried again and those behind them.",
    responses=problems(),
)
async def list_parked_events(
    db: Db,
    consumer: FromQuery[str | None] = None,
    since: FromQuery[datetime | None] = None,
    parked_only: FromQuery[bool] = True,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[HeldEvent]:
    most = paging.limit(limit)
    place = paging.place(cursor, int, str)
    async with db.read() as tx:
        found = await parked.held_events(
            tx,
            consumer=consumer,
            since=paging.moment(since, "since"),
            parked_only=parked_only,
            after=(place[0], place[1]) if place else (0, ""),
            most=most + 1,
        )
    return paging.page(found, most, lambda event: paging.cursor(event.outbox_id, event.consumer), lambda event: event)


@get(
    "/v1/parked-events/{id:uuid}",
    guards=[require("events:read")],
    tags=["events"],
    summary="One held event with its payload, once for each consumer that holds it",
    operation_id="get_parked_event",
    response_description="The event.",
    responses=problems(parked.EVENT_NOT_HELD),
)
async def get_parked_event(id: Id, db: Db) -> Page[HeldEvent]:
    async with db.read() as tx:
        return Page(items=await parked.held_event(tx, id))


@post(
    "/v1/parked-events/resend",
    status_code=200,
    guards=[require("events:write")],
    tags=["events"],
    summary="Send held events again; those behind them follow in order",
    operation_id="resend_parked_events",
    response_description="How many were sent on their way.",
    responses=problems(parked.RESEND_NEEDS_A_CHOICE, parked.EVENT_NOT_HELD, write=True),
)
async def resend_parked_events(data: JSONBody[ResendOrder], principal: By, bulk: Db, clock: Now) -> Resent:
    since = paging.moment(data.since, "since")

    async def resend(tx: Tx) -> int:
        return await parked.resend(
            tx,
            principal,
            at=clock.now(),
            event_ids=data.event_ids,
            since=since,
            everything=data.everything,
            consumer=data.consumer,
            reason=data.reason,
        )

    return Resent(sent=await bulk.retry(resend))


@get(
    "/v1/outbox-lag",
    guards=[require("events:read")],
    tags=["events"],
    summary="How far behind each consumer of events is",
    operation_id="get_outbox_lag",
    response_description="A row a consumer.",
    responses=problems(),
)
async def get_outbox_lag(bulk: Db) -> Page[Lag]:
    async with bulk.read() as tx:
        return Page(items=await parked.lag(tx))


class WaitingPaymentView(msgspec.Struct, kw_only=True):
    """`age_s`: since when it waits, `overdue_s`: how long ago it should have ended; both in seconds."""

    payment_id: UUID
    waits_for: str
    since: datetime
    due_at: datetime
    age_s: int
    overdue_s: int
    kind: str
    state: str
    amount: int
    currency: str
    payer_account_id: UUID | None
    payee_account_id: UUID | None
    merchant_id: UUID | None


def _waiting_view(payment: WaitingPayment, at: datetime) -> WaitingPaymentView:
    second = timedelta(seconds=1)
    return WaitingPaymentView(
        payment_id=payment.payment_id,
        waits_for=payment.waits_for,
        since=payment.since,
        due_at=payment.due_at,
        age_s=max(0, (at - payment.since) // second),
        overdue_s=max(0, (at - payment.due_at) // second),
        kind=payment.kind,
        state=payment.state,
        amount=payment.amount_minor,
        currency=payment.currency,
        payer_account_id=None if payment.payer_account_id == payments.OUTSIDE else payment.payer_account_id,
        payee_account_id=payment.payee_account_id,
        merchant_id=payment.merchant_id,
    )


@get(
    "/v1/waiting-payments",
    guards=[require("events:read")],
    tags=["payments"],
    summary="Payments that wait, the longest overdue first; those that are stuck with overdue_only=true",
    operation_id="list_waiting_payments",
    response_description="A page of payments of every payer and merchant.",
    responses=problems(),
)
async def list_waiting_payments(
    db: Db,
    clock: Now,
    waits_for: FromQuery[str | None] = None,
    overdue_only: FromQuery[bool] = False,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[WaitingPaymentView]:
    most = paging.limit(limit)
    place = paging.place(cursor, datetime, UUID)
    at = clock.now()
    async with db.read() as tx:
        found = await store.waiting_payments(
            tx, waits_for, at if overdue_only else None, (place[0], place[1]) if place else None, most + 1
        )
    return paging.page(
        found, most, lambda row: paging.cursor(row.due_at, row.payment_id), lambda row: _waiting_view(row, at)
    )


@get(
    "/v1/audit",
    guards=[require("audit:read")],
    tags=["audit"],
    summary="What people and their keys did, newest first",
    operation_id="list_audit",
    response_description="A page of the trail.",
    responses=problems(),
)
async def list_audit(
    db: Db,
    subject: FromQuery[str | None] = None,
    principal_id: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[AuditEntry]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = await audit.trail(
            tx, subject=subject, principal_id=principal_id, before=place[0] if place else None, most=most + 1
        )
    return paging.page(found, most, lambda entry: paging.cursor(entry.id), lambda entry: entry)


class CalendarOrder(Body, frozen=True):
    """`is_business_day` null: back to what weekdays say."""

    is_business_day: Annotated[bool | None, msgspec.Meta(examples=[False])]
    name: Annotated[str, msgspec.Meta(max_length=100, examples=["春节"])]
    reason: Reason


@get(
    "/v1/calendar",
    guards=[require("day:read")],
    tags=["day"],
    summary="Holidays and make-up workdays; every other weekday is a business day",
    operation_id="list_calendar",
    response_description="The days that the calendar speaks of, for a year from the open day unless told; at most three.",
    responses=problems(days.NOT_FOUNDED),
)
async def list_calendar(db: Db, first: From = None, last: To = None) -> Page[CalendarDay]:
    async with db.read() as tx:
        start = paging.day(first, "from") or (await days.current(tx)).open_date
        end = paging.day(last, "to") or start + timedelta(days=366)
        if not start <= end <= start + _CALENDAR_LONGEST:
            raise INVALID_FIELD("lies at most three years after `from`", field="to")
        return Page(items=await calendar.between(tx, start, end))


@put(
    "/v1/calendar/{day:date}",
    guards=[require("day:write")],
    tags=["day"],
    summary="Make a day a business day or a holiday",
    operation_id="edit_calendar",
    response_description="What the calendar says of the day; nothing where weekdays decide again.",
    responses=problems(NOT_FOUND, calendar.CALENDAR_NEEDS_A_REASON, write=True),
)
async def edit_calendar(
    day: FromPath[date], data: JSONBody[CalendarOrder], principal: By, db: Db, clock: Now
) -> Page[CalendarDay]:
    known = paging.day(day, "day") or day

    async def edit(tx: Tx) -> list[CalendarDay]:
        await calendar.edit(
            tx,
            principal,
            known,
            is_business_day=data.is_business_day,
            name=data.name,
            reason=data.reason,
            at=clock.now(),
        )
        return await calendar.between(tx, known, known)

    return Page(items=await db.retry(edit))


@get(
    "/v1/settings",
    guards=[require("audit:read")],
    tags=["operations"],
    summary="The settings in force, without secrets",
    operation_id="list_settings",
    response_description="A row a setting.",
    responses=problems(),
    sync_to_thread=False,
)
def list_settings(settings: Config) -> Page[SettingView]:
    return Page(items=in_force.views(settings))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_parked_events,
    get_parked_event,
    resend_parked_events,
    get_outbox_lag,
    list_waiting_payments,
    list_audit,
    list_calendar,
    edit_calendar,
    list_settings,
)
