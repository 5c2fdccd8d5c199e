"""JSON routes: takings, settlements, fee report, clearing batches. As files where a spreadsheet or a printer wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao import merchants
from tongbao.base import days
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.clearing import (
    clearing_pages,
    columns,
    day_routes,
    enquire,
    shop_code_pages,
    shop_order_pages,
    shop_pages,
    shop_payment_pages,
    shop_settlement_pages,
    shop_takings_pages,
    shop_webhook_pages,
)
from tongbao.clearing import refusals as no
from tongbao.clearing.model import Batch, Kind, Settlement, State
from tongbao.web import paging
from tongbao.web.export import FileForm, Form, ReadersLang, export
from tongbao.web.paging import Page
from tongbao.web.refusals import EXPORT_TOO_LARGE, INVALID_FIELD, NO_FONT
from tongbao.web.site import By, Config, Db, Id, Now, problems, require
from tongbao.web.tables import Column

Limit = Annotated[
    int | None, QueryParameter(description=f"Rows of a page, 1 to {paging.MOST}; {paging.USUAL} unless told.")
]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]
From = Annotated[date | None, QueryParameter(name="from", description="First booking day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last booking day.")]

_CHUNK: Final = 500
_USUAL_SPAN: Final = timedelta(days=30)


class TakingsLineView(msgspec.Struct, kw_only=True):
    method: str
    currency: str
    captures: int
    captured: int
    refunds: int
    refunded: int
    covered: int
    fees: int
    net: int


class TakingsView(msgspec.Struct, kw_only=True):
    """A booking day so far; amounts in minor units. `net` is what the day adds to the payout."""

    merchant_id: UUID
    date: date
    currency: str
    captured: int
    refunded: int
    covered: int
    """Put in by the settlement account for refunds that the day's takings did not cover."""
    fees: int
    net: int
    by_method: list[TakingsLineView]


class SettlementView(msgspec.Struct, kw_only=True):
    """`net` = captured - refunded + covered - fees + carried. `state`: `drawn` and `cleared` are still to be paid, `settled`
    is paid, `carried` is owed by the merchant to its next settlement, `suspense` waits at the bank for an account.
    """

    id: UUID
    """Also the id of the ledger transfer that paid it."""
    batch_id: UUID
    merchant_id: UUID | None
    booking_date: date
    currency: str
    settle_on: date
    captured: int
    refunded: int
    covered: int
    fees: int
    carried: int
    net: int
    state: State
    booked_on: date | None


class PositionView(SettlementView, kw_only=True):
    """Above zero: owed to the participant. The positions of a batch add up to zero."""

    kind: Kind


class FeeLineView(msgspec.Struct, kw_only=True):
    date: date
    method: str
    currency: str
    captures: int
    captured: int
    refunded: int
    fees: int


class FeeReport(msgspec.Struct, kw_only=True):
    merchant_id: UUID
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    currency: str
    captured: int
    refunded: int
    fees: int
    lines: list[FeeLineView]


class BatchView(msgspec.Struct, kw_only=True):
    id: UUID
    booking_date: date
    currency: str
    settle_on: date
    state: str
    participants: int
    movements: int
    captured: int
    refunded: int
    covered: int
    fees: int
    carried: int
    net: int
    drawn_at: datetime
    cleared_at: datetime | None
    settled_at: datetime | None


async def _merchant(tx: Tx, principal: Principal, merchant_id: UUID) -> merchants.Merchant:
    found = (await merchants.find(tx, [merchant_id])).get(merchant_id)
    if found is None or principal.subject_id not in (None, merchant_id):
        raise merchants.MERCHANT_UNKNOWN()
    return found


async def _span(tx: Tx, first: date | None, last: date | None) -> tuple[date, date]:
    """The booking days asked for; the last 30 unless told."""
    last = paging.day(last, "to") or (await days.current(tx)).open_date
    first = paging.day(first, "from") or last - _USUAL_SPAN
    if first > last:
        raise INVALID_FIELD("`from` lies after `to`", field="from")
    return first, last


@get(
    "/v1/merchants/{id:uuid}/takings",
    guards=[require("takings:read")],
    tags=["merchants", "clearing"],
    summary="What a merchant took on a booking day, live",
    operation_id="get_takings",
    response_description="The day's takings; today's unless told.",
    responses=problems(merchants.MERCHANT_UNKNOWN),
)
async def get_takings(
    id: Id, principal: By, db: Db, day: Annotated[date | None, QueryParameter(name="date")] = None
) -> TakingsView:
    async with db.read() as tx:
        merchant = await _merchant(tx, principal, id)
        day = paging.day(day, "date") or (await days.current(tx)).open_date
        lines = await enquire.takings(tx, id, day)
    views = [
        TakingsLineView(
            method=x.method,
            currency=x.currency,
            captures=x.captures,
            captured=x.captures_minor,
            refunds=x.refunds,
            refunded=x.refunds_minor,
            covered=x.covered_minor,
            fees=x.fees_minor,
            net=x.captures_minor - x.refunds_minor + x.covered_minor - x.fees_minor,
        )
        for x in lines
    ]
    return TakingsView(
        merchant_id=id,
        date=day,
        currency=merchant.currency,
        captured=sum(v.captured for v in views),
        refunded=sum(v.refunded for v in views),
        covered=sum(v.covered for v in views),
        fees=sum(v.fees for v in views),
        net=sum(v.net for v in views),
        by_method=views,
    )


