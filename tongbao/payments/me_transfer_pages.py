"""A transfer: whom, how much, and when it arrives; one look and one press. The id in the address is the payment's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity
from tongbao.base import days, say
from tongbao.base.db import Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.payments import refusals as no
from tongbao.payments import store, transfers
from tongbao.payments.asked import Pays
from tongbao.payments.bodies import PaymentOrder
from tongbao.payments.door import order_of, payer_of
from tongbao.payments.foresee import Payee, foresee
from tongbao.payments.model import Arrives, Method, Payment, State
from tongbao.payments.own_accounts import Own, own_accounts, own_state
from tongbao.payments.surname import Surname, check_surname, surname_said
from tongbao.web import forms, i18n, pages
from tongbao.web.advice import NOBODY, Advice, Moment, Paying
from tongbao.web.body import idempotency_key
from tongbao.web.forms import Filled, Form, Sum
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

ARRIVES_MESSAGES: Final = {
    Arrives.NOW: "At once",
    Arrives.IN_TWO_HOURS: "In two hours",
    Arrives.NEXT_DAY: "The next day",
}


SURNAME_MESSAGES: Final = {
    Surname.RIGHT: "The surname that you typed is the payee's.",
    Surname.WRONG: "The surname that you typed is not the payee's. Do not pay before you have asked him for his number once more.",
    Surname.USED_UP: "You have had five surnames checked today, and no more are compared until tomorrow.",
}


class Transfer(Form, frozen=True):
    """Whom and how much."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    amount: Sum
    id: str = ""
    account: str = ""
    arrives: Arrives = Arrives.NOW
    reference: Annotated[str, msgspec.Meta(max_length=140)] = ""
    surname: Annotated[str, msgspec.Meta(max_length=20)] = ""


class Look(Form, frozen=True):
    """What stands on the last look: all but the payee, whom the id names."""

    amount: Sum
    account: str = ""
    arrives: Arrives = Arrives.NOW
    reference: Annotated[str, msgspec.Meta(max_length=140)] = ""


