"""JSON routes: parse, call a verb in a transaction, render. Customers, accounts, keys, and the way in for staff."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter, SkipValidation

from tongbao import ledger
from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import accounts, customers, keys, passwords, staff, standing
from tongbao.identity import refusals as no
from tongbao.identity.authenticate import authenticate
from tongbao.identity.model import (
    Account,
    ApiKey,
    Customer,
    CustomerKind,
    KeyKind,
    NewAccount,
    NewCustomer,
    NewKey,
    Product,
    Role,
    Standing,
    Token,
    fresh_token,
)
from tongbao.web import paging, session
from tongbao.web.body import END, Body, Currency, Reason
from tongbao.web.door import Authenticate, Door
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import (
    By,
    Config,
    Cursor,
    Db,
    Id,
    Key,
    Limit,
    Now,
    authenticated,
    door_of,
    export,
    made,
    open_to_all,
    problems,
    require,
)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S", examples=["王小明"])]
Phone = Annotated[
    str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}" + END, description="E.164", examples=["+8613800138000"])
]
From = Annotated[date | None, QueryParameter(name="from", description="First booking day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last booking day.")]

_OVERLAP_LARGEST_S: Final = 30 * 86_400
_USUAL_STATEMENT: Final = timedelta(days=30)


class CustomerOrder(Body, frozen=True):
    kind: CustomerKind
    name: Name
    phone: Phone | None = None


class CustomerView(msgspec.Struct, kw_only=True):
    id: UUID
    kind: CustomerKind
    name: str
    phone: str | None
    status: Standing
    created_at: datetime


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


class Why(Body, frozen=True):
    reason: Reason


class KeyOrder(Body, frozen=True):
    kind: KeyKind
    permissions: list[str] | None = None
    """All that the kind can hold and you hold yourself, unless told."""
    merchant_id: UUID | None = None
    partner_id: UUID | None = None
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    note: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class RotationOrder(Body, frozen=True):
    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=_OVERLAP_LARGEST_S)] = 86_400
    """For how long the old key goes on working."""


class KeyView(msgspec.Struct, kw_only=True):
    """`key` is shown once: by the answer that made it, not by its replay."""

    id: UUID
    kind: KeyKind
    shown_as: str
    permissions: list[str]
    subject_id: UUID | None
    note: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    rotated_to: UUID | None
    last_used_on: date | None
    key: str | None = None


class LogIn(Body, frozen=True):
    username: Annotated[str, msgspec.Meta(max_length=64, examples=["li.na"])]
    password: Annotated[str, msgspec.Meta(max_length=256)]


class StaffView(msgspec.Struct, kw_only=True):
    id: UUID
    username: str
    name: str
    roles: list[Role]


class SessionView(msgspec.Struct, kw_only=True):
    """The cookie that comes along holds the same token."""

    token: str
    expires_at: datetime
    staff: StaffView


def authenticator(db: Database, clock: Clock) -> Authenticate:
    """What the door asks: a look-up outside of any transaction. The door remembers the answers."""

    async def ask(token: str) -> Principal:
        async with db.read() as tx:
            return await authenticate(tx, token, at=clock.now())

    return ask


def _or_raise(outcome: Any) -> Any:
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


# --- customers


def _customer_view(customer: Customer) -> CustomerView:
    return CustomerView(**msgspec.structs.asdict(customer))


@post(
    "/v1/customers",
    guards=[require("customers:write")],
    tags=["customers"],
    summary="Register a person or a firm",
    operation_id="register_customer",
    response_description="The customer.",
    responses=problems(make=True),
)
async def register_customer(data: JSONBody[CustomerOrder], key: Key, principal: By, db: Db, clock: Now) -> CustomerView:
    new = NewCustomer(id=key, kind=data.kind, name=data.name, phone=data.phone)

    async def register(tx: Tx) -> Any:
        return _or_raise((await customers.register_customers(tx, [new], by=principal, at=clock.now()))[0])

    done = await db.retry(register)
    view = _customer_view(done.thing)
    view.status = Standing.OPEN  # as the first answer had it
    return made(view, replayed=done.replayed)


@get(
    "/v1/customers/{id:uuid}",
    guards=[require("customers:read")],
    tags=["customers"],
    summary="A customer",
    operation_id="get_customer",
    response_description="The customer.",
    responses=problems(no.CUSTOMER_UNKNOWN),
)
async def get_customer(id: Id, db: Db) -> CustomerView:
    async with db.read() as tx:
        found = (await customers.find_customers(tx, [id])).get(id)
    if found is None:
        raise no.CUSTOMER_UNKNOWN()
    return _customer_view(found)


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


async def _settle_all(db: Database, clock: Clock, account_ids: list[UUID]) -> None:
    for account_id in account_ids:

        async def settle(tx: Tx, account_id: UUID = account_id) -> Account:
            return await standing.settle_account(tx, account_id, at=clock.now())

        await db.retry(settle)


async def _customer_stands(
    db: Database,
    clock: Clock,
    move: Callable[..., Awaitable[tuple[Customer, list[UUID]]]],
    customer_id: UUID,
    why: Why,
    by: Principal,
) -> CustomerView:
    async def decide(tx: Tx) -> tuple[Customer, list[UUID]]:
        return await move(tx, customer_id, reason=why.reason, by=by, at=clock.now())

    customer, account_ids = await db.retry(decide)
    await _settle_all(db, clock, account_ids)
    return _customer_view(customer)


@post(
    "/v1/customers/{id:uuid}/freeze",
    status_code=200,
    guards=[require("customers:freeze")],
    tags=["customers"],
    summary="Freeze a customer and all of the accounts",
    operation_id="freeze_customer",
    response_description="The customer, frozen now or before.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.STANDING_MOVE_REFUSED, write=True),
)
async def freeze_customer(
    id: Id,
    data: JSONBody[Why],
    principal: By,
    db: Db,
    clock: Now,
) -> CustomerView:
    return await _customer_stands(db, clock, standing.freeze_customer, id, data, principal)


@post(
    "/v1/customers/{id:uuid}/unfreeze",
    status_code=200,
    guards=[require("customers:freeze")],
    tags=["customers"],
    summary="Thaw a customer; accounts frozen for themselves stay frozen",
    operation_id="unfreeze_customer",
    response_description="The customer, open now or before.",
    responses=problems(no.CUSTOMER_UNKNOWN, no.STANDING_MOVE_REFUSED, write=True),
)
async def unfreeze_customer(
    id: Id,
    data: JSONBody[Why],
    principal: By,
    db: Db,
    clock: Now,
) -> CustomerView:
    return await _customer_stands(db, clock, standing.unfreeze_customer, id, data, principal)


# --- accounts


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
        return _or_raise(opened[0])

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


# --- keys


def _key_view(key: ApiKey, token: Token | None = None) -> KeyView:
    return KeyView(
        id=key.id,
        kind=key.kind,
        shown_as=f"tb_{key.kind}_{key.public_id}_…",
        permissions=sorted(key.permissions),
        subject_id=key.subject_id,
        note=key.note,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        rotated_to=key.rotated_to,
        last_used_on=key.last_used_on,
        key=str(token) if token else None,
    )


def _subject(order: KeyOrder) -> UUID | None:
    given = {KeyKind.BANK: None, KeyKind.MERCHANT: order.merchant_id, KeyKind.PARTNER: order.partner_id}[order.kind]
    others = {order.merchant_id, order.partner_id} - {None, given}
    if others:
        raise no.SUBJECT_NEEDED()
    return given


SubjectKnown = Callable[[Tx, KeyKind, UUID], Awaitable[bool]]
"""Whether there is a merchant or a partner of that id. Merchants live above identity, so whoever wires the bank says."""


@post(
    "/v1/keys",
    guards=[require("keys:write")],
    tags=["keys"],
    summary="Make an API key",
    operation_id="issue_key",
    response_description="The key. `key` is shown this once.",
    responses=problems(
        no.SUBJECT_NEEDED,
        no.SUBJECT_UNKNOWN,
        no.PERMISSION_UNKNOWN,
        no.PERMISSION_NOT_FOR_KIND,
        no.PERMISSION_NOT_YOURS,
        no.EXPIRY_PAST,
        make=True,
    ),
)
async def issue_key(
    data: JSONBody[KeyOrder],
    key: Key,
    principal: By,
    db: Db,
    clock: Now,
    subject_known: NamedDependency[SkipValidation[SubjectKnown]],
) -> KeyView:
    new = NewKey(
        id=key,
        kind=data.kind,
        permissions=None if data.permissions is None else tuple(sorted(set(data.permissions))),
        subject_id=_subject(data),
        expires_at=paging.moment(data.expires_at, "expires_at"),
        note=data.note,
    )
    token = fresh_token(data.kind, secrets.token_bytes)

    async def issue(tx: Tx) -> Any:
        if new.subject_id is not None and not await subject_known(tx, new.kind, new.subject_id):
            raise no.SUBJECT_UNKNOWN()
        return await keys.issue_key(tx, new, token, by=principal, at=clock.now())

    done = await db.retry(issue)
    return made(_key_view(done.thing, None if done.replayed else token), replayed=done.replayed)


@get(
    "/v1/keys",
    guards=[require("keys:read")],
    tags=["keys"],
    summary="Keys, newest first, without their secrets",
    operation_id="list_keys",
    response_description="A page of keys.",
    responses=problems(),
)
async def list_keys(
    db: Db, subject_id: FromQuery[UUID | None] = None, cursor: Cursor = None, limit: Limit = None
) -> Page[KeyView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await keys.list_keys(tx, subject_id=subject_id, before=place[0] if place else None, most=most + 1)
    return paging.page(found, most, lambda k: paging.cursor(k.id), _key_view)


@get(
    "/v1/keys/{id:uuid}",
    guards=[require("keys:read")],
    tags=["keys"],
    summary="A key, without its secret",
    operation_id="get_key",
    response_description="The key.",
    responses=problems(no.KEY_UNKNOWN),
)
async def get_key(id: Id, db: Db) -> KeyView:
    async with db.read() as tx:
        found = (await keys.find_keys(tx, [id])).get(id)
    if found is None:
        raise no.KEY_UNKNOWN()
    return _key_view(found)


@post(
    "/v1/keys/{id:uuid}/rotate",
    guards=[require("keys:write")],
    tags=["keys"],
    summary="A new key in place of this one, which goes on working for a while",
    operation_id="rotate_key",
    response_description="The new key. `key` is shown this once.",
    responses=problems(no.KEY_UNKNOWN, no.KEY_OVER, no.PERMISSION_NOT_YOURS, make=True),
)
async def rotate_key(
    id: Id,
    key: Key,
    principal: By,
    db: Db,
    clock: Now,
    data: JSONBody[RotationOrder | None] = None,
) -> KeyView:
    overlap = timedelta(seconds=(data or RotationOrder()).overlap_s)

    async def rotate(tx: Tx) -> Any:
        old = (await keys.find_keys(tx, [id])).get(id)
        if old is None:
            raise no.KEY_UNKNOWN()
        token = fresh_token(old.kind, secrets.token_bytes)
        done = await keys.rotate_key(tx, id, new_id=key, token=token, overlap=overlap, by=principal, at=clock.now())
        return done, token

    done, token = await db.retry(rotate)
    return made(_key_view(done.thing, None if done.replayed else token), replayed=done.replayed)


@delete(
    "/v1/keys/{id:uuid}",
    status_code=204,
    guards=[require("keys:write")],
    tags=["keys"],
    summary="Revoke a key, at once and for ever",
    operation_id="revoke_key",
    response_description="Revoked now or before; refused everywhere within two seconds.",
    responses=problems(no.KEY_UNKNOWN),
)
async def revoke_key(
    id: Id,
    request: Request[Any, Any, Any],
    principal: By,
    db: Db,
    clock: Now,
) -> None:
    async def revoke(tx: Tx) -> ApiKey:
        return await keys.revoke_key(tx, id, by=principal, at=clock.now())

    await db.retry(revoke)
    door_of(request).forget()


# --- staff

_HASHERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
"""Each check of a password takes 19 MiB and a core for a while: two at a time a process."""


@post(
    "/v1/staff/login",
    status_code=200,
    guards=[open_to_all],
    tags=["staff"],
    summary="Log in; the answer sets a session cookie",
    operation_id="log_in",
    response_description="The session, for ten hours, or half an hour without a request.",
    responses=problems(no.LOGIN_REFUSED, no.LOGIN_LOCKED, write=True, known=False),
    security=[],
)
async def log_in(
    data: JSONBody[LogIn], request: Request[Any, Any, Any], db: Db, clock: Now, settings: Config
) -> SessionView:
    username = data.username.strip().lower()
    async with db.read() as tx:
        stored = await staff.password_of(tx, username)
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(_HASHERS, passwords.verify_password, stored, data.password)
    token = fresh_token("staff", secrets.token_bytes)

    async def enter(tx: Tx) -> Any:
        at = clock.now()
        return await staff.log_in(tx, username, password_is_right=is_right, session_id=uuid7(at), token=token, at=at)

    found = _or_raise(await db.retry(enter))
    raw = request.scope["headers"]
    secure = settings.env == "production" or not session.is_loopback(raw)
    max_age_s = (found.expires_at - clock.now()) // timedelta(seconds=1)
    who = found.staff
    view = SessionView(
        token=str(token),
        expires_at=found.expires_at,
        staff=StaffView(id=who.id, username=who.username, name=who.name, roles=sorted(who.roles)),
    )
    cookie = session.cookie(str(token), max_age_s=max_age_s, secure=secure)
    return Response(view, status_code=200, headers={"set-cookie": cookie})  # pyright: ignore[reportReturnType]


@post(
    "/v1/staff/logout",
    status_code=204,
    guards=[authenticated],
    tags=["staff"],
    summary="Log out",
    operation_id="log_out",
    response_description="The session has ended.",
    responses=problems(),
)
async def log_out(request: Request[Any, Any, Any], principal: By, db: Db, clock: Now, settings: Config) -> None:
    raw = request.scope["headers"]
    door: Door = door_of(request)
    text = door.token(raw)

    async def leave(tx: Tx) -> None:
        await staff.log_out(tx, text, by=principal, at=clock.now())

    await db.retry(leave)
    door.forget()
    secure = settings.env == "production" or not session.is_loopback(raw)
    headers = {"set-cookie": session.ended(secure=secure)}
    return Response(None, status_code=204, headers=headers)  # pyright: ignore[reportReturnType]


async def _nobody_known(_tx: Tx, _kind: KeyKind, _subject_id: UUID) -> bool:
    return True


def provided(subject_known: SubjectKnown | None = None) -> dict[str, Any]:
    """What these routes ask for besides `db`, `clock` and `settings`."""
    return {"subject_known": subject_known or _nobody_known}


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    register_customer,
    get_customer,
    list_customer_accounts,
    freeze_customer,
    unfreeze_customer,
    open_account,
    get_account,
    freeze_account,
    unfreeze_account,
    close_account,
    list_entries,
    get_balance,
    get_statement,
    issue_key,
    list_keys,
    get_key,
    rotate_key,
    revoke_key,
    log_in,
    log_out,
)
