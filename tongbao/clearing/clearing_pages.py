"""Clearing and settlement as staff see them: each day's batch, its positions that add up to zero, and how days have ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from tongbao import merchants
from tongbao.base import say
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.clearing import enquire, words
from tongbao.clearing.columns import FIGURES
from tongbao.clearing.model import STEP_NAMES, Batch, Kind, Settlement, Step
from tongbao.web import export, forms, i18n, pages, paging, tables
from tongbao.web.export import FileForm
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import PageRequest
from tongbao.web.site import Config, Cursor, Db, Now, visitor
from tongbao.web.tables import Column

Files = Annotated[FileForm | None, QueryParameter(name="format")]

BATCHES: Final = (
    Column("booking_date", "Booking date", "记账日", tables.DATE),
    Column("currency", "Currency", "币种"),
    Column("state", "State", "状态", words=words.batch_state_word),
    Column("participants", "Merchants", "商户数", tables.COUNT),
    Column("movements", "Movements", "笔数", tables.COUNT),
    *FIGURES,
    Column("settle_on", "Due on", "应结算日", tables.DATE),
    Column("settled_at", "Settled at", "结算时间", tables.MOMENT),
    Column("id", "Id", "编号", printed=False),
)
POSITIONS: Final = (
    Column("kind", "Participant", "清算参与方", words=words.kind_word),
    Column("name", "Name", "名称"),
    Column("currency", "Currency", "币种", printed=False),
    *FIGURES,
    Column("state", "State", "状态", words=words.state_word),
    Column("booked_on", "Paid out on", "结算日", tables.DATE),
    Column("takings", "Takings", "待清算款分户账", printed=False),
    Column("settlement", "Settlement", "结算分户账", printed=False),
    Column("id", "Transfer", "交易编号", printed=False),
)
STEPS: Final = (
    Column("day", "Business day", "营业日", tables.DATE),
    *(Column(name, words.STEPS[name][0].capitalize(), words.STEPS[name][1], tables.MOMENT) for name in STEP_NAMES),
)
_EXPORT_PAGE: Final = 500
_FILES: Final = ("csv", "xlsx", "pdf")
_NOTHING: Final = (0, 0, 0, 0, 0, 0)


class Span(Form, frozen=True):
    """Booking days, both included."""

    first: date | None = msgspec.field(name="from", default=None)
    last: date | None = msgspec.field(name="to", default=None)


@get("/staff/clearing", guards=[visitor("staff", "takings:read")], include_in_schema=False)
async def batches(
    request: PageRequest, db: Db, clock: Now, settings: Config, form: Files = None, cursor: Cursor = None
) -> Any:
    """A batch a day and currency with what it adds up to, newest first, and the steps of the newest ends of days."""
    lang, most = pages.language(request), paging.USUAL
    search = _searched(request, lang)
    if search.value is None:
        return pages.show(request, "clearing/clearing.html", status=422, form=search)
    span = search.value
    if form is not None:
        title = i18n.say("Clearing and settlement", lang)
        rows = _batch_rows(db, span)
        return await export.export(
            BATCHES, rows, name="clearing", form=form, title=title, settings=settings, at=clock.now(), lang=lang
        )
    place = paging.place(cursor, date, str)
    async with db.read() as tx:
        found = await _batches(tx, span, place, most + 1, link=True)
        ends = await enquire.newest_steps(tx)
    listed = paging.page(found, most, lambda f: paging.cursor(f[0].booking_date, f[0].currency), lambda f: f[1])
    table = Listing(
        columns=BATCHES,
        rows=listed.items,
        next_cursor=listed.next_cursor,
        files=_FILES,
        hidden=_hidden(BATCHES, listed.items, ("id",)),
        empty=i18n.say("No day with takings has been cleared in these days.", lang),
    )
    steps = Listing(columns=STEPS, rows=[_end(day, done) for day, done in ends.items()])
    return pages.show(request, "clearing/clearing.html", table=table, steps=steps, form=search)


def _searched(request: PageRequest, lang: Lang) -> Filled[Span]:
    given = {name: request.query_params[name] for name in ("from", "to") if name in request.query_params}
    filled = forms.convert(request, Span, given)
    if filled.value is None:
        return filled
    errors = {
        name: i18n.say("Please type a date, such as 2026-11-22.", lang)
        for name, day in (("from", filled.value.first), ("to", filled.value.last))
        if day is not None and not 1900 <= day.year <= 2200
    }
    return Filled(None, filled.given, errors) if errors else filled


def _hidden(columns: Sequence[Column], rows: Sequence[Sequence[Any]], always: Sequence[str]) -> tuple[str, ...]:
    """Columns of what rarely happens, where it did not; and the currency where there is one alone."""
    places = {column.key: place for place, column in enumerate(columns)}
    rare = [key for key in ("covered", "carried") if not any(row[places[key]] for row in rows)]
    one = ["currency"] if len({row[places["currency"]] for row in rows}) < 2 else []
    return (*always, *rare, *one)


async def _batches(
    tx: Tx, span: Span, place: tuple[Any, ...] | None, most: int, *, link: bool
) -> list[tuple[Batch, tuple[Any, ...]]]:
    """Two look-ups for all of them."""
    found = await enquire.list_batches(
        tx,
        before=place[0] if place else None,
        before_currency=place[1] if place else None,
        first=span.first,
        last=span.last,
        most=most,
    )
    totals = await enquire.totals(tx, [batch.id for batch in found]) if found else {}
    return [(batch, _batch(batch, totals.get(batch.id, _NOTHING), link=link)) for batch in found]


def _batch(batch: Batch, totals: tuple[int, ...], *, link: bool) -> tuple[Any, ...]:
    """In the order of BATCHES; `link` and marks for a page, plain values for a file."""
    return (
        Linked(batch.booking_date, f"/staff/clearing/{batch.id}") if link else batch.booking_date,
        batch.currency,
        Marked(batch.state) if link else batch.state,
        batch.participants,
        batch.movements,
        *totals,
        batch.settle_on,
        batch.settled_at,
        str(batch.id),
    )


async def _batch_rows(db: Database, span: Span) -> AsyncIterator[tuple[Any, ...]]:
    place: tuple[Any, ...] | None = None
    while True:
        async with db.read() as tx:
            found = await _batches(tx, span, place, _EXPORT_PAGE, link=False)
        for _, row in found:
            yield row
        if len(found) < _EXPORT_PAGE:
            return
        place = (found[-1][0].booking_date, found[-1][0].currency)


def _end(day: date, done: Mapping[str, Step]) -> tuple[Any, ...]:
    moments = [done[name].done_at if name in done else None for name in STEP_NAMES]
    return (day, *moments)


@get("/staff/clearing/{batch:uuid}", guards=[visitor("staff", "takings:read")], include_in_schema=False)
async def batch_page(
    request: PageRequest,
    batch: FromPath[UUID],
    db: Db,
    clock: Now,
    settings: Config,
    form: Files = None,
    cursor: Cursor = None,
) -> Any:
    """One batch: what it adds up to, each participant's position with where its money is, how its day ended."""
    lang, most = pages.language(request), paging.USUAL
    if form is not None:
        return await _batch_file(db, clock, settings, batch, form, lang)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await enquire.find_batch(tx, batch)
        totals = (await enquire.totals(tx, [batch])).get(batch, _NOTHING)
        own = await enquire.own_positions(tx, batch)
        listed = await _positions(tx, batch, place[0] if place else None, most + 1, link=True)
        steps = await enquire.steps(tx, found.booking_date)
    page = paging.page(listed, most, lambda f: paging.cursor(f[0].id), lambda f: f[1])
    table = Listing(
        columns=POSITIONS,
        rows=page.items,
        next_cursor=page.next_cursor,
        files=_FILES,
        hidden=_hidden(POSITIONS, page.items, ()),
    )
    return pages.show(
        request,
        "clearing/batch.html",
        batch=found,
        word=words.batch_state_word(found.state, lang),
        totals=dict(zip(("captured", "refunded", "covered", "fees", "carried", "net"), totals, strict=True)),
        own={position.kind.value: position.net_minor for position in own},
        sum=totals[-1] + sum(position.net_minor for position in own),
        table=table,
        steps=[(words.step_word(step.name, lang), step.done_at, _came(step, lang)) for step in steps],
    )


