"""Paying: whom and how much, then one look and one press. The id in the address is the payment's: pressed twice, paid once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity, merchants
from tongbao.base import days, say
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.payments import cards, store, transfers
from tongbao.payments import refusals as no
from tongbao.payments.asked import Pays
from tongbao.payments.bodies import PaymentOrder
from tongbao.payments.card_model import BoundCard, CardState
from tongbao.payments.card_orders import CardPayment, card_order
from tongbao.payments.door import order_of, payer_of
from tongbao.payments.foresee import Payee, find_order, find_shop, foresee
from tongbao.payments.me_card_pages import issuer_of
from tongbao.payments.model import Order, Payment, State
from tongbao.payments.own_accounts import Own, own_accounts, own_state, shops_lately
from tongbao.web import forms, i18n, pages
from tongbao.web.advice import NOBODY, Advice, Moment, Paying
from tongbao.web.body import idempotency_key
from tongbao.web.forms import Filled, Form, Sum
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Now, visitor

_SHOPS: Final = 5


class Wish(Form, frozen=True):
    """What the form, a link or a QR code asks for. `sent`: by the form, which is told of what it lacks, as a link is not;
    `change`: the form is wanted, however complete it is."""

    id: str = ""
    account: str = ""
    merchant: str = ""
    order: str = ""
    to: Annotated[str, msgspec.Meta(max_length=60)] = ""
    amount: Sum | None = None
    reference: Annotated[str, msgspec.Meta(max_length=140)] = ""
    card: UUID | None = None
    sent: str = ""
    change: str = ""


class Asked(msgspec.Struct, frozen=True):
    """A wish as far as it is understood: from which account, to whom, what is wrong with it."""

    own: Own
    form: Filled[Wish]
    payee: Payee | None
    cards: tuple[BoundCard, ...] = ()
    """Cards from which a shop may be paid instead."""
    order: merchants.Order | None = None
    """What a shop asks to be paid for: its amount is the payment's."""

    @property
    def amount_minor(self) -> int | None:
        return self.form.value.amount if self.form.value else None


