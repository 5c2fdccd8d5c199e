"""Standing orders and payments for later: whom, how much and how often; one look and a PIN; paused and ended by one press."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base import days, say
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.payments import own_orders, schedules, transfers
from tongbao.payments import refusals as no
from tongbao.payments.bodies import ScheduleOrder
from tongbao.payments.foresee import Payee
from tongbao.payments.me_secret_pages import check_secret
from tongbao.payments.model import Every, Schedule, ScheduleState
from tongbao.payments.own_accounts import Own, own_accounts
from tongbao.payments.schedule_routes import new_schedule
from tongbao.web import forms, i18n, pages
from tongbao.web.body import idempotency_key
from tongbao.web.forms import Filled, Form, Sum
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

EVERY_MESSAGES: Final = {
    Every.MONTH: "Every month",
    Every.WEEK: "Every week",
    Every.DAY: "Every day",
    Every.ONCE: "Once",
}
STATE_MESSAGES: Final = {
    ScheduleState.ACTIVE: "In force",
    ScheduleState.PAUSED: "Paused",
    ScheduleState.CANCELLED: "Ended by you",
    ScheduleState.ENDED: "Over",
}
_SIGNS: Final = {ScheduleState.ACTIVE: "✓", ScheduleState.PAUSED: "‖"}
ORDER_MESSAGES: Final = (
    "The standing order holds from now on.",
    "Nothing is paid until you go on with it.",
    "It goes on with the next date.",
    "The standing order is ended. It pays nothing any more.",
)
_MADE, _PAUSED, _RESUMED, _ENDED = ORDER_MESSAGES
_DATES: Final = 3
_RUNS: Final = 12


class Wish(Form, frozen=True):
    """How much, how often, from when."""

    amount: Sum
    starts_on: date
    every: Every = Every.MONTH
    ends_on: date | None = None
    account: str = ""
    reference: Annotated[str, msgspec.Meta(max_length=140)] = ""


class NewOrder(Wish, frozen=True, kw_only=True):
    """The same and whom, before he was found."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    id: str = ""


class Agreed(Wish, frozen=True, kw_only=True):
    """The same as it stands on the last look, and what shows that it is he."""

    secret: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


@get("/me/orders", guards=[visitor("me", "me:read")], include_in_schema=False)
async def orders_page(request: PageRequest, principal: By, db: Db) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        found = await own_orders.orders_of(tx, [own.chosen.account.id]) if own else []
        payees = await own_orders.payees_of(tx, found)
    shown = [(one, payees[one.id], often(one, lang), _state(one, lang)) for one in found]
    return pages.show(request, "payments/me_orders.html", own=own, orders=shown)


