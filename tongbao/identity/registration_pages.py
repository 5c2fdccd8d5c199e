"""Three short screens to become a customer: telephone number, code, and who one is with a password of one's own."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base import metrics
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived, moment_of, uuid7
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import customer_login as login
from tongbao.identity import refusals as no
from tongbao.identity import registration as registering
from tongbao.identity.customer_login_pages import (
    SENT,
    TOO_SOON,
    Code,
    fresh_code,
    plain_code,
    seen_of,
)
from tongbao.identity.guessable import check_customer_password
from tongbao.identity.login_pages import give_cookie
from tongbao.identity.model import (
    Registration,
    RegistrationStep,
    VisitorKind,
    VisitorSession,
    fresh_token,
)
from tongbao.identity.passwords import hash_password
from tongbao.identity.phones import masked_phone, read_phone
from tongbao.identity.staff_routes import HASHERS
from tongbao.identity.verification import id_number_of
from tongbao.web import forms, pages
from tongbao.web.browser import browser_of, fresh_browser, hash_of, remember
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import SENDS_CODE, Config, Db, Id, Now, open_to_all

_LOOKED_FOR: Final = timedelta(hours=1)
"""The longest that somebody is thought to have looked at the first page."""


class Phone(Form, frozen=True):
    id: UUID
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class TheCode(Form, frozen=True):
    code: Code


class Again(Form, frozen=True):
    id: UUID


class Person(Form, frozen=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    id_number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


@get("/register", guards=[open_to_all], include_in_schema=False)
async def first_screen(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    browser = browser_of(request)
    return remember(await _first(request, db, clock, browser, forms.blank()), request, settings, browser)


async def _first(
    request: PageRequest, db: Database, clock: Clock, browser: str, form: Filled[Any], *, status: int = 200
) -> Page:
    async with db.read() as tx:
        begun = await registering.unfinished_registration(tx, hash_of(browser), at=clock.now())
    return pages.show(request, "identity/register.html", status=status, form=form, begun=begun)


@post("/register", guards=[open_to_all], opt=SENDS_CODE, include_in_schema=False)
async def begin(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    filled, browser, lang = await forms.read(request, Phone), browser_of(request), pages.language(request)
    wanted, code = filled.value, fresh_code()
    if wanted is None:
        return remember(await _first(request, db, clock, browser, filled, status=422), request, settings, browser)

    async def start(tx: Tx) -> UUID:
        at = clock.now()
        return await registering.begin_registration(
            tx,
            uuid7(at),
            derived(wanted.id, phone),
            phone,
            browser_hash=hash_of(browser),
            code_id=uuid7(at),
            code=code,
            opened_at=_opened(wanted.id, at),
            at=at,
            lang=lang,
        )

    try:
        phone = read_phone(wanted.phone)
        id_ = await db.retry(start)
    except Refusal as refusal:
        again, status = _fresh(filled).refused(refusal, lang), refusal.kind.status
        return remember(await _first(request, db, clock, browser, again, status=status), request, settings, browser)
    metrics.REGISTRATIONS.labels("begun").inc()
    return remember(pages.go(f"/register/{id_}"), request, settings, browser)


def _opened(form_id: UUID, at: datetime) -> datetime:
    """When the first page was made, by the id that it put into its form; nobody's word is taken for more than an hour."""
    made = moment_of(form_id)
    return made if made is not None and at - _LOOKED_FOR <= made <= at else at


def _fresh(filled: Filled[Any]) -> Filled[Any]:
    """The same without its id: what was refused is another wish when it is sent again."""
    return Filled(None, {name: typed for name, typed in filled.given.items() if name != "id"}, filled.errors)


@get("/register/{id:uuid}", guards=[open_to_all], include_in_schema=False)
async def next_screen(request: PageRequest, id: Id, db: Db, clock: Now) -> Page:
    return await _show(request, id, db, clock, forms.blank())


async def _show(
    request: PageRequest, id: UUID, db: Database, clock: Clock, form: Filled[Any], *, status: int = 200
) -> Page:
    """The screen of the step that this registration has come to; what is over leads back to the first one, which says so."""
    browser, lang = browser_of(request), pages.language(request)
    try:
        async with db.read() as tx:
            found = await registering.find_registration(tx, id, browser_hash=hash_of(browser), at=clock.now())
            phone = await registering.phone_of_registration(tx, found)
    except Refusal as refusal:
        over = forms.blank().refused(refusal, lang)
        return await _first(request, db, clock, browser, over, status=refusal.kind.status)
    template = _SCREENS[found.step]
    shown = {"phone": masked_phone(phone) if phone else "", "its_page": phone_page(request, phone)}
    return pages.show(request, template, status=status, form=form, id=id, **shown)


def phone_page(request: PageRequest, phone: str | None) -> str | None:
    """In a demo, where what a made-up telephone was sent is read."""
    settings = pages.of(request).settings
    if settings.env != "demo" or not settings.sms or phone is None:
        return None
    return f"{settings.sms.rstrip('/')}/phones/{phone}?lang={pages.language(request)}"


_SCREENS: Final = {
    RegistrationStep.BEGUN: "identity/register_code.html",
    RegistrationStep.CONFIRMED: "identity/register_person.html",
    RegistrationStep.COMPLETED: "identity/register_done.html",
}


