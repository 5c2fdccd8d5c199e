"""The desk where customers are helped: what waits, one matter with the customer's view beside it, and who calls or comes in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from tongbao import identity, payments
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.care import desk
from tongbao.care import help as helping
from tongbao.care.model import TEXT_LONGEST, Channel, Context, Kind, Request, State
from tongbao.care.words import KIND_MESSAGES, STATE_MESSAGES, channel_word, kind_word, state_word, what_word
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

REQUESTS: Final = (
    Column("due", "Answer by", "承诺答复时间", tables.MOMENT),
    Column("kind", "What", "事项", words=kind_word),
    Column("urgency", "Priority", "优先级"),
    Column("state", "State", "状态", words=state_word),
    Column("asked", "Asked", "提出时间", tables.MOMENT),
    Column("customer", "Customer", "客户"),
    Column("owner", "With", "经办人"),
)
_PAYMENTS: Final = 5
_ACCOUNTS: Final = 20
_WRITTEN_DOWN: Final = (Kind.QUESTION, Kind.LOST, Kind.SERVICE, Kind.CALL)

Words = Annotated[str, msgspec.Meta(max_length=TEXT_LONGEST)]
Work = Callable[[Tx], Awaitable[Request]]

DONE_MESSAGES: Final = {
    "answer": "The customer has been answered.",
    "take": "It is yours now.",
    "close": "It is closed.",
}


class Said(Form, frozen=True):
    id: UUID
    text: Words = ""


class HandOver(Form, frozen=True):
    """Without a user name it is a note for whoever looks at it next."""

    id: UUID
    text: Words = ""
    username: Annotated[str, msgspec.Meta(max_length=60)] = ""


class WriteDown(Form, frozen=True):
    id: UUID
    customer: UUID
    kind: Literal["question", "lost", "service", "call"]
    channel: Literal["phone", "branch"]
    language: Literal["zh", "en"]
    text: Words = ""


@get("/staff/help", guards=[visitor("staff", helping.MAY_READ)], include_in_schema=False)
async def queue(
    request: PageRequest,
    principal: By,
    db: Db,
    clock: Now,
    wanted: Annotated[Literal["", "waiting", "mine", "answered", "closed"], QueryParameter(name="show")] = "",
    kind: FromQuery[Kind | None] = None,
    cursor: Cursor = None,
) -> Page:
    """What waits for the bank, unless something else is asked for."""
    if "show" not in request.query_params:
        return pages.go("/staff/help?show=waiting")
    most = paging.USUAL
    async with db.read() as tx:
        found = await _page(tx, principal, wanted, kind, cursor, most + 1)
        now = await desk.waiting(tx, clock.now())
        people = await identity.find_customers(tx, {one.customer_id for one in found})
        names = await identity.masked_details(tx, people.values())
        owners = await identity.find_staff(tx, {one.owner_id for one in found if one.owner_id})
    lang = pages.language(request)
    listed = paging.page(
        found,
        most,
        lambda one: _cursor(one, wanted),
        lambda one: _row(one, names[one.customer_id].name, owners.get(one.owner_id or one.id), lang),
    )
    return pages.show(
        request,
        "care/desk.html",
        waiting=now,
        show=[
            *((state, i18n.say(message, lang)) for state, message in STATE_MESSAGES.items()),
            ("mine", i18n.say("mine", lang)),
        ],
        kinds=[(name, i18n.say(message, lang)) for name, message in KIND_MESSAGES.items()],
        table=Listing(
            columns=REQUESTS,
            rows=listed.items,
            next_cursor=listed.next_cursor,
            empty=i18n.say("Nobody waits for an answer.", lang) if wanted in ("waiting", "mine") else None,
        ),
    )


async def _page(
    tx: Tx, principal: Principal, wanted: str, kind: Kind | None, cursor: str | None, most: int
) -> list[Request]:
    if wanted in ("waiting", "mine"):
        owner_id = principal.id if wanted == "mine" else None
        place = paging.place(cursor, bool, datetime, UUID)
        if place is None:
            return await desk.queue(tx, principal, kind=kind, owner_id=owner_id, most=most)
        return await desk.queue(
            tx, principal, kind=kind, owner_id=owner_id, after=(place[0], place[1], place[2]), most=most
        )
    place = paging.place(cursor, datetime, UUID)
    before = (place[0], place[1]) if place else helping.NEWEST
    return await desk.every(tx, principal, state=State(wanted) if wanted else None, kind=kind, before=before, most=most)


def _cursor(one: Request, wanted: str) -> str:
    if wanted in ("waiting", "mine"):
        return paging.cursor(not one.urgent, one.due_at, one.id)
    return paging.cursor(one.asked_at, one.id)


def _row(one: Request, name: str, owner: identity.Staff | None, lang: Lang) -> tuple[Any, ...]:
    return (
        one.due_at,
        Linked(one.kind.value, f"/staff/help/{one.id}"),
        i18n.say("urgent", lang) if one.urgent else None,
        Marked(one.state.value),
        one.asked_at,
        Linked(name, f"/staff/customers/{one.customer_id}"),
        owner.name if owner else None,
    )


@get("/staff/help/{id:uuid}", guards=[visitor("staff", helping.MAY_READ)], include_in_schema=False)
async def request_page(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _one(request, id, principal, db, clock, settings, forms.blank())


async def _one(
    request: PageRequest,
    id: UUID,
    principal: Principal,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    *,
    status: int = 200,
    asked: str = "",
) -> Page:
    """`asked`: the form that was sent, where it comes back."""
    lang = pages.language(request)
    async with db.read() as tx:
        found = await desk.find(tx, principal, id)
        said = await helping.history(tx, found, for_staff=True)
        view = await _customers_view(tx, found, settings)
        colleagues = await identity.find_staff(
            tx, {one.by_id for one in said if not one.by_customer} | {found.owner_id or id}
        )
    return pages.show(
        request,
        "care/desk_one.html",
        status=status,
        found=found,
        form=form,
        asked=asked,
        blank=forms.blank(),
        kind=kind_word(found.kind, lang),
        state=state_word(found.state, lang),
        channel=channel_word(found.channel, lang),
        late=found.is_late(clock.now()),
        owner=colleagues.get(found.owner_id or id),
        is_mine=found.owner_id == principal.id,
        talk=[(one, colleagues.get(one.by_id)) for one in said],
        what_word=what_word,
        standing_word=lambda standing: i18n.say(_STANDING_MESSAGES[standing], lang),
        payment_word=lambda state: payments.state_word(state, lang),
        **view,
    )


_STANDING_MESSAGES: Final = {"open": "open", "frozen": "frozen", "closed": "closed"}


async def _customers_view(tx: Tx, found: Request, settings: Settings) -> dict[str, Any]:
    """What the customer has before his eyes: who he is, masked, his accounts, what he paid last, and what he asks about."""
    customer = (await identity.find_customers(tx, [found.customer_id]))[found.customer_id]
    accounts = await identity.accounts_of(tx, customer.id, most=_ACCOUNTS)
    newest: list[payments.Payment] = []
    if accounts:
        wanted = payments.Filter(account_id=accounts[0].id, of_owner=True)
        newest = await payments.list_payments(tx, wanted, settings.zone, most=_PAYMENTS)
    about = await payments.find_payments(tx, [found.payment_id]) if found.payment_id else {}
    return {
        "customer": customer,
        "details": (await identity.masked_details(tx, [customer]))[customer.id],
        "accounts": accounts,
        "newest": newest,
        "about": about.get(found.payment_id) if found.payment_id else None,
    }


def _acts(name: str, verb: Callable[[Tx, Principal, UUID, Said, datetime], Awaitable[Request]]) -> HTTPRouteHandler:
    """The route of one of the buttons of a matter's page."""

    @post(f"/staff/help/{{id:uuid}}/{name}", guards=[visitor("staff", helping.MAY_ANSWER)], include_in_schema=False)
    async def act(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
        filled = await forms.read(request, Said)
        wanted = filled.value
        if wanted is None:
            return await _one(request, id, principal, db, clock, settings, filled, status=422, asked=name)
        try:
            await db.retry(lambda tx: verb(tx, principal, id, wanted, clock.now()))
        except Refusal as refusal:
            again = filled.refused(refusal, pages.language(request))
            return await _one(
                request, id, principal, db, clock, settings, again, status=refusal.kind.status, asked=name
            )
        return pages.go(f"/staff/help/{id}", said=DONE_MESSAGES[name])

    return act


async def _answer(tx: Tx, by: Principal, of: UUID, said: Said, at: datetime) -> Request:
    return await desk.answer(tx, by, of, said.text, message_id=said.id, at=at)


async def _take(tx: Tx, by: Principal, of: UUID, said: Said, at: datetime) -> Request:
    return await desk.take(tx, by, of, message_id=said.id, at=at)


async def _close(tx: Tx, by: Principal, of: UUID, said: Said, at: datetime) -> Request:
    return await desk.close(tx, by, of, message_id=said.id, at=at)


answer, take, close = _acts("answer", _answer), _acts("take", _take), _acts("close", _close)


@get("/staff/help/{id:uuid}/hand-over", guards=[visitor("staff", helping.MAY_ANSWER)], include_in_schema=False)
async def hand_over_page(request: PageRequest, id: Id, principal: By, db: Db) -> Page:
    return await _hand_over(request, id, principal, db, forms.blank())


async def _hand_over(
    request: PageRequest, id: UUID, principal: Principal, db: Database, form: Filled[Any], *, status: int = 200
) -> Page:
    async with db.read() as tx:
        found = await desk.find(tx, principal, id)
    kind = kind_word(found.kind, pages.language(request))
    return pages.show(request, "care/desk_hand_over.html", status=status, found=found, form=form, kind=kind)


@post("/staff/help/{id:uuid}/hand-over", guards=[visitor("staff", helping.MAY_ANSWER)], include_in_schema=False)
async def hand_over(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """Keeps a note, or gives the matter to a colleague with one."""
    filled = await forms.read(request, HandOver)
    wanted = filled.value
    if wanted is None:
        return await _hand_over(request, id, principal, db, filled, status=422)

    async def work(tx: Tx) -> Request:
        told: Any = {"message_id": wanted.id, "at": clock.now()}
        if not wanted.username.strip():
            return await desk.note(tx, principal, id, wanted.text, **told)
        return await desk.hand_over(tx, principal, id, wanted.username, wanted.text, **told)

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _hand_over(request, id, principal, db, again, status=refusal.kind.status)
    if wanted.username.strip():
        return pages.go(f"/staff/help/{id}", said="It is handed over.")
    return pages.go(f"/staff/help/{id}", said="The note is kept.")


@get("/staff/help/new", guards=[visitor("staff", helping.MAY_ANSWER)], include_in_schema=False)
async def new_page(request: PageRequest, customer: FromQuery[str] = "") -> Page:
    """`customer`: whose page led to it."""
    return _new(request, forms.blank(customer=customer[:36]))


def _new(request: PageRequest, form: Filled[Any], *, status: int = 200) -> Page:
    lang = pages.language(request)
    return pages.show(
        request,
        "care/desk_new.html",
        status=status,
        form=form,
        kinds=[(kind.value, i18n.say(KIND_MESSAGES[kind], lang)) for kind in _WRITTEN_DOWN],
        channels=[(c.value, channel_word(c, lang)) for c in (Channel.PHONE, Channel.BRANCH)],
    )


@post("/staff/help/new", guards=[visitor("staff", helping.MAY_ANSWER)], include_in_schema=False)
async def write_down(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, WriteDown)
    wanted = filled.value
    if wanted is None:
        return _new(request, filled, status=422)
    context = Context(lang=wanted.language, channel=Channel(wanted.channel))

    async def work(tx: Tx) -> Request:
        return await desk.write_down(
            tx, principal, wanted.customer, Kind(wanted.kind), wanted.text, context, id=wanted.id, at=clock.now()
        )

    try:
        await db.retry(work)
    except Refusal as refusal:
        return _new(request, filled.refused(refusal, pages.language(request)), status=refusal.kind.status)
    return pages.go(f"/staff/help/{wanted.id}", said="It is written down.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    queue, request_page, answer, take, close, hand_over_page, hand_over, new_page, write_down,
)  # fmt: skip