async def _batch_file(
    db: Database, clock: Clock, settings: Settings, batch_id: UUID, form: FileForm, lang: Lang
) -> Any:
    async with db.read() as tx:
        day = (await enquire.find_batch(tx, batch_id)).booking_date
    title, rows = i18n.say("Clearing batch of %(day)s", lang, day=say.date_(day, lang)), _position_rows(db, batch_id)
    return await export.export(
        POSITIONS, rows, name=f"clearing-{day}", form=form, title=title, settings=settings, at=clock.now(), lang=lang
    )


async def _positions(
    tx: Tx, batch_id: UUID, after: UUID | None, most: int, *, link: bool
) -> list[tuple[Settlement, tuple[Any, ...]]]:
    """Two look-ups for all of them."""
    found = await enquire.positions(tx, batch_id, after=after, most=most)
    ids = {position.participant_id for position in found if position.participant_id}
    known = await merchants.find(tx, ids) if ids else {}
    return [(p, _position(p, known.get(p.participant_id) if p.participant_id else None, link=link)) for p in found]


def _position(p: Settlement, shop: merchants.Merchant | None, *, link: bool) -> tuple[Any, ...]:
    """In the order of POSITIONS. The bank's own two sides have no merchant, and no transfer settles them."""

    def linked(value: object, href: str) -> Any:
        return Linked(str(value), href) if link else value

    return (
        p.kind,
        linked(shop.name, f"/staff/merchants/{shop.id}") if shop else None,
        p.currency,
        p.captures_minor,
        p.refunds_minor,
        p.covered_minor,
        p.fees_minor,
        p.carried_minor,
        p.net_minor,
        Marked(p.state) if link else p.state,
        p.booked_on,
        linked(shop.takings_ledger_id, f"/staff/ledger-accounts/{shop.takings_ledger_id}") if shop else None,
        linked(shop.settlement_ledger_id, f"/staff/ledger-accounts/{shop.settlement_ledger_id}") if shop else None,
        _transfer(p, link=link),
    )


