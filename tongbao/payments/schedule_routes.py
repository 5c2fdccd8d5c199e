"""JSON routes of schedules: make, look up, pause, resume, cancel."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody

from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.settings import Settings
from tongbao.payments import model, schedules
from tongbao.payments import refusals as no
from tongbao.payments.asked import Cursor, Limit
from tongbao.payments.bodies import NoOrder, ScheduleOrder, ScheduleRunView, ScheduleView
from tongbao.payments.door import may_debit
from tongbao.payments.model import ScheduleState
from tongbao.web import paging
from tongbao.web.body import canonical_hash
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Config, Db, Id, Key, Now, made, problems, require


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


def new_schedule(data: ScheduleOrder, key: UUID, principal: Principal, at: datetime) -> model.Schedule:
    """What is asked for, as it is kept at first. Refuses `invalid_field`."""
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
    new = new_schedule(data, key, principal, at)

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
    create_schedule,
    list_schedules,
    get_schedule,
    list_schedule_runs,
    pause_schedule,
    resume_schedule,
    cancel_schedule,
)
