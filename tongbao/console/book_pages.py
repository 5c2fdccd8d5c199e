"""The books from the top down: trial balance, the accounts of a line, an account's entries, a transfer's postings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter

from tongbao import ledger
from tongbao.base import days, say
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.console import refusals as no
from tongbao.console import store
from tongbao.web import i18n, pages, paging, tables
from tongbao.web.body import END
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import Cursor, Db, Id, visitor
from tongbao.web.tables import Column

TRIAL: Final = (
    Column("gl_line", "Line", "科目号"),
    Column("name", "Name", "科目名称"),
    Column("gl_class", "Class", "类别", words=ledger.class_word),
    Column("currency", "Currency", "币种"),
    Column("debits", "Debits", "借方发生额", tables.MONEY, currency_from="currency"),
    Column("credits", "Credits", "贷方发生额", tables.MONEY, currency_from="currency"),
    Column("balance", "Balance", "余额", tables.MONEY, currency_from="currency"),
)


def state_word(state: str, lang: Lang) -> str:
    words = {"open": "正常", "frozen": "已冻结", "closed": "已销户"}
    return words.get(state, state) if lang == "zh" else state


ACCOUNTS: Final = (
    Column("id", "Ledger account", "分户账"),
    Column("number", "Account number", "账号"),
    Column("state", "State", "状态", words=state_word),
    Column("balance", "Balance", "余额", tables.MONEY, currency_from="currency"),
    Column("held", "Held", "预授权", tables.MONEY, currency_from="currency"),
    Column("floor", "Floor", "余额下限", tables.MONEY, currency_from="currency"),
    Column("opened_at", "Opened", "开户时间", tables.MOMENT),
    Column("currency", "Currency", "币种"),
)
ENTRIES: Final = (
    Column("posted_at", "Posted", "入账时间", tables.MOMENT),
    Column("booking_date", "Booking date", "记账日", tables.DATE),
    Column("kind", "Kind", "类型", words=ledger.kind_word),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency", signed=True),
    Column("balance", "Balance after", "余额", tables.MONEY, currency_from="currency"),
    Column("counterparty", "Other side", "对方分户账"),
    Column("transfer", "Transfer", "交易编号"),
    Column("currency", "Currency", "币种"),
)
POSTINGS: Final = (
    Column("id", "Posting", "分录编号"),
    Column("debit", "Debit", "借方"),
    Column("credit", "Credit", "贷方"),
    Column("amount", "Amount", "金额", tables.MONEY, currency_from="currency"),
    Column("debit_after", "Debit side after", "借方余额", tables.MONEY, currency_from="currency"),
    Column("credit_after", "Credit side after", "贷方余额", tables.MONEY, currency_from="currency"),
    Column("value_date", "Value date", "起息日", tables.DATE),
    Column("currency", "Currency", "币种"),
)
LineCode = Annotated[str, PathParameter(pattern="^[0-9]{4}" + END)]


@get("/staff/books", guards=[visitor("staff", "books:read")], include_in_schema=False)
async def trial_balance(
    request: PageRequest, bulk: Db, day: Annotated[date | None, QueryParameter(name="date")] = None
) -> Page:
    """Now, or as it was taken at the newest close up to a day. It adds up to nothing, or nothing else matters."""
    lang = pages.language(request)
    async with bulk.read() as tx:
        now = await days.current(tx)
        taken, rows = await _trial_rows(tx, paging.day(day, "date"), lang)
    totals: dict[str, int] = {}
    for line in rows:
        totals[line[3]] = totals.get(line[3], 0) + line[-1]
    table = Listing(columns=TRIAL, rows=rows, hidden=() if len(totals) > 1 else ("currency",))
    return pages.show(
        request,
        "console/books.html",
        table=table,
        totals=totals,
        taken=taken,
        day=now,
        asked=day,
        files=f"/v1/trial-balance?lang={lang}" + (f"&date={day}" if day else ""),
    )


async def _trial_rows(tx: Tx, day: date | None, lang: Lang) -> tuple[date | None, list[tuple[Any, ...]]]:
    if day is None:
        return None, [
            (
                Linked(line.gl_line, f"/staff/books/{line.gl_line}?currency={line.currency}"),
                line.name_zh if lang == "zh" else line.name,
                line.gl_class,
                line.currency,
                None,
                None,
                line.balance_minor,
            )
            for line in await ledger.trial_balance(tx)
        ]
    found = await ledger.closed_trial_balance(tx, day)
    if not found:
        raise no.NO_CLOSE_YET()
    rows = []
    for taken, code, name, name_zh, gl_class, currency, _entity, _branch, debits, credit, balance in found:
        link = Linked(code, f"/staff/books/{code}?currency={currency}")
        rows.append((link, name_zh if lang == "zh" else name, gl_class, currency, debits, credit, balance))
        day = taken
    return day, rows


@get("/staff/books/{line:str}", guards=[visitor("staff", "books:read")], include_in_schema=False)
async def line_accounts(
    request: PageRequest, line: LineCode, bulk: Db, currency: FromQuery[str | None] = None, cursor: Cursor = None
) -> Page:
    """The accounts on a line."""
    most = paging.USUAL
    place = paging.place(cursor, int)
    async with bulk.read() as tx:
        found = await store.accounts_of_line(tx, line, currency, place[0] if place else 0, most + 1)
    listed = paging.page(
        found,
        most,
        lambda account: paging.cursor(account.id),
        lambda a: (
            Linked(str(a.id), f"/staff/ledger-accounts/{a.id}"),
            Linked(a.number, f"/staff/accounts/{a.account_id}") if a.account_id else None,
            Marked(ledger.State(a.state).name.lower()),
            a.balance_minor,
            a.held_minor or None,
            a.floor_minor,
            a.opened_at,
            a.currency,
        ),
    )
    table = Listing(columns=ACCOUNTS, rows=listed.items, next_cursor=listed.next_cursor, hidden=("currency",))
    return pages.show(request, "console/book_line.html", table=table, line=line)


@get("/staff/ledger-accounts/{id:int}", guards=[visitor("staff", "books:read")], include_in_schema=False)
async def ledger_account(request: PageRequest, id: FromPath[int], db: Db, cursor: Cursor = None) -> Page:
    """An account of the ledger: what it holds, and every entry with the balance after it."""
    most = paging.USUAL
    place = paging.place(cursor, int)
    async with db.read() as tx:
        accounts = await ledger.accounts(tx, [id]) if 0 < id < 2**63 else {}
        if not accounts:
            raise no.LEDGER_ACCOUNT_UNKNOWN()
        found = await ledger.entries(tx, id, below=place[0] if place else None, most=most + 1)
    listed = paging.page(
        found,
        most,
        lambda entry: paging.cursor(entry.version),
        lambda e: (
            e.recorded_at,
            e.booking_date,
            e.kind,
            e.amount_minor,
            e.balance_minor,
            Linked(str(e.counterparty_id), f"/staff/ledger-accounts/{e.counterparty_id}"),
            Linked(str(e.transfer_id)[-8:], f"/staff/transfers/{e.transfer_id}"),
            e.currency,
        ),
    )
    table = Listing(columns=ENTRIES, rows=listed.items, next_cursor=listed.next_cursor, hidden=("currency",))
    return pages.show(request, "console/ledger_account.html", table=table, account=accounts[id], id=id)


@get("/staff/transfers/{id:uuid}", guards=[visitor("staff", "books:read")], include_in_schema=False)
async def transfer(request: PageRequest, id: Id, db: Db) -> Page:
    """Postings that stand or fall together, and why they were made."""
    lang = pages.language(request)
    async with db.read() as tx:
        head = await store.transfer(tx, id)
        if head is None:
            raise no.LEDGERS["transfer_unknown"]()
        postings = await ledger.postings_of(tx, [id])
    table = Listing(columns=POSTINGS, rows=[_posting(row) for row in postings], hidden=("currency",))
    facts = [
        (i18n.say("Kind", lang), ledger.kind_word(head.kind, lang)),
        (i18n.say("Booking date", lang), say.date_(head.booking_date, lang)),
        (i18n.say("Reason", lang), head.reason),
        (i18n.say("Forced code", lang), head.forced),
        (i18n.say("Reverses", lang), str(head.reverses) if head.reverses else None),
    ]
    return pages.show(request, "console/transfer.html", table=table, head=head, facts=facts)


def _posting(row: tuple[Any, ...]) -> tuple[Any, ...]:
    _, posting_id, debit, credit, amount, currency, value_date, debit_after, credit_after = row[:9]
    return (
        str(posting_id),
        Linked(str(debit), f"/staff/ledger-accounts/{debit}"),
        Linked(str(credit), f"/staff/ledger-accounts/{credit}"),
        amount,
        debit_after,
        credit_after,
        value_date,
        currency,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (trial_balance, line_accounts, ledger_account, transfer)
