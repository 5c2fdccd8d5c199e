"""A customer's cards of other banks: added with a code of their issuer, offered first, removed, and money taken from them."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity
from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import read_phone
from tongbao.payments import card_asking, cards
from tongbao.payments import refusals as no
from tongbao.payments.asked import Pays
from tongbao.payments.card_model import BoundCard, CardState, NewCard
from tongbao.payments.card_orders import CardTopUp, card_order
from tongbao.payments.own_accounts import own_accounts
from tongbao.web import forms, pages
from tongbao.web.forms import Filled, Form, Sum
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

BOUND, PREFERRED, REMOVED = DONE_MESSAGES = (
    "The card is added.",
    "This card is offered first from now on.",
    "The card is removed.",
)


class CardForm(Form, frozen=True):
    """A card as its owner types it; its security code is never asked for."""

    id: UUID
    number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    expires: Annotated[str, msgspec.Meta(min_length=1, max_length=10)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=30)]


class CodeForm(Form, frozen=True):
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=8)]


class TopUpForm(Form, frozen=True):
    id: UUID
    account: UUID
    amount: Sum


def issuer_of(card: BoundCard, lang: str) -> str:
    """Whose card it is, in the reader's language."""
    return (card.issuer_zh if lang == "zh" else card.issuer) or card.network


async def _cards(db: Database, principal: Principal) -> list[BoundCard]:
    assert principal.subject_id is not None
    async with db.read() as tx:
        return await cards.cards_of(tx, principal.subject_id)


async def _card(db: Database, principal: Principal, id: UUID, state: CardState) -> BoundCard:
    found = [card for card in await _cards(db, principal) if card.id == id and card.state is state]
    if not found:
        raise no.CARD_UNKNOWN()
    return found[0]


@get("/me/cards", guards=[visitor("me", "me:read")], include_in_schema=False)
async def own_cards(request: PageRequest, principal: By, db: Db, settings: Config) -> Page:
    return await _list(request, principal, db, has_network=bool(settings.card_network))


async def _list(
    request: PageRequest, principal: Principal, db: Database, *, has_network: bool, refused: Refusal | None = None
) -> Page:
    assert principal.subject_id is not None
    lang = pages.language(request)
    async with db.read() as tx:
        found = await cards.cards_of(tx, principal.subject_id)
        customer = (await identity.find_customers(tx, [principal.subject_id]))[principal.subject_id]
    form: Filled[Any] = forms.blank()
    return pages.show(
        request,
        "payments/me_cards.html",
        status=refused.kind.status if refused else 200,
        cards=[(card, issuer_of(card, lang)) for card in found if card.state is CardState.BOUND],
        waiting=[card for card in found if card.state is CardState.ASKED],
        has_network=has_network,
        level=customer.level,
        form=form.refused(refused, lang) if refused else form,
    )


