"""JSON routes of cards of other banks: bind one with its issuer's code, list, prefer, remove, and pay with it."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao import vault
from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal
from tongbao.identity import read_phone
from tongbao.payments import card_asking, cards
from tongbao.payments import refusals as no
from tongbao.payments.asked import Pays
from tongbao.payments.bodies import NoOrder
from tongbao.payments.card_model import BoundCard, NewCard
from tongbao.payments.card_orders import CardPayment, CardTopUp, card_order
from tongbao.payments.door import answer_of
from tongbao.payments.payment_routes import DECIDED, response_of
from tongbao.payments.view import PaymentView
from tongbao.web.body import Body
from tongbao.web.paging import Page
from tongbao.web.site import By, Config, Db, Id, Key, Now, problems, require


class CardOrder(Body, frozen=True, kw_only=True):
    """A card as it stands on it; `name` and `phone` as its issuer knows them. Its security code is never asked for."""

    number: Annotated[str, msgspec.Meta(min_length=1, max_length=40, examples=["9156 0000 0000 0003"])]
    expires: Annotated[str, msgspec.Meta(min_length=1, max_length=10, examples=["11/28"])]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50, examples=["王小明"])]
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=30, examples=["13800138000"])]

    def __repr__(self) -> str:
        return "CardOrder()"


class CodeOrder(Body, frozen=True, kw_only=True):
    """The code that the card's issuer sent to its owner."""

    code: Annotated[str, msgspec.Meta(min_length=4, max_length=8, pattern="^[0-9]+$", examples=["123456"])]


async def card_of(db: Database, principal: Principal, id: UUID) -> BoundCard:
    """One of the customer's cards. Refuses `card_unknown`."""
    if principal.subject_id is None:
        raise PERMISSION_MISSING("a customer has cards")
    async with db.read() as tx:
        found = [card for card in await cards.cards_of(tx, principal.subject_id) if card.id == id]
    if not found:
        raise no.CARD_UNKNOWN()
    return found[0]


@post(
    "/v1/cards",
    guards=[require("me:pay")],
    tags=["cards"],
    summary="Begin to bind a card of another bank: its issuer sends its owner a code",
    operation_id="begin_card",
    response_description="The card, masked; `asked` until its code has come.",
    responses=problems(
        no.CARD_NETWORK_MISSING,
        no.CARD_NEEDS_VERIFICATION,
        no.CUSTOMER_FROZEN,
        *(kind for kind in vault.REFUSALS if kind.code.startswith("card_")),
        no.CARD_BOUND_ALREADY,
        no.TOO_MANY_CARDS,
        no.CARD_ASKED_TOO_OFTEN,
        no.CARD_REFUSED,
        no.CARD_NETWORK_SILENT,
        make=True,
    ),
)
async def begin_card(
    data: JSONBody[CardOrder], key: Key, principal: By, db: Db, clock: Now, settings: Config
) -> BoundCard:
    at = clock.now()
    new = NewCard(id=key, number=data.number, expires=data.expires, name=data.name, phone=read_phone(data.phone))
    network = card_asking.network_at(settings, clock.now)
    await card_asking.begin(db, network, principal, new, at=at, today=days.local_day(at, settings.zone))
    return await card_of(db, principal, key)


@post(
    "/v1/cards/{id:uuid}/confirm",
    status_code=200,
    guards=[require("me:pay")],
    tags=["cards"],
    summary="Bind a card with the code that its issuer sent",
    operation_id="confirm_card",
    response_description="The card, bound.",
    responses=problems(
        no.CARD_NETWORK_MISSING,
        no.CARD_UNKNOWN,
        no.CARD_NOT_ASKED,
        no.CARD_CODE_WRONG,
        no.CARD_CODE_TRIES,
        no.CARD_REFUSED,
        no.CARD_NETWORK_SILENT,
        write=True,
    ),
)
async def confirm_card(
    id: Id, data: JSONBody[CodeOrder], principal: By, db: Db, clock: Now, settings: Config
) -> BoundCard:
    network = card_asking.network_at(settings, clock.now)
    await card_asking.finish(db, network, principal, id, data.code, at=clock.now())
    return await card_of(db, principal, id)