@get("/me/pay", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def pay_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """The form; where it is clear who gets how much, the last look before the press."""
    given = {name: text for name in Wish.__struct_fields__ if (text := request.query_params.get(name)) is not None}
    id_ = _known(given)
    at = clock.now()
    if id_ is not None:
        async with db.read() as tx:
            used = (await store.payments(tx, [id_])).get(id_)
        if used is not None and used.principal_id == principal.id:
            return _used(request, used, given, 200)
        if used is not None:
            del given["id"]
    given, found = await _looked_up(db, principal, given, at, settings.zone)
    async with db.read() as tx:
        asked = await _asked(tx, request, principal, given, at, found)
        if asked is None:
            return pages.show(request, "payments/me_pay.html", own=None)
        asked = await _with_cards(tx, asked, principal, settings)
        asked = await _foreseen(tx, asked, pages.language(request), at, settings.zone)
        if asked.payee is None or asked.amount_minor is None or given.get("change"):
            return await _form(tx, request, asked, settings.zone)
        wanted = {"id": str(uuid7(at)), **given}
        if any(text != request.query_params.get(name) for name, text in wanted.items()):
            return pages.go(_address(wanted))
        heard = await pages.advise(request, tx, _moment(UUID(given["id"]), asked, asked.payee, asked.amount_minor))
    return _confirm(request, asked, heard=heard)


@post("/me/pay", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def pay(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config, intake: Pays) -> Page:
    """Pays exactly what the same order under the same id would pay over `POST /v1/payments`."""
    given = await forms.posted(request)
    id_ = idempotency_key(((b"idempotency-key", given.get("id", "").encode()),))
    _, found = await _looked_up(db, principal, given, clock.now(), settings.zone)
    async with db.read() as tx:
        asked = await _asked(tx, request, principal, given, clock.now(), found)
        if asked is None or asked.payee is None or asked.amount_minor is None:
            asked = asked and _complained(asked, pages.language(request))
            return await _form(tx, request, asked, settings.zone)
        asked = await _with_cards(tx, asked, principal, settings)
    try:
        outcome = await intake.pay(await _order(db, settings, principal, asked, id_, clock.now()))
    except Refusal as refusal:  # no room, no database: nothing was done, and the same press may be tried again
        return _confirm(request, asked, refusal)
    if outcome.payment is not None:
        asks = outcome.payment.state == State.CHALLENGED
        return pages.go(f"/me/payments/{id_}/authorise" if asks else f"/me/payments/{id_}")
    assert outcome.refusal is not None
    if outcome.refusal.code not in (no.ID_REUSED.code, no.ID_TAKEN.code):
        return _confirm(request, asked, outcome.refusal)
    async with db.read() as tx:
        used = (await store.payments(tx, [id_])).get(id_)
    own_one = used if used is not None and used.principal_id == principal.id else None
    return _used(request, own_one, given, outcome.refusal.kind.status)


async def _with_cards(tx: Tx, asked: Asked, principal: Principal, settings: Settings) -> Asked:
    """With the cards that a shop may be paid from, the one that is offered first before the others."""
    if not settings.card_network or asked.payee is None or asked.payee.merchant_id is None:
        return asked
    assert principal.subject_id is not None
    found = await cards.cards_of(tx, principal.subject_id)
    return msgspec.structs.replace(asked, cards=tuple(card for card in found if card.state is CardState.BOUND))


async def _order(db: Database, settings: Settings, principal: Principal, asked: Asked, id: UUID, at: datetime) -> Order:
    """What the page asks for, from the account or from a card. Refuses what `card_order` and `order_of` refuse."""
    assert asked.payee is not None
    assert asked.amount_minor is not None
    body, wish = _body(asked, asked.payee, asked.amount_minor), asked.form.value
    assert wish is not None
    if wish.card is None or body.merchant_id is None:
        is_known = principal.device_id is not None
        return order_of(body, id, principal.id, payer_of(principal), device_known=is_known)
    from_card = CardPayment(
        account_id=body.payer_account_id,
        merchant_id=body.merchant_id,
        amount=body.amount,
        currency=body.currency,
        order_id=body.order_id,
        reference=body.reference,
    )
    return await card_order(db, settings, principal, wish.card, from_card, id=id, at=at)


def _body(asked: Asked, payee: Payee, amount_minor: int) -> PaymentOrder:
    assert asked.form.value is not None
    account = asked.own.chosen.account
    return PaymentOrder(
        payer_account_id=account.id,
        amount=amount_minor,
        currency=account.currency,
        payee_account_id=payee.account_id,
        merchant_id=payee.merchant_id,
        method=payee.method,
        reference=asked.form.value.reference or None,
        order_id=asked.order.id if asked.order else None,
    )


def _known(given: dict[str, str]) -> UUID | None:
    """The id of the address; one that could be no payment's is dropped from it."""
    try:
        return idempotency_key(((b"idempotency-key", given.get("id", "").encode()),))
    except Refusal:
        given.pop("id", None)
        return None


async def _looked_up(
    db: Database, principal: Principal, given: dict[str, str], at: datetime, zone: ZoneInfo
) -> tuple[dict[str, str], Payee | Refusal | None]:
    """Whose number was typed, counted; with what the page goes on with: the id under which he was found, or the shop that he is."""
    number = given.get("to", "").strip()
    if not number or given.get("order") or given.get("merchant"):
        return given, None
    assert principal.subject_id is not None
    customer_id, day = principal.subject_id, days.local_day(at, zone)
    ids: Any = {"id": _known({**given}) or uuid7(at), "other_id": uuid7(at)}
    found = await db.retry(lambda tx: transfers.look_up_number(tx, customer_id, number, **ids, at=at, day=day))
    if isinstance(found, Refusal):
        return given, found
    id_, payee = found
    if payee.merchant_id is not None:
        shop = {name: text for name, text in given.items() if name != "to"}
        return {**shop, "merchant": str(payee.merchant_id)}, payee
    return {**given, "id": str(id_)}, payee


async def _asked(
    tx: Tx,
    request: PageRequest,
    principal: Principal,
    given: Mapping[str, str],
    at: datetime,
    found: Payee | Refusal | None,
) -> Asked | None:
    """None where the customer has no account. Refuses `account_not_found` for what is not his."""
    lang, order = pages.language(request), None
    payee, refused = (None, found) if isinstance(found, Refusal) else (found, None)
    try:
        if given.get("order"):
            order = await find_order(tx, given["order"], given.get("id", ""), at)
            given = {**given, "merchant": str(order.merchant_id), "amount": _plain(order)}
        if given.get("merchant") and payee is None:
            payee = await find_shop(tx, given["merchant"])
    except Refusal as refusal:
        refused = refusal
    currency = payee.currency if payee else None
    own = await own_accounts(tx, principal, given.get("account", "").strip(), currency=currency)
    if own is None:
        return None
    form = forms.convert(request, Wish, given, currency=own.chosen.account.currency)
    if refused is not None and "to" not in form.errors:
        form = form.refused(refused, lang)
    needed = ("amount",) if given.get("merchant") else ("to", "amount")
    missing = {name for name in needed if given.get("sent") and not given.get(name, "").strip()}
    if missing:
        said = i18n.say("Please fill this in.", lang)
        form = msgspec.structs.replace(form, value=None, errors={**dict.fromkeys(missing, said), **form.errors})
    return Asked(own, form, payee, order=order)


def _plain(order: merchants.Order) -> str:
    return say.amount(order.amount_minor, order.currency, grouped=False)


def _complained(asked: Asked, lang: str) -> Asked:
    """A press without a payee or an amount, where the form itself is in order."""
    if asked.form.errors:
        return asked
    said = i18n.say("Please fill this in.", lang)
    errors = {name: said for name, value in (("to", asked.payee), ("amount", asked.amount_minor)) if value is None}
    return msgspec.structs.replace(asked, form=msgspec.structs.replace(asked.form, value=None, errors=errors))


async def _foreseen(tx: Tx, asked: Asked, lang: str, at: datetime, zone: ZoneInfo) -> Asked:
    if asked.payee is None or asked.amount_minor is None:
        return asked
    try:
        await foresee(tx, asked.own.chosen, asked.payee, asked.amount_minor, at=at, day=days.local_day(at, zone))
    except Refusal as refusal:
        if asked.cards and refusal.code == "insufficient_funds":
            return asked  # a card may pay what the account does not hold
        return msgspec.structs.replace(asked, form=asked.form.refused(refusal, lang))
    return asked


async def _form(tx: Tx, request: PageRequest, asked: Asked | None, zone: ZoneInfo) -> Page:
    if asked is None:
        return pages.show(request, "payments/me_pay.html", own=None)
    found = asked.payee if asked.payee and asked.payee.merchant_id else None
    holder = asked.own.chosen.account.customer_id
    agreed = holder in await identity.may_use(tx, [holder], identity.Purpose.SUGGESTIONS)
    shops = await shops_lately(tx, asked.own.chosen.account, zone, most=_SHOPS) if agreed and not found else []
    heard = await pages.advise(request, tx, Moment(place="pay")) if not asked.form.errors else NOBODY
    measured = await identity.is_measured(tx, holder)
    return pages.show(
        request,
        "payments/me_pay.html",
        status=422 if asked.form.errors else 200,
        own=asked.own,
        heard=heard,
        form=asked.form,
        shop=found,
        shops=shops,
        may_suggest=agreed,
        measured=measured,
        new_address=_address,
    )


def _moment(id: UUID, asked: Asked, payee: Payee, amount_minor: int) -> Moment:
    payee_id = payee.merchant_id or payee.account_id
    assert payee_id is not None
    paying = Paying(
        payment_id=id,
        payer_account_id=asked.own.chosen.account.id,
        payee_id=payee_id,
        amount_minor=amount_minor,
        reference=asked.form.given.get("reference", ""),
    )
    return Moment(place="pay", paying=paying)


def _confirm(
    request: PageRequest, asked: Asked, refusal: Refusal | None = None, heard: Sequence[Advice] = NOBODY
) -> Page:
    lang = pages.language(request)
    form = asked.form.refused(refusal, lang, field="") if refusal else asked.form
    assert asked.form.value is not None
    assert asked.amount_minor is not None
    account, choices = asked.own.chosen.account, _choices(asked, lang)
    if choices and "card" not in form.given:
        form = msgspec.structs.replace(form, given={**form.given, "card": choices[0][0]})
    return pages.show(
        request,
        "payments/me_confirm.html",
        status=refusal.kind.status if refusal else 200,
        own=asked.own,
        form=form,
        payee=asked.payee,
        heard=heard,
        cards=choices,
        amount_minor=asked.amount_minor,
        amount=say.amount(asked.amount_minor, account.currency, grouped=False),
        order=asked.order,
        change=None if asked.order else _address({**asked.form.given, "change": "1"}),
    )


def _choices(asked: Asked, lang: Lang) -> list[tuple[str, str]]:
    """What a shop may be paid with: the account where it holds enough, and each card. Nothing where there is no choice."""
    if not asked.cards:
        return []
    from_account = [("", i18n.say("My account", lang))]
    from_cards = [(str(card.id), f"{issuer_of(card, lang)} {card.number}") for card in asked.cards]
    assert asked.amount_minor is not None
    enough = asked.own.chosen.available_minor >= asked.amount_minor
    return [*from_account, *from_cards] if enough else [*from_cards, *from_account]


def _used(request: PageRequest, used: Payment | None, given: Mapping[str, str], status: int) -> Page:
    """This page has made its payment before: in another tab, or before the back button was pressed."""
    return pages.show(
        request,
        "payments/me_used.html",
        status=status,
        payment=used,
        state=own_state(used, is_payer=True, lang=pages.language(request)) if used else None,
        anew=_address({name: text for name, text in given.items() if name != "id"}),
    )


def _address(given: Mapping[str, Any]) -> str:
    return "/me/pay?" + urlencode({name: text for name, text in given.items() if text not in (None, "")})


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (pay_page, pay)
