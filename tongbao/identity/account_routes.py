"""JSON routes of accounts: open, look up, freeze, close; entries, balances, statements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao import ledger
from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import accounts, customers, standing
from tongbao.identity import refusals as no
from tongbao.identity.customer_routes import Why
from tongbao.identity.model import Account, NewAccount, Product, Standing
from tongbao.web import paging
from tongbao.web.body import END, Body, Currency
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Config, Cursor, Db, Id, Key, Limit, Now, export, made, problems, require

From = Annotated[date | None, QueryParameter(name="from", description="First booking day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last booking day.")]

_USUAL_STATEMENT: Final = timedelta(days=30)


class AccountOrder(Body, frozen=True):
    customer_id: UUID
    currency: Currency | None = None
    """The bank's own currency unless told."""
    product: Product = Product.CURRENT


class AccountView(msgspec.Struct, kw_only=True):
    """Amounts in minor units. `available` = balance - held - floor."""

    id: UUID
    number: str
    customer_id: UUID
    currency: str
    product: Product
    status: Standing
    balance: int
    held: int
    available: int | None
    opened_at: datetime


class EntryView(msgspec.Struct, kw_only=True):
    """A posting from the account's side: `amount` is negative for money out."""

    posted_at: datetime
    booking_date: date
    value_date: date
    amount: int
    balance_after: int
    kind: str
    transfer_id: UUID
    counterparty_account_id: UUID | None
    """Null where the other side is an account of the bank's own."""


class BalanceView(msgspec.Struct, kw_only=True, omit_defaults=True):
    account_id: UUID
    currency: str
    balance: int
    at: datetime | None = None
    value_date: date | None = None


class StatementView(msgspec.Struct, kw_only=True):
    """`opening` + the sum of `entries` = `closing`. `complete` is false where there are more entries than one answer holds."""

    account_id: UUID
    number: str
    currency: str
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    opening: int
    closing: int
    entries: list[EntryView]
    complete: bool


def _account_view(account: Account, money: ledger.Account) -> AccountView:
    return AccountView(
        id=account.id,
        number=account.number,
        customer_id=account.customer_id,
        currency=account.currency,
        product=account.product,
        status=account.effective,
        balance=money.balance_minor,
        held=money.held_minor,
        available=money.available_minor,
        opened_at=account.opened_at,
    )


def _account_as_opened(account: Account) -> AccountView:
    return AccountView(
        id=account.id,
        number=account.number,
        customer_id=account.customer_id,
        currency=account.currency,
        product=account.product,
        status=Standing.OPEN,
        balance=0,
        held=0,
        available=0,
        opened_at=account.opened_at,
    )


async def _account(tx: Tx, account_id: UUID) -> Account:
    found = (await accounts.find_accounts(tx, [account_id])).get(account_id)
    if found is None:
        raise no.ACCOUNT_NOT_FOUND()
    return found


@post(
    "/v1/accounts",
    guards=[require("accounts:write")],
    tags=["accounts"],
    summary="Open an account for a customer",
    operation_id="open_account",
    response_description="The account, empty.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.CUSTOMER_FROZEN, no.CUSTOMER_CLOSED, make=True),
)
async def open_account(
    data: JSONBody[AccountOrder], key: Key, principal: By, db: Db, clock: Now, settings: Config
) -> AccountView:
    currency = data.currency or settings.currency
    new = NewAccount(id=key, customer_id=data.customer_id, currency=currency, product=data.product)

    async def open_one(tx: Tx) -> Any:
        opened = await accounts.open_accounts(tx, [new], by=principal, at=clock.now(), bank_code=settings.bank_code)
        if isinstance(opened[0], Refusal):
            raise opened[0]
        return opened[0]

    done = await db.retry(open_one)
    return made(_account_as_opened(done.thing), replayed=done.replayed)


