"""What staff see of requests about data and of those who have left: a queue by day, answers, holds."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from tongbao import identity
from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.govern import leave, requests
from tongbao.govern.model import TEXT_LONGEST, Leaver, Request, RequestKind, RequestState
from tongbao.govern.words import KIND_MESSAGES, STATE_MESSAGES, kind_word, state_word
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

REQUESTS: Final = (
    Column("due_on", "Answer by", "答复期限", tables.DATE),
    Column("kind", "What", "事项", words=kind_word),
    Column("state", "State", "状态", words=state_word),
    Column("asked_at", "Asked", "提出时间", tables.MOMENT),
    Column("customer", "Customer", "客户"),
    Column("late", "Late", "是否超期"),
)
LEAVERS: Final = (
    Column("erase_on", "Erased on", "删除日期", tables.DATE),
    Column("noted_at", "Left", "注销时间", tables.MOMENT),
    Column("customer", "Customer", "客户"),
    Column("held", "Held back because", "暂缓原因"),
)

(HELD,) = HELD_MESSAGES = ("It is held back.",)


class Decision(Form, frozen=True):
    """`name` only where that is corrected."""

    state: Literal["done", "refused"]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LONGEST, pattern=r"\S")]
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""


class Hold(Form, frozen=True):
    """A hold is put at once; its lifting is proposed, as `id`."""

    id: UUID
    customer: UUID
    what: Literal["hold", "lift"]
    reason: Reason


@get("/staff/privacy", guards=[visitor("staff", "privacy:read")], include_in_schema=False)
async def queue(
    request: PageRequest,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    wanted: Annotated[RequestState | None, QueryParameter(name="state")] = None,
    kind: FromQuery[RequestKind | None] = None,
    cursor: Cursor = None,
) -> Page:
    """What is due first stands first."""
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, date, UUID)
    async with db.read() as tx:
        found = await requests.list_requests(
            tx, principal, state=wanted, kind=kind, after=(place[0], place[1]) if place else None, most=most + 1
        )
        today = days.local_day(clock.now(), settings.zone)
        late = await requests.late_requests(tx, today)
    said = i18n.say("late", lang)
    listed = paging.page(
        found, most, lambda one: paging.cursor(one.due_on, one.id), lambda one: _request_row(one, today, said)
    )
    return pages.show(
        request,
        "govern/queue.html",
        late=late,
        states=[(state, i18n.say(message, lang)) for state, message in STATE_MESSAGES.items()],
        kinds=[(name, i18n.say(message, lang)) for name, message in KIND_MESSAGES.items()],
        table=Listing(columns=REQUESTS, rows=listed.items, next_cursor=listed.next_cursor),
    )


def _request_row(one: Request, today: date, late: str) -> tuple[Any, ...]:
    return (
        one.due_on,
        Linked(one.kind.value, f"/staff/privacy/{one.id}"),
        Marked(one.state.value),
        one.asked_at,
        Linked(str(one.customer_id)[-8:], f"/staff/customers/{one.customer_id}"),
        late if one.is_late(today) else None,
    )


@get("/staff/privacy/{id:uuid}", guards=[visitor("staff", "privacy:read")], include_in_schema=False)
async def request_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _one(request, id, principal, db, clock, settings, forms.blank())


async def _one(
    request: PageRequest,
    id: UUID,
    principal: Principal,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await requests.find_request(tx, principal, id)
        texts = (await requests.texts_of(tx, principal, [found]))[id]
        customer = (await identity.find_customers(tx, [found.customer_id]))[found.customer_id]
    return pages.show(
        request,
        "govern/request.html",
        status=status,
        found=found,
        texts=texts,
        kind=kind_word(found.kind, lang),
        state=state_word(found.state, lang),
        late=found.is_late(days.local_day(clock.now(), settings.zone)),
        is_closed=customer.status is identity.Standing.CLOSED,
        form=form,
    )


@post("/staff/privacy/{id:uuid}", guards=[visitor("staff", "privacy:write")], include_in_schema=False)
async def decide(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled = await forms.read(request, Decision)
    wanted = filled.value
    if wanted is None:
        return await _one(request, id, principal, db, clock, settings, filled, status=422)

    async def work(tx: Tx) -> None:
        await requests.answer(
            tx,
            principal,
            id,
            RequestState(wanted.state),
            wanted.text,
            name=wanted.name.strip() or None,
            at=clock.now(),
        )

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _one(request, id, principal, db, clock, settings, again, status=refusal.kind.status)
    return pages.go("/staff/privacy", said="The customer has been answered.")


@get("/staff/privacy/leavers", guards=[visitor("staff", "privacy:read")], include_in_schema=False)
async def leavers(
    request: PageRequest,
    principal: By,
    db: Db,
    settings: Config,
    customer: FromQuery[str] = "",
    cursor: Cursor = None,
) -> Page:
    """`customer`: whom the list's link puts into the form."""
    return await _leavers(request, principal, db, settings, cursor, forms.blank(customer=customer[:36]))


async def _leavers(
    request: PageRequest,
    principal: Principal,
    db: Database,
    settings: Settings,
    cursor: str | None,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    most = paging.USUAL
    place = paging.place(cursor, date, UUID)
    async with db.read() as tx:
        found = await leave.list_leavers(tx, principal, after=(place[0], place[1]) if place else None, most=most + 1)
    listed = paging.page(found, most, lambda one: paging.cursor(one.erase_on, one.customer_id), _leaver_row)
    empty = i18n.say("Nobody has left.", pages.language(request))
    return pages.show(
        request,
        "govern/leavers.html",
        status=status,
        form=form,
        years=settings.keep_people_years,
        table=Listing(columns=LEAVERS, rows=listed.items, next_cursor=listed.next_cursor, empty=empty),
    )


def _leaver_row(one: Leaver) -> tuple[Any, ...]:
    where = f"/staff/privacy/leavers?customer={one.customer_id}"
    return (one.erase_on, one.noted_at, Linked(str(one.customer_id), where), one.held_because)


@post("/staff/privacy/leavers", guards=[visitor("staff", "privacy:write")], include_in_schema=False)
async def set_hold(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """Holds the erasure of one person back, or proposes that its timer runs again."""
    filled = await forms.read(request, Hold)
    wanted = filled.value
    if wanted is None:
        return await _leavers(request, principal, db, settings, None, filled, status=422)

    async def work(tx: Tx) -> None:
        about: Any = {"reason": wanted.reason, "at": clock.now()}
        if wanted.what == "hold":
            await leave.hold(tx, principal, wanted.customer, **about)
            return
        await leave.propose_lift(tx, principal, wanted.customer, id=wanted.id, **about)

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _leavers(request, principal, db, settings, None, again, status=refusal.kind.status)
    if wanted.what == "hold":
        return pages.go("/staff/privacy/leavers", said=HELD)
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (queue, request_page, decide, leavers, set_hold)
