"""Customers and their accounts as staff see them: who it is, what is there, what moved, and the freezing of both."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter

from tongbao import identity, ledger, payments, vault
from tongbao.base import days
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.console import payment_pages
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, door_of, visitor
from tongbao.web.tables import Column

_STANDING_MESSAGES: Final = {"open": "open", "frozen": "frozen", "closed": "closed"}
_KIND_MESSAGES: Final = {"person": "person", "firm": "firm"}
_PRODUCT_MESSAGES: Final = {
    "current": "current account",
    "settlement": "settlement account",
    "takings": "takings account",
}


def standing_word(standing: str, lang: Lang) -> str:
    return i18n.say(_STANDING_MESSAGES[standing], lang)


def kind_word(kind: str, lang: Lang) -> str:
    return i18n.say(_KIND_MESSAGES[kind], lang)


def product_word(product: str, lang: Lang) -> str:
    return i18n.say(_PRODUCT_MESSAGES[product], lang)


CUSTOMERS: Final = (
    Column("name", "Name", "姓名或名称"),
    Column("kind", "Kind", "类型", words=kind_word),
    Column("status", "Status", "状态", words=standing_word),
    Column("level", "Verified", "身份核实", words=identity.level_word),
    Column("phone", "Telephone", "手机号"),
    Column("created_at", "Customer since", "开户时间", tables.MOMENT),
)
ACCOUNTS: Final = (
    Column("number", "Account number", "账号"),
    Column("product", "Product", "产品", words=product_word),
    Column("status", "Status", "状态", words=standing_word),
    Column("balance", "Balance", "余额", tables.MONEY, currency_from="currency"),
    Column("held", "Held", "预授权", tables.MONEY, currency_from="currency"),
    Column("currency", "Currency", "币种"),
)
ENTRIES: Final = (
    Column("at", "Posted", "入账时间", tables.MOMENT),
    Column("booking_date", "Booking date", "记账日", tables.DATE),
    Column("kind", "What", "摘要", words=ledger.kind_word),
    Column("who", "Counterparty", "对方户名"),
    Column("number", "Their account", "对方账号"),
    Column("amount", "Amount", "金额", tables.MONEY, signed=True),
    Column("balance", "Balance after", "余额", tables.MONEY),
)
VERIFICATIONS: Final = (
    Column("asked_at", "Asked", "发起时间", tables.MOMENT),
    Column("state", "Result", "结果", words=identity.verification_word),
    Column("decided_at", "Decided", "核实时间", tables.MOMENT),
)
_SPAN: Final = timedelta(days=30)


class Standing(Form, frozen=True):
    """Freezing is done at once; the thaw of `id` is proposed."""

    id: UUID
    move: Literal["freeze", "unfreeze"]
    reason: Reason


class HigherLevel(Form, frozen=True):
    """What a clerk has seen: 2, documents; 3, the person at the counter."""

    id: UUID
    level: Literal["2", "3"]
    why: Reason


@get("/staff/customers", guards=[visitor("staff", "customers:read")], include_in_schema=False)
async def customers(
    request: PageRequest,
    db: Db,
    find: FromQuery[str | None] = None,
    kind: FromQuery[identity.CustomerKind | None] = None,
    status: FromQuery[identity.Standing | None] = None,
    cursor: Cursor = None,
) -> Page:
    """Newest first. An id of a customer or an account, or an account number, leads to whose it is; a name or a telephone number to all
    who have it.
    """
    most = paging.USUAL
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        if find and (known := await _found(tx, find.strip())):
            return pages.go(known)
        found = await _called(tx, find.strip()) if find and find.strip() else []
        is_unknown = bool(find) and not found
        if not found:
            found = await identity.list_customers(
                tx, before=place[0] if place else None, kind=kind, status=status, most=most + 1
            )
        shown = await identity.masked_details(tx, found)
    listed = paging.page(
        found,
        most,
        lambda c: paging.cursor(c.id),
        lambda c: (
            Linked(shown[c.id].name, f"/staff/customers/{c.id}"),
            c.kind,
            Marked(c.status),
            c.level,
            shown[c.id].phone,
            c.created_at,
        ),
    )
    lang = pages.language(request)
    return pages.show(
        request,
        "console/customers.html",
        table=Listing(columns=CUSTOMERS, rows=listed.items, next_cursor=listed.next_cursor),
        unknown=is_unknown,
        kinds=[(k.value, kind_word(k, lang)) for k in identity.CustomerKind],
        standings=[(s.value, standing_word(s, lang)) for s in identity.Standing],
    )


async def _found(tx: Tx, text: str) -> str | None:
    """Where somebody is who is named by an id or by an account number."""
    if text.isdigit() and (account := await identity.account_by_number(tx, text)):
        return f"/staff/accounts/{account.id}"
    try:
        id_ = UUID(text)
    except ValueError:
        return None
    if await identity.find_customers(tx, [id_]):
        return f"/staff/customers/{id_}"
    return f"/staff/accounts/{id_}" if await identity.find_accounts(tx, [id_]) else None


async def _called(tx: Tx, text: str) -> list[identity.Customer]:
    """Who is called exactly so, or has this telephone number; of both the vault tells without opening anything."""
    phone = None
    with suppress(Refusal):
        phone = identity.read_phone(text)
    return await identity.find_people(tx, name=text[:200], phone=phone)


@get("/staff/customers/{id:uuid}", guards=[visitor("staff", "customers:read")], include_in_schema=False)
async def customer(request: PageRequest, id: Id, db: Db, settings: Config, principal: By, clock: Now) -> Page:
    return await _customer(request, db, settings.zone, id, forms.blank(), by=principal, at=clock.now())


_LOOKED_AT: Final = "looked at the customer's page"


async def _customer(
    request: PageRequest,
    db: Database,
    zone: Any,
    id: UUID,
    form: Filled[Any],
    *,
    by: Principal,
    at: datetime,
    level_form: Filled[Any] | None = None,
    out_form: Filled[Any] | None = None,
    status: int = 200,
) -> Page:
    """One person or firm: how well it is known, accounts with their balances, and the newest payments of the first of them."""
    async with db.read() as tx:
        found = (await identity.find_customers(tx, [id])).get(id)
        if found is None:
            raise identity.CUSTOMER_UNKNOWN()
        details = (await identity.details_of(tx, [found], by=by, reason=_LOOKED_AT, at=at))[id]
        accounts = await identity.accounts_of(tx, id)
        money = await ledger.accounts(tx, [a.ledger_id for a in accounts]) if accounts else {}
        wanted = payments.Filter(account_id=accounts[0].id) if accounts else None
        newest = await payments.list_payments(tx, wanted, zone, most=10) if wanted else []
        known = await payment_pages.parties(tx, newest)
        asked = await identity.verifications(tx, id)
        restricted = await identity.restriction_of(tx, id)
    lang = pages.language(request)
    rows = [_account_row(a, money[a.ledger_id]) for a in accounts]
    return pages.show(
        request,
        "console/customer.html",
        status=status,
        customer=found,
        details=details,
        kind=kind_word(found.kind, lang),
        standing=standing_word(found.status, lang),
        level=identity.level_word(found.level, lang),
        restricted=identity.restriction_word(restricted.level, lang) if restricted else None,
        higher=[(str(n), identity.level_word(n, lang)) for n in (2, 3) if n > found.level],
        verifications=Listing(columns=VERIFICATIONS, rows=[(v.asked_at, Marked(v.state), v.decided_at) for v in asked]),
        level_form=level_form or forms.blank(),
        out_form=out_form or forms.blank(),
        accounts=Listing(columns=ACCOUNTS, rows=rows, hidden=("currency",)),
        newest=payment_pages.listing([payment_pages.row(p, known, link=True) for p in newest]),
        form=form,
    )


def _account_row(account: identity.Account, money: ledger.Account) -> tuple[Any, ...]:
    number = Linked(account.number, f"/staff/accounts/{account.id}")
    held = money.held_minor or None
    return number, account.product, Marked(account.effective), money.balance_minor, held, account.currency


@post("/staff/customers/{id:uuid}", guards=[visitor("staff", "customers:freeze")], include_in_schema=False)
async def move_customer(request: PageRequest, id: Id, db: Db, clock: Now, principal: By, settings: Config) -> Page:
    """Freezes a customer and all of the accounts, or proposes the thaw."""
    filled = await forms.read(request, Standing)
    wanted = filled.value
    if wanted is None:
        return await _customer(request, db, settings.zone, id, filled, by=principal, at=clock.now(), status=422)

    async def decide(tx: Tx) -> list[UUID]:
        if wanted.move == "freeze":
            return (await identity.freeze_customer(tx, id, reason=wanted.reason, by=principal, at=clock.now()))[1]
        about = {"customer_id": str(id)}
        await _propose(tx, principal, identity.UNFREEZE_CUSTOMER, about, wanted.id, wanted.reason, clock)
        return []

    try:
        for account_id in await db.retry(decide):
            await db.retry(lambda tx, account_id=account_id: identity.settle_account(tx, account_id, at=clock.now()))
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _customer(
            request, db, settings.zone, id, again, by=principal, at=clock.now(), status=refusal.kind.status
        )
    if wanted.move == "freeze":
        return pages.go(f"/staff/customers/{id}", said="Frozen: nothing is paid from these accounts any more.")
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


async def _propose(
    tx: Tx, by: Principal, kind: str, about: dict[str, Any], id: UUID, reason: str, clock: Clock
) -> None:
    await identity.propose(tx, by, kind, about, id=id, reason=reason, at=clock.now())


@post("/staff/customers/{id:uuid}/level", guards=[visitor("staff", "customers:write")], include_in_schema=False)
async def raise_level(request: PageRequest, id: Id, db: Db, clock: Now, principal: By, settings: Config) -> Page:
    """Proposes what a clerk has seen of a customer, who may pay more once another person agrees."""
    filled = await forms.read(request, HigherLevel)
    wanted = filled.value
    if wanted is None:
        return await _customer(
            request, db, settings.zone, id, forms.blank(), by=principal, at=clock.now(), level_form=filled, status=422
        )

    async def give(tx: Tx) -> None:
        about = {"customer_id": str(id), "level": int(wanted.level)}
        await _propose(tx, principal, identity.RAISE_LEVEL, about, wanted.id, wanted.why, clock)

    try:
        await db.retry(give)
    except Refusal as refusal:
        again, status = filled.refused(refusal, pages.language(request)), refusal.kind.status
        return await _customer(
            request, db, settings.zone, id, forms.blank(), by=principal, at=clock.now(), level_form=again, status=status
        )
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


class Why(Form, frozen=True):
    why_out: Reason


@post("/staff/customers/{id:uuid}/logout", guards=[visitor("staff", "customers:freeze")], include_in_schema=False)
async def end_sessions(request: PageRequest, id: Id, db: Db, clock: Now, principal: By, settings: Config) -> Page:
    """Ends every session of a customer, as when his telephone was stolen. One person is enough: nothing is let in."""
    filled = await forms.read(request, Why)
    wanted = filled.value
    if wanted is None:
        about: Any = {"by": principal, "at": clock.now(), "out_form": filled, "status": 422}
        return await _customer(request, db, settings.zone, id, forms.blank(), **about)

    async def work(tx: Tx) -> None:
        if not await identity.find_customers(tx, [id]):
            raise identity.CUSTOMER_UNKNOWN()
        kind = identity.VisitorKind.CUSTOMER
        await identity.end_sessions(tx, kind, id, reason=wanted.why_out, by=principal, at=clock.now())

    await db.retry(work)
    door_of(request).forget()
    return pages.go(f"/staff/customers/{id}", said="Logged out everywhere.")


First = Annotated[date | None, QueryParameter(name="from")]
Last = Annotated[date | None, QueryParameter(name="to")]


@get("/staff/accounts/{id:uuid}", guards=[visitor("staff", "accounts:read")], include_in_schema=False)
async def account(
    request: PageRequest, id: Id, db: Db, first: First = None, last: Last = None, cursor: Cursor = None
) -> Page:
    return await _account(request, db, id, forms.blank(), first=first, last=last, cursor=cursor)


async def _account(
    request: PageRequest,
    db: Database,
    id: UUID,
    form: Filled[Any],
    *,
    first: date | None = None,
    last: date | None = None,
    cursor: str | None = None,
    status: int = 200,
) -> Page:
    """What an account holds and what moved, newest first, with the balance after each."""
    most = paging.USUAL
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = (await identity.find_accounts(tx, [id])).get(id)
        if found is None:
            raise identity.ACCOUNT_NOT_FOUND()
        today = (await days.current(tx)).open_date
        until = paging.day(last, "to") or today
        since = paging.day(first, "from") or until - _SPAN
        money = (await ledger.accounts(tx, [found.ledger_id]))[found.ledger_id]
        entries = await ledger.entries(
            tx, found.ledger_id, below=place[0] if place else None, first=since, last=until, most=most + 1
        )
        lines = await identity.statement_lines(tx, entries[: most + 1], mask=vault.Mask.LISTED)
        owners = await identity.find_customers(tx, [found.customer_id])
        owner = (await identity.masked_details(tx, owners.values()))[found.customer_id]
        limits = await payments.limits_of(tx, id, today)
    listed = paging.page(lines, most, lambda line: paging.cursor(line.entry.version), _line_row)
    lang = pages.language(request)
    return pages.show(
        request,
        "console/account.html",
        status=status,
        account=found,
        owner=owner,
        money=money,
        limits=limits,
        standing=standing_word(found.effective, lang),
        product=product_word(found.product, lang),
        table=Listing(columns=ENTRIES, rows=listed.items, next_cursor=listed.next_cursor, currency=found.currency),
        span=(since, until),
        form=form,
    )


def _line_row(line: identity.Line) -> tuple[Any, ...]:
    entry = line.entry
    at = Linked(entry.recorded_at, f"/staff/transfers/{entry.transfer_id}")
    number = Linked(line.number, f"/staff/accounts/{line.account_id}") if line.account_id else line.number
    return at, entry.booking_date, entry.kind, line.name, number, entry.amount_minor, entry.balance_minor


@post("/staff/accounts/{id:uuid}", guards=[visitor("staff", "accounts:freeze")], include_in_schema=False)
async def move_account(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """Freezes one account, or proposes its thaw."""
    filled = await forms.read(request, Standing)
    wanted = filled.value
    if wanted is None:
        return await _account(request, db, id, filled, status=422)

    async def decide(tx: Tx) -> None:
        if wanted.move == "freeze":
            await identity.freeze_account(tx, id, reason=wanted.reason, by=principal, at=clock.now())
            return
        about = {"account_id": str(id)}
        await _propose(tx, principal, identity.UNFREEZE_ACCOUNT, about, wanted.id, wanted.reason, clock)

    try:
        await db.retry(decide)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _account(request, db, id, again, status=refusal.kind.status)
    if wanted.move == "freeze":
        return pages.go(f"/staff/accounts/{id}", said="Frozen: nothing is paid from this account any more.")
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    customers,
    customer,
    move_customer,
    raise_level,
    end_sessions,
    account,
    move_account,
)