def _transfer(p: Settlement, *, link: bool) -> Any:
    """A position's id is the id of the transfer that settled it, once it is settled."""
    if not link:
        return str(p.id)
    settled = p.kind is Kind.MERCHANT and p.booked_on is not None and p.net_minor
    return Linked(str(p.id)[-8:], f"/staff/transfers/{p.id}") if settled else None


async def _position_rows(db: Database, batch_id: UUID) -> AsyncIterator[tuple[Any, ...]]:
    after: UUID | None = None
    while True:
        async with db.read() as tx:
            found = await _positions(tx, batch_id, after, _EXPORT_PAGE, link=False)
        for _, row in found:
            yield row
        if len(found) < _EXPORT_PAGE:
            return
        after = found[-1][0].id


_RESULT_MESSAGES: Final = {
    "expire": "%(payments)s payments ended because their time was over, or arrived.",
    "close": "From here on the bank books on %(open_date)s.",
    "trial_balance": "Every line was summed; they add up to zero.",
    "clear": "%(merchants)s merchants with %(movements)s movements were netted and their takings emptied.",
    "settle": "%(merchants)s merchants of %(batches)s batches were paid.",
}


def _came(step: Step, lang: Lang) -> str:
    """What came of a step, in words."""
    said = {name: say.count(value) if isinstance(value, int) else value for name, value in step.result.items()}
    if "open_date" in said:
        said["open_date"] = say.date_(date.fromisoformat(said["open_date"]), lang)
    return i18n.say(_RESULT_MESSAGES[step.name], lang, **said)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (batches, batch_page)
