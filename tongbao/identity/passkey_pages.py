"""Passkeys and keys of devices: added, seen, renamed, removed; the log-in by a passkey; what a customer would rather be asked for."""

from __future__ import annotations

import json
import secrets
from decimal import Decimal
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
from tongbao.identity import factors, passkey_login, passkeys
from tongbao.identity import refusals as no
from tongbao.identity.customer_login_pages import seen_of
from tongbao.identity.device_keys import (
    add_device_key,
    device_keys,
    device_keys_of,
    remove_device_key,
    rename_device_key,
)
from tongbao.identity.device_pages import after_a_change
from tongbao.identity.factor_pages import WAITS, Own, after_counting, own_of, plain_app_code, proved, take_away
from tongbao.identity.login_pages import give_cookie
from tongbao.identity.model import FactorKind, VisitorKind, VisitorSession, fresh_token
from tongbao.identity.passkey_model import AuthenticatorModel, Modality
from tongbao.identity.phones import masked_phone
from tongbao.web import export, forms, i18n, pages
from tongbao.web.browser import browser_of, fresh_browser, hash_of, remember
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, door_of, open_to_all, visitor

MODALITY_MESSAGES: Final = {
    Modality.FINGERPRINT: "Fingerprint",
    Modality.FACE: "Face",
    Modality.OTHER: "PIN or pattern of the device",
}
RATE_MESSAGES: Final = {
    "stranger": "Lets in strangers (false acceptance)",
    "owner": "Turns away its owner (false rejection)",
    "likeness": "Lets in likenesses (test of liveness)",
}
ADDED, BOUND, RENAMED, REMOVED, PREFERRED = DONE_MESSAGES = (
    "Your passkey is added.",
    "This browser is bound to you and can sign payments.",
    "It has its new name.",
    "It is removed and good no more.",
    "You are asked for this first from now on.",
)
_HERE: Final = "/me/safety/passkeys"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Secret = Annotated[str, msgspec.Meta(max_length=256)]
Response_ = Annotated[str, msgspec.Meta(min_length=2, max_length=40_000)]


class NewPasskey(Form, frozen=True):
    name: Name
    modality: Modality
    current: Secret = ""


class Made(Form, frozen=True):
    """`response`: what the authenticator gave, as JSON."""

    response: Response_


class NewDevice(Form, frozen=True):
    """`jwk`: the public key that the browser made."""

    device_name: Name
    jwk: Response_
    current: Secret = ""


class NewName(Form, frozen=True):
    name: Name


class Removal(Form, frozen=True):
    """`app_code`: of the authenticator app, where he has one, so that it need not wait."""

    current: Secret = ""
    app_code: Secret = ""


class Wish(Form, frozen=True):
    kind: FactorKind


class LogIn(Form, frozen=True):
    response: Response_
    next: Annotated[str, msgspec.Meta(max_length=2000)] = "/me"


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None
    return principal.subject_id


def rates_of(model: AuthenticatorModel) -> list[tuple[str, str]]:
    """What its maker declares, as percentages, by a message of the catalogue."""
    rates = {"stranger": model.false_accept, "owner": model.false_reject, "likeness": model.spoof_accept}
    return [(RATE_MESSAGES[what], _percent(rate)) for what, rate in rates.items() if rate is not None]


def _percent(rate: Decimal) -> str:
    text = f"{rate * 100:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


@get(_HERE, guards=[visitor("me", "me:read")], include_in_schema=False)
async def own_passkeys(request: PageRequest, principal: By, db: Db, settings: Config) -> Page:
    return await _show(request, principal, db, settings, forms.blank(), forms.blank())


