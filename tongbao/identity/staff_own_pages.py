"""What a member of staff does for himself: his password, his passkeys, where he is logged in; and the log-in by a passkey."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import refusals as no
from tongbao.identity import staff, staff_app, staff_passkeys, staff_password, staff_sessions
from tongbao.identity.guessable import check_customer_password
from tongbao.identity.login_pages import give_cookie, rp_id_of
from tongbao.identity.model import Session, fresh_token
from tongbao.identity.passwords import check_password, hash_password, verify_password
from tongbao.identity.staff_model import Shown
from tongbao.identity.staff_routes import HASHERS
from tongbao.web import export, forms, pages
from tongbao.web.browser import browser_of, hash_of, remember
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, door_of, open_to_all, visitor

PASSWORD_SET, ADDED, RENAMED, REMOVED, ENDED, OTHERS_ENDED = DONE_MESSAGES = (
    "Your password is changed. Your other sessions have ended.",
    "The passkey is added. Your other sessions have ended.",
    "It has its new name.",
    "It is removed and good no more.",
    "That session has ended.",
    "All your other sessions have ended.",
)
Secret = Annotated[str, msgspec.Meta(max_length=256)]
AppCode = Annotated[str, msgspec.Meta(max_length=12)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Credential = Annotated[str, msgspec.Meta(min_length=2, max_length=40_000)]


class Showing(Form, frozen=True):
    """What is shown besides the session: the present password and, where there is an app, a code of it."""

    current: Secret = ""
    code: AppCode = ""


class NewPassword(Showing, frozen=True, kw_only=True):
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class NewPasskey(Showing, frozen=True, kw_only=True):
    name: Name


class Made(Form, frozen=True):
    response: Credential


class NewName(Form, frozen=True):
    name: Name


class End(Form, frozen=True):
    """`session`: empty where all others are meant."""

    session: UUID | None = None


class LogIn(Form, frozen=True):
    response: Credential
    next: Annotated[str, msgspec.Meta(max_length=2000)] = "/staff"


async def _shown(db: Database, by: Principal, wanted: Showing) -> Shown:
    """Compares outside of any transaction."""
    async with db.read() as tx:
        stored = await staff_password.stored_password(tx, by.id)
    loop, kept = asyncio.get_running_loop(), stored.hash if stored else None
    is_right = await loop.run_in_executor(HASHERS, verify_password, kept, wanted.current)
    return Shown(kept or "", is_right, wanted.code.strip())


async def _asks(tx: Tx, by: Principal) -> bool:
    """Whether a code of the app is asked for besides the password."""
    stored = await staff_password.stored_password(tx, by.id)
    return (stored is None or stored.until is None) and await staff_app.has_app(tx, by.id)


@get("/staff/me/password", guards=[visitor("staff")], include_in_schema=False)
async def password_page(request: PageRequest, principal: By, db: Db) -> Page:
    return await _password(request, principal, db, forms.blank())


async def _password(request: PageRequest, by: Principal, db: Database, form: Filled[Any], *, status: int = 200) -> Page:
    async with db.read() as tx:
        asks = await _asks(tx, by)
    return pages.show(request, "identity/staff_password.html", status=status, form=form, asks=asks)


@post("/staff/me/password", guards=[visitor("staff")], include_in_schema=False)
async def change_password(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """His own password, checked as it is set; a wrong present one is counted."""
    filled, lang = await forms.read(request, NewPassword), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _password(request, principal, db, filled, status=422)
    async with db.read() as tx:
        him = (await staff.find_staff(tx, [principal.id])).get(principal.id)
    try:
        if him is None:
            raise no.STAFF_UNKNOWN()
        check_password(wanted.password, him.username)
        check_customer_password(wanted.password, about=(him.username, him.name))
        if wanted.password == wanted.current:
            raise no.PASSWORD_SAME(field="password")
    except Refusal as refusal:
        again = filled.refused(refusal, lang)
        return await _password(request, principal, db, again, status=refusal.kind.status)
    shown, salt = await _shown(db, principal, wanted), secrets.token_bytes(16)
    hashed = await asyncio.get_running_loop().run_in_executor(HASHERS, hash_password, wanted.password, salt)

    async def work(tx: Tx) -> Refusal | None:
        about: Any = {"needs_second": settings.needs_staff_app, "at": clock.now()}
        return await staff_password.change_password(tx, principal, shown, hashed, **about)

    wrong = await db.retry(work)
    if wrong is not None:
        return await _password(request, principal, db, filled.refused(wrong, lang), status=wrong.kind.status)
    door_of(request).forget()
    return pages.go("/staff/me", said=PASSWORD_SET)


@get("/staff/me/passkeys", guards=[visitor("staff")], include_in_schema=False)
async def passkeys_page(request: PageRequest, principal: By, db: Db) -> Page:
    return await _passkeys(request, principal, db, forms.blank())


async def _passkeys(request: PageRequest, by: Principal, db: Database, form: Filled[Any], *, status: int = 200) -> Page:
    async with db.read() as tx:
        has, asks = await staff_passkeys.passkeys_of_staff(tx, by.id), await _asks(tx, by)
    return pages.show(request, "identity/staff_passkeys.html", status=status, form=form, passkeys=has, asks=asks)


@post("/staff/me/passkeys", guards=[visitor("staff")], include_in_schema=False)
async def begin_passkey(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled, lang, challenge = await forms.read(request, NewPasskey), pages.language(request), secrets.token_bytes(32)
    wanted = filled.value
    if wanted is None:
        return await _passkeys(request, principal, db, filled, status=422)
    shown = await _shown(db, principal, wanted)

    async def work(tx: Tx) -> Refusal | None:
        about: Any = {"name": wanted.name, "at": clock.now()}
        return await staff_passkeys.offer_staff_passkey(tx, principal, shown, challenge, **about)

    wrong = await _counted(db, work)
    if wrong is not None:
        return await _passkeys(request, principal, db, filled.refused(wrong, lang), status=wrong.kind.status)
    return pages.go("/staff/me/passkeys/new")


async def _counted(db: Database, work: Callable[[Tx], Awaitable[Refusal | None]]) -> Refusal | None:
    """Why it was not done, whether it was answered (and counted) or raised."""
    try:
        return await db.retry(work)
    except Refusal as refusal:
        return refusal


@get("/staff/me/passkeys/new", guards=[visitor("staff")], include_in_schema=False)
async def new_passkey(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _new(request, principal, db, clock, settings, forms.blank())


async def _new(
    request: PageRequest,
    by: Principal,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    bank = export.bank_name(settings, pages.language(request))
    async with db.read() as tx:
        him = (await staff.find_staff(tx, [by.id])).get(by.id)
        holder = him.username if him else bank
        options = await staff_passkeys.creation_options(tx, by, settings, bank=bank, holder=holder, at=clock.now())
    if options is None and not form.errors:
        return pages.go("/staff/me/passkeys")
    asked = json.dumps(options) if options else None
    about: Any = {"form": form, "options": asked, "rp_id": settings.rp_id}
    return pages.show(request, "identity/staff_passkey_new.html", status=status, **about)


@post("/staff/me/passkeys/new", guards=[visitor("staff")], include_in_schema=False)
async def make_passkey(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, Made), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _new(request, principal, db, clock, settings, filled, status=422)

    async def work(tx: Tx) -> None:
        at = clock.now()
        about: Any = {"passkey_id": uuid7(at), "settings": settings, "at": at}
        await staff_passkeys.add_staff_passkey(tx, principal, wanted.response, **about)

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, lang, field="")
        return await _new(request, principal, db, clock, settings, again, status=refusal.kind.status)
    door_of(request).forget()
    return pages.go("/staff/me/passkeys", said=ADDED)


@get("/staff/me/passkeys/{id:uuid}", guards=[visitor("staff")], include_in_schema=False)
async def one_passkey(request: PageRequest, id: Id, principal: By, db: Db) -> Page:
    return await _one(request, principal, db, id, forms.blank(), forms.blank())


async def _one(
    request: PageRequest,
    by: Principal,
    db: Database,
    id: UUID,
    form: Filled[Any],
    removal: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    async with db.read() as tx:
        has, asks = await staff_passkeys.passkeys_of_staff(tx, by.id), await _asks(tx, by)
    name = next((one.name for one in has if one.id == id), None)
    if name is None:
        return pages.go("/staff/me/passkeys")
    shown = form if form.given or form.errors else forms.blank(name=name)
    about: Any = {"id": id, "name": name, "form": shown, "removal": removal, "asks": asks}
    return pages.show(request, "identity/staff_passkey.html", status=status, **about)


@post("/staff/me/passkeys/{id:uuid}/name", guards=[visitor("staff")], include_in_schema=False)
async def rename_passkey(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, NewName)
    wanted = filled.value
    if wanted is None:
        return await _one(request, principal, db, id, filled, forms.blank(), status=422)

    async def work(tx: Tx) -> None:
        await staff_passkeys.rename_staff_passkey(tx, principal, id, wanted.name, at=clock.now())

    await db.retry(work)
    return pages.go("/staff/me/passkeys", said=RENAMED)


@post("/staff/me/passkeys/{id:uuid}/remove", guards=[visitor("staff")], include_in_schema=False)
async def remove_passkey(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, Showing)
    wanted = filled.value
    if wanted is None:
        return await _one(request, principal, db, id, forms.blank(), filled, status=422)
    shown = await _shown(db, principal, wanted)

    async def work(tx: Tx) -> Refusal | None:
        return await staff_passkeys.remove_staff_passkey(tx, principal, shown, id, at=clock.now())

    wrong = await _counted(db, work)
    if wrong is not None:
        again = filled.refused(wrong, pages.language(request))
        return await _one(request, principal, db, id, forms.blank(), again, status=wrong.kind.status)
    return pages.go("/staff/me/passkeys", said=REMOVED)


@get("/staff/me/sessions", guards=[visitor("staff")], include_in_schema=False)
async def sessions_page(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    return await _sessions(request, principal, db, clock, forms.blank())


async def _sessions(
    request: PageRequest, by: Principal, db: Database, clock: Clock, form: Filled[Any], *, status: int = 200
) -> Page:
    async with db.read() as tx:
        found = await staff_sessions.own_sessions(tx, by, at=clock.now())
    about: Any = {"form": form, "sessions": found, "here": by.session_id}
    return pages.show(request, "identity/staff_sessions.html", status=status, **about)


@post("/staff/me/sessions", guards=[visitor("staff")], include_in_schema=False)
async def end_session(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    """One of his own, or all but this. Nothing is asked for: to shut a thief out shall be easy."""
    filled = await forms.read(request, End)
    wanted = filled.value
    if wanted is None:
        return await _sessions(request, principal, db, clock, filled, status=422)

    async def work(tx: Tx) -> None:
        if wanted.session is None:
            await staff_sessions.end_other_sessions(tx, principal, at=clock.now())
        else:
            await staff_sessions.end_own_session(tx, principal, wanted.session, at=clock.now())

    await db.retry(work)
    door_of(request).forget()
    return pages.go("/staff/me/sessions", said=ENDED if wanted.session else OTHERS_ENDED)


@post("/staff/login/passkey/options", guards=[open_to_all], include_in_schema=False)
async def login_options(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    """What the browser is to sign, as JSON: the same for everybody, so that it tells nothing of anybody."""
    await forms.posted(request)
    browser, challenge = browser_of(request), secrets.token_bytes(32)

    async def work(tx: Tx) -> dict[str, Any]:
        return await staff_passkeys.begin_login(tx, hash_of(browser), challenge, settings, at=clock.now())

    options = await db.retry(work)
    response = Response(json.dumps(options).encode(), status_code=200, media_type="application/json")
    return remember(response, request, settings, browser)


@post("/staff/login/passkey", guards=[open_to_all], include_in_schema=False)
async def log_in(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    """By a passkey alone: it shows the device, and that it is he."""
    filled, lang = await forms.read(request, LogIn), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return _door(request, filled, 422)
    token, browser = fresh_token("staff", secrets.token_bytes), browser_of(request)

    async def work(tx: Tx) -> Session | Refusal:
        at = clock.now()
        about: Any = {"session_id": uuid7(at), "token": token, "settings": settings, "at": at}
        return await staff.log_in_by_passkey(tx, wanted.response, browser_hash=hash_of(browser), **about)

    found = await db.retry(work)
    if isinstance(found, Refusal):
        return _door(request, filled.refused(found, lang, field=""), found.kind.status)
    response = pages.go(pages.local(wanted.next, "/staff"))
    give_cookie(response, request, settings, "staff", str(token), found.expires_at, clock)
    return response


def _door(request: PageRequest, form: Filled[Any], status: int) -> Page:
    """The log-in again, which says what was wrong; what the passkey gave does not come back."""
    to = pages.local(form.given.get("next"), "/staff")
    again = Filled[Any](None, {"next": to}, {"": form.errors[""]} if form.errors.get("") else {"response": ""})
    return pages.show(request, "identity/login.html", status=status, form=again, rp_id=rp_id_of(request))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    password_page,
    change_password,
    passkeys_page,
    begin_passkey,
    new_passkey,
    make_passkey,
    one_passkey,
    rename_passkey,
    remove_passkey,
    sessions_page,
    end_session,
    login_options,
    log_in,
)