@get(
    "/v1/cards",
    guards=[require("me:read")],
    tags=["cards"],
    summary="The customer's own cards, masked",
    operation_id="list_cards",
    response_description="Bound ones and those that wait for their code; the one that is offered first comes first.",
    responses=problems(),
)
async def list_cards(principal: By, db: Db) -> Page[BoundCard]:
    if principal.subject_id is None:
        raise PERMISSION_MISSING("a customer has cards")
    async with db.read() as tx:
        return Page(items=await cards.cards_of(tx, principal.subject_id))


@post(
    "/v1/cards/{id:uuid}/prefer",
    status_code=200,
    guards=[require("me:pay")],
    tags=["cards"],
    summary="Offer this card first from now on",
    operation_id="prefer_card",
    response_description="The card.",
    responses=problems(no.CARD_UNKNOWN, write=True),
)
async def prefer_card(id: Id, data: JSONBody[NoOrder], principal: By, db: Db, clock: Now) -> BoundCard:
    async def work(tx: Tx) -> None:
        await cards.prefer_card(tx, principal, id, at=clock.now())

    await db.retry(work)
    return await card_of(db, principal, id)


@delete(
    "/v1/cards/{id:uuid}",
    guards=[require("me:pay")],
    tags=["cards"],
    summary="Remove a card, and what is known of it",
    operation_id="remove_card",
    response_description="It is not there any more.",
    responses=problems(no.CARD_UNKNOWN, no.CARD_IN_USE),
)
async def remove_card(id: Id, principal: By, db: Db, clock: Now) -> None:
    async def work(tx: Tx) -> None:
        await cards.unbind_card(tx, principal, id, at=clock.now())

    await db.retry(work)


@post(
    "/v1/cards/{id:uuid}/topups",
    guards=[require("me:pay")],
    tags=["cards"],
    summary="Money from a card into an account of its owner's",
    operation_id="top_up_from_card",
    response_description="The payment, `created`: look it up, or listen, for what the card network says.",
    responses=problems(
        no.CARD_NETWORK_MISSING, no.CARD_UNKNOWN, no.ACCOUNT_NOT_FOUND, no.RAIL_DOWN, *DECIDED, make=True, batched=True
    ),
)
async def top_up_from_card(
    request: Request[Any, Any, Any],
    id: Id,
    data: JSONBody[CardTopUp],
    key: Key,
    principal: By,
    intake: Pays,
    db: Db,
    settings: Config,
    clock: Now,
) -> PaymentView:
    outcome = await intake.pay(await card_order(db, settings, principal, id, data, id=key, at=clock.now()))
    return response_of(request, answer_of(outcome, key, to_payer=True), outcome)


@post(
    "/v1/cards/{id:uuid}/payments",
    guards=[require("me:pay")],
    tags=["cards"],
    summary="Pay a shop from a card",
    operation_id="pay_from_card",
    response_description="The payment, `created`: look it up, or listen, for what the card network says.",
    responses=problems(
        no.CARD_NETWORK_MISSING, no.CARD_UNKNOWN, no.ACCOUNT_NOT_FOUND, no.RAIL_DOWN, *DECIDED, make=True, batched=True
    ),
)
async def pay_from_card(
    request: Request[Any, Any, Any],
    id: Id,
    data: JSONBody[CardPayment],
    key: Key,
    principal: By,
    intake: Pays,
    db: Db,
    settings: Config,
    clock: Now,
) -> PaymentView:
    outcome = await intake.pay(await card_order(db, settings, principal, id, data, id=key, at=clock.now()))
    return response_of(request, answer_of(outcome, key, to_payer=True), outcome)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    begin_card,
    confirm_card,
    list_cards,
    prefer_card,
    remove_card,
    top_up_from_card,
    pay_from_card,
)