async def _show(
    request: PageRequest,
    principal: Principal,
    db: Database,
    settings: Settings,
    form: Filled[Any],
    device_form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    lang, holder = pages.language(request), _holder(principal)
    async with db.read() as tx:
        own = await own_of(tx, principal)
        has = (await passkeys.passkeys_of(tx, [holder]))[holder]
        keys = await device_keys_of(tx, holder)
    return pages.show(
        request,
        "identity/passkeys.html",
        status=status,
        form=form,
        device_form=device_form,
        passkeys=[(one, i18n.say(MODALITY_MESSAGES[one.modality], lang), _rates(one.model, lang)) for one in has],
        device_keys=keys,
        modalities=[(one.value, i18n.say(MODALITY_MESSAGES[one], lang)) for one in Modality],
        asks=FactorKind.PASSWORD in own.factors,
        customer_id=holder,
        rp_id=settings.rp_id,
    )


def _rates(model: AuthenticatorModel | None, lang: str) -> list[tuple[str, str]]:
    return [(i18n.say(name, lang), rate) for name, rate in rates_of(model)] if model else []


@post(_HERE, guards=[visitor("me", "me:pay")], include_in_schema=False)
async def begin(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang, challenge = await forms.read(request, NewPasskey), pages.language(request), secrets.token_bytes(32)
    wanted = filled.value

    async def offer(tx: Tx, own: Own) -> None:
        assert wanted is not None
        said: Any = {"name": wanted.name, "modality": wanted.modality, "by": principal, "at": clock.now()}
        await passkeys.offer_passkey(tx, own.customer.id, challenge, **said)

    wrong = await proved(filled, principal, db, clock, lang, offer)
    if wrong is None:
        return pages.go(f"{_HERE}/new")
    again, status = wrong
    return await _show(request, principal, db, settings, again, forms.blank(), status=status)


@get(f"{_HERE}/new", guards=[visitor("me", "me:read")], include_in_schema=False)
async def new_passkey(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _show_new(request, principal, db, clock, settings, forms.blank())


async def _show_new(
    request: PageRequest,
    principal: Principal,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    bank = export.bank_name(settings, pages.language(request))
    async with db.read() as tx:
        own = await own_of(tx, principal)
        holder = masked_phone(own.details.phone) if own.details.phone else bank
        options = await passkeys.creation_options(
            tx, own.customer.id, settings, bank=bank, holder=holder, at=clock.now()
        )
    if options is None and not form.errors:
        return pages.go(_HERE)
    asked = json.dumps(options) if options else None
    return pages.show(
        request, "identity/passkey_new.html", status=status, form=form, options=asked, rp_id=settings.rp_id
    )


@post(f"{_HERE}/new", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def make(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang, holder = await forms.read(request, Made), pages.language(request), _holder(principal)
    wanted = filled.value
    if wanted is None:
        return await _show_new(request, principal, db, clock, settings, filled, status=422)

    async def add(tx: Tx) -> None:
        at = clock.now()
        said: Any = {"passkey_id": uuid7(at), "settings": settings, "by": principal, "at": at, "lang": lang}
        await passkeys.add_passkey(tx, holder, wanted.response, **said)

    try:
        await db.retry(add)
    except Refusal as refusal:
        again = filled.refused(refusal, lang, field="")
        return await _show_new(request, principal, db, clock, settings, again, status=refusal.kind.status)
    return pages.go(await after_a_change(db, clock, principal, _HERE), said=ADDED)


@post("/me/safety/device-keys", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def bind(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, NewDevice), pages.language(request)
    wanted = filled.value

    async def add(tx: Tx, own: Own) -> None:
        assert wanted is not None
        said: Any = {"name": wanted.device_name, "by": principal, "at": clock.now(), "lang": lang}
        await add_device_key(tx, own.customer.id, _jwk(wanted.jwk), **said)

    wrong = await proved(filled, principal, db, clock, lang, add)
    if wrong is None:
        return pages.go(_HERE, said=BOUND)
    again, status = wrong
    if "jwk" in again.errors:
        said = i18n.say("This browser made no key. Allow it to keep data of this page, then try again.", lang)
        errors = {name: text for name, text in again.errors.items() if name != "jwk"}
        again = Filled[Any](None, again.given, {**errors, "": said})
    return await _show(request, principal, db, settings, forms.blank(), again, status=status)


def _jwk(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeError):
        raise no.DEVICE_KEY_SUITE() from None


@get(f"{_HERE}/{{id:uuid}}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def one_passkey(request: PageRequest, id: Id, principal: By, db: Db) -> Page:
    return await _show_one(request, principal, db, id, forms.blank(), forms.blank())


async def _show_one(
    request: PageRequest,
    principal: Principal,
    db: Database,
    id: UUID,
    form: Filled[Any],
    removal: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    """A passkey or a key of a device; what is not there any more leads back to the list."""
    holder = _holder(principal)
    async with db.read() as tx:
        own = await own_of(tx, principal)
        has = {one.id: one.name for one in (await passkeys.passkeys_of(tx, [holder]))[holder]}
        keys = {one.id: one.name for one in await device_keys_of(tx, holder)}
    name = has.get(id) or keys.get(id)
    if name is None:
        return pages.go(_HERE)
    return pages.show(
        request,
        "identity/passkey.html",
        status=status,
        id=id,
        name=name,
        form=form if form.given or form.errors else forms.blank(name=name),
        removal=removal,
        asks=FactorKind.PASSWORD in own.factors,
        has_app=FactorKind.TOTP in own.factors and id in has,
        hours=pages.of(request).settings.recovery_wait_h,
    )


@post(f"{_HERE}/{{id:uuid}}/name", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def rename(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    filled, lang, holder = await forms.read(request, NewName), pages.language(request), _holder(principal)
    wanted = filled.value
    if wanted is None:
        return await _show_one(request, principal, db, id, filled, forms.blank(), status=422)

    async def write(tx: Tx) -> None:
        is_key = id in await device_keys(tx, [id])
        change = rename_device_key if is_key else passkeys.rename_passkey
        await change(tx, holder, id, wanted.name, by=principal, at=clock.now())

    try:
        await db.retry(write)
    except Refusal as refusal:
        again = filled.refused(refusal, lang)
        return await _show_one(request, principal, db, id, again, forms.blank(), status=refusal.kind.status)
    return pages.go(_HERE, said=RENAMED)


@post(f"{_HERE}/{{id:uuid}}/remove", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def remove(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, Removal), pages.language(request)

    counted: list[Refusal | bool] = []

    async def drop(tx: Tx, own: Own) -> None:
        if id in await device_keys(tx, [id]):
            await remove_device_key(tx, own.customer.id, id, by=principal, at=clock.now(), lang=lang)
            counted[:] = [True]
        else:
            code, kind = plain_app_code(filled), FactorKind.PASSKEY
            counted[:] = [await take_away(tx, own.customer.id, kind, id, code, principal, clock, settings, lang)]

    wrong = await proved(filled, principal, db, clock, lang, drop)
    if wrong is None and isinstance(counted[0], Refusal):
        wrong = after_counting(filled, [counted[0]], lang)
    if wrong is None and not counted[0]:
        door_of(request).forget()
        return pages.go("/me/safety/waiting", said=WAITS)
    if wrong is None:
        return pages.go(await after_a_change(db, clock, principal, _HERE), said=REMOVED)
    again, status = wrong
    return await _show_one(request, principal, db, id, forms.blank(), again, status=status)


@post("/me/safety/prefer", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def prefer(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled, lang, holder = await forms.read(request, Wish), pages.language(request), _holder(principal)
    wanted = filled.value
    if wanted is None:
        return pages.go("/me/safety/factors")

    async def write(tx: Tx) -> None:
        await factors.prefer(tx, holder, wanted.kind, by=principal, at=clock.now(), lang=lang)

    try:
        await db.retry(write)
    except Refusal as refusal:
        if refusal.kind is not no.FACTOR_UNKNOWN:
            raise
        return pages.go("/me/safety/factors")
    return pages.go("/me/safety/factors", said=PREFERRED)


@post("/me/login/passkey/options", guards=[open_to_all], include_in_schema=False)
async def login_options(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    """What the browser is to sign, as JSON: the same for everybody, so that it tells nothing of anybody."""
    await forms.posted(request)
    browser, challenge = browser_of(request), secrets.token_bytes(32)

    async def start(tx: Tx) -> dict[str, Any]:
        return await passkey_login.begin_passkey_login(tx, hash_of(browser), challenge, settings, at=clock.now())

    options = await db.retry(start)
    response = Response(json.dumps(options).encode(), status_code=200, media_type="application/json")
    return remember(response, request, settings, browser)


@post("/me/login/passkey", guards=[open_to_all], include_in_schema=False)
async def log_in(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    filled, browser, lang = await forms.read(request, LogIn), browser_of(request), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return _door(request, filled, 422)
    new_browser, token = fresh_browser(), fresh_token(VisitorKind.CUSTOMER, secrets.token_bytes)

    async def enter(tx: Tx) -> tuple[VisitorSession, bool] | Refusal:
        at = clock.now()
        said: Any = {"session_id": uuid7(at), "token": token, "seen": seen_of(request), "lang": lang, "at": at}
        hashes: Any = {"browser_hash": hash_of(browser), "new_browser_hash": hash_of(new_browser)}
        return await passkey_login.log_in_by_passkey(tx, wanted.response, settings=settings, **hashes, **said)

    found = await db.retry(enter)
    if isinstance(found, Refusal):
        return _door(request, filled.refused(found, lang, field=""), found.kind.status)
    session, is_new = found
    response = pages.go(pages.local(wanted.next, "/me"))
    give_cookie(response, request, settings, "me", str(token), session.expires_at, clock)
    return remember(response, request, settings, new_browser) if is_new else response


def _door(request: PageRequest, form: Filled[Any], status: int) -> Page:
    """The log-in again, which says what was wrong; what the passkey gave does not come back."""
    to = pages.local(form.given.get("next"), "/me")
    again = Filled[Any](None, {"next": to}, {"": form.errors[""]} if form.errors.get("") else {"response": ""})
    rp_id = pages.of(request).settings.rp_id
    shown: dict[str, Any] = {"form": again, "waiting": None, "rp_id": rp_id, "measured": False}
    return pages.show(request, "identity/customer_login.html", status=status, **shown)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    own_passkeys,
    begin,
    new_passkey,
    make,
    bind,
    one_passkey,
    rename,
    remove,
    prefer,
    login_options,
    log_in,
)
