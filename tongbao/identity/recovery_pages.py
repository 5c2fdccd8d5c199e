"""The pages by which a customer regains access: three screens for whoever lost his password, and one for the owner to stop it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived, uuid7
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import recovery
from tongbao.identity.customer_login_pages import Code, fresh_code, plain_code
from tongbao.identity.guessable import check_customer_password
from tongbao.identity.passwords import hash_password
from tongbao.identity.phones import read_phone
from tongbao.identity.recovery_model import RecoveryStep
from tongbao.identity.staff_routes import HASHERS
from tongbao.identity.verification import id_number_of
from tongbao.web import forms, pages
from tongbao.web.browser import browser_of, hash_of, remember
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import SENDS_CODE, By, Config, Db, Id, Now, door_of, open_to_all, visitor

SET, STOPPED, NOTHING = DONE_MESSAGES = (
    "Your new password holds. Log in with it.",
    "It is stopped. Your password stays as it was.",
    "There is nothing to stop: it was stopped before, or is over.",
)


class Lost(Form, frozen=True):
    """`id` is of the form: sent twice it begins one recovery."""

    id: UUID
    id_number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class TheCode(Form, frozen=True):
    code: Code


class NewPassword(Form, frozen=True):
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


@get("/me/recover", guards=[open_to_all], include_in_schema=False)
async def first_screen(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    return await _first(request, db, clock, settings, forms.blank())


async def _first(
    request: PageRequest, db: Database, clock: Clock, settings: Settings, form: Filled[Any], *, status: int = 200
) -> Page:
    browser, waits = browser_of(request), timedelta(hours=settings.recovery_wait_h)
    async with db.read() as tx:
        begun = await recovery.waiting_recovery(tx, hash_of(browser), waits=waits, at=clock.now())
    shown = pages.show(request, "identity/recover.html", status=status, form=form, begun=begun, **_times(settings))
    return remember(shown, request, settings, browser)


def _times(settings: Settings) -> dict[str, int]:
    return {"hours": settings.recovery_wait_h, "days": settings.recovery_caution_days}


@post("/me/recover", guards=[open_to_all], opt=SENDS_CODE, include_in_schema=False)
async def begin(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    filled, browser, lang = await forms.read(request, Lost), browser_of(request), pages.language(request)
    wanted, code = filled.value, fresh_code()
    if wanted is None:
        return await _first(request, db, clock, settings, filled, status=422)
    found: UUID | Refusal
    try:
        number, phone = id_number_of(wanted.id_number), read_phone(wanted.phone)

        async def start(tx: Tx) -> UUID | Refusal:
            at = clock.now()
            form_id = derived(wanted.id, f"{phone} {number}")
            made: Any = {"browser_hash": hash_of(browser), "code_id": uuid7(at), "code": code}
            return await recovery.begin_recovery(tx, uuid7(at), form_id, phone, number, **made, at=at, lang=lang)

        found = await db.retry(start)
    except Refusal as refusal:
        found = refusal
    if isinstance(found, Refusal):
        given = {name: typed for name, typed in filled.given.items() if name != "id"}
        again = Filled[Any](None, given, {}).refused(found, lang)
        return await _first(request, db, clock, settings, again, status=found.kind.status)
    return remember(pages.go(f"/me/recover/{found}"), request, settings, browser)


@get("/me/recover/{id:uuid}", guards=[open_to_all], include_in_schema=False)
async def next_screen(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    return await _show(request, id, db, clock, settings, forms.blank())


_SCREENS: Final = {
    RecoveryStep.BEGUN: "identity/recover_code.html",
    RecoveryStep.WAITING: "identity/recover_wait.html",
    RecoveryStep.RIPE: "identity/recover_password.html",
    RecoveryStep.DONE: "identity/recover_done.html",
}


async def _show(
    request: PageRequest,
    id: UUID,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    """The screen of the step that this recovery has come to; what is over leads back to the first one, which says so."""
    at = clock.now()
    try:
        async with db.read() as tx:
            found = await recovery.find_recovery(tx, id, browser_hash=hash_of(browser_of(request)), at=at)
    except Refusal as refusal:
        over = forms.blank().refused(refusal, pages.language(request))
        return await _first(request, db, clock, settings, over, status=refusal.kind.status)
    template = _SCREENS[found.step(at)]
    shown: dict[str, Any] = {"id": id, "ripe_at": found.ripe_at, **_times(settings)}
    return pages.show(request, template, status=status, form=form, **shown)


@post("/me/recover/{id:uuid}", guards=[open_to_all], include_in_schema=False)
async def go_on(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    """The code or the new password: which one it is is told by its field."""
    given = await forms.posted(request)
    if "password" in given:
        return await _complete(request, id, given, db, clock, settings)
    return await _confirm(request, id, given, db, clock, settings)


async def _confirm(
    request: PageRequest, id: UUID, given: Mapping[str, str], db: Database, clock: Clock, settings: Settings
) -> Page:
    filled, lang = forms.convert(request, TheCode, given), pages.language(request)
    if filled.value is None:
        return await _show(request, id, db, clock, settings, filled, status=422)
    code, browser_hash = plain_code(filled.value.code), hash_of(browser_of(request))

    async def check(tx: Tx) -> Refusal | None:
        waits = timedelta(hours=settings.recovery_wait_h)
        asked: Any = {"browser_hash": browser_hash, "zone": settings.zone, "waits": waits}
        return await recovery.confirm_recovery(tx, id, code, **asked, at=clock.now(), lang=lang)

    try:
        refusal = await db.retry(check)
    except Refusal as raised:
        refusal = raised
    if refusal is not None:
        again, status = filled.refused(refusal, lang), refusal.kind.status
        return await _show(request, id, db, clock, settings, again, status=status)
    return pages.go(f"/me/recover/{id}")


async def _complete(
    request: PageRequest, id: UUID, given: Mapping[str, str], db: Database, clock: Clock, settings: Settings
) -> Page:
    filled, lang = forms.convert(request, NewPassword, given), pages.language(request)
    if filled.value is None:
        return await _show(request, id, db, clock, settings, filled, status=422)
    browser_hash, password = hash_of(browser_of(request)), filled.value.password
    try:
        # Before the slow part: nobody has passwords hashed for a recovery that is not his or not ripe.
        async with db.read() as tx:
            found = await recovery.find_recovery(tx, id, browser_hash=browser_hash, at=clock.now())
        if found.step(clock.now()) is RecoveryStep.RIPE:
            check_customer_password(password, about=[])
        loop, salt = asyncio.get_running_loop(), secrets.token_bytes(16)
        hashed = await loop.run_in_executor(HASHERS, hash_password, password, salt)

        async def finish(tx: Tx) -> None:
            caution = timedelta(days=settings.recovery_caution_days)
            asked: Any = {"browser_hash": browser_hash, "zone": settings.zone, "caution": caution}
            await recovery.complete_recovery(tx, id, hashed, **asked, at=clock.now(), lang=lang)

        await db.retry(finish)
    except Refusal as refusal:
        again, status = filled.refused(refusal, lang), refusal.kind.status
        return await _show(request, id, db, clock, settings, again, status=status)
    door_of(request).forget()
    return pages.go("/me/login", said=SET)


@get("/me/safety/recovery", guards=[visitor("me", "me:read")], include_in_schema=False)
async def own_recovery(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    assert principal.subject_id is not None
    async with db.read() as tx:
        found = await recovery.open_recovery(tx, principal.subject_id, at=clock.now())
    return pages.show(request, "identity/recovery_own.html", recovery=found)


@post("/me/safety/recovery", guards=[visitor("me", "me:read")], include_in_schema=False)
async def stop(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    holder, lang = principal.subject_id, pages.language(request)
    assert holder is not None

    async def cancel(tx: Tx) -> bool:
        return await recovery.cancel_recovery(tx, holder, by=principal, at=clock.now(), lang=lang)

    stopped = await db.retry(cancel)
    return pages.go("/me/safety", said=STOPPED if stopped else NOTHING)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (first_screen, begin, next_screen, go_on, own_recovery, stop)
