"""Kill switches for whoever is woken at night: what is stopped now and what it means for payers, then stopping and resuming."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from tongbao import identity, merchants, payments
from tongbao.base import say
from tongbao.base.countries import is_country
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.payments import Scope, Switch
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import NOT_FOUND
from tongbao.web.site import By, Db, Now, visitor
from tongbao.web.tables import Column

_MEANING_MESSAGES: Final = {
    "kind payment": "Nobody can pay a merchant, whatever the method.",
    "kind transfer": "Nobody can transfer money to another account.",
    "kind topup": "No money comes in from outside the bank.",
    "kind salary": "No payroll is paid.",
    "method account": "Payments and transfers straight from an account are refused.",
    "method qr": "Nobody can pay by QR code.",
    "method card": "Nobody can pay by card.",
    "method api": "What programs order over the API is refused, top-ups among it.",
    "merchant": "Nobody can pay this merchant.",
    "country": "Nobody can pay a merchant in this country.",
}
_STATE_MESSAGES: Final = {"stopped": "stopped", "open": "payments are taken"}
_LASTING: Final = (
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=4),
    timedelta(hours=12),
    timedelta(days=1),
)
_REFUSED: Final = {scope: f"{scope}_stopped" for scope in Scope}


def _state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES[state], lang)


COLUMNS: Final = (
    Column("what", "What", "项目"),
    Column("state", "State", "状态", words=_state_word),
    Column("lately", "Last five minutes", "近五分钟笔数", tables.COUNT),
    Column("since", "Last changed", "最近变更", tables.MOMENT),
    Column("reason", "Reason", "理由"),
    Column("act", "Action", "操作"),
)


class Throw(Form, frozen=True):
    """`expected`: the version that the page showed, so that a change by somebody else meanwhile is not undone unseen.

    A stop is done at once; that payments are taken again is proposed, as `id`.
    """

    id: UUID
    action: Literal["stop", "resume"]
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    reason: Reason
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Told(msgspec.Struct, frozen=True):
    """A switch in the reader's words."""

    switch: Switch
    name: str
    href: str
    is_stopped: bool
    meaning: str
    payers_read: str
    by: str | None


def address(switch: Switch) -> str:
    return f"/staff/switches/{switch.scope}/{switch.key}"


async def _told(tx: Tx, switches: list[Switch], at: datetime, lang: Lang) -> list[Told]:
    """Two look-ups for all of them."""
    shops = await merchants.find(tx, {UUID(s.key) for s in switches if s.scope is Scope.MERCHANT})
    people = await identity.find_staff(tx, {s.by for s in switches if s.by})
    names = {i: shop.name for i, shop in shops.items()}
    return [_words(s, names, {i: person.name for i, person in people.items()}, at, lang) for s in switches]


def _words(s: Switch, shops: Mapping[UUID, str], people: Mapping[UUID, str], at: datetime, lang: Lang) -> Told:
    match s.scope:
        case Scope.KIND:
            name = payments.kind_word(s.key, lang)
        case Scope.METHOD:
            name = payments.method_word(s.key, lang)
        case Scope.MERCHANT:
            name = shops.get(UUID(s.key), s.key)
        case Scope.COUNTRY:
            name = i18n.say("merchants in %(country)s", lang, country=s.key)
    place = s.scope.value if s.scope in (Scope.MERCHANT, Scope.COUNTRY) else f"{s.scope} {s.key}"
    return Told(
        switch=s,
        name=name,
        href=address(s),
        is_stopped=s.stops(at),
        meaning=i18n.say(_MEANING_MESSAGES[place], lang),
        payers_read=payments.refusal_word(_REFUSED[s.scope], lang),
        by=None if s.by is None else people.get(s.by, str(s.by)[-8:]),
    )


@get("/staff/switches", guards=[visitor("staff", "switches:read")], include_in_schema=False)
async def list_page(
    request: PageRequest,
    db: Db,
    clock: Now,
    merchant: FromQuery[str | None] = None,
    country: FromQuery[str | None] = None,
) -> Page:
    """What is stopped, then every switch. A merchant's id leads to the merchant's own, a country's code to the country's."""
    if country:
        code = country.strip().upper()
        if is_country(code):
            return pages.go(f"/staff/switches/country/{code}")
        wrong = i18n.say("This is no country's code. It has two letters, such as CN.", pages.language(request))
        typed = Filled[Any](None, {"country": country[:200]}, {"country": wrong})
        return await _overview(request, db, clock.now(), typed, status=422)
    if not merchant:
        return await _overview(request, db, clock.now(), forms.blank())
    try:
        return pages.go(f"/staff/switches/merchant/{UUID(merchant.strip())}")
    except ValueError:
        wrong = i18n.say("This is not an id. Copy it whole, with its hyphens.", pages.language(request))
        typed = Filled[Any](None, {"merchant": merchant[:200]}, {"merchant": wrong})
        return await _overview(request, db, clock.now(), typed, status=422)


