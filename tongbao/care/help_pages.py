"""Help as a customer sees it: asking from any page, what was said, and the payment that he did not make."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import payments
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.care import help as helping
from tongbao.care.model import TEXT_LONGEST, Context, Kind, Request
from tongbao.care.not_mine import not_mine as report_not_mine
from tongbao.care.words import KIND_MESSAGES, kind_word, state_word, what_word
from tongbao.web import browser, forms, i18n, pages, paging
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Cursor, Db, Id, Now, visitor

_PATH: Final = re.compile(r"/[a-z0-9/-]{0,199}")
_OFFERED: Final = (Kind.QUESTION, Kind.CALL, Kind.LOST, Kind.SERVICE)

Words = Annotated[str, msgspec.Meta(max_length=TEXT_LONGEST)]


class Ask(Form, frozen=True):
    """`page`: from where he asks; `payment`: the one that he looked at."""

    id: UUID
    kind: Literal["question", "call", "lost", "service"]
    text: Words = ""
    page: str = ""
    payment: UUID | None = None


class More(Form, frozen=True):
    id: UUID
    text: Words = ""


@get("/me/help", guards=[visitor("me", "me:read")], include_in_schema=False)
async def help_page(request: PageRequest, principal: By, db: Db, clock: Now, cursor: Cursor = None) -> Page:
    """`from`: the page on which he pressed Help; `payment`: the payment on it."""
    given = {"page": request.query_params.get("from", ""), "payment": request.query_params.get("payment", "")}
    return await _show(request, principal, db, clock, forms.blank(**given), cursor)


async def _show(
    request: PageRequest,
    principal: Principal,
    db: Database,
    clock: Clock,
    form: Filled[Any],
    cursor: str | None = None,
    *,
    status: int = 200,
) -> Page:
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, datetime, UUID)
    assert principal.subject_id is not None
    async with db.read() as tx:
        before = (place[0], place[1]) if place else helping.NEWEST
        found = await helping.requests_of(tx, principal.subject_id, before=before, most=most + 1)
    listed = paging.page(found, most, lambda one: paging.cursor(one.asked_at, one.id), lambda one: one)
    return pages.show(
        request,
        "care/help.html",
        status=status,
        form=form,
        kinds=[(kind.value, i18n.say(KIND_MESSAGES[kind], lang)) for kind in _OFFERED],
        asked=[(one, kind_word(one.kind, lang), state_word(one.state, lang)) for one in listed.items],
        next_cursor=listed.next_cursor,
        path_of=_page_of(form.given.get("page", "")),
    )


@post("/me/help", guards=[visitor("me", "me:read")], include_in_schema=False)
async def ask(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, Ask)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, clock, filled, status=422)
    context = _context(request, wanted.page, wanted.payment)

    async def work(tx: Tx) -> Request:
        return await helping.ask(tx, principal, Kind(wanted.kind), wanted.text, context, id=wanted.id, at=clock.now())

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, principal, db, clock, again, status=refusal.kind.status)
    return pages.go(f"/me/help/{wanted.id}", said="The bank has your request. You are told by SMS when it is answered.")


@get("/me/help/{id:uuid}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def request_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    return await _one(request, id, principal, db, clock, forms.blank())


async def _one(
    request: PageRequest,
    id: UUID,
    principal: Principal,
    db: Database,
    clock: Clock,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await helping.find_own(tx, principal, id)
        said = await helping.history(tx, found, for_staff=False)
    return pages.show(
        request,
        "care/help_one.html",
        status=status,
        found=found,
        form=form,
        kind=kind_word(found.kind, lang),
        state=state_word(found.state, lang),
        late=found.is_late(clock.now()),
        talk=[(one, i18n.say("You", lang) if one.by_customer else i18n.say("The bank", lang)) for one in said],
        what_word=what_word,
    )


@post("/me/help/{id:uuid}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def write(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, More)
    wanted = filled.value
    if wanted is None:
        return await _one(request, id, principal, db, clock, filled, status=422)

    async def work(tx: Tx) -> Request:
        return await helping.write(tx, principal, id, wanted.text, message_id=wanted.id, at=clock.now())

    return await _done(request, id, principal, db, clock, filled, work, said="The bank has what you wrote.")


@post("/me/help/{id:uuid}/close", guards=[visitor("me", "me:read")], include_in_schema=False)
async def close(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, More)
    wanted = filled.value
    if wanted is None:
        return await _one(request, id, principal, db, clock, filled, status=422)

    async def work(tx: Tx) -> Request:
        return await helping.close(tx, principal, id, message_id=wanted.id, at=clock.now())

    return await _done(
        request, id, principal, db, clock, filled, work, said="It is closed. Ask again whenever you need us."
    )


async def _done(
    request: PageRequest,
    id: UUID,
    principal: Principal,
    db: Database,
    clock: Clock,
    filled: Filled[More],
    work: Any,
    *,
    said: str,
) -> Page:
    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _one(request, id, principal, db, clock, again, status=refusal.kind.status)
    return pages.go(f"/me/help/{id}", said=said)


@get("/me/payments/{id:uuid}/not-mine", guards=[visitor("me", "me:read")], include_in_schema=False)
async def not_mine_page(request: PageRequest, id: Id, principal: By, db: Db) -> Page:
    return await _not_mine(request, id, principal, db, forms.blank())


async def _not_mine(
    request: PageRequest, id: UUID, principal: Principal, db: Database, form: Filled[Any], *, status: int = 200
) -> Page:
    async with db.read() as tx:
        seen = await payments.may_see_payment(tx, principal, id)
    return pages.show(
        request,
        "care/not_mine.html",
        status=status,
        form=form,
        payment=seen.payment,
        is_payer=seen.side is payments.Side.PAYER,
        kind=payments.kind_word(seen.payment.kind, pages.language(request)),
    )


@post("/me/payments/{id:uuid}/not-mine", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def not_mine(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """Freezes the account at once and opens a matter that goes before the others."""
    filled = await forms.read(request, More)
    wanted = filled.value
    if wanted is None:
        return await _not_mine(request, id, principal, db, filled, status=422)
    context = _context(request, f"/me/payments/{id}", id)

    async def work(tx: Tx) -> Request:
        return await report_not_mine(tx, principal, id, wanted.text, context, id=wanted.id, at=clock.now())

    try:
        made = await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _not_mine(request, id, principal, db, again, status=refusal.kind.status)
    return pages.go(
        f"/me/help/{made.id}",
        said="Your account is frozen and pays nothing more. We look at this payment before anything else.",
    )


def _context(request: PageRequest, page: str, payment_id: UUID | None) -> Context:
    return Context(
        lang=pages.language(request),
        path=_page_of(page),
        payment_id=payment_id,
        device=browser.name_of(request)[:100] or None,
    )


def _page_of(text: str) -> str | None:
    """A page of this site without its query; nothing where it is none."""
    return text if _PATH.fullmatch(text) else None


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (help_page, ask, request_page, write, close, not_mine_page, not_mine)
