"""The pages by which a customer gives another telephone number, in his session or before he can log in, and stops what waits."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived, uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import customer_login, factors, passkeys, phone_change, removals
from tongbao.identity import passkey_login as challenges
from tongbao.identity import refusals as no
from tongbao.identity.customer_login_pages import Code, fresh_code, plain_code
from tongbao.identity.factor_pages import NAME_MESSAGES, Own, own_of, proved
from tongbao.identity.model import FactorKind, Guarded
from tongbao.identity.passwords import verify_password
from tongbao.identity.phone_change_model import PhoneStep
from tongbao.identity.phones import masked_phone, read_phone
from tongbao.identity.registration import himself
from tongbao.identity.staff_routes import HASHERS
from tongbao.identity.verification import id_number_of
from tongbao.web import forms, i18n, pages
from tongbao.web.browser import browser_of, hash_of, remember
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import SENDS_CODE, By, Config, Db, Id, Now, door_of, open_to_all, visitor

STOPPED, STAYS, NOTHING, SHOWN, YOUNG = DONE_MESSAGES = (
    "It is stopped. Your telephone number stays as it was.",
    "It is stopped. What was to be removed stays.",
    "There is nothing to stop: it was stopped before, or is over.",
    "Your passkey was right: with the code the new number holds at once.",
    "Your passkey was right but is new, so the waiting stays.",
)
_OWN: Final = "/me/safety/phone"
_LOST: Final = "/me/recover/phone"
_WAITING: Final = "/me/safety/waiting"

Phone = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Typed = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class NewPhone(Form, frozen=True):
    """`id` is of the form: sent twice it begins one change."""

    id: UUID
    new_phone: Phone
    current: Annotated[str, msgspec.Meta(max_length=256)] = ""


class LostPhone(Form, frozen=True):
    id: UUID
    id_number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    phone: Phone
    password: Typed
    new_phone: Phone


class TheCode(Form, frozen=True):
    """`app_code`: of the authenticator app, where he still has it."""

    code: Code
    app_code: Annotated[str, msgspec.Meta(max_length=12)] = ""


class Shown(Form, frozen=True):
    response: Annotated[str, msgspec.Meta(min_length=2, max_length=40_000)]


class Stop(Form, frozen=True):
    """`given`: the removal that is stopped, where it is one."""

    kind: Literal["phone", "removal"]
    given: UUID | None = None


def _times(settings: Settings) -> dict[str, int]:
    return {"hours": settings.recovery_wait_h, "days": settings.recovery_caution_days}


def _waits(settings: Settings) -> timedelta:
    return timedelta(hours=settings.recovery_wait_h)


@get(_OWN, guards=[visitor("me", "me:read")], include_in_schema=False)
async def own_phone(request: PageRequest, principal: By, db: Db, settings: Config) -> Page:
    page = await _show_own(request, principal, db, settings, forms.blank())
    return remember(page, request, settings, browser_of(request))


async def _show_own(
    request: PageRequest,
    principal: Principal,
    db: Database,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    async with db.read() as tx:
        own = await own_of(tx, principal)
        waiting = await phone_change.open_phone_change(tx, own.customer.id)
    return pages.show(
        request,
        "identity/phone_own.html",
        status=status,
        form=form,
        phone=masked_phone(own.details.phone) if own.details.phone else None,
        asks=FactorKind.PASSWORD in own.factors,
        can_show=bool(own.factors.keys() & {FactorKind.TOTP, FactorKind.PASSKEY}),
        waiting=waiting,
        **_times(settings),
    )


@post("/me/safety/phone", guards=[visitor("me", "me:pay")], opt=SENDS_CODE, include_in_schema=False)
async def begin_own(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, browser, lang = await forms.read(request, NewPhone), browser_of(request), pages.language(request)
    wanted, code, found = filled.value, fresh_code(), list[UUID | Refusal]()

    async def start(tx: Tx, own: Own) -> None:
        assert wanted is not None
        phone, at = _read_new(wanted.new_phone), clock.now()
        made: Any = {"browser_hash": hash_of(browser), "code_id": uuid7(at), "code": code, "by": principal}
        form_id = derived(wanted.id, f"{own.customer.id} {phone}")
        id_ = uuid7(at)
        found[:] = [
            await phone_change.begin_phone_change(tx, id_, form_id, own.customer.id, phone, **made, at=at, lang=lang)
        ]

    wrong = await proved(filled, principal, db, clock, lang, start)
    if wrong is None and not isinstance(found[0], Refusal):
        return remember(pages.go(f"{_LOST}/{found[0]}"), request, settings, browser)
    if wrong is None:
        assert isinstance(found[0], Refusal)
        wrong = filled.refused(found[0], lang), found[0].kind.status
    return await _show_own(request, principal, db, settings, _fresh(wrong[0]), status=wrong[1])


def _read_new(typed: str) -> str:
    try:
        return read_phone(typed)
    except Refusal as refusal:
        raise refusal.kind(field="new_phone") from None


def _fresh(form: Filled[Any]) -> Filled[Any]:
    """What was refused is sent again as a new wish, and without the password that was typed."""
    given = {name: typed for name, typed in form.given.items() if name not in ("id", "password", "current")}
    return Filled(None, given, form.errors)


@get(_LOST, guards=[open_to_all], include_in_schema=False)
async def lost_phone(request: PageRequest, settings: Config) -> Page:
    return remember(_show_lost(request, settings, forms.blank()), request, settings, browser_of(request))


def _show_lost(request: PageRequest, settings: Settings, form: Filled[Any], *, status: int = 200) -> Page:
    return pages.show(request, "identity/phone_lost.html", status=status, form=form, **_times(settings))


@post("/me/recover/phone", guards=[open_to_all], opt=SENDS_CODE, include_in_schema=False)
async def begin_lost(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    filled, browser, lang = await forms.read(request, LostPhone), browser_of(request), pages.language(request)
    if filled.value is None:
        return _show_lost(request, settings, _fresh(filled), status=422)
    try:
        found = await _begin_lost(request, filled.value, browser, db, clock)
    except Refusal as refusal:
        found = refusal
    if isinstance(found, Refusal):
        again = _fresh(filled.refused(found, lang))
        return _show_lost(request, settings, again, status=found.kind.status)
    return remember(pages.go(f"{_LOST}/{found}"), request, settings, browser)


async def _begin_lost(
    request: PageRequest, wanted: LostPhone, browser: str, db: Database, clock: Clock
) -> UUID | Refusal:
    """One try at the password, as at the log-in: taken, compared outside of any transaction, settled with all that was typed."""
    number, phone, new = id_number_of(wanted.id_number), read_phone(wanted.phone), _read_new(wanted.new_phone)
    lang, code = pages.language(request), fresh_code()

    async def take(tx: Tx) -> Guarded | Refusal:
        return await customer_login.try_password(tx, phone, at=clock.now())

    guarded = await db.retry(take)
    if isinstance(guarded, Refusal):
        return guarded
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(HASHERS, verify_password, guarded.stored, wanted.password)

    async def settle(tx: Tx) -> UUID | Refusal:
        at = clock.now()
        shown: Any = {"password_is_right": is_right, "phone": phone, "id_number": number}
        owner = await phone_change.owner_of(tx, guarded, **shown)
        wrong = await factors.settle_attempt(tx, guarded, owner is not None, at=at, lang=lang)
        if wrong is not None or owner is None:
            return no.PHONE_CHANGE_REFUSED()
        made: Any = {"browser_hash": hash_of(browser), "code_id": uuid7(at), "code": code, "by": himself(owner)}
        form_id = derived(wanted.id, f"{owner} {new}")
        return await phone_change.begin_phone_change(tx, uuid7(at), form_id, owner, new, **made, at=at, lang=lang)

    return await db.retry(settle)


@get(f"{_LOST}/{{id:uuid}}", guards=[open_to_all], include_in_schema=False)
async def next_screen(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    return await _show(request, id, db, clock, settings, forms.blank())


_SCREENS: Final = {
    PhoneStep.BEGUN: "identity/phone_code.html",
    PhoneStep.WAITING: "identity/phone_wait.html",
    PhoneStep.DONE: "identity/phone_done.html",
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
    """The screen of the step that this change has come to; what is over leads back to the first one, which says so."""
    at = clock.now()
    try:
        async with db.read() as tx:
            found = await phone_change.find_phone_change(tx, id, browser_hash=hash_of(browser_of(request)), at=at)
            has = {one.kind for one in (await factors.factors_of(tx, [found.customer_id]))[found.customer_id]}
    except Refusal as refusal:
        over = forms.blank().refused(refusal, pages.language(request))
        return _show_lost(request, settings, over, status=refusal.kind.status)
    shown: dict[str, Any] = {"id": id, "change": found, "rp_id": settings.rp_id, **_times(settings)}
    shown |= {"has_app": FactorKind.TOTP in has, "has_passkey": FactorKind.PASSKEY in has}
    return pages.show(request, _SCREENS[found.step(at)], status=status, form=form, **shown)


@post(f"{_LOST}/{{id:uuid}}", guards=[open_to_all], include_in_schema=False)
async def confirm(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, TheCode), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _show(request, id, db, clock, settings, filled, status=422)
    browser_hash = hash_of(browser_of(request))
    waits, caution = _waits(settings), timedelta(days=settings.recovery_caution_days)

    async def check(tx: Tx) -> Refusal | None:
        at, app_code = clock.now(), plain_code(wanted.app_code)
        found = await phone_change.find_phone_change(tx, id, browser_hash=browser_hash, at=at)
        if app_code and found.step(at) is PhoneStep.BEGUN and not found.is_strong:
            shown = await phone_change.show_app(tx, found.customer_id, app_code, waits=waits, at=at, lang=lang)
            if isinstance(shown, Refusal):
                return shown.kind(field="app_code", retry_after_s=shown.retry_after_s)
            if shown:
                await phone_change.strengthen(tx, id, browser_hash=browser_hash, at=at)
        asked: Any = {"browser_hash": browser_hash, "zone": settings.zone, "waits": waits, "caution": caution}
        code = plain_code(wanted.code)
        return await phone_change.confirm_phone_change(tx, id, code, **asked, at=at, lang=lang)

    try:
        refusal = await db.retry(check)
    except Refusal as raised:
        refusal = raised
    if refusal is not None:
        again = filled.refused(refusal, lang)
        return await _show(request, id, db, clock, settings, again, status=refusal.kind.status)
    door_of(request).forget()
    return pages.go(f"{_LOST}/{id}")


def _place(id: UUID, browser: str) -> bytes:
    """Where what a passkey is to sign lies: good for this change in this browser, and for no log-in."""
    return sha256(b"phone change" + id.bytes + hash_of(browser)).digest()


@post(f"{_LOST}/{{id:uuid}}/passkey/options", guards=[open_to_all], include_in_schema=False)
async def passkey_options(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    """What the browser is to sign, as JSON: any passkey that it has for this bank."""
    await forms.posted(request)
    place, challenge = _place(id, browser_of(request)), secrets.token_bytes(32)

    async def start(tx: Tx) -> Mapping[str, Any]:
        at = clock.now()
        await phone_change.find_phone_change(tx, id, browser_hash=hash_of(browser_of(request)), at=at)
        return await challenges.begin_passkey_login(tx, place, challenge, settings, at=at)

    options = await db.retry(start)
    return Response(json.dumps(options).encode(), status_code=200, media_type="application/json")


@post(f"{_LOST}/{{id:uuid}}/passkey", guards=[open_to_all], include_in_schema=False)
async def show_passkey(request: PageRequest, id: Id, db: Db, clock: Now, settings: Config) -> Page:
    """A passkey of his besides the password: then the change need not wait."""
    filled, browser, lang = await forms.read(request, Shown), browser_of(request), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _show(request, id, db, clock, settings, _said(filled.errors), status=422)

    async def check(tx: Tx) -> bool | Refusal:
        at = clock.now()
        found = await phone_change.find_phone_change(tx, id, browser_hash=hash_of(browser), at=at)
        challenge = await phone_change.take_challenge(tx, _place(id, browser), at=at)
        if challenge is None:
            return no.PASSKEY_OVER()
        asked: Any = {"challenge": challenge, "settings": settings, "at": at, "lang": lang}
        shown = await passkeys.check_any(tx, wanted.response, of=found.customer_id, **asked)
        if isinstance(shown, Refusal):
            return shown
        is_old = shown[0].made_at + _waits(settings) <= at
        if is_old:
            await phone_change.strengthen(tx, id, browser_hash=hash_of(browser), at=at)
        return is_old

    try:
        found = await db.retry(check)
    except Refusal as refusal:
        found = refusal
    if isinstance(found, Refusal):
        again = _said({"": filled.refused(found, lang, field="").errors[""]})
        return await _show(request, id, db, clock, settings, again, status=found.kind.status)
    return pages.go(f"{_LOST}/{id}", said=SHOWN if found else YOUNG)


def _said(errors: Mapping[str, str]) -> Filled[Any]:
    """What a passkey gave does not come back; what was wrong with it stands above."""
    return Filled(None, {}, {"": next(iter(errors.values()))})


@get(_WAITING, guards=[visitor("me", "me:read")], include_in_schema=False)
async def waiting(request: PageRequest, principal: By, db: Db) -> Page:
    return await _show_waiting(request, principal, db, forms.blank())


async def _show_waiting(
    request: PageRequest, principal: Principal, db: Database, form: Filled[Any], *, status: int = 200
) -> Page:
    lang, holder = pages.language(request), principal.subject_id
    assert holder is not None
    async with db.read() as tx:
        change = await phone_change.open_phone_change(tx, holder)
        going = await removals.open_removals(tx, holder)
    return pages.show(
        request,
        "identity/waiting.html",
        status=status,
        form=form,
        change=change,
        going=[(one, i18n.say(NAME_MESSAGES[FactorKind(one.kind)], lang)) for one in going],
    )


@post("/me/safety/waiting", guards=[visitor("me", "me:read")], include_in_schema=False)
async def stop(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled, lang = await forms.read(request, Stop), pages.language(request)
    wanted, holder = filled.value, principal.subject_id
    assert holder is not None
    if wanted is None:
        return await _show_waiting(request, principal, db, filled, status=422)

    async def write(tx: Tx) -> bool:
        said: Any = {"by": principal, "at": clock.now(), "lang": lang}
        if wanted.kind == "phone":
            return await phone_change.cancel_phone_change(tx, holder, **said)
        return wanted.given is not None and await removals.stop_removal(tx, holder, wanted.given, **said)

    if not await db.retry(write):
        return pages.go(_WAITING, said=NOTHING)
    door_of(request).forget()
    stopped = {"phone": STOPPED, "removal": STAYS}[wanted.kind]
    return pages.go(_WAITING, said=stopped)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    own_phone,
    begin_own,
    lost_phone,
    begin_lost,
    next_screen,
    confirm,
    passkey_options,
    show_passkey,
    waiting,
    stop,
)