async def _overview(request: PageRequest, db: Database, at: datetime, find: Filled[Any], *, status: int = 200) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        told = await _told(tx, await payments.switches(tx), at, lang)
        health = {method.method: method.payments for method in await payments.method_health(tx, at)}
    may = "switches:write" in getattr(pages.principal_of(request), "permissions", ())
    tabled = {scope.value: _table([t for t in told if t.switch.scope is scope], health, lang, may) for scope in Scope}
    stopped = [t for t in told if t.is_stopped]
    return pages.show(
        request, "console/switches.html", status=status, stopped=stopped, tables=tabled, form=find, ends=_ends
    )


def _table(told: list[Told], health: Mapping[str, int], lang: Lang, may_throw: bool) -> Listing:
    rows = [
        (
            Linked(t.name, t.href),
            Marked("stopped" if t.is_stopped else "open"),
            health.get(t.switch.key) if t.switch.scope is Scope.METHOD else None,
            t.switch.since,
            t.switch.reason,
            Linked(i18n.say("Resume" if t.is_stopped else "Stop", lang), t.href),
        )
        for t in told
    ]
    hidden = () if any(t.switch.scope is Scope.METHOD for t in told) else ("lately",)
    return Listing(columns=COLUMNS, rows=rows, hidden=hidden if may_throw else (*hidden, "act"))


def _ends(switch: Switch, at: datetime) -> int:
    """Whole minutes until a stop ends by itself, at least one."""
    assert switch.until is not None
    return max(1, (switch.until - at) // timedelta(minutes=1))


@get("/staff/switches/{of:str}/{name:str}", guards=[visitor("staff", "switches:read")], include_in_schema=False)
async def switch_page(request: PageRequest, of: FromPath[str], name: FromPath[str], db: Db, clock: Now) -> Page:
    return await _one(request, db, clock.now(), of, name, forms.blank())


async def _one(
    request: PageRequest, db: Database, at: datetime, of: str, name: str, form: Filled[Any], *, status: int = 200
) -> Page:
    """A switch as it is now, whatever the form saw before. Refuses `not_found`, `merchant_unknown`."""
    lang = pages.language(request)
    async with db.read() as tx:
        switch = await _find(tx, of, name)
        (told,) = await _told(tx, [switch], at, lang)
    return pages.show(
        request,
        "console/switch.html",
        status=status,
        told=told,
        form=form,
        until=_until(request, at, form.given.get("until", ""), lang),
        ends=_ends,
    )


async def _find(tx: Tx, of: str, name: str) -> Switch:
    if of not in tuple(Scope):
        raise NOT_FOUND()
    if of == Scope.MERCHANT:
        try:
            merchant_id = UUID(name)
        except ValueError:
            raise merchants.MERCHANT_UNKNOWN() from None
        if merchant_id not in await merchants.find(tx, [merchant_id]):
            raise merchants.MERCHANT_UNKNOWN()
        name = str(merchant_id)
    if of == Scope.COUNTRY:
        name = name.upper()
        if not is_country(name):
            raise NOT_FOUND()
    for switch in await payments.switches(tx):
        if (switch.scope.value, switch.key) == (of, name):
            return switch
    if of in (Scope.MERCHANT, Scope.COUNTRY):
        return Switch(scope=Scope(of), key=name, stopped=False)
    raise NOT_FOUND()


def _until(request: PageRequest, at: datetime, typed: str, lang: Lang) -> list[tuple[str, str]]:
    """When a stop may end by itself, as moments: what the page says is what happens, however long it lies open."""
    zone = pages.of(request).settings.zone
    minute = at.astimezone(zone).replace(second=0, microsecond=0)
    ends = [minute + lasting for lasting in _LASTING]
    with suppress(ValueError, OverflowError):
        ends.append(datetime.fromisoformat(typed).astimezone(zone))
    choices = [("", i18n.say("until somebody resumes it", lang))]
    for end in sorted(set(ends)):
        choices.append((end.isoformat(), i18n.say("until %(moment)s", lang, moment=say.moment(end, zone, lang))))
    return choices


@post("/staff/switches/{of:str}/{name:str}", guards=[visitor("staff", "switches:write")], include_in_schema=False)
async def throw(
    request: PageRequest, of: FromPath[str], name: FromPath[str], db: Db, clock: Now, principal: By
) -> Page:
    """Stops at once, or proposes to resume. Whoever was overtaken by a colleague sees how it is now and decides again."""
    filled = await forms.read(request, Throw)
    wanted = filled.value
    if wanted is None:
        return await _one(request, db, clock.now(), of, name, filled, status=422)
    if of not in tuple(Scope):
        raise NOT_FOUND()

    async def act(tx: Tx) -> None:
        about: dict[str, Any] = {"reason": wanted.reason, "at": clock.now()}
        if wanted.action == "stop":
            until = paging.moment(wanted.until, "until")
            await payments.stop(tx, principal, Scope(of), name, until=until, expected=wanted.expected, **about)
            return
        wish = payments.Resumption(Scope(of), name, wanted.expected)
        await payments.propose_resume(tx, principal, wish, id=wanted.id, **about)

    try:
        await db.retry(act)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _one(request, db, clock.now(), of, name, again, status=refusal.kind.status)
    if wanted.action == "stop":
        return pages.go("/staff/switches", said="Stopped. No such payment is taken from now on.")
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, switch_page, throw)
