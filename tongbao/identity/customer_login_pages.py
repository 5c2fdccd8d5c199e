"""The pages by which customers come in: telephone number and password, then the code where the browser is new."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived, uuid7
from tongbao.base.refusal import Refusal
from tongbao.identity import customer_login as login
from tongbao.identity import refusals as no
from tongbao.identity.device_model import Seen
from tongbao.identity.login_pages import give_cookie
from tongbao.identity.model import Guarded, PendingLogin, Token, VisitorKind, VisitorSession, fresh_token
from tongbao.identity.passwords import verify_password
from tongbao.identity.phones import read_phone
from tongbao.identity.rhythm import is_measured_here
from tongbao.identity.rhythm_pages import keep_log_in
from tongbao.identity.staff_routes import HASHERS
from tongbao.web import forms, pages
from tongbao.web.browser import browser_of, fresh_browser, hash_of, name_of, place_of, remember
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import SENDS_CODE, Config, Db, Id, Now, open_to_all

SENT, TOO_SOON = AGAIN_MESSAGES = (
    "A new code is on its way.",
    "No new code was sent: a telephone gets one a minute and ten a day at most. Wait a moment, then ask again.",
)
"""What is said to whoever asks for another code."""

Code = Annotated[str, msgspec.Meta(min_length=1, max_length=12)]


class LogIn(Form, frozen=True):
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    rhythm: str = ""
    next: Annotated[str, msgspec.Meta(max_length=2000)] = "/me"


class LogInCode(Form, frozen=True):
    code: Code
    next: Annotated[str, msgspec.Meta(max_length=2000)] = "/me"


class Again(Form, frozen=True):
    """Another code; `id` is of this wish, so that the same form again sends no third one."""

    id: UUID
    next: Annotated[str, msgspec.Meta(max_length=2000)] = "/me"


def seen_of(request: PageRequest) -> Seen:
    """What this browser tells of itself, made coarse."""
    return Seen(name_of(request), place_of(request))


def fresh_code() -> str:
    """Six digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def plain_code(typed: str) -> str:
    """As it stands in the message, however it was copied: 123 456, １２３４５６."""
    return "".join(str(int(c)) if c.isdecimal() else c for c in typed if not c.isspace())