@get("/me/cards/new", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def new_card(request: PageRequest, principal: By, db: Db) -> Page:
    """His own name and number stand there already: most cards are their holder's under the same ones."""
    assert principal.subject_id is not None
    async with db.read() as tx:
        customer = (await identity.find_customers(tx, [principal.subject_id]))[principal.subject_id]
        own = await identity.own_details(tx, customer, by=principal)
    return pages.show(request, "payments/me_card_new.html", form=forms.blank(name=own.name, phone=own.phone))


@post("/me/cards/new", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def begin(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled, at = await forms.read(request, CardForm), clock.now()
    wanted = filled.value
    if wanted is None:
        return forms.again(request, "payments/me_card_new.html", filled)
    try:
        phone = read_phone(wanted.phone)
        new = NewCard(id=wanted.id, number=wanted.number, expires=wanted.expires, name=wanted.name, phone=phone)
        network = card_asking.network_at(settings, clock.now)
        await card_asking.begin(db, network, principal, new, at=at, today=days.local_day(at, settings.zone))
    except Refusal as refusal:
        if refusal.code == no.CARD_BOUND_ALREADY.code and await _is_bound(db, principal, wanted.id):
            return pages.go("/me/cards", said=BOUND)
        again = filled.refused(refusal, pages.language(request))
        return forms.again(request, "payments/me_card_new.html", again, status=refusal.kind.status)
    return pages.go(f"/me/cards/{wanted.id}/code")


async def _is_bound(db: Database, principal: Principal, id: UUID) -> bool:
    return any(card.id == id and card.state is CardState.BOUND for card in await _cards(db, principal))


@get("/me/cards/{id:uuid}/code", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def code_page(request: PageRequest, id: Id, principal: By, db: Db) -> Page:
    if await _is_bound(db, principal, id):
        return pages.go("/me/cards")
    card = await _card(db, principal, id, CardState.ASKED)
    return _code(request, card, forms.blank())


@post("/me/cards/{id:uuid}/code", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def confirm(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled = await forms.read(request, CodeForm)
    if await _is_bound(db, principal, id):
        return pages.go("/me/cards", said=BOUND)
    card = await _card(db, principal, id, CardState.ASKED)
    if filled.value is None:
        return _code(request, card, filled, 422)
    try:
        network = card_asking.network_at(settings, clock.now)
        await card_asking.finish(
            db, network, principal, id, filled.value.code, at=clock.now(), lang=pages.language(request)
        )
    except Refusal as refusal:
        lang, over = pages.language(request), refusal.kind in _OVER
        again = Filled(None, {}, {}).refused(refusal, lang) if over else filled.refused(refusal, lang)
        return _code(request, card, again, refusal.kind.status, over=over)
    return pages.go("/me/cards", said=BOUND)


_OVER: Final = (no.CARD_CODE_TRIES, no.CARD_NOT_ASKED, no.CARD_REFUSED, no.CARD_UNKNOWN)
"""Refusals after which another code changes nothing."""


def _code(request: PageRequest, card: BoundCard, form: Filled[Any], status: int = 200, *, over: bool = False) -> Page:
    return pages.show(
        request,
        "payments/me_card_code.html",
        status=status,
        card=card,
        issuer=issuer_of(card, pages.language(request)),
        form=form,
        over=over,
        phones=_phones(request),
    )


def _phones(request: PageRequest) -> str | None:
    """In a demo, where what made-up telephones were sent is read."""
    settings = pages.of(request).settings
    if settings.env != "demo" or not settings.sms:
        return None
    return f"{settings.sms.rstrip('/')}/?lang={pages.language(request)}"


@post("/me/cards/{id:uuid}/prefer", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def prefer(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    await forms.posted(request)

    async def write(tx: Tx) -> None:
        await cards.prefer_card(tx, principal, id, at=clock.now(), lang=pages.language(request))

    await db.retry(write)
    return pages.go("/me/cards", said=PREFERRED)


@post("/me/cards/{id:uuid}/remove", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def remove(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    await forms.posted(request)

    async def write(tx: Tx) -> None:
        await cards.unbind_card(tx, principal, id, at=clock.now(), lang=pages.language(request))

    try:
        await db.retry(write)
    except Refusal as refusal:
        if refusal.kind is not no.CARD_IN_USE:
            raise
        return await _list(request, principal, db, has_network=bool(settings.card_network), refused=refusal)
    return pages.go("/me/cards", said=REMOVED)


@get("/me/cards/{id:uuid}/topup", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def top_up_page(request: PageRequest, id: Id, principal: By, db: Db) -> Page:
    return await _top_up(request, principal, db, await _card(db, principal, id, CardState.BOUND), forms.blank())


@post("/me/cards/{id:uuid}/topup", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def top_up(
    request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config, intake: Pays
) -> Page:
    card = await _card(db, principal, id, CardState.BOUND)
    filled = await forms.read(request, TopUpForm, currency=settings.currency)
    wanted = filled.value
    if wanted is None:
        return await _top_up(request, principal, db, card, filled, 422)
    body = CardTopUp(account_id=wanted.account, amount=wanted.amount, currency=settings.currency)
    try:
        order = await card_order(db, settings, principal, id, body, id=wanted.id, at=clock.now())
        outcome = await intake.pay(order)
    except Refusal as refusal:
        return await _refused_top_up(request, principal, db, card, filled, refusal)
    if outcome.payment is None:
        assert outcome.refusal is not None
        return await _refused_top_up(request, principal, db, card, filled, outcome.refusal)
    return pages.go(f"/me/payments/{wanted.id}")


async def _refused_top_up(
    request: PageRequest, principal: Principal, db: Database, card: BoundCard, filled: Filled[Any], refusal: Refusal
) -> Page:
    again = filled.refused(refusal, pages.language(request))
    return await _top_up(request, principal, db, card, again, refusal.kind.status)


async def _top_up(
    request: PageRequest,
    principal: Principal,
    db: Database,
    card: BoundCard,
    form: Filled[Any],
    status: int = 200,
) -> Page:
    async with db.read() as tx:
        own = await own_accounts(tx, principal)
    return pages.show(
        request,
        "payments/me_card_topup.html",
        status=status,
        card=card,
        issuer=issuer_of(card, pages.language(request)),
        own=own,
        form=form,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    own_cards,
    new_card,
    begin,
    code_page,
    confirm,
    prefer,
    remove,
    top_up_page,
    top_up,
)