@post("/register/{id:uuid}", guards=[open_to_all], include_in_schema=False)
async def go_on(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    """The second screen or the third: which one it was is told by its fields."""
    given = await forms.posted(request)
    if "code" in given:
        return await _confirm(request, id, given, db, clock)
    return await _complete(request, id, given, db, clock, settings)


async def _confirm(request: PageRequest, id: UUID, given: Mapping[str, str], db: Database, clock: Clock) -> Page:
    filled, browser, lang = forms.convert(request, TheCode, given), browser_of(request), pages.language(request)
    if filled.value is None:
        return await _show(request, id, db, clock, filled, status=422)
    code = plain_code(filled.value.code)

    async def check(tx: Tx) -> Refusal | None:
        return await registering.confirm_phone(tx, id, code, browser_hash=hash_of(browser), at=clock.now())

    try:
        refusal = await db.retry(check)
    except Refusal as raised:
        refusal = raised
    if refusal is not None:
        return await _show(request, id, db, clock, filled.refused(refusal, lang), status=refusal.kind.status)
    metrics.REGISTRATIONS.labels("confirmed").inc()
    return pages.go(f"/register/{id}")


@post("/register/{id:uuid}/again", guards=[open_to_all], opt=SENDS_CODE, include_in_schema=False)
async def send_again(request: PageRequest, id: Id, db: Db, clock: Now) -> Page:
    filled, browser, lang = await forms.read(request, Again), browser_of(request), pages.language(request)
    wanted, code = filled.value, fresh_code()
    if wanted is None:
        return await _show(request, id, db, clock, filled, status=422)

    async def send(tx: Tx) -> None:
        code_id = derived(id, str(wanted.id))
        await registering.send_code_again(
            tx, id, browser_hash=hash_of(browser), code_id=code_id, code=code, at=clock.now(), lang=lang
        )

    try:
        await db.retry(send)
    except Refusal as refusal:
        if refusal.kind is no.CODE_TOO_SOON:
            return pages.go(f"/register/{id}", said=TOO_SOON)
        return await _show(request, id, db, clock, forms.blank(), status=refusal.kind.status)
    return pages.go(f"/register/{id}", said=SENT)


async def _complete(
    request: PageRequest, id: UUID, given: Mapping[str, str], db: Database, clock: Clock, settings: Settings
) -> Page:
    filled, browser, lang = forms.convert(request, Person, given), browser_of(request), pages.language(request)
    wanted, new_browser = filled.value, fresh_browser()
    token = fresh_token(VisitorKind.CUSTOMER, secrets.token_bytes)

    async def count(tx: Tx) -> tuple[Registration, str | None]:
        found = await registering.count_form(tx, id, browser_hash=hash_of(browser), at=clock.now())
        return found, await registering.phone_of_registration(tx, found)

    async def finish(tx: Tx) -> VisitorSession | None:
        at = clock.now()
        hash_ = hash_of(browser)
        asked: Any = {"browser_hash": hash_, "currency": settings.currency, "bank_code": settings.bank_code}
        if not await registering.complete_registration(tx, id, wish, **asked, at=at, lang=lang):
            return None
        made: Any = {"browser_hash": hash_, "new_browser_hash": hash_of(new_browser), "session_id": uuid7(at)}
        # His first: there is no device of his yet that this one could be taken for.
        return await login.enter_known(tx, id, **made, token=token, at=at, seen=seen_of(request), cool_off=timedelta(0))

    try:
        begun, phone = await db.retry(count)
        if begun.step is RegistrationStep.COMPLETED:
            return pages.go("/me")
        if wanted is None:
            return await _show(request, id, db, clock, filled, status=422)
        wish = await _wish(wanted, phone or "")
        session = await db.retry(finish)
    except Refusal as refusal:
        if refusal.kind is no.IDENTITY_UNUSABLE and wanted is not None:
            await _tell_owner(db, clock, wanted.id_number)
        return await _show(request, id, db, clock, filled.refused(refusal, lang), status=refusal.kind.status)
    if session is None:
        return pages.go("/me")
    metrics.REGISTRATIONS.labels("completed").inc()
    metrics.REGISTRATION_SECONDS.observe((clock.now() - begun.opened_at) // timedelta(seconds=1))
    response = pages.go("/me", said="Welcome. Your account is open; the bank is checking your identity now.")
    give_cookie(response, request, settings, "me", str(token), session.expires_at, clock)
    return remember(response, request, settings, new_browser)


async def _wish(wanted: Person, phone: str) -> registering.Wish:
    """What was typed, in its one spelling, with the password hashed: after everything else was looked at, for it is slow."""
    name, id_number = registering.read_name(wanted.name), id_number_of(wanted.id_number)
    check_customer_password(wanted.password, about=[phone, name, id_number])
    loop, salt = asyncio.get_running_loop(), secrets.token_bytes(16)
    hashed = await loop.run_in_executor(HASHERS, hash_password, wanted.password, salt)
    return registering.Wish(name=name, id_number=id_number, password_hash=hashed)


async def _tell_owner(db: Database, clock: Clock, id_number: str) -> None:
    async def tell(tx: Tx) -> None:
        await registering.tell_owner_of_identity(tx, id_number, at=clock.now())

    await db.retry(tell)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (first_screen, begin, next_screen, go_on, send_again)