@get("/me/login", guards=[open_to_all], include_in_schema=False)
async def customer_login(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    to, browser = pages.local(request.query_params.get("next"), "/me"), browser_of(request)
    return remember(await _show(request, db, clock, browser, forms.blank(next=to)), request, settings, browser)


async def _show(
    request: PageRequest, db: Database, clock: Clock, browser: str, form: Filled[Any], *, status: int = 200
) -> Page:
    async with db.read() as tx:
        waiting = await login.waiting_login(tx, hash_of(browser), at=clock.now())
        measured = await is_measured_here(tx, hash_of(browser))
    return pages.show(
        request,
        "identity/customer_login.html",
        status=status,
        form=form,
        waiting=waiting,
        rp_id=pages.of(request).settings.rp_id,
        measured=measured,
    )


@post("/me/login", guards=[open_to_all], include_in_schema=False)
async def customer_log_in(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    filled, browser, lang = await forms.read(request, LogIn), browser_of(request), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, clock, browser, filled, status=422)
    token = fresh_token(VisitorKind.CUSTOMER, secrets.token_bytes)
    try:
        phone = read_phone(wanted.phone)
        found = await _enter(request, db, clock, phone, wanted.password, browser, token)
    except Refusal as refusal:
        found = refusal
    if isinstance(found, Refusal):
        again, status = filled.refused(found, lang), found.kind.status
        return remember(await _show(request, db, clock, browser, again, status=status), request, settings, browser)
    to = pages.local(wanted.next, "/me")
    if isinstance(found, PendingLogin):
        query = "" if to == "/me" else f"?next={quote(to, safe='')}"
        return remember(pages.go(f"/me/login/{found.id}{query}"), request, settings, browser)
    await keep_log_in(db, clock, found.holder_id, found.device_id, wanted.rhythm)
    response = pages.go(to)
    give_cookie(response, request, settings, "me", str(token), found.expires_at, clock)
    return response


async def _enter(
    request: PageRequest, db: Database, clock: Clock, phone: str, password: str, browser: str, token: Token
) -> VisitorSession | PendingLogin | Refusal:
    """One try: taken, compared outside of any transaction, settled."""

    async def take(tx: Tx) -> Guarded | Refusal:
        return await login.try_password(tx, phone, at=clock.now())

    guarded = await db.retry(take)
    if isinstance(guarded, Refusal):
        return guarded
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(HASHERS, verify_password, guarded.stored, password)
    lang, code = pages.language(request), fresh_code()

    async def settle(tx: Tx) -> VisitorSession | PendingLogin | Refusal:
        at = clock.now()
        return await login.log_in(
            tx,
            guarded,
            password_is_right=is_right,
            phone=phone,
            browser_hash=hash_of(browser),
            login_id=uuid7(at),
            code_id=uuid7(at),
            code=code,
            session_id=uuid7(at),
            token=token,
            at=at,
            seen=seen_of(request),
            lang=lang,
        )

    return await db.retry(settle)


@get("/me/login/{id:uuid}", guards=[open_to_all], include_in_schema=False)
async def login_code(request: PageRequest, id: Id, db: Db, clock: Now) -> Page:
    to = pages.local(request.query_params.get("next"), "/me")
    return await _show_code(request, id, db, clock, forms.blank(next=to))


async def _show_code(
    request: PageRequest, id: UUID, db: Database, clock: Clock, form: Filled[Any], *, status: int = 200
) -> Page:
    """The screen of the code; what is over leads back to the first one, which says so."""
    browser = browser_of(request)
    try:
        async with db.read() as tx:
            found = await login.find_pending_login(tx, id, browser_hash=hash_of(browser), at=clock.now())
    except Refusal as refusal:
        again = forms.blank(**form.given).refused(refusal, pages.language(request))
        return await _show(request, db, clock, browser, again, status=refusal.kind.status)
    if found.ended_at is not None:
        return pages.go(pages.local(form.given.get("next"), "/me"))
    return pages.show(request, "identity/customer_login_code.html", status=status, form=form, id=id)


@post("/me/login/{id:uuid}", guards=[open_to_all], include_in_schema=False)
async def confirm(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    filled, browser, lang = await forms.read(request, LogInCode), browser_of(request), pages.language(request)
    if filled.value is None:
        return await _show_code(request, id, db, clock, filled, status=422)
    new_browser, token = fresh_browser(), fresh_token(VisitorKind.CUSTOMER, secrets.token_bytes)
    code = plain_code(filled.value.code)

    async def enter(tx: Tx) -> VisitorSession | Refusal | None:
        at = clock.now()
        return await login.confirm_login(
            tx,
            id,
            code,
            browser_hash=hash_of(browser),
            new_browser_hash=hash_of(new_browser),
            session_id=uuid7(at),
            token=token,
            at=at,
            seen=seen_of(request),
            cool_off=timedelta(hours=settings.device_cool_off_h),
            lang=lang,
        )

    try:
        found = await db.retry(enter)
    except Refusal as refusal:
        found = refusal
    if isinstance(found, Refusal):
        return await _show_code(request, id, db, clock, filled.refused(found, lang), status=found.kind.status)
    response = pages.go(pages.local(filled.value.next, "/me"))
    if found is None:
        return response
    give_cookie(response, request, settings, "me", str(token), found.expires_at, clock)
    return remember(response, request, settings, new_browser)


@post("/me/login/{id:uuid}/again", guards=[open_to_all], opt=SENDS_CODE, include_in_schema=False)
async def send_again(request: PageRequest, id: Id, db: Db, clock: Now) -> Page:
    filled, browser, lang = await forms.read(request, Again), browser_of(request), pages.language(request)
    wanted, code = filled.value, fresh_code()
    if wanted is None:
        return await _show_code(request, id, db, clock, filled, status=422)

    async def send(tx: Tx) -> None:
        code_id = derived(id, str(wanted.id))
        await login.send_login_code_again(
            tx, id, browser_hash=hash_of(browser), code_id=code_id, code=code, at=clock.now(), lang=lang
        )

    to = pages.local(wanted.next, "/me")
    back = f"/me/login/{id}?next={quote(to, safe='')}"
    try:
        await db.retry(send)
    except Refusal as refusal:
        if refusal.kind is no.CODE_TOO_SOON:
            return pages.go(back, said=TOO_SOON)
        return await _show_code(request, id, db, clock, forms.blank(next=to), status=refusal.kind.status)
    return pages.go(back, said=SENT)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (customer_login, customer_log_in, login_code, confirm, send_again)
