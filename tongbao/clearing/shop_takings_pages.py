"""What a shop took day by day, and what each day consists of: figures that add up line by line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from tongbao import payments
from tongbao.base import days, say
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.clearing import enquire, words
from tongbao.clearing.model import TakingsDay, TakingsLine, TakingsMove
from tongbao.clearing.shop_pages import Span, searched, shop_of, stage, sums, when
from tongbao.web import export, i18n, pages, paging, tables
from tongbao.web.export import FileForm
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Now, visitor
from tongbao.web.tables import Column

Files = Annotated[FileForm | None, QueryParameter(name="format")]


def money(key: str, en: str, zh: str, *, total: bool = True) -> Column:
    return Column(key, en, zh, tables.MONEY, currency_from="currency", total=total)


DAYS: Final = (
    Column("day", "Business day", "营业日", tables.DATE),
    Column("currency", "Currency", "币种", printed=False),
    money("sales", "Sales", "收款"),
    money("refunds", "Refunds", "退款"),
    money("fees", "Fees", "手续费"),
    money("net", "Left for you", "实收净额"),
)


def _day_or_total(value: date | str, lang: Lang) -> str:
    return value if isinstance(value, str) else say.date_(value, lang)


SHOWN: Final = (msgspec.structs.replace(DAYS[0], words=_day_or_total), *DAYS[1:])
"""The same on a page, whose last row is called by a word."""
CURVE: Final = (
    Column("day", "Business day", "营业日", tables.DATE),
    Column("sales", "Sales", "收款", tables.MONEY),
    Column("refunds", "Refunds", "退款", tables.MONEY),
)
METHODS: Final = (
    Column("method", "Method", "方式", words=payments.method_word),
    Column("currency", "Currency", "币种"),
    Column("sales", "Number of sales", "收款笔数", tables.COUNT),
    money("captured", "Sales", "收款"),
    Column("refunds", "Number of refunds", "退款笔数", tables.COUNT),
    money("refunded", "Refunds", "退款"),
    money("fees", "Fees", "手续费"),
    money("net", "Left for you", "实收净额"),
)
MOVES: Final = (
    Column("at", "Time", "时间", tables.MOMENT),
    Column("kind", "What", "事项", words=words.move_word),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency", signed=True),
    money("fee", "Fee", "手续费"),
    Column("method", "Method", "方式", words=payments.method_word),
    Column("payment", "Payment", "付款编号"),
    Column("currency", "Currency", "币种"),
)
_USUAL_SPAN: Final = timedelta(days=29)
FILES: Final = ("csv", "xlsx", "pdf")


@get("/shop/takings", guards=[visitor("shop", "takings:read")], include_in_schema=False)
async def takings(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config, form: Files = None) -> Any:
    """By day: what was sold, given back, paid in fees, and left. The last thirty days unless told."""
    lang = pages.language(request)
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        search = searched(request, Span, shop)
        shown: dict[str, Any] = {"form": search, "shop": shop}
        if search.value is None:
            return pages.show(request, "clearing/shop_takings.html", status=422, **shown)
        last = search.value.last or (await days.current(tx)).open_date
        first = search.value.first or last - _USUAL_SPAN
        try:
            found = await enquire.takings_by_day(tx, shop.id, first, last)
        except Refusal as refusal:
            again = search.refused(refusal, lang)
            return pages.show(request, "clearing/shop_takings.html", status=refusal.kind.status, form=again, shop=shop)
    found = [day for day in found if day.captures_minor or day.refunds_minor]
    if form is not None:
        title = i18n.say("Takings of %(shop)s", lang, shop=shop.name)
        rows = each([_day(day, link=False) for day in found])
        return await export.export(
            DAYS, rows, name="takings", form=form, title=title, settings=settings, at=clock.now(), lang=lang
        )
    table = Listing(
        columns=SHOWN,
        rows=[_day(day, link=True) for day in reversed(found)],
        hidden=("currency",),
        files=FILES,
        foot=(i18n.say("Total", lang), shop.currency, *_totals(found)),
        empty=i18n.say("Nothing was taken in these days.", lang),
    )
    curve = Listing(columns=CURVE, rows=_curve(found), currency=shop.currency, chart="bar")
    totals = dict(zip(("sales", "refunds", "fees", "net"), _totals(found), strict=True))
    return pages.show(
        request, "clearing/shop_takings.html", table=table, curve=curve, totals=totals, first=first, last=last, **shown
    )


def _day(day: TakingsDay, *, link: bool) -> tuple[Any, ...]:
    of = day.booking_date
    return (
        Linked(of, f"/shop/takings/{of}") if link else of,
        day.currency,
        day.captures_minor,
        day.refunds_minor,
        day.fees_minor,
        day.net_minor,
    )


def _totals(found: Sequence[TakingsDay]) -> tuple[int, int, int, int]:
    """Sales, refunds, fees and what is left."""
    return (
        sum(day.captures_minor for day in found),
        sum(day.refunds_minor for day in found),
        sum(day.fees_minor for day in found),
        sum(day.net_minor for day in found),
    )


def _curve(found: Sequence[TakingsDay]) -> list[tuple[Any, ...]]:
    """Every day from the first with sales to the last, those without any too: a gap is seen as one."""
    if not found:
        return []
    by_day = {day.booking_date: (day.captures_minor, day.refunds_minor) for day in found}
    first, span = found[0].booking_date, (found[-1].booking_date - found[0].booking_date).days
    return [(day, *by_day.get(day, (0, 0))) for day in (first + timedelta(n) for n in range(span + 1))]


async def each(rows: Sequence[tuple[Any, ...]]) -> AsyncIterator[tuple[Any, ...]]:
    for row in rows:
        yield row


@get("/shop/takings/{day:date}", guards=[visitor("shop", "takings:read")], include_in_schema=False)
async def takings_of_day(
    request: PageRequest, principal: By, day: FromPath[date], db: Db, cursor: Cursor = None
) -> Page:
    """A day by method, and every sale and refund that it consists of."""
    lang, most = pages.language(request), paging.USUAL
    paging.day(day, "day")
    place = paging.place(cursor, datetime, UUID, str)
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        lines = await enquire.takings(tx, shop.id, day)
        before = (place[0], place[1], place[2]) if place else None
        found = await enquire.takings_moves(tx, shop.id, day, before=before, most=most + 1)
        settled = await enquire.settlement_of_day(tx, shop.id, day, shop.currency)
        open_date = (await days.current(tx)).open_date
    listed = paging.page(found, most, lambda m: paging.cursor(m.at, m.id, m.kind), _move)
    total = sums(lines)
    by_method = Listing(
        columns=METHODS,
        rows=[_method(line) for line in lines],
        hidden=("currency",),
        empty=i18n.say("Nothing was taken on this day.", lang),
    )
    moves = Listing(columns=MOVES, rows=listed.items, next_cursor=listed.next_cursor, hidden=("currency",))
    return pages.show(
        request,
        "clearing/shop_day.html",
        shop=shop,
        day=day,
        is_open=day == open_date,
        total=total,
        net=total["sales_minor"] - total["refunds_minor"] - total["fees_minor"],
        by_method=by_method,
        moves=moves,
        settled=settled,
        settled_word=words.state_word(stage(settled), lang) if settled else None,
        settled_when=when(settled) if settled else None,
        stage=stage,
    )


def _method(line: TakingsLine) -> tuple[Any, ...]:
    return (
        line.method,
        line.currency,
        line.captures,
        line.captures_minor,
        line.refunds,
        line.refunds_minor,
        line.fees_minor,
        line.captures_minor - line.refunds_minor - line.fees_minor,
    )


def _move(move: TakingsMove) -> tuple[Any, ...]:
    return (
        move.at,
        move.kind,
        move.amount_minor,
        move.fee_minor or None,
        move.method,
        Linked(str(move.payment_id)[-8:], f"/shop/payments/{move.payment_id}"),
        move.currency,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (takings, takings_of_day)
