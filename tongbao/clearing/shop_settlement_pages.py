"""What is paid out to a shop, when, and what each settlement consists of, line by line; on paper too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

from litestar import get
from litestar.handlers import HTTPRouteHandler

from tongbao import identity, merchants
from tongbao.base import say
from tongbao.base.db import Database
from tongbao.base.say import Lang
from tongbao.clearing import enquire, words
from tongbao.clearing.model import Settlement, SettlementStory
from tongbao.clearing.shop_pages import shop_of, stage, when
from tongbao.clearing.shop_takings_pages import FILES, Files, each, money
from tongbao.web import export, i18n, pages, paging, tables
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

SETTLEMENTS: Final = (
    Column("booking_date", "Takings of", "收款日", tables.DATE),
    Column("currency", "Currency", "币种", printed=False),
    money("sales", "Sales", "收款"),
    money("refunds", "Refunds", "退款"),
    money("covered", "Put in for refunds", "补足退款"),
    money("fees", "Fees", "手续费"),
    money("carried", "From before", "前期结转"),
    money("net", "Paid out", "结算金额"),
    Column("state", "State", "状态", words=words.state_word),
    Column("on", "Date", "日期", tables.DATE),
    Column("id", "Id", "编号", printed=False),
)
LINES: Final = (
    Column("what", "What", "事项"),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency", signed=True, total=True),
    Column("currency", "Currency", "币种", printed=False),
)
_EXPORT_PAGE: Final = 500


@get("/shop/settlements", guards=[visitor("shop", "takings:read")], include_in_schema=False)
async def settlements(
    request: PageRequest,
    principal: By,
    db: Db,
    clock: Now,
    settings: Config,
    form: Files = None,
    cursor: Cursor = None,
) -> Any:
    """What was and will be paid out, newest first."""
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
    if form is not None:
        title = i18n.say("Settlements of %(shop)s", lang, shop=shop.name)
        rows = _settlement_rows(db, shop)
        return await export.export(
            SETTLEMENTS, rows, name="settlements", form=form, title=title, settings=settings, at=clock.now(), lang=lang
        )
    async with db.read() as tx:
        found = await enquire.settlements(tx, shop.id, below=place[0] if place else None, most=most + 1)
    listed = paging.page(found, most, lambda s: paging.cursor(s.id), lambda s: _settlement(s, link=True))
    columns = {column.key: place for place, column in enumerate(SETTLEMENTS)}
    unused = [key for key in ("covered", "carried") if not any(row[columns[key]] for row in listed.items)]
    table = Listing(
        columns=SETTLEMENTS,
        rows=listed.items,
        next_cursor=listed.next_cursor,
        hidden=("currency", "id", *unused),
        files=FILES,
        empty=i18n.say("Nothing has been paid out yet. It begins when the first day with sales is closed.", lang),
    )
    return pages.show(request, "clearing/shop_settlements.html", table=table, shop=shop)


def _settlement(s: Settlement, *, link: bool) -> tuple[Any, ...]:
    """In the order of SETTLEMENTS; `link` and marks for a page, plain values for a file."""
    return (
        Linked(s.booking_date, f"/shop/settlements/{s.id}") if link else s.booking_date,
        s.currency,
        s.captures_minor,
        s.refunds_minor,
        s.covered_minor,
        s.fees_minor,
        s.carried_minor,
        s.net_minor,
        Marked(stage(s)) if link else stage(s),
        when(s),
        str(s.id),
    )


async def _settlement_rows(db: Database, shop: merchants.Merchant) -> AsyncIterator[tuple[Any, ...]]:
    below: UUID | None = None
    while True:
        async with db.read() as tx:
            found = await enquire.settlements(tx, shop.id, below=below, most=_EXPORT_PAGE)
        for settlement in found:
            yield _settlement(settlement, link=False)
        if len(found) < _EXPORT_PAGE:
            return
        below = found[-1].id


_LINE_MESSAGES: Final = {
    "captures_minor": "Sales",
    "refunds_minor": "Refunds",
    "covered_minor": "Taken from your settlement account for refunds",
    "fees_minor": "Fees",
    "carried_minor": "Owed from earlier days",
}
_TAKEN_OFF: Final = ("refunds_minor", "fees_minor")


def _lines(s: Settlement, lang: Lang) -> list[tuple[Any, ...]]:
    """What a settlement consists of, each with its sign: they add up to what is paid out."""
    lines = []
    for name, said in _LINE_MESSAGES.items():
        amount = getattr(s, name)
        if amount or name in ("captures_minor", "refunds_minor", "fees_minor"):
            lines.append((i18n.say(said, lang), -amount if name in _TAKEN_OFF else amount, s.currency))
    return lines


@get("/shop/settlements/{id:uuid}", guards=[visitor("shop", "takings:read")], include_in_schema=False)
async def settlement(
    request: PageRequest, principal: By, id: Id, db: Db, clock: Now, settings: Config, form: Files = None
) -> Any:
    """One settlement, line by line; on paper too."""
    lang = pages.language(request)
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        story = await enquire.find_settlement(tx, shop.id, id)
        accounts = await identity.find_accounts(tx, [shop.settlement_account_id])
    number = accounts[shop.settlement_account_id].number
    s = story.settlement
    lines = _lines(s, lang)
    if form is not None:
        title = i18n.say("Settlement for %(day)s", lang, day=say.date_(s.booking_date, lang))
        rows, facts = each(lines), _facts(story, shop, number, lang)
        return await export.export(
            LINES, rows, name=f"settlement-{s.booking_date}", form=form, title=title, settings=settings,
            at=clock.now(), lang=lang, facts=facts,
        )  # fmt: skip
    table = Listing(
        columns=LINES,
        rows=lines,
        hidden=("currency",),
        files=("pdf", "csv", "xlsx"),
        foot=(i18n.say("Paid out", lang), s.net_minor, s.currency),
    )
    return pages.show(
        request,
        "clearing/shop_settlement.html",
        shop=shop,
        story=story,
        settlement=s,
        stage=stage(s),
        word=words.state_word(stage(s), lang),
        when=when(s),
        number=number,
        table=table,
    )


def _facts(story: SettlementStory, shop: merchants.Merchant, number: str, lang: Lang) -> list[tuple[str, str]]:
    s, day = story.settlement, when(story.settlement)
    return [
        (i18n.say("Shop", lang), shop.name),
        (i18n.say("Settlement account", lang), number),
        (i18n.say("Business day", lang), say.date_(s.booking_date, lang)),
        (i18n.say("State", lang), words.state_word(stage(s), lang)),
        *([(i18n.say("Date", lang), say.date_(day, lang))] if day else []),
        (i18n.say("Id", lang), str(s.id)),
    ]


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (settlements, settlement)
