"""JSON routes of the books, from the trial balance down to a posting, and of money that lies too long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, PathParameter, QueryParameter

from tongbao import ledger
from tongbao.base import days, say
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.console import refusals as no
from tongbao.console import store
from tongbao.console.model import LineAccount
from tongbao.web import paging
from tongbao.web.body import END
from tongbao.web.export import Form, ReadersLang, export
from tongbao.web.paging import Page
from tongbao.web.refusals import NO_FONT
from tongbao.web.site import Config, Cursor, Db, Id, Limit, Now, problems, require
from tongbao.web.tables import MONEY, Column

From = Annotated[date | None, QueryParameter(name="from", description="First day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last day.")]
LedgerId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1, description="An account of the ledger.", examples=[1])]


class TrialLineView(msgspec.Struct, kw_only=True):
    """`balance` = credits - debits. Debits and credits are the day's own and only known of a closed day."""

    gl_line: str
    name: str
    name_zh: str
    gl_class: str
    currency: str
    legal_entity: str | None
    branch: str | None
    debits: int | None
    credits: int | None
    balance: int


class TrialBalanceView(msgspec.Struct, kw_only=True):
    """`business_date` is null for the books as they are at this moment. `totals` are zero, or nothing else matters."""

    business_date: date | None
    lines: list[TrialLineView]
    totals: dict[str, int]


class LineAccountView(msgspec.Struct, kw_only=True):
    """`id` is the ledger's own; `account_id` and `number` belong to the customer's account, where there is one."""

    id: int
    gl_line: str
    currency: str
    legal_entity: str
    branch: str
    state: str
    balance: int
    held: int
    floor: int | None
    opened_at: datetime
    account_id: UUID | None
    number: str | None


class LedgerEntryView(msgspec.Struct, kw_only=True):
    posted_at: datetime
    booking_date: date
    value_date: date
    amount: int
    balance_after: int
    currency: str
    kind: str
    transfer_id: UUID
    counterparty: int


class PostingView(msgspec.Struct, kw_only=True):
    id: int
    debit: int
    credit: int
    amount: int
    currency: str
    value_date: date
    debit_balance_after: int
    credit_balance_after: int


class TransferView(msgspec.Struct, kw_only=True):
    """Postings that stand or fall together, and why they were made."""

    id: UUID
    kind: str
    booking_date: date
    recorded_at: datetime
    forced: str | None
    reverses: UUID | None
    reason: str | None
    postings: list[PostingView]


def _live(line: ledger.TrialLine) -> TrialLineView:
    return TrialLineView(
        gl_line=line.gl_line,
        name=line.name,
        name_zh=line.name_zh,
        gl_class=line.gl_class,
        currency=line.currency,
        legal_entity=None,
        branch=None,
        debits=None,
        credits=None,
        balance=line.balance_minor,
    )


def _closed(row: tuple[Any, ...]) -> TrialLineView:
    return TrialLineView(**dict(zip(TrialLineView.__struct_fields__, row[1:], strict=True)))


async def _trial_balance(tx: Tx, day: date | None) -> TrialBalanceView:
    if day is None:
        taken, lines = None, [_live(line) for line in await ledger.trial_balance(tx)]
    else:
        rows = await ledger.closed_trial_balance(tx, day)
        if not rows:
            raise no.NO_CLOSE_YET()
        taken, lines = rows[0][0], [_closed(row) for row in rows]
    totals: dict[str, int] = {}
    for line in lines:
        totals[line.currency] = totals.get(line.currency, 0) + line.balance
    return TrialBalanceView(business_date=taken, lines=lines, totals=totals)


@get(
    "/v1/trial-balance",
    guards=[require("books:read")],
    tags=["books"],
    summary="The trial balance: now, or of the newest close up to a day; as a file with format=csv, xlsx or pdf",
    operation_id="get_trial_balance",
    response_description="A line a general-ledger line and currency; sums to zero in every currency.",
    responses=problems(no.NO_CLOSE_YET, NO_FONT),
)
async def get_trial_balance(
    bulk: Db,
    clock: Now,
    settings: Config,
    day: Annotated[date | None, QueryParameter(name="date", description="A closed day; now unless told.")] = None,
    form: Form = "json",
    lang: ReadersLang = "zh",
) -> TrialBalanceView:
    day = paging.day(day, "date")
    async with bulk.read() as tx:
        found = await _trial_balance(tx, day)
    if form == "json":
        return found
    now = clock.now()
    taken = say.date_(found.business_date, lang) if found.business_date else say.moment(now, settings.zone, lang)
    return await export(
        trial_columns(lang),
        _rows(found.lines),
        name=f"trial-balance-{found.business_date or 'now'}",
        form=form,
        title="试算平衡表" if lang == "zh" else "Trial balance",
        settings=settings,
        at=now,
        lang=lang,
        facts=[("截至" if lang == "zh" else "As of", taken)],
    )


