"""Whose payments the bank has bounded while it looks at a risk, and the page on which a member of staff does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import refusals as no
from tongbao.identity import restrictions, second_person, store
from tongbao.identity.people import masked_details
from tongbao.identity.restriction_model import LEVEL_MESSAGES, Restriction, restriction_word
from tongbao.identity.restrictions import MAY_RESTRICT
from tongbao.web import export, forms, i18n, pages, paging, tables
from tongbao.web.export import FileForm
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

RESTRICTED, PROPOSED = SAID_MESSAGES = (
    "It holds from the next payment on.",
    "Proposed. Another person decides.",
)
DAYS_MESSAGES: Final = {"": "Until it is lifted", "1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days"}
COLUMNS: Final = (
    Column("customer", "Customer", "客户"),
    Column("level", "Restriction", "限制", words=restriction_word),
    Column("placed_at", "Since", "起始时间", tables.MOMENT),
    Column("until", "Until", "截止时间", tables.MOMENT),
    Column("placed_by", "By", "经办人"),
    Column("reason", "Reason", "原因", long=True),
)
HISTORY: Final = (
    Column("level", "Restriction", "限制", words=restriction_word),
    Column("placed_at", "Since", "起始时间", tables.MOMENT),
    Column("until", "Until", "截止时间", tables.MOMENT),
    Column("ended_at", "Ended", "结束时间", tables.MOMENT),
    Column("reason", "Reason", "原因", long=True),
)
_MOST_IN_FILE: Final = 1_000


class Restrict(Form, frozen=True):
    """`days`: after which it ends by itself."""

    id: UUID
    level: Literal["1", "0"]
    days: Literal["", "1", "7", "30", "90"]
    reason: Reason


class Lift(Form, frozen=True):
    id: UUID
    why: Reason


@get("/staff/restrictions", guards=[visitor("staff", "customers:read")], include_in_schema=False)
async def list_page(
    request: PageRequest,
    db: Db,
    clock: Now,
    settings: Config,
    form: Annotated[FileForm | None, QueryParameter(name="format")] = None,
    cursor: Cursor = None,
) -> Any:
    """Those that hold, newest first."""
    lang = pages.language(request)
    most = _MOST_IN_FILE if form is not None else paging.USUAL
    place = None if form is not None else paging.place(cursor, datetime, UUID)
    async with db.read() as tx:
        before = (place[0], place[1]) if place else None
        found = await restrictions.restrictions_in_force(tx, before=before, most=most + 1)
        rows = await _rows(tx, found[:most], link=form is None)
    if form is not None:
        title = i18n.say("Restricted customers", lang)
        return await export.export(
            COLUMNS,
            _each(rows),
            name="restrictions",
            form=form,
            title=title,
            settings=settings,
            at=clock.now(),
            lang=lang,
        )
    listed = paging.page(found, most, lambda one: paging.cursor(one.placed_at, one.id), lambda one: one)
    return pages.show(
        request,
        "identity/restrictions.html",
        table=Listing(
            columns=COLUMNS,
            rows=rows,
            next_cursor=listed.next_cursor,
            files=("csv", "xlsx", "pdf"),
            empty=i18n.say("Nobody's payments are bounded now.", lang),
        ),
    )


async def _each(rows: Sequence[tuple[Any, ...]]) -> AsyncIterator[tuple[Any, ...]]:
    for row in rows:
        yield row


async def _rows(tx: Tx, found: Sequence[Restriction], *, link: bool) -> list[tuple[Any, ...]]:
    customers = await store.customers(tx, {one.customer_id for one in found})
    shown = await masked_details(tx, list(customers.values()))
    staff = await store.staff(tx, {one.placed_by for one in found})
    rows: list[tuple[Any, ...]] = []
    for one in found:
        name: Any = shown[one.customer_id].name
        if link:
            name = Linked(name, f"/staff/customers/{one.customer_id}")
        by = staff[one.placed_by].username if one.placed_by in staff else None
        rows.append((name, one.level, one.placed_at, one.until, by, one.reason))
    return rows


@get("/staff/customers/{id:uuid}/restriction", guards=[visitor("staff", MAY_RESTRICT)], include_in_schema=False)
async def restriction_page(request: PageRequest, id: Id, db: Db) -> Page:
    return await _show(request, id, db)


async def _show(
    request: PageRequest,
    id: UUID,
    db: Database,
    *,
    form: Filled[Any] | None = None,
    lift_form: Filled[Any] | None = None,
    status: int = 200,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        customer = (await store.customers(tx, [id])).get(id)
        if customer is None:
            raise no.CUSTOMER_UNKNOWN()
        details = (await masked_details(tx, [customer]))[id]
        held = await restrictions.restriction_of(tx, id)
        history = await restrictions.restriction_history(tx, id)
    return pages.show(
        request,
        "identity/restriction.html",
        status=status,
        id=id,
        name=details.name,
        held=held,
        held_word=restriction_word(held.level, lang) if held else None,
        levels=[(str(level), i18n.say(LEVEL_MESSAGES[level], lang)) for level in sorted(LEVEL_MESSAGES, reverse=True)],
        days=[(days, i18n.say(message, lang)) for days, message in DAYS_MESSAGES.items()],
        form=form or forms.blank(),
        lift_form=lift_form or forms.blank(),
        history=Listing(
            columns=HISTORY,
            rows=[(one.level, one.placed_at, one.until, one.ended_at, one.reason) for one in history],
            empty=i18n.say("This customer was never restricted.", lang),
        ),
    )


@post("/staff/customers/{id:uuid}/restriction", guards=[visitor("staff", MAY_RESTRICT)], include_in_schema=False)
async def restrict(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """At once, by one person."""
    filled = await forms.read(request, Restrict)
    wanted = filled.value
    if wanted is None:
        return await _show(request, id, db, form=filled, status=422)
    at = clock.now()
    until = at + timedelta(days=int(wanted.days)) if wanted.days else None

    async def work(tx: Tx) -> None:
        said: Any = {"id": wanted.id, "reason": wanted.reason, "until": until}
        await restrictions.restrict(tx, id, int(wanted.level), **said, by=principal, at=at)

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, id, db, form=again, status=refusal.kind.status)
    return pages.go(f"/staff/customers/{id}/restriction", said=RESTRICTED)


@post("/staff/customers/{id:uuid}/restriction/lift", guards=[visitor("staff", MAY_RESTRICT)], include_in_schema=False)
async def lift(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """Proposes that he pays as before."""
    filled = await forms.read(request, Lift)
    wanted = filled.value
    if wanted is None:
        return await _show(request, id, db, lift_form=filled, status=422)
    try:
        await db.retry(lambda tx: _propose(tx, principal, id, wanted, clock))
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, id, db, lift_form=again, status=refusal.kind.status)
    may_see = "approvals:read" in principal.permissions
    return pages.go(f"/staff/approvals/{wanted.id}" if may_see else f"/staff/customers/{id}", said=PROPOSED)


async def _propose(tx: Tx, by: Principal, id: UUID, wanted: Lift, clock: Clock) -> None:
    about = {"customer_id": str(id)}
    await second_person.propose(
        tx, by, second_person.LIFT_RESTRICTION, about, id=wanted.id, reason=wanted.why, at=clock.now()
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, restriction_page, restrict, lift)
