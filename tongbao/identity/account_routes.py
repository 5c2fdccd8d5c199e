"""JSON routes of accounts: open, look up, freeze, close; entries and balances."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter

from tongbao import ledger
from tongbao.base.approvals import BY_KEYS_AT_ONCE, TAKES_A_SECOND_PERSON
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import accounts, customers, standing
from tongbao.identity import refusals as no
from tongbao.identity.customer_routes import Why
from tongbao.identity.model import Account, NewAccount, Product, Standing
from tongbao.identity.own import may_see_account, may_see_customer, require_or_own
from tongbao.identity.statements import statement_lines
from tongbao.web import paging
from tongbao.web.body import Body, Currency
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Config, Cursor, Db, Id, Key, Limit, Now, made, problems, require

From = Annotated[date | None, QueryParameter(name="from", description="First booking day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last booking day.")]


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
    """Null where the other side is an account of the bank's own; so are its owner's name and its number, which are masked."""
    counterparty_name: str | None
    counterparty_number: str | None


class BalanceView(msgspec.Struct, kw_only=True, omit_defaults=True):
    account_id: UUID
    currency: str
    balance: int
    at: datetime | None = None
    value_date: date | None = None


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
    guards=[require_or_own("accounts:read", "me:read")],
    tags=["accounts"],
    summary="An account: balance, held, available",
    operation_id="get_account",
    response_description="The account.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def get_account(id: Id, principal: By, db: Db) -> AccountView:
    async with db.read() as tx:
        return await _with_money(tx, await may_see_account(tx, principal, id))


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
    guards=[require_or_own("accounts:freeze", "me:pay")],
    tags=["accounts"],
    summary="Freeze an account, as the bank or as its owner: it pays nothing and still receives",
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
    description=BY_KEYS_AT_ONCE,
    operation_id="unfreeze_account",
    response_description="The account; still frozen while its customer is.",
    responses=problems(no.ACCOUNT_NOT_FOUND, no.STANDING_MOVE_REFUSED, TAKES_A_SECOND_PERSON, write=True),
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


async def entry_views(tx: Tx, entries: list[ledger.Entry]) -> list[EntryView]:
    """Entries of one account, as statements and lists show them."""
    return [
        EntryView(
            posted_at=line.entry.recorded_at,
            booking_date=line.entry.booking_date,
            value_date=line.entry.value_date,
            amount=line.entry.amount_minor,
            balance_after=line.entry.balance_minor,
            kind=line.entry.kind,
            transfer_id=line.entry.transfer_id,
            counterparty_account_id=line.account_id,
            counterparty_name=line.name,
            counterparty_number=line.number,
        )
        for line in await statement_lines(tx, entries)
    ]


@get(
    "/v1/accounts/{id:uuid}/entries",
    guards=[require_or_own("accounts:read", "me:read")],
    tags=["accounts"],
    summary="Entries of an account, newest first, with the balance after each",
    operation_id="list_entries",
    response_description="A page of entries.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def list_entries(
    id: Id,
    principal: By,
    db: Db,
    cursor: Cursor = None,
    limit: Limit = None,
    first: From = None,
    last: To = None,
) -> Page[EntryView]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with db.read() as tx:
        account = await may_see_account(tx, principal, id)
        found = await ledger.entries(
            tx,
            account.ledger_id,
            below=place[0] if place else None,
            first=paging.day(first, "from"),
            last=paging.day(last, "to"),
            most=most + 1,
        )
        views = await entry_views(tx, found)
    rows = list(zip(found, views, strict=True))
    return paging.page(rows, most, lambda row: paging.cursor(row[0].version), lambda row: row[1])


@get(
    "/v1/accounts/{id:uuid}/balance",
    guards=[require_or_own("accounts:read", "me:read")],
    tags=["accounts"],
    summary="The balance at a moment, by record or by value date",
    operation_id="get_balance",
    response_description="The balance: at the moment `at`, or of the day `value_date`, or now.",
    responses=problems(no.ACCOUNT_NOT_FOUND),
)
async def get_balance(
    id: Id,
    principal: By,
    db: Db,
    clock: Now,
    at: FromQuery[datetime | None] = None,
    value_date: FromQuery[date | None] = None,
) -> BalanceView:
    if at is not None and value_date is not None:
        raise INVALID_FIELD("either `at` or `value_date`", field="at")
    moment, day = paging.moment(at, "at"), paging.day(value_date, "value_date")
    async with db.read() as tx:
        account = await may_see_account(tx, principal, id)
        if day is not None:
            balance = await ledger.balance_on_value_date(tx, account.ledger_id, day)
        else:
            moment = moment or clock.now()
            balance = await ledger.balance_at(tx, account.ledger_id, moment)
    return BalanceView(account_id=id, currency=account.currency, balance=balance, at=moment, value_date=day)


@get(
    "/v1/customers/{id:uuid}/accounts",
    guards=[require_or_own("accounts:read", "me:read")],
    tags=["customers", "accounts"],
    summary="A customer's accounts",
    operation_id="list_customer_accounts",
    response_description="A page of accounts.",
    responses=problems(no.CUSTOMER_UNKNOWN),
)
async def list_customer_accounts(
    id: Id,
    principal: By,
    db: Db,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[AccountView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    may_see_customer(principal, id)
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
)