@get(
    "/v1/accounts/{id:uuid}",
    guards=[require("accounts:read")],
    tags=["accounts"],
    summary="An account: balance, held, available",
    operation_id="get_account",
    response_description="The account.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def get_account(id: Id, db: Db) -> AccountView:
    async with db.read() as tx:
        return await _with_money(tx, await _account(tx, id))


async def _with_money(tx: Tx, account: Account) -> AccountView:
    return _account_view(account, (await ledger.accounts(tx, [account.ledger_id]))[account.ledger_id])


async def _account_stands(
    db: Database,
    clock: Clock,
    move: Callable[..., Awaitable[Account]],
    account_id: UUID,
    why: Why,
    by: Principal,
) -> AccountView:
    async def decide(tx: Tx) -> AccountView:
        return await _with_money(tx, await move(tx, account_id, reason=why.reason, by=by, at=clock.now()))

    return await db.retry(decide)


@post(
    "/v1/accounts/{id:uuid}/freeze",
    status_code=200,
    guards=[require("accounts:freeze")],
    tags=["accounts"],
    summary="Freeze an account: it pays nothing and still receives",
    operation_id="freeze_account",
    response_description="The account, frozen now or before.",
    responses=problems(no.ACCOUNT_NOT_FOUND, no.STANDING_MOVE_REFUSED, write=True),
)
async def freeze_account(
    id: Id,
    data: JSONBody[Why],
    principal: By,
    db: Db,
    clock: Now,
) -> AccountView:
    return await _account_stands(db, clock, standing.freeze_account, id, data, principal)


@post(
    "/v1/accounts/{id:uuid}/unfreeze",
    status_code=200,
    guards=[require("accounts:freeze")],
    tags=["accounts"],
    summary="Thaw an account",
    operation_id="unfreeze_account",
    response_description="The account; still frozen while its customer is.",
    responses=problems(no.ACCOUNT_NOT_FOUND, no.STANDING_MOVE_REFUSED, write=True),
)
async def unfreeze_account(
    id: Id,
    data: JSONBody[Why],
    principal: By,
    db: Db,
    clock: Now,
) -> AccountView:
    return await _account_stands(db, clock, standing.unfreeze_account, id, data, principal)


@post(
    "/v1/accounts/{id:uuid}/close",
    status_code=200,
    guards=[require("accounts:freeze")],
    tags=["accounts"],
    summary="Close an empty account, for ever",
    operation_id="close_account",
    response_description="The account, closed now or before.",
    responses=problems(no.ACCOUNT_NOT_FOUND, no.STANDING_MOVE_REFUSED, no.CUSTOMER_FROZEN, write=True),
)
async def close_account(
    id: Id,
    data: JSONBody[Why],
    principal: By,
    db: Db,
    clock: Now,
) -> AccountView:
    return await _account_stands(db, clock, standing.close_account, id, data, principal)


async def _entry_views(tx: Tx, entries: list[ledger.Entry]) -> list[EntryView]:
    others = await accounts.accounts_of_ledger(tx, {e.counterparty_id for e in entries})
    return [
        EntryView(
            posted_at=e.recorded_at,
            booking_date=e.booking_date,
            value_date=e.value_date,
            amount=e.amount_minor,
            balance_after=e.balance_minor,
            kind=e.kind,
            transfer_id=e.transfer_id,
            counterparty_account_id=others.get(e.counterparty_id),
        )
        for e in entries
    ]


@get(
    "/v1/accounts/{id:uuid}/entries",
    guards=[require("accounts:read")],
    tags=["accounts"],
    summary="Entries of an account, newest first, with the balance after each",
    operation_id="list_entries",
    response_description="A page of entries.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def list_entries(
    id: Id,
    db: Db,
    cursor: Cursor = None,
    limit: Limit = None,
    first: From = None,
    last: To = None,
) -> Page[EntryView]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with db.read() as tx:
        account = await _account(tx, id)
        found = await ledger.entries(
            tx,
            account.ledger_id,
            below=place[0] if place else None,
            first=paging.day(first, "from"),
            last=paging.day(last, "to"),
            most=most + 1,
        )
        views = await _entry_views(tx, found)
    rows = list(zip(found, views, strict=True))
    return paging.page(rows, most, lambda row: paging.cursor(row[0].version), lambda row: row[1])


@get(
    "/v1/accounts/{id:uuid}/balance",
    guards=[require("accounts:read")],
    tags=["accounts"],
    summary="The balance at a moment, by record or by value date",
    operation_id="get_balance",
    response_description="The balance: at the moment `at`, or of the day `value_date`, or now.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def get_balance(
    id: Id,
    db: Db,
    clock: Now,
    at: FromQuery[datetime | None] = None,
    value_date: FromQuery[date | None] = None,
) -> BalanceView:
    if at is not None and value_date is not None:
        raise INVALID_FIELD("either `at` or `value_date`", field="at")
    moment, day = paging.moment(at, "at"), paging.day(value_date, "value_date")
    async with db.read() as tx:
        account = await _account(tx, id)
        if day is not None:
            balance = await ledger.balance_on_value_date(tx, account.ledger_id, day)
        else:
            moment = moment or clock.now()
            balance = await ledger.balance_at(tx, account.ledger_id, moment)
    return BalanceView(account_id=id, currency=account.currency, balance=balance, at=moment, value_date=day)


@get(
    "/v1/accounts/{id:uuid}/statement",
    guards=[require("accounts:read")],
    tags=["accounts"],
    summary="A statement over booking days, oldest entry first; as CSV with format=csv",
    operation_id="get_statement",
    response_description="The statement.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def get_statement(
    id: Id,
    db: Db,
    clock: Now,
    settings: Config,
    first: From = None,
    last: To = None,
    form: Annotated[str, QueryParameter(name="format", pattern="^(json|csv)" + END)] = "json",
) -> StatementView:
    last = paging.day(last, "to") or days.local_day(clock.now(), settings.zone)
    first = paging.day(first, "from") or last - _USUAL_STATEMENT
    if first > last:
        raise INVALID_FIELD("`from` lies after `to`", field="from")
    async with db.read() as tx:
        account = await _account(tx, id)
        if form == "json":
            found = await ledger.statement(tx, account.ledger_id, first, last)
            return StatementView(
                account_id=id,
                number=account.number,
                currency=account.currency,
                first=first,
                last=last,
                opening=found.opening_minor,
                closing=found.closing_minor,
                entries=await _entry_views(tx, found.entries),
                complete=found.complete,
            )
    name = f"statement-{account.number}-{first}-{last}"
    return export(_COLUMNS, _statement_rows(db, account, first, last), name=name)  # pyright: ignore[reportReturnType]


_COLUMNS: Final = (
    "posted_at",
    "booking_date",
    "value_date",
    "amount_minor",
    "balance_after_minor",
    "currency",
    "kind",
    "transfer_id",
    "counterparty_account_id",
)
_DAY_MOST: Final = 1_000_000


async def _statement_rows(db: Database, account: Account, first: date, last: date) -> AsyncIterator[tuple[object, ...]]:
    """Oldest first, by halving the span until a part fits into memory; no connection is held while the client reads."""
    async with db.read() as tx:
        most = _DAY_MOST if first == last else 10_000
        found = await ledger.statement(tx, account.ledger_id, first, last, most=most)
        views = await _entry_views(tx, found.entries) if found.complete or first == last else []
    if not found.complete and first < last:
        middle = first + (last - first) // 2
        for part in ((first, middle), (middle + timedelta(days=1), last)):
            async for row in _statement_rows(db, account, *part):
                yield row
        return
    for view in views:
        yield (
            view.posted_at.isoformat(),
            view.booking_date,
            view.value_date,
            view.amount,
            view.balance_after,
            account.currency,
            view.kind,
            view.transfer_id,
            view.counterparty_account_id,
        )


@get(
    "/v1/customers/{id:uuid}/accounts",
    guards=[require("accounts:read")],
    tags=["customers", "accounts"],
    summary="A customer's accounts",
    operation_id="list_customer_accounts",
    response_description="A page of accounts.",
    responses=problems(no.CUSTOMER_UNKNOWN),
)
async def list_customer_accounts(
    id: Id,
    db: Db,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[AccountView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        if not await customers.find_customers(tx, [id]):
            raise no.CUSTOMER_UNKNOWN()
        found = await accounts.accounts_of(tx, id, after=place[0] if place else None, most=most + 1)
        money = await ledger.accounts(tx, [a.ledger_id for a in found])
    return paging.page(found, most, lambda a: paging.cursor(a.id), lambda a: _account_view(a, money[a.ledger_id]))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_customer_accounts,
    open_account,
    get_account,
    freeze_account,
    unfreeze_account,
    close_account,
    list_entries,
    get_balance,
    get_statement,
)