def trial_columns(lang: Lang) -> tuple[Column, ...]:
    """For rows of TrialLineView; on paper a line has its name in one language."""
    return (
        Column("gl_line", "Line", "科目号"),
        Column("name", "Name", "英文名称", printed=lang == "en"),
        Column("name_zh", "Name in Chinese", "科目名称", printed=lang == "zh"),
        Column("gl_class", "Class", "类别", words=ledger.class_word),
        Column("currency", "Currency", "币种"),
        Column("legal_entity", "Legal entity", "法人主体", printed=False),
        Column("branch", "Branch", "机构", printed=False),
        Column("debits", "Debits", "借方发生额", MONEY, currency_from="currency", total=True),
        Column("credits", "Credits", "贷方发生额", MONEY, currency_from="currency", total=True),
        Column("balance", "Balance", "余额", MONEY, currency_from="currency", total=True),
    )


async def _rows(structs: Iterable[msgspec.Struct]) -> AsyncIterator[tuple[object, ...]]:
    for struct in structs:
        yield msgspec.structs.astuple(struct)


def _line_account_view(account: LineAccount) -> LineAccountView:
    return LineAccountView(
        id=account.id,
        gl_line=account.gl_line,
        currency=account.currency,
        legal_entity=account.legal_entity,
        branch=account.branch,
        state=ledger.State(account.state).name.lower(),
        balance=account.balance_minor,
        held=account.held_minor,
        floor=account.floor_minor,
        opened_at=account.opened_at,
        account_id=account.account_id,
        number=account.number,
    )


@get(
    "/v1/gl-lines/{line:str}/accounts",
    guards=[require("books:read")],
    tags=["books"],
    summary="The accounts on a general-ledger line",
    operation_id="list_line_accounts",
    response_description="A page of ledger accounts, oldest first; empty for a line that has none.",
    responses=problems(),
)
async def list_line_accounts(
    line: Annotated[str, PathParameter(pattern="^[0-9]{4}" + END, description="Four digits.")],
    bulk: Db,
    currency: FromQuery[str | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[LineAccountView]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with bulk.read() as tx:
        found = await store.accounts_of_line(tx, line, currency, place[0] if place else 0, most + 1)
    return paging.page(found, most, lambda account: paging.cursor(account.id), _line_account_view)


@get(
    "/v1/ledger-accounts/{id:int}/entries",
    guards=[require("books:read")],
    tags=["books"],
    summary="Entries of any account of the ledger, newest first",
    operation_id="list_ledger_entries",
    response_description="A page of entries.",
    responses=problems(no.LEDGER_ACCOUNT_UNKNOWN),
)
async def list_ledger_entries(
    id: FromPath[int],
    db: Db,
    first: From = None,
    last: To = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[LedgerEntryView]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with db.read() as tx:
        if not 0 < id < 2**63 or not await ledger.accounts(tx, [id]):
            raise no.LEDGER_ACCOUNT_UNKNOWN()
        found = await ledger.entries(
            tx,
            id,
            below=place[0] if place else None,
            first=paging.day(first, "from"),
            last=paging.day(last, "to"),
            most=most + 1,
        )
    return paging.page(found, most, lambda entry: paging.cursor(entry.version), _entry_view)


def _entry_view(entry: ledger.Entry) -> LedgerEntryView:
    return LedgerEntryView(
        posted_at=entry.recorded_at,
        booking_date=entry.booking_date,
        value_date=entry.value_date,
        amount=entry.amount_minor,
        balance_after=entry.balance_minor,
        currency=entry.currency,
        kind=entry.kind,
        transfer_id=entry.transfer_id,
        counterparty=entry.counterparty_id,
    )


@get(
    "/v1/transfers/{id:uuid}",
    guards=[require("books:read")],
    tags=["books"],
    summary="A transfer of the ledger and its postings",
    operation_id="get_transfer",
    response_description="The transfer.",
    responses=problems(no.LEDGERS["transfer_unknown"]),
)
async def get_transfer(id: Id, db: Db) -> TransferView:
    async with db.read() as tx:
        head = await store.transfer(tx, id)
        if head is None:
            raise no.LEDGERS["transfer_unknown"]()
        rows = await ledger.postings_of(tx, [id])
    names = PostingView.__struct_fields__
    postings = [PostingView(**dict(zip(names, row[1:9], strict=True))) for row in rows]
    return TransferView(**msgspec.structs.asdict(head), postings=postings)


class AgedView(msgspec.Struct, kw_only=True):
    """Money that has lain on a line longer than the line allows; `transfer_id` is the oldest entry not yet matched."""

    gl_line: str
    name: str
    name_zh: str
    owner: str
    ages_after_days: int
    account_id: int
    currency: str
    balance: int
    transfer_id: UUID
    booking_date: date
    recorded_at: datetime
    age_days: int


@get(
    "/v1/aged-items",
    guards=[require("books:read")],
    tags=["books"],
    summary="What has lain too long on suspense and clearing lines",
    operation_id="list_aged_items",
    response_description="At most 500, oldest first.",
    responses=problems(days.NOT_FOUNDED),
)
async def list_aged_items(bulk: Db) -> Page[AgedView]:
    async with bulk.read() as tx:
        found = await ledger.aged(tx, (await days.current(tx)).open_date)
    names = AgedView.__struct_fields__
    return Page(items=[AgedView(**dict(zip(names, msgspec.structs.astuple(row), strict=True))) for row in found])


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    get_trial_balance,
    list_line_accounts,
    list_ledger_entries,
    get_transfer,
    list_aged_items,
)