@get("/me/orders/new", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def new_page(request: PageRequest, principal: By, db: Db) -> Page:
    names = ("account", "amount", "every", "starts_on", "ends_on", "reference")
    given = {name: request.query_params.get(name, "") for name in names}
    async with db.read() as tx:
        own = await own_accounts(tx, principal, given["account"].strip())
    return _form(request, own, forms.blank(**given))


@post("/me/orders/new", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def find_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """Finds the payee and leads to the last look; nothing is agreed to here."""
    given = await forms.posted(request)
    lang, at = pages.language(request), clock.now()
    id_ = idempotency_key(((b"idempotency-key", given.get("id", "").encode()),))
    async with db.read() as tx:
        own = await own_accounts(tx, principal, given.get("account", "").strip())
    if own is None:
        return _form(request, None, forms.blank())
    form = _with_dates(forms.convert(request, NewOrder, given, currency=own.chosen.account.currency), lang)
    if form.value is None:
        return _form(request, own, form)
    wish = form.value
    today = days.local_day(at, settings.zone)

    async def find(tx: Tx, id: UUID) -> Payee | Refusal:
        arrives = await transfers.usual_arrival(tx, _holder(principal))
        currency = own.chosen.account.currency
        return await transfers.look_up(
            tx, _holder(principal), wish.to, id=id, arrives=arrives, currency=currency, at=at, day=today
        )

    try:
        _check_dates(wish, today)
        found = await db.retry(lambda tx: find(tx, id_))
        if isinstance(found, Refusal) and found.code == no.ID_REUSED.code:  # the same page again, for somebody else
            id_ = uuid7(at)
            found = await db.retry(lambda tx: find(tx, id_))
    except Refusal as refused:
        found = refused
    if isinstance(found, Payee) and found.account_id == own.chosen.account.id:
        found = no.ACCOUNTS_MUST_BE_DIFFERENT(field="to")
    if isinstance(found, Payee) and found.currency != own.chosen.account.currency:
        found = no.CURRENCY_MISMATCH(field="to")
    if isinstance(found, Refusal):
        return _form(request, own, form.refused(found, lang), found.kind.status)
    return pages.go(f"/me/orders/new/{id_}?" + urlencode(_kept(own, wish)))


def _with_dates(form: Filled[NewOrder], lang: Lang) -> Filled[NewOrder]:
    """Dates that no calendar of the bank has are marked as no dates."""
    if form.value is None:
        return form
    given = (("starts_on", form.value.starts_on), ("ends_on", form.value.ends_on))
    said = i18n.say("Please type a date, such as 2026-11-22.", lang)
    errors = {name: said for name, day in given if day is not None and not _is_near(day)}
    return msgspec.structs.replace(form, value=None, errors=errors) if errors else form


def _is_near(day: date) -> bool:
    return 1900 <= day.year <= 2200


def _check_dates(wish: Wish, today: date) -> None:
    """Told before the payee is looked for. Refuses `schedule_in_the_past`, `schedule_has_no_date`."""
    if wish.starts_on < today:
        raise no.SCHEDULE_IN_THE_PAST(field="starts_on")
    if wish.ends_on is not None and wish.ends_on < wish.starts_on:
        raise no.SCHEDULE_HAS_NO_DATE(field="ends_on")


@get("/me/orders/new/{id:uuid}", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def look_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """The last look. What is too old, or was never found, leads to the form."""
    given = dict(request.query_params)
    return await _look(request, id, principal, db, clock.now(), settings.zone, given, forms.blank())


@post("/me/orders/new/{id:uuid}", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def agree(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    given = await forms.posted(request)
    lang = pages.language(request)
    async with db.read() as tx:
        made = await _made(tx, principal, id)
        if made is not None:
            return pages.go(f"/me/orders/{id}")
        own = await own_accounts(tx, principal, given.get("account", "").strip())
        kind = await own_orders.secret_of(tx, _holder(principal))
        try:
            payee = await transfers.found_before(tx, id, _holder(principal), at=clock.now())
        except Refusal:
            return _anew(given)
    if own is None or kind is None:
        return _anew(given)
    form = forms.convert(request, Agreed, given, currency=own.chosen.account.currency)
    if form.value is not None and not all(
        map(_is_near, (form.value.starts_on, form.value.ends_on or form.value.starts_on))
    ):
        return _anew(given)
    if form.value is None:
        if set(form.errors) != {"secret"}:
            return _anew(given)
        return await _look(request, id, principal, db, clock.now(), settings.zone, given, form)
    new = _schedule(id, principal, own, payee, form.value, clock.now())

    async def create(tx: Tx) -> None:
        at = clock.now()
        await own_orders.check_new(tx, principal, new, at=at, zone=settings.zone)
        today = days.local_day(at, settings.zone)
        await schedules.create_schedule(tx, new, by=principal, today=today, at=at)

    try:
        refusal = await check_secret(db, clock, _holder(principal), kind, form.value.secret, lang)
        if refusal is None:
            await db.retry(create)
    except Refusal as raised:
        refusal = raised
    if refusal is not None:
        of_secret = refusal.code in ("factor_wrong", "factor_locked")
        again = form.refused(refusal, lang, field="secret" if of_secret else "")
        status = refusal.kind.status
        return await _look(request, id, principal, db, clock.now(), settings.zone, given, again, status)
    return pages.go(f"/me/orders/{id}", said=_MADE)


async def _made(tx: Tx, principal: Principal, id: UUID) -> Schedule | None:
    """What this page has made before: in another tab, or before the back button was pressed."""
    try:
        return await own_orders.own_order(tx, principal, id)
    except Refusal:
        return None


def _schedule(id: UUID, principal: Principal, own: Own, payee: Payee, wish: Wish, at: datetime) -> Schedule:
    """As the same order over `POST /v1/schedules` would be kept: the proof hashes it again."""
    order = ScheduleOrder(
        payer_account_id=own.chosen.account.id,
        amount=wish.amount,
        currency=own.chosen.account.currency,
        every=wish.every,
        starts_on=wish.starts_on,
        ends_on=wish.ends_on,
        payee_account_id=payee.account_id,
        merchant_id=payee.merchant_id,
        reference=wish.reference or None,
    )
    return new_schedule(order, id, principal, at)


async def _look(
    request: PageRequest,
    id: UUID,
    principal: Principal,
    db: Database,
    at: datetime,
    zone: ZoneInfo,
    given: dict[str, str],
    form: Filled[Any],
    status: int = 422,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        if await _made(tx, principal, id) is not None:
            return pages.go(f"/me/orders/{id}")
        own = await own_accounts(tx, principal, given.get("account", "").strip())
        try:
            payee = await transfers.found_before(tx, id, _holder(principal), at=at)
        except Refusal:
            return _anew(given)
        kind = await own_orders.secret_of(tx, _holder(principal))
    if own is None:
        return _anew(given)
    plain = {name: given[name] for name in Wish.__struct_fields__ if name in given}
    wish = forms.convert(request, Wish, plain, currency=own.chosen.account.currency).value
    if wish is None or not all(map(_is_near, (wish.starts_on, wish.ends_on or wish.starts_on))):
        return _anew(given)
    draft = _schedule(id, principal, own, payee, wish, at)
    return pages.show(
        request,
        "payments/me_order_look.html",
        status=status if form.errors else 200,
        action=f"/me/orders/new/{id}",
        own=own,
        payee=payee,
        wish=wish,
        often=i18n.say(EVERY_MESSAGES[wish.every], lang),
        dates=own_orders.upcoming(draft, _DATES, today=days.local_day(at, zone)),
        kept=_kept(own, wish),
        change="/me/orders/new?" + urlencode(_kept(own, wish)),
        asks=kind.value if kind else None,
        form=form,
    )


def _kept(own: Own, wish: Wish) -> dict[str, str]:
    account = own.chosen.account
    kept = {
        "account": str(account.id),
        "amount": say.amount(wish.amount, account.currency, grouped=False),
        "every": wish.every.value,
        "starts_on": str(wish.starts_on),
        "ends_on": str(wish.ends_on or ""),
        "reference": wish.reference,
    }
    return {name: text for name, text in kept.items() if text}


def _anew(given: dict[str, str]) -> Page:
    names = ("account", "amount", "every", "starts_on", "ends_on", "reference")
    kept = {name: given[name][:200] for name in names if given.get(name)}
    return pages.go("/me/orders/new?" + urlencode(kept) if kept else "/me/orders/new")


def _form(request: PageRequest, own: Own | None, form: Filled[Any], status: int = 422) -> Page:
    lang = pages.language(request)
    return pages.show(
        request,
        "payments/me_order_new.html",
        status=status if form.errors else 200,
        own=own,
        form=form,
        choices=[(every.value, i18n.say(message, lang)) for every, message in EVERY_MESSAGES.items()],
    )


@get("/me/orders/{id:uuid}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def order_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _order(request, id, principal, db, clock.now(), settings.zone)


async def _order(
    request: PageRequest,
    id: UUID,
    principal: Principal,
    db: Database,
    at: datetime,
    zone: ZoneInfo,
    refusal: Refusal | None = None,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await own_orders.own_order(tx, principal, id)
        payee = (await own_orders.payees_of(tx, [found]))[id]
        runs = await schedules.schedule_runs(tx, id, most=_RUNS)
    return pages.show(
        request,
        "payments/me_order.html",
        status=refusal.kind.status if refusal else 200,
        order=found,
        payee=payee,
        often=often(found, lang),
        state=_state(found, lang),
        alive=own_orders.is_alive(found),
        dates=own_orders.upcoming(found, _DATES, today=days.local_day(at, zone)),
        runs=runs,
        refused=(refusal.kind.zh if lang == "zh" else refusal.kind.en) if refusal else None,
    )


def often(order: Schedule, lang: Lang) -> str:
    """How often it pays, in words."""
    return i18n.say(EVERY_MESSAGES[Every(order.every)], lang)


def _state(order: Schedule, lang: Lang) -> tuple[str, str]:
    """What it is called, and its mark."""
    state = ScheduleState(order.state)
    return i18n.say(STATE_MESSAGES[state], lang), _SIGNS.get(state, "–")


def _moves(verb: str, to: ScheduleState, said: str) -> HTTPRouteHandler:
    """The route of a button that moves a standing order."""

    @post(f"/me/orders/{{id:uuid}}/{verb}", guards=[visitor("me", "me:pay")], include_in_schema=False)
    async def move(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
        await forms.posted(request)

        async def write(tx: Tx) -> None:
            at = clock.now()
            await own_orders.own_order(tx, principal, id)
            today = days.local_day(at, settings.zone)
            await schedules.move_schedule(tx, id, to, by=principal, today=today, at=at)

        try:
            await db.retry(write)
        except Refusal as refusal:
            return await _order(request, id, principal, db, clock.now(), settings.zone, refusal)
        return pages.go(f"/me/orders/{id}", said=said)

    return move


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None
    return principal.subject_id


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    orders_page,
    new_page,
    find_page,
    look_page,
    agree,
    order_page,
    _moves("pause", ScheduleState.PAUSED, _PAUSED),
    _moves("resume", ScheduleState.ACTIVE, _RESUMED),
    _moves("end", ScheduleState.CANCELLED, _ENDED),
)