@get("/me/transfer", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def transfer_page(request: PageRequest, principal: By, db: Db) -> Page:
    given = {name: request.query_params.get(name, "") for name in ("account", "amount", "reference", "arrives")}
    async with db.read() as tx:
        own = await own_accounts(tx, principal, given["account"].strip())
        if own is not None and given["arrives"] not in tuple(Arrives):
            given["arrives"] = (await transfers.usual_arrival(tx, _customer(principal))).value
        heard = await pages.advise(request, tx, Moment(place="transfer")) if own else NOBODY
        measured = await identity.is_measured(tx, _customer(principal))
    return _form(request, own, forms.blank(**given), heard=heard, measured=measured)


@post("/me/transfer", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def find_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """Finds the payee and leads to the last look; nothing is paid here."""
    given = await forms.posted(request)
    lang, at = pages.language(request), clock.now()
    id_ = idempotency_key(((b"idempotency-key", given.get("id", "").encode()),))
    async with db.read() as tx:
        own = await own_accounts(tx, principal, given.get("account", "").strip())
        measured = await identity.is_measured(tx, _customer(principal))
    if own is None:
        return _form(request, None, forms.blank())
    form = forms.convert(request, Transfer, given, currency=own.chosen.account.currency)
    if form.value is None:
        return _form(request, own, form, measured=measured)
    wish = form.value

    async def find(tx: Tx, id: UUID) -> Refusal | None:
        return await _find(tx, principal, own, wish, id=id, at=at, zone=settings.zone)

    try:
        refusal = await db.retry(lambda tx: find(tx, id_))
        if refusal is not None and refusal.code == no.ID_REUSED.code:  # the same page again, for somebody else
            id_ = uuid7(at)
            refusal = await db.retry(lambda tx: find(tx, id_))
    except Refusal as refused:
        refusal = refused
    if refusal is not None:
        return _form(request, own, _said(form, refusal, lang), refusal.kind.status, measured=measured)
    return pages.go(f"/me/transfer/{id_}?" + urlencode(_kept(own, wish)))


async def _find(
    tx: Tx, principal: Principal, own: Own, wish: Transfer, *, id: UUID, at: datetime, zone: ZoneInfo
) -> Refusal | None:
    account, day = own.chosen.account, days.local_day(at, zone)
    ours: Any = {"id": id, "arrives": wish.arrives, "currency": account.currency, "at": at, "day": day}
    found = await transfers.look_up(tx, _customer(principal), wish.to, **ours)
    if isinstance(found, Refusal):
        return found
    await check_surname(tx, id, _customer(principal), found, wish.surname, day=day)
    try:
        await foresee(tx, own.chosen, found, wish.amount, at=at, day=day)
    except Refusal as refusal:
        return refusal
    return None


def _customer(principal: Principal) -> UUID:
    assert principal.subject_id is not None
    return principal.subject_id


def _said(form: Filled[Transfer], refusal: Refusal, lang: Lang) -> Filled[Transfer]:
    """What is wrong, in words for whoever typed a telephone number as well."""
    said = {
        no.ACCOUNT_NUMBER_WRONG.code: i18n.say("Please check the mobile number or account number.", lang),
        no.PAYEE_UNKNOWN.code: i18n.say("Nobody can be paid under this number. Ask the payee for it once more.", lang),
    }
    form = form.refused(refusal, lang)
    if refusal.code in said:
        return msgspec.structs.replace(form, errors={**form.errors, "to": said[refusal.code]})
    return form


def _kept(own: Own, wish: Transfer | Look) -> dict[str, str]:
    account = own.chosen.account
    kept = {"account": str(account.id), "amount": say.amount(wish.amount, account.currency, grouped=False)}
    return {**kept, "arrives": wish.arrives.value, **({"reference": wish.reference} if wish.reference else {})}


def _form(
    request: PageRequest,
    own: Own | None,
    form: Filled[Any],
    status: int = 422,
    *,
    heard: Sequence[Advice] = NOBODY,
    measured: bool = False,
) -> Page:
    lang = pages.language(request)
    return pages.show(
        request,
        "payments/me_transfer.html",
        status=status if form.errors else 200,
        own=own,
        form=form,
        heard=heard,
        measured=measured,
        choices=[(arrives.value, i18n.say(message, lang)) for arrives, message in ARRIVES_MESSAGES.items()],
    )


@get("/me/transfer/{id:uuid}", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def look_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """The last look before the press. What is too old, or was never found, leads to the form."""
    given = dict(request.query_params)
    async with db.read() as tx:
        used = (await store.payments(tx, [id])).get(id)
        if used is not None and used.principal_id == principal.id:
            return _used(request, used, given, 200)
        own = await own_accounts(tx, principal, given.get("account", "").strip())
        try:
            payee = await transfers.found_before(tx, id, _customer(principal), at=clock.now())
        except Refusal:
            return _anew(given)
    if own is None:
        return _anew(given)
    form = forms.convert(request, Look, given, currency=own.chosen.account.currency)
    if form.value is None:
        return _anew(given)
    async with db.read() as tx:
        heard = await pages.advise(request, tx, _moment(id, own, payee, form.value))
        surname = await surname_said(tx, id, _customer(principal))
    return _look(request, id, own, payee, form, clock.now(), settings.zone, heard=heard, surname=surname)


@post("/me/transfer/{id:uuid}", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def transfer(
    request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config, intake: Pays
) -> Page:
    """Pays what the same order under the same id would pay over `POST /v1/payments`."""
    given = await forms.posted(request)
    async with db.read() as tx:
        own = await own_accounts(tx, principal, given.get("account", "").strip())
        try:
            payee = await transfers.found_before(tx, id, _customer(principal), at=clock.now())
        except Refusal:
            return _anew(given)
    if own is None:
        return _anew(given)
    form = forms.convert(request, Look, given, currency=own.chosen.account.currency)
    if form.value is None:
        return _anew(given)
    device_known = principal.device_id is not None
    try:
        body = _body(own, payee, form.value)
        order = order_of(body, id, principal.id, payer_of(principal), device_known=device_known)
        outcome = await intake.pay(order)
    except Refusal as refusal:  # no room, no database: nothing was done, and the same press may be tried again
        return _look(request, id, own, payee, form, clock.now(), settings.zone, refusal)
    if outcome.payment is not None:
        asks = outcome.payment.state == State.CHALLENGED
        return pages.go(f"/me/payments/{id}/authorise" if asks else f"/me/payments/{id}")
    assert outcome.refusal is not None
    if outcome.refusal.code not in (no.ID_REUSED.code, no.ID_TAKEN.code):
        return _look(request, id, own, payee, form, clock.now(), settings.zone, outcome.refusal)
    async with db.read() as tx:
        used = (await store.payments(tx, [id])).get(id)
    own_one = used if used is not None and used.principal_id == principal.id else None
    return _used(request, own_one, given, outcome.refusal.kind.status)


def _moment(id: UUID, own: Own, payee: Payee, wish: Look) -> Moment:
    assert payee.account_id is not None
    paying = Paying(
        payment_id=id,
        payer_account_id=own.chosen.account.id,
        payee_id=payee.account_id,
        amount_minor=wish.amount,
        reference=wish.reference,
    )
    return Moment(place="transfer", paying=paying)


def _body(own: Own, payee: Payee, wish: Look) -> PaymentOrder:
    account = own.chosen.account
    return PaymentOrder(
        payer_account_id=account.id,
        amount=wish.amount,
        currency=account.currency,
        payee_account_id=payee.account_id,
        method=Method.ACCOUNT,
        arrives=wish.arrives,
        reference=wish.reference or None,
    )


def _look(
    request: PageRequest,
    id: UUID,
    own: Own,
    payee: Payee,
    form: Filled[Look],
    at: datetime,
    zone: ZoneInfo,
    refusal: Refusal | None = None,
    heard: Sequence[Advice] = NOBODY,
    surname: Surname | None = None,
) -> Page:
    assert form.value is not None
    lang = pages.language(request)
    return pages.show(
        request,
        "payments/me_transfer_look.html",
        status=refusal.kind.status if refusal else 200,
        id=id,
        action=f"/me/transfer/{id}",
        own=own,
        payee=payee,
        wish=form.value,
        heard=heard,
        surname=i18n.say(SURNAME_MESSAGES[surname], lang) if surname else None,
        kept=_kept(own, form.value),
        arrives_word=i18n.say(ARRIVES_MESSAGES[form.value.arrives], lang),
        arrives_at=transfers.arrival(form.value.arrives, at, zone),
        change="/me/transfer?" + urlencode(_kept(own, form.value)),
        refused=(refusal.kind.zh if lang == "zh" else refusal.kind.en) if refusal else None,
    )


def _anew(given: dict[str, str]) -> Page:
    names = ("account", "amount", "arrives", "reference")
    kept = {name: given[name][:200] for name in names if given.get(name)}
    return pages.go("/me/transfer?" + urlencode(kept) if kept else "/me/transfer")


def _used(request: PageRequest, used: Payment | None, given: dict[str, str], status: int) -> Page:
    """This page has made its payment before: in another tab, or before the back button was pressed."""
    return pages.show(
        request,
        "payments/me_used.html",
        status=status,
        payment=used,
        state=own_state(used, is_payer=True, lang=pages.language(request)) if used else None,
        anew="/me/transfer",
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (transfer_page, find_page, look_page, transfer)