def _figures(settlement: Settlement) -> dict[str, Any]:
    return {
        "id": settlement.id,
        "batch_id": settlement.batch_id,
        "merchant_id": settlement.participant_id,
        "booking_date": settlement.booking_date,
        "currency": settlement.currency,
        "settle_on": settlement.settle_on,
        "captured": settlement.captures_minor,
        "refunded": settlement.refunds_minor,
        "covered": settlement.covered_minor,
        "fees": settlement.fees_minor,
        "carried": settlement.carried_minor,
        "net": settlement.net_minor,
        "state": settlement.state,
        "booked_on": settlement.booked_on,
    }


@get(
    "/v1/merchants/{id:uuid}/settlements",
    guards=[require("takings:read")],
    tags=["merchants", "clearing"],
    summary="What was and will be paid out to a merchant, newest first; as a file with format=csv, xlsx or pdf",
    operation_id="list_settlements",
    response_description="A page of settlements.",
    responses=problems(merchants.MERCHANT_UNKNOWN, EXPORT_TOO_LARGE, NO_FONT),
)
async def list_settlements(
    id: Id,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    cursor: Cursor = None,
    limit: Limit = None,
    form: Form = "json",
    lang: ReadersLang = "zh",
) -> Page[SettlementView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        merchant = await _merchant(tx, principal, id)
        if form == "json":
            found = await enquire.settlements(tx, id, below=place[0] if place else None, most=most + 1)
            return paging.page(found, most, lambda s: paging.cursor(s.id), lambda s: SettlementView(**_figures(s)))
    title = f"{merchant.name} 结算记录" if lang == "zh" else f"Settlements of {merchant.name}"
    rows = _settlement_rows(db, id)
    return await _file(
        columns.SETTLEMENTS, rows, form, lang, name=f"settlements-{id}", title=title, settings=settings, at=clock.now()
    )


async def _file(
    table: Sequence[Column],
    rows: AsyncIterator[tuple[object, ...]],
    form: FileForm,
    lang: Lang,
    *,
    name: str,
    title: str,
    settings: Settings,
    at: datetime,
) -> Any:
    """CSV has amounts in minor units, as the JSON of the same route; what people read has them in whole ones."""
    shown = columns.in_minor_units(table) if form == "csv" else table
    return await export(shown, rows, name=name, form=form, title=title, settings=settings, at=at, lang=lang)


async def _settlement_rows(db: Database, merchant_id: UUID) -> AsyncIterator[tuple[object, ...]]:
    below: UUID | None = None
    while True:
        async with db.read() as tx:
            found = await enquire.settlements(tx, merchant_id, below=below, most=_CHUNK)
        for settlement in found:
            yield tuple(_figures(settlement).values())
        if len(found) < _CHUNK:
            return
        below = found[-1].id


@get(
    "/v1/merchants/{id:uuid}/fees",
    guards=[require("merchants:read")],
    tags=["merchants", "fees"],
    summary="Fee report: what payments cost a merchant, a line a day and method; as a file with format=csv, xlsx or pdf",
    operation_id="get_fee_report",
    response_description="The report; the last 30 days unless told.",
    responses=problems(merchants.MERCHANT_UNKNOWN, no.SPAN_TOO_LONG, EXPORT_TOO_LARGE, NO_FONT),
)
async def get_fee_report(
    id: Id,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    first: From = None,
    last: To = None,
    form: Form = "json",
    lang: ReadersLang = "zh",
) -> FeeReport:
    async with db.read() as tx:
        merchant = await _merchant(tx, principal, id)
        first, last = await _span(tx, first, last)
        lines = await enquire.fee_report(tx, id, first, last)
    views = [
        FeeLineView(
            date=x.booking_date,
            method=x.method,
            currency=x.currency,
            captures=x.captures,
            captured=x.captures_minor,
            refunded=x.refunds_minor,
            fees=x.fees_minor,
        )
        for x in lines
    ]
    if form != "json":
        name = f"fees-{id}-{first}-{last}"
        title = f"{merchant.name} 手续费明细" if lang == "zh" else f"Fees of {merchant.name}"
        rows = _each(views)
        return await _file(columns.FEES, rows, form, lang, name=name, title=title, settings=settings, at=clock.now())
    return FeeReport(
        merchant_id=id,
        first=first,
        last=last,
        currency=merchant.currency,
        captured=sum(v.captured for v in views),
        refunded=sum(v.refunded for v in views),
        fees=sum(v.fees for v in views),
        lines=views,
    )


async def _each(views: list[FeeLineView]) -> AsyncIterator[tuple[object, ...]]:
    for view in views:
        yield msgspec.structs.astuple(view)


def _batch_view(batch: Batch, totals: tuple[int, ...]) -> BatchView:
    captured, refunded, covered, fees, carried, net = totals
    return BatchView(
        id=batch.id,
        booking_date=batch.booking_date,
        currency=batch.currency,
        settle_on=batch.settle_on,
        state=batch.state,
        participants=batch.participants,
        movements=batch.movements,
        captured=captured,
        refunded=refunded,
        covered=covered,
        fees=fees,
        carried=carried,
        net=net,
        drawn_at=batch.drawn_at,
        cleared_at=batch.cleared_at,
        settled_at=batch.settled_at,
    )


_NOTHING: Final = (0, 0, 0, 0, 0, 0)


@get(
    "/v1/clearing/batches",
    guards=[require("books:read")],
    tags=["clearing"],
    summary="Clearing batches, one a business day and currency, newest first",
    operation_id="list_batches",
    response_description="A page of batches.",
    responses=problems(),
)
async def list_batches(
    db: Db, first: From = None, last: To = None, cursor: Cursor = None, limit: Limit = None
) -> Page[BatchView]:
    most = paging.limit(limit)
    place = paging.place(cursor, date, str)
    async with db.read() as tx:
        found = await enquire.list_batches(
            tx,
            before=place[0] if place else None,
            before_currency=place[1] if place else None,
            first=paging.day(first, "from"),
            last=paging.day(last, "to"),
            most=most + 1,
        )
        totals = await enquire.totals(tx, [batch.id for batch in found])
    return paging.page(
        found,
        most,
        lambda b: paging.cursor(b.booking_date, b.currency),
        lambda b: _batch_view(b, totals.get(b.id, _NOTHING)),
    )


@get(
    "/v1/clearing/batches/{id:uuid}",
    guards=[require("books:read")],
    tags=["clearing"],
    summary="A clearing batch",
    operation_id="get_batch",
    response_description="The batch.",
    responses=problems(no.BATCH_UNKNOWN),
)
async def get_batch(id: Id, db: Db) -> BatchView:
    async with db.read() as tx:
        batch = await enquire.find_batch(tx, id)
        return _batch_view(batch, (await enquire.totals(tx, [id])).get(id, _NOTHING))


@get(
    "/v1/clearing/batches/{id:uuid}/positions",
    guards=[require("books:read")],
    tags=["clearing"],
    summary="The positions of a batch, which add up to zero; as a file with format=csv, xlsx or pdf",
    operation_id="list_positions",
    response_description="A page of positions.",
    responses=problems(no.BATCH_UNKNOWN, EXPORT_TOO_LARGE, NO_FONT),
)
async def list_positions(
    id: Id,
    db: Db,
    clock: Now,
    settings: Config,
    cursor: Cursor = None,
    limit: Limit = None,
    form: Form = "json",
    lang: ReadersLang = "zh",
) -> Page[PositionView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        batch = await enquire.find_batch(tx, id)
        if form == "json":
            found = await enquire.positions(tx, id, after=place[0] if place else None, most=most + 1)
            return paging.page(
                found, most, lambda p: paging.cursor(p.id), lambda p: PositionView(**_figures(p), kind=p.kind)
            )
    name = f"clearing-{batch.booking_date}-{batch.currency}"
    title = f"清算批次 {batch.booking_date}" if lang == "zh" else f"Clearing batch of {batch.booking_date}"
    rows = _position_rows(db, id)
    return await _file(columns.POSITIONS, rows, form, lang, name=name, title=title, settings=settings, at=clock.now())


async def _position_rows(db: Database, batch_id: UUID) -> AsyncIterator[tuple[object, ...]]:
    after: UUID | None = None
    while True:
        async with db.read() as tx:
            found = await enquire.positions(tx, batch_id, after=after, most=_CHUNK)
        for position in found:
            yield (position.kind.value, *_figures(position).values())
        if len(found) < _CHUNK:
            return
        after = found[-1].id


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    get_takings,
    list_settlements,
    get_fee_report,
    list_batches,
    get_batch,
    list_positions,
    *day_routes.ROUTES,
)

PAGES: Final[tuple[HTTPRouteHandler, ...]] = (
    *shop_pages.ROUTES,
    *shop_payment_pages.ROUTES,
    *shop_takings_pages.ROUTES,
    *shop_settlement_pages.ROUTES,
    *shop_code_pages.ROUTES,
    *shop_order_pages.ROUTES,
    *shop_webhook_pages.ROUTES,
    *clearing_pages.ROUTES,
)
