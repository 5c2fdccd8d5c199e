"""Family: whom a customer trusts to look on, and, for whoever is trusted, what he is asked about."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import identity
from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.principal import SYSTEM, Principal
from tongbao.base.refusal import Refusal
from tongbao.payments import family, model, own_orders, transfers
from tongbao.payments.asked import Pays
from tongbao.payments.bodies import NoOrder
from tongbao.payments.family_model import Family, FamilyAsk
from tongbao.payments.foresee import Payee
from tongbao.payments.me_secret_pages import check_secret
from tongbao.payments.model import Payment
from tongbao.payments.own_accounts import others
from tongbao.web import forms, pages
from tongbao.web.body import canonical_hash
from tongbao.web.forms import Filled, Form, SumOrZero
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

FAMILY_MESSAGES: Final = (
    "The bank has asked them. It holds from the moment at which they accept.",
    "You are a trusted person from now on.",
    "It is ended.",
    "It ends a day from now. Both of you are told.",
    "You agree. The payer confirms and pays.",
    "You do not agree. The payment is cancelled.",
)
_NAMED, _ACCEPTED, _ENDED, _ENDING, _AGREED, _REFUSED = FAMILY_MESSAGES
CURRENCY: Final = "CNY"


class NewTrusted(Form, frozen=True, kw_only=True):
    """Whom, by his telephone; above which amounts he is told and asked. `ask` empty: he is told only."""

    id: UUID
    to: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    tell: SumOrZero
    ask: SumOrZero | None = None
    secret: Annotated[str, msgspec.Meta(max_length=256)] = ""


class Answer(Form, frozen=True):
    """`agree`: yes or no."""

    agree: Annotated[str, msgspec.Meta(pattern="^(yes|no)$")]


class Person(msgspec.Struct, frozen=True):
    """A family as one of its two sees it: the other's name as others may see it, and how it stands."""

    family: Family
    name: str
    is_owner: bool


class Asked(msgspec.Struct, frozen=True):
    """A payment that somebody is asked about: by whom, to whom."""

    ask: FamilyAsk
    payment: Payment
    payer: str
    payee: str | None


@get("/me/family", guards=[visitor("me", "me:read")], include_in_schema=False)
async def family_page(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    return await _show(request, principal, db, clock, forms.blank(tell="500.00", ask="2000.00"))


async def _show(
    request: PageRequest, principal: Principal, db: Database, clock: Clock, form: Filled[Any], status: int = 422
) -> Page:
    at, me = clock.now(), _holder(principal)
    async with db.read() as tx:
        people = await _people(tx, me, at)
        asked = await _asked(tx, me, at)
        kind = await own_orders.secret_of(tx, me)
    return pages.show(
        request,
        "payments/me_family.html",
        status=status if form.errors else 200,
        mine=next((one for one in people if one.is_owner), None),
        theirs=[one for one in people if not one.is_owner],
        asked=asked,
        asks=kind.value if kind else None,
        form=form,
    )


async def _people(tx: Tx, me: UUID, at: datetime) -> list[Person]:
    found = await family.families_of(tx, me, at=at)
    ids = {one.trusted_id if one.owner_id == me else one.owner_id for one in found}
    names = await identity.names_for_others(tx, (await identity.find_customers(tx, ids)).values()) if ids else {}
    return [
        Person(one, names[one.trusted_id if one.owner_id == me else one.owner_id], one.owner_id == me) for one in found
    ]


async def _asked(tx: Tx, me: UUID, at: datetime) -> list[Asked]:
    found = await family.asked_of(tx, me, at=at)
    if not found:
        return []
    owners = await identity.find_customers(tx, {ask.owner_id for ask, _ in found})
    names = await identity.names_for_others(tx, owners.values())
    payees = await others(tx, [payment for _, payment in found], {payment.payer_account_id for _, payment in found})
    return [Asked(ask, payment, names[ask.owner_id], payees[payment.id]) for ask, payment in found]


@post("/me/family", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def name_page(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """Names a trusted person, who is asked; the owner shows first that it is he."""
    filled, lang = await forms.read(request, NewTrusted, currency=CURRENCY), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, clock, filled)
    me = _holder(principal)
    async with db.read() as tx:
        kind = await own_orders.secret_of(tx, me)
    if kind is None:
        return pages.go("/me/safety/factors")

    async def name(tx: Tx) -> Refusal | None:
        at = clock.now()
        found = await _find(tx, me, wanted, at, days.local_day(at, settings.zone))
        if isinstance(found, Refusal):
            return found
        new = Family(wanted.id, me, found, wanted.tell, wanted.ask, at, None, None, None)
        await family.name_trusted(tx, new, by=principal)
        return None

    try:
        refusal = await check_secret(db, clock, me, kind, wanted.secret, lang)
        field = "secret"
        if refusal is None:
            field, refusal = None, await db.retry(name)
    except Refusal as raised:
        field, refusal = None, raised
    if refusal is None:
        return pages.go("/me/family", said=_NAMED)
    again = filled.refused(refusal, lang, field=field)
    return await _show(request, principal, db, clock, again, refusal.kind.status)


async def _find(tx: Tx, me: UUID, wanted: NewTrusted, at: datetime, day: Any) -> UUID | Refusal:
    """The customer whose telephone or account this is; looked up as payees are, and counted with them."""
    arrives = await transfers.usual_arrival(tx, me)
    more: Any = {"arrives": arrives, "currency": CURRENCY, "at": at, "day": day}
    found = await transfers.look_up(tx, me, wanted.to, id=wanted.id, **more)
    if isinstance(found, Refusal):
        return found
    return await _owner(tx, found)


async def _owner(tx: Tx, found: Payee) -> UUID:
    assert found.account_id is not None
    return (await identity.find_accounts(tx, [found.account_id]))[found.account_id].customer_id


@post("/me/family/{id:uuid}/accept", guards=[visitor("me", "me:read")], include_in_schema=False)
async def accept_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    await forms.posted(request)
    await db.retry(lambda tx: family.accept(tx, id, by=principal, at=clock.now()))
    return pages.go("/me/family", said=_ACCEPTED)


@post("/me/family/{id:uuid}/end", guards=[visitor("me", "me:read")], include_in_schema=False)
async def end_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    await forms.posted(request)
    ended = await db.retry(lambda tx: family.end(tx, id, by=principal, at=clock.now()))
    cools = ended.ends_at is not None and ended.ends_at > clock.now()
    return pages.go("/me/family", said=_ENDING if cools else _ENDED)


@post("/me/family/payments/{id:uuid}", guards=[visitor("me", "me:read")], include_in_schema=False)
async def answer_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, intake: Pays) -> Page:
    """What the trusted person says. His no lets the payment go; his yes moves nothing."""
    filled = await forms.read(request, Answer)
    if filled.value is None:
        return await _show(request, principal, db, clock, filled)
    agreed = filled.value.agree == "yes"
    try:
        await db.retry(lambda tx: family.answer(tx, id, agreed=agreed, by=principal, at=clock.now()))
    except Refusal as refusal:
        again = forms.blank().refused(refusal, pages.language(request))
        return await _show(request, principal, db, clock, again, refusal.kind.status)
    if not agreed:
        operation = model.Operation(
            id=derived(id, "family refused"),
            payment_id=id,
            principal_id=SYSTEM.id,
            request_hash=canonical_hash(NoOrder()),
        )
        await intake.ask("cancel", operation)
    return pages.go("/me/family", said=_AGREED if agreed else _REFUSED)


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None
    return principal.subject_id


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (family_page, name_page, accept_page, end_page, answer_page)
