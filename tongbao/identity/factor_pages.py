"""What a customer proves himself with: seen, set, removed. Whoever has a password types it once more for each change."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.identity import factors, phone_change, removals, store, totp
from tongbao.identity.device_pages import after_a_change
from tongbao.identity.guessable import check_customer_password, check_pin
from tongbao.identity.model import Customer, Details, Factor, FactorKind, Guarded
from tongbao.identity.passwords import hash_password, verify_password
from tongbao.identity.people import own_details
from tongbao.identity.phones import masked_phone
from tongbao.identity.rhythm import is_measured
from tongbao.identity.staff_routes import HASHERS
from tongbao.identity.verification import verification_of
from tongbao.identity.words import level_word, verification_word
from tongbao.web import export, forms, i18n, pages
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.qr import qr_path
from tongbao.web.site import By, Config, Db, Now, door_of, visitor

NAME_MESSAGES: Final = {
    FactorKind.PASSWORD: "Log-in password",
    FactorKind.PIN: "Payment PIN",
    FactorKind.SMS: "Code by SMS",
    FactorKind.TOTP: "Authenticator app",
    FactorKind.PASSKEY: "Passkey",
    FactorKind.DEVICE: "Key of a device",
}
PASSWORD_SET, PIN_SET, APP_SET, REMOVED, STALE, NOT_YOURS, WAITS = DONE_MESSAGES = (
    "Your password holds from now on.",
    "Your payment PIN holds from now on.",
    "Your authenticator app is set up.",
    "It is removed.",
    "This was changed meanwhile, in another tab or by the same form sent twice. Look at it again, then decide.",
    "This is not your log-in password.",
    "Its removal waits: nothing as strong would remain. You are told when it is gone.",
)
_FACTORS: Final = "/me/safety/factors"

Typed = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Secret = Annotated[str, msgspec.Meta(max_length=256)]


class NewPassword(Form, frozen=True):
    """`expected`: when what is there now was set, so that a form that comes twice or late changes nothing."""

    expected: str
    password: Typed
    current: Secret = ""


class NewPin(Form, frozen=True):
    expected: str
    pin: Typed
    current: Secret = ""


class NewApp(Form, frozen=True):
    """`app_code`: of the app that he has now."""

    current: Secret = ""
    app_code: Secret = ""


class AppCode(Form, frozen=True):
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]


class Removal(Form, frozen=True):
    """`app_code`: of the app itself, so that it need not wait."""

    kind: Literal["pin", "totp"]
    current: Secret = ""
    app_code: Secret = ""


class Own(msgspec.Struct, frozen=True):
    """What is known of whoever looks, in three round trips."""

    customer: Customer
    details: Details
    factors: Mapping[FactorKind, Factor]
    """One of each kind."""
    every: Sequence[Factor] = ()

    def expected(self, kind: FactorKind) -> str:
        found = self.factors.get(kind)
        return found.set_at.isoformat() if found else "none"

    @property
    def about(self) -> list[str]:
        return [self.details.name, self.details.phone or ""]


async def own_of(tx: Tx, principal: Principal) -> Own:
    assert principal.subject_id is not None
    customer = (await store.customers(tx, [principal.subject_id]))[principal.subject_id]
    details = await own_details(tx, customer, by=principal)
    every = (await factors.factors_of(tx, [customer.id]))[customer.id]
    return Own(customer, details, {one.kind: one for one in every}, every)


@get("/me/safety/factors", guards=[visitor("me", "me:read")], include_in_schema=False)
async def own_factors(request: PageRequest, principal: By, db: Db) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        own = await own_of(tx, principal)
        asked = (await verification_of(tx, [own.customer.id])).get(own.customer.id)
    return pages.show(
        request,
        "identity/factors.html",
        factors=[(i18n.say(NAME_MESSAGES[one.kind], lang), one) for one in own.every],
        preferable=[(kind.value, i18n.say(NAME_MESSAGES[kind], lang)) for kind in own.factors],
        form=forms.blank(kind=next((one.kind.value for one in own.every if one.preferred), "")),
        one_sort=factors.one_sort_only(own.every),
        kinds={kind.value for kind in own.factors},
        level=level_word(own.customer.level, lang),
        verification=verification_word(asked.state.value, lang) if asked else None,
    )


@get("/me/safety/password", guards=[visitor("me", "me:read")], include_in_schema=False)
async def password_page(request: PageRequest, principal: By, db: Db) -> Page:
    return await _show(request, principal, db, FactorKind.PASSWORD, forms.blank())


@get("/me/safety/pin", guards=[visitor("me", "me:read")], include_in_schema=False)
async def pin_page(request: PageRequest, principal: By, db: Db) -> Page:
    return await _show(request, principal, db, FactorKind.PIN, forms.blank())


async def _show(
    request: PageRequest, principal: Principal, db: Database, kind: FactorKind, form: Filled[Any], *, status: int = 200
) -> Page:
    async with db.read() as tx:
        own = await own_of(tx, principal)
        measured = await is_measured(tx, own.customer.id)
    return pages.show(
        request,
        f"identity/factor_{kind.value}.html",
        status=status,
        form=form,
        has=kind in own.factors,
        asks=FactorKind.PASSWORD in own.factors,
        expected=own.expected(kind),
        measured=measured,
    )


@post("/me/safety/password", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def set_password(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, NewPassword)
    wanted, kind = filled.value, FactorKind.PASSWORD
    if wanted is None:
        return await _show(request, principal, db, kind, filled, status=422)

    def check(own: Own) -> None:
        check_customer_password(wanted.password, about=own.about)

    changed = await _change(request, principal, db, clock, kind, filled, wanted, wanted.password, check)
    return changed or pages.go(await after_a_change(db, clock, principal, _FACTORS), said=PASSWORD_SET)


@post("/me/safety/pin", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def set_pin(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, NewPin)
    wanted, kind = filled.value, FactorKind.PIN
    if wanted is None:
        return await _show(request, principal, db, kind, filled, status=422)

    def check(own: Own) -> None:
        check_pin(wanted.pin, about=own.about)

    changed = await _change(request, principal, db, clock, kind, filled, wanted, wanted.pin, check)
    return changed or pages.go("/me/safety/factors", said=PIN_SET)


async def _change(
    request: PageRequest,
    principal: Principal,
    db: Database,
    clock: Clock,
    kind: FactorKind,
    filled: Filled[Any],
    wanted: NewPassword | NewPin,
    secret: str,
    check: Callable[[Own], None],
) -> Page | None:
    """Sets a password or PIN, once its form is no old one, its secret is fit and the password was right; the page that says why not."""
    lang = pages.language(request)
    async with db.read() as tx:
        own = await own_of(tx, principal)
    try:
        if wanted.expected != own.expected(kind):
            return await _stale(request, principal, db, kind, lang)
        check(own)
        wrong = await _prove(db, clock, own, wanted.current, lang)
        if wrong is None:
            loop, salt = asyncio.get_running_loop(), secrets.token_bytes(16)
            hashed = await loop.run_in_executor(HASHERS, hash_password, secret, salt)
            write = factors.set_password if kind is FactorKind.PASSWORD else factors.set_pin

            async def work(tx: Tx) -> None:
                await write(tx, own.customer.id, hashed, by=principal, at=clock.now(), lang=lang)

            await db.retry(work)
            return None
    except Refusal as refusal:
        wrong = refusal
    again = _beside(filled, wrong, lang)
    return await _show(request, principal, db, kind, again, status=wrong.kind.status)


async def _stale(request: PageRequest, principal: Principal, db: Database, kind: FactorKind, lang: Lang) -> Page:
    said = Filled[Any](None, {}, {"": i18n.say(STALE, lang)})
    return await _show(request, principal, db, kind, said, status=409)


def _beside(filled: Filled[Any], wrong: Refusal, lang: Lang) -> Filled[Any]:
    """What was wrong with the password that was asked for stands beside it; what stands in the form is not what is expected now."""
    given = {name: typed for name, typed in filled.given.items() if name != "expected"}
    if wrong.kind is factors.no.FACTOR_WRONG and "current" in given:
        return Filled(None, given, {"current": i18n.say(NOT_YOURS, lang)})
    return Filled(None, given, {}).refused(wrong, lang)


async def _prove(db: Database, clock: Clock, own: Own, password: str, lang: Lang) -> Refusal | None:
    """One try at the log-in password of whoever has one; None where it was right."""
    if FactorKind.PASSWORD not in own.factors:
        return None
    kind, id_ = FactorKind.PASSWORD, own.customer.id

    async def take(tx: Tx) -> Guarded | Refusal:
        return await factors.attempt(tx, id_, kind, at=clock.now())

    guarded = await db.retry(take)
    if isinstance(guarded, Refusal):
        return guarded
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(HASHERS, verify_password, guarded.stored, password)

    async def settle(tx: Tx) -> Refusal | None:
        return await factors.settle_attempt(tx, guarded, is_right, at=clock.now(), lang=lang)

    return await db.retry(settle)


@get("/me/safety/totp", guards=[visitor("me", "me:read")], include_in_schema=False)
async def app_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _show_app(request, principal, db, clock, settings, forms.blank(), forms.blank())


async def _show_app(
    request: PageRequest,
    principal: Principal,
    db: Database,
    clock: Clock,
    settings: Any,
    form: Filled[Any],
    code_form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    async with db.read() as tx:
        own = await own_of(tx, principal)
        seed = await totp.offered_seed(tx, own.customer.id, at=clock.now())
    holder = masked_phone(own.details.phone) if own.details.phone else own.details.name
    uri = totp.totp_uri(seed, holder=holder, bank=export.bank_name(settings, pages.language(request))) if seed else ""
    return pages.show(
        request,
        "identity/factor_totp.html",
        status=status,
        form=form,
        code_form=code_form,
        has=FactorKind.TOTP in own.factors,
        asks=FactorKind.PASSWORD in own.factors,
        seed=seed,
        square=qr_path(uri) if uri else None,
    )


@post("/me/safety/totp", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def begin_app(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, NewApp), pages.language(request)

    counted: list[Refusal | None] = []

    async def offer(tx: Tx, own: Own) -> None:
        seed, present = totp.fresh_seed(secrets.token_bytes), plain_app_code(filled)
        made: Any = {"present": present, "by": principal, "at": clock.now(), "lang": lang}
        counted[:] = [await totp.begin_totp(tx, own.customer.id, seed, **made)]

    wrong = await proved(filled, principal, db, clock, lang, offer) or after_counting(filled, counted, lang)
    if wrong is None:
        return pages.go("/me/safety/totp")
    again, status = wrong
    return await _show_app(request, principal, db, clock, settings, again, forms.blank(), status=status)


def plain_app_code(filled: Filled[Any]) -> str:
    return "".join(filled.value.app_code.split()) if filled.value else ""


def after_counting(filled: Filled[Any], found: list[Refusal | None], lang: Lang) -> tuple[Filled[Any], int] | None:
    """What was answered and not raised, so that the try counts."""
    refusal = found[0]
    if refusal is None:
        return None
    given = {name: typed for name, typed in filled.given.items() if name != "current"}
    return Filled[Any](None, given, {}).refused(refusal, lang, field="app_code"), refusal.kind.status


async def proved(
    filled: Filled[Any],
    principal: Principal,
    db: Database,
    clock: Clock,
    lang: Lang,
    work: Callable[[Tx, Own], Awaitable[None]],
) -> tuple[Filled[Any], int] | None:
    """Does what was asked once the password was right; else the form that says why not."""
    if filled.value is None:
        return filled, 422
    async with db.read() as tx:
        own = await own_of(tx, principal)
    try:
        wrong = await _prove(db, clock, own, filled.value.current, lang)
        if wrong is None:
            await db.retry(lambda tx: work(tx, own))
            return None
    except Refusal as refusal:
        wrong = refusal
    return _beside(filled, wrong, lang), wrong.kind.status


@post("/me/safety/totp/code", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def confirm_app(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, AppCode), pages.language(request)
    holder: UUID | None = principal.subject_id
    assert holder is not None
    refusal: Refusal | None = None
    if filled.value is not None:
        code = "".join(c for c in filled.value.code if not c.isspace())

        async def confirm(tx: Tx) -> Refusal | None:
            return await totp.confirm_totp(tx, holder, code, by=principal, at=clock.now(), lang=lang)

        try:
            refusal = await db.retry(confirm)
        except Refusal as raised:
            refusal = raised
        if refusal is None:
            return pages.go(await after_a_change(db, clock, principal, _FACTORS), said=APP_SET)
    again, status = (filled.refused(refusal, lang), refusal.kind.status) if refusal else (filled, 422)
    return await _show_app(request, principal, db, clock, settings, forms.blank(), again, status=status)


@get("/me/safety/remove", guards=[visitor("me", "me:read")], include_in_schema=False)
async def removal_page(request: PageRequest, principal: By, db: Db) -> Page:
    kind = request.query_params.get("kind", "")
    return await _show_removal(request, principal, db, kind, forms.blank())


async def _show_removal(
    request: PageRequest, principal: Principal, db: Database, kind: str, form: Filled[Any], *, status: int = 200
) -> Page:
    async with db.read() as tx:
        own = await own_of(tx, principal)
    removable = [one for one in factors.REMOVABLE if one.value == kind]
    if not removable:
        return pages.go("/me/safety/factors")
    return pages.show(
        request,
        "identity/factor_remove.html",
        status=status,
        form=form,
        kind=kind,
        named=i18n.say(NAME_MESSAGES[removable[0]], pages.language(request)),
        has=removable[0] in own.factors,
        asks=FactorKind.PASSWORD in own.factors,
        hours=pages.of(request).settings.recovery_wait_h,
    )


@post("/me/safety/remove", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def remove(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, lang = await forms.read(request, Removal), pages.language(request)
    kind = FactorKind(filled.value.kind) if filled.value else FactorKind.PIN
    counted: list[Refusal | bool] = []

    async def drop(tx: Tx, own: Own) -> None:
        if kind is FactorKind.TOTP:
            counted[:] = [
                await take_away(
                    tx, own.customer.id, kind, None, plain_app_code(filled), principal, clock, settings, lang
                )
            ]
        else:
            await factors.remove_factor(tx, own.customer.id, kind, by=principal, at=clock.now(), lang=lang)
            counted[:] = [True]

    wrong = await proved(filled, principal, db, clock, lang, drop)
    if wrong is None and isinstance(counted[0], Refusal):
        wrong = after_counting(filled, [counted[0]], lang)
    if wrong is None and not counted[0]:
        door_of(request).forget()
        return pages.go("/me/safety/waiting", said=WAITS)
    if wrong is None:
        return pages.go(await after_a_change(db, clock, principal, _FACTORS), said=REMOVED)
    again, status = wrong
    return await _show_removal(request, principal, db, kind.value, again, status=status)


async def take_away(
    tx: Tx,
    customer_id: UUID,
    kind: FactorKind,
    passkey_id: UUID | None,
    app_code: str,
    principal: Principal,
    clock: Clock,
    settings: Settings,
    lang: Lang,
) -> Refusal | bool:
    """Removes an app or passkey, or has it wait; a code of the app, where it was typed, is looked at first. Whether it is gone.

    An app that is young lets itself be removed, but no passkey: a thief may have set it up a moment ago.
    """
    at, shown, waits = clock.now(), False, timedelta(hours=settings.recovery_wait_h)
    if app_code:
        since = timedelta(0) if kind is FactorKind.TOTP else waits
        found = await phone_change.show_app(tx, customer_id, app_code, waits=since, at=at, lang=lang)
        if isinstance(found, Refusal):
            return found
        shown = found
    asked: Any = {"id": uuid7(at), "zone": settings.zone, "waits": waits, "by": principal, "at": at, "lang": lang}
    return await removals.ask_removal(tx, customer_id, kind, passkey_id, shown=shown, **asked)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    own_factors,
    password_page,
    pin_page,
    set_password,
    set_pin,
    app_page,
    begin_app,
    confirm_app,
    removal_page,
    remove,
)
