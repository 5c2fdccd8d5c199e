"""JSON routes for staff that need several slices: approvals, journals, the books, held events, the calendar, settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter, SkipValidation

from tongbao import identity, ledger, payments
from tongbao.base import approvals, audit, calendar, days, parked
from tongbao.base.approvals import Approval, ApprovalState, Kinds
from tongbao.base.audit import AuditEntry
from tongbao.base.calendar import CalendarDay
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.parked import HeldEvent, Lag
from tongbao.base.principal import Principal
from tongbao.console import in_force, store
from tongbao.console import refusals as no
from tongbao.console.in_force import SettingView
from tongbao.console.model import ClosedPeriod, LineAccount, WaitingPayment
from tongbao.web import paging
from tongbao.web.body import END, Amount, Body, Currency, Reason
from tongbao.web.paging import Page
from tongbao.web.refusals import INVALID_FIELD
from tongbao.web.site import By, Config, Db, Id, Key, Now, export, made, problems, require

Limit = Annotated[
    int | None, QueryParameter(description=f"Rows of a page, 1 to {paging.MOST}; {paging.USUAL} unless told.")
]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")]
From = Annotated[date | None, QueryParameter(name="from", description="First day.")]
To = Annotated[date | None, QueryParameter(name="to", description="Last day.")]
Form = Annotated[str, QueryParameter(name="format", pattern="^(json|csv)" + END)]
Decisions = NamedDependency[SkipValidation[Kinds]]

Text = Annotated[str, msgspec.Meta(min_length=3, max_length=2000, pattern=r"\S", examples=["rounding of 2026-11-22"])]
LedgerId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1, description="An account of the ledger.", examples=[1])]

_LEDGER = tuple(no.LEDGERS.values())
_CALENDAR_LONGEST: Final = timedelta(days=3 * 366)


# --- approvals


class ApprovalView(msgspec.Struct, kw_only=True):
    """`payload` is what an approval runs with; `proposed_by` and `decided_by` are people, `*_name` who they are."""

    id: UUID
    kind: str
    payload: dict[str, Any]
    reason: str
    state: ApprovalState
    proposed_by: UUID
    proposed_by_name: str | None
    proposed_at: datetime
    expires_at: datetime
    decided_by: UUID | None
    decided_by_name: str | None
    decided_at: datetime | None
    decision_reason: str | None


class Decision(Body, frozen=True):
    reason: Reason


async def _approval_views(tx: Tx, found: Iterable[Approval]) -> list[ApprovalView]:
    rows = [msgspec.structs.asdict(approval) for approval in found]
    people = {row["proposed_by"] for row in rows} | {row["decided_by"] for row in rows if row["decided_by"]}
    staff = await identity.find_staff(tx, people)
    names = {person.id: person.name for person in staff.values()}
    return [
        ApprovalView(
            **row, proposed_by_name=names.get(row["proposed_by"]), decided_by_name=names.get(row["decided_by"])
        )
        for row in rows
    ]


@get(
    "/v1/approvals",
    guards=[require("approvals:read")],
    tags=["approvals"],
    summary="Proposals, oldest first; those that wait for a second person with state=proposed",
    operation_id="list_approvals",
    response_description="A page of proposals.",
    responses=problems(),
)
async def list_approvals(
    db: Db,
    wanted: Annotated[ApprovalState | None, QueryParameter(name="state")] = None,
    kind: FromQuery[str | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[ApprovalView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await approvals.approvals(tx, state=wanted, kind=kind, after=place[0] if place else None, most=most + 1)
        views = await _approval_views(tx, found)
    return paging.page(views, most, lambda view: paging.cursor(view.id), lambda view: view)


@get(
    "/v1/approvals/{id:uuid}",
    guards=[require("approvals:read")],
    tags=["approvals"],
    summary="A proposal",
    operation_id="get_approval",
    response_description="The proposal and what became of it.",
    responses=problems(approvals.APPROVAL_UNKNOWN),
)
async def get_approval(id: Id, db: Db) -> ApprovalView:
    async with db.read() as tx:
        found = await store.approval(tx, id)
        if found is None:
            raise approvals.APPROVAL_UNKNOWN()
        return (await _approval_views(tx, [found]))[0]


async def _decide(
    db: Database, clock: Clock, kinds: Kinds, principal: Principal, id: UUID, state: ApprovalState, reason: str
) -> ApprovalView:
    async def decide(tx: Tx) -> ApprovalView:
        decided = await approvals.decide(tx, principal, kinds, id=id, state=state, at=clock.now(), reason=reason)
        return (await _approval_views(tx, [decided]))[0]

    return await db.retry(decide)


_DECIDED = (
    approvals.APPROVAL_UNKNOWN,
    approvals.APPROVAL_ALREADY_DECIDED,
    approvals.APPROVAL_EXPIRED,
    approvals.SECOND_PERSON_NEEDED,
    approvals.APPROVAL_KIND_UNKNOWN,
)


@post(
    "/v1/approvals/{id:uuid}/approve",
    status_code=200,
    guards=[require("approvals:decide")],
    tags=["approvals"],
    summary="Approve a proposal of another person: what it proposes is done now",
    operation_id="approve",
    response_description="The proposal, approved now or before.",
    responses=problems(*_DECIDED, *_LEDGER, write=True),
)
async def approve(
    id: Id, data: JSONBody[Decision], principal: By, db: Db, clock: Now, approval_kinds: Decisions
) -> ApprovalView:
    return await _decide(db, clock, approval_kinds, principal, id, ApprovalState.APPROVED, data.reason)


@post(
    "/v1/approvals/{id:uuid}/reject",
    status_code=200,
    guards=[require("approvals:decide")],
    tags=["approvals"],
    summary="Reject a proposal of another person",
    operation_id="reject",
    response_description="The proposal, rejected now or before.",
    responses=problems(*_DECIDED, write=True),
)
async def reject(
    id: Id, data: JSONBody[Decision], principal: By, db: Db, clock: Now, approval_kinds: Decisions
) -> ApprovalView:
    return await _decide(db, clock, approval_kinds, principal, id, ApprovalState.REJECTED, data.reason)


# --- journals and periods


class JournalLineOrder(Body, frozen=True):
    """Moves `amount` from account `debit` to account `credit`."""

    debit: LedgerId
    credit: LedgerId
    amount: Amount
    currency: Currency


class JournalOrder(Body, frozen=True):
    lines: Annotated[list[JournalLineOrder], msgspec.Meta(min_length=1, max_length=1000)]
    reason: Text
    value_date: Annotated[date | None, msgspec.Meta(description="The day of approval unless told.")] = None
    forced: Annotated[
        ledger.Forced | None, msgspec.Meta(description="The named code under which a journal may pass a floor.")
    ] = None


class PeriodOrder(Body, frozen=True):
    last_day: Annotated[date, msgspec.Meta(examples=["2026-10-31"])]
    reason: Text


async def _file(
    db: Database, id: UUID, file: Callable[[Tx], Awaitable[Approval]], again: Callable[[Tx], Awaitable[Approval]]
) -> Any:
    """Answers a replay as the first time, whatever has become of the proposal and of the books since."""

    async def propose(tx: Tx) -> tuple[ApprovalView, bool]:
        replayed = await store.approval(tx, id) is not None
        filed = await (again if replayed else file)(tx)
        fresh = msgspec.structs.replace(
            filed, state=ApprovalState.PROPOSED, decided_by=None, decided_at=None, decision_reason=None
        )
        return (await _approval_views(tx, [fresh]))[0], replayed

    view, replayed = await db.retry(propose)
    return made(view, replayed=replayed)


@post(
    "/v1/journals",
    guards=[require(ledger.MAY_PROPOSE)],
    tags=["books"],
    summary="Propose a journal; it is posted when another person approves it",
    operation_id="propose_journal",
    response_description="The proposal. Its id becomes the id of the transfer.",
    responses=problems(
        approvals.APPROVAL_ID_TAKEN,
        *(no.LEDGERS[code] for code in ("journal_not_whole", "transfer_size", "account_unknown", "account_is_control")),
        *(no.LEDGERS[code] for code in ("accounts_must_be_different", "currency_mismatch", "period_closed")),
        make=True,
    ),
)
async def propose_journal(
    data: JSONBody[JournalOrder], key: Key, principal: By, db: Db, clock: Now, approval_kinds: Decisions
) -> ApprovalView:
    lines = tuple(
        ledger.JournalLine(debit=line.debit, credit=line.credit, amount_minor=line.amount, currency=line.currency)
        for line in data.lines
    )
    journal = ledger.Journal(lines=lines, value_date=paging.day(data.value_date, "value_date"), forced=data.forced)
    payload = msgspec.to_builtins(journal)

    async def file(tx: Tx) -> Approval:
        return await ledger.propose_journal(tx, principal, journal, id=key, reason=data.reason, at=clock.now())

    async def again(tx: Tx) -> Approval:
        return await approvals.propose(
            tx,
            principal,
            approval_kinds,
            id=key,
            kind="ledger.journal",
            payload=payload,
            reason=data.reason,
            at=clock.now(),
        )

    return await _file(db, key, file, again)


@post(
    "/v1/periods",
    guards=[require(ledger.MAY_PROPOSE)],
    tags=["books"],
    summary="Propose to close every period up to a day; done when another person approves it",
    operation_id="propose_period_close",
    response_description="The proposal.",
    responses=problems(
        approvals.APPROVAL_ID_TAKEN,
        no.LEDGERS["period_not_over"],
        no.LEDGERS["period_closed"],
        make=True,
    ),
)
async def propose_period_close(
    data: JSONBody[PeriodOrder], key: Key, principal: By, db: Db, clock: Now, approval_kinds: Decisions
) -> ApprovalView:
    last_day = paging.day(data.last_day, "last_day") or data.last_day

    async def file(tx: Tx) -> Approval:
        return await ledger.propose_period_close(tx, principal, last_day, id=key, reason=data.reason, at=clock.now())

    async def again(tx: Tx) -> Approval:
        return await approvals.propose(
            tx,
            principal,
            approval_kinds,
            id=key,
            kind="ledger.close_period",
            payload={"last_day": last_day.isoformat()},
            reason=data.reason,
            at=clock.now(),
        )

    return await _file(db, key, file, again)


@get(
    "/v1/periods",
    guards=[require("books:read")],
    tags=["books"],
    summary="Closed periods, newest first",
    operation_id="list_periods",
    response_description="A page of closed periods.",
    responses=problems(),
)
async def list_periods(db: Db, cursor: Cursor = None, limit: Limit = None) -> Page[ClosedPeriod]:
    most = paging.limit(limit)
    place = paging.place(cursor, date)
    async with db.read() as tx:
        found = await store.closed_periods(tx, place[0] if place else date.max, most + 1)
    return paging.page(found, most, lambda period: paging.cursor(period.last_day), lambda period: period)


# --- the books


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
    summary="The trial balance: now, or of the newest close up to a day; as CSV with format=csv",
    operation_id="get_trial_balance",
    response_description="A line a general-ledger line and currency; sums to zero in every currency.",
    responses=problems(no.NO_CLOSE_YET),
)
async def get_trial_balance(
    bulk: Db,
    day: Annotated[date | None, QueryParameter(name="date", description="A closed day; now unless told.")] = None,
    form: Form = "json",
) -> TrialBalanceView:
    day = paging.day(day, "date")
    async with bulk.read() as tx:
        found = await _trial_balance(tx, day)
    if form == "json":
        return found
    name = f"trial-balance-{found.business_date or 'now'}"
    return export(TrialLineView.__struct_fields__, _rows(found.lines), name=name)  # pyright: ignore[reportReturnType]


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
    line: FromPath[str],
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


# --- events that stand still


class ResendOrder(Body, frozen=True):
    """Which events to send again: those named, those since a moment, or all that are parked."""

    reason: Reason
    event_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=1000)] | None = None
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    everything: bool = False
    consumer: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class Resent(msgspec.Struct, kw_only=True):
    """How many events get a fresh set of tries."""

    sent: int


@get(
    "/v1/parked-events",
    guards=[require("events:read")],
    tags=["events"],
    summary="Events that a consumer could not take, oldest first",
    operation_id="list_parked_events",
    response_description="A page of events; with parked_only=false also those being tried again and those behind them.",
    responses=problems(),
)
async def list_parked_events(
    db: Db,
    consumer: FromQuery[str | None] = None,
    since: FromQuery[datetime | None] = None,
    parked_only: FromQuery[bool] = True,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[HeldEvent]:
    most = paging.limit(limit)
    place = paging.place(cursor, int, str)
    async with db.read() as tx:
        found = await parked.held_events(
            tx,
            consumer=consumer,
            since=paging.moment(since, "since"),
            parked_only=parked_only,
            after=(place[0], place[1]) if place else (0, ""),
            most=most + 1,
        )
    return paging.page(found, most, lambda event: paging.cursor(event.outbox_id, event.consumer), lambda event: event)


@get(
    "/v1/parked-events/{id:uuid}",
    guards=[require("events:read")],
    tags=["events"],
    summary="One held event with its payload, once for each consumer that holds it",
    operation_id="get_parked_event",
    response_description="The event.",
    responses=problems(parked.EVENT_NOT_HELD),
)
async def get_parked_event(id: Id, db: Db) -> Page[HeldEvent]:
    async with db.read() as tx:
        return Page(items=await parked.held_event(tx, id))


@post(
    "/v1/parked-events/resend",
    status_code=200,
    guards=[require("events:write")],
    tags=["events"],
    summary="Send held events again; those behind them follow in order",
    operation_id="resend_parked_events",
    response_description="How many were sent on their way.",
    responses=problems(parked.RESEND_NEEDS_A_CHOICE, parked.EVENT_NOT_HELD, write=True),
)
async def resend_parked_events(data: JSONBody[ResendOrder], principal: By, bulk: Db, clock: Now) -> Resent:
    since = paging.moment(data.since, "since")

    async def resend(tx: Tx) -> int:
        return await parked.resend(
            tx,
            principal,
            at=clock.now(),
            event_ids=data.event_ids,
            since=since,
            everything=data.everything,
            consumer=data.consumer,
            reason=data.reason,
        )

    return Resent(sent=await bulk.retry(resend))


@get(
    "/v1/outbox-lag",
    guards=[require("events:read")],
    tags=["events"],
    summary="How far behind each consumer of events is",
    operation_id="get_outbox_lag",
    response_description="A row a consumer.",
    responses=problems(),
)
async def get_outbox_lag(bulk: Db) -> Page[Lag]:
    async with bulk.read() as tx:
        return Page(items=await parked.lag(tx))


# --- who did what


@get(
    "/v1/audit",
    guards=[require("audit:read")],
    tags=["audit"],
    summary="What people and their keys did, newest first",
    operation_id="list_audit",
    response_description="A page of the trail.",
    responses=problems(),
)
async def list_audit(
    db: Db,
    subject: FromQuery[str | None] = None,
    principal_id: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[AuditEntry]:
    most = paging.limit(limit)
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = await audit.trail(
            tx, subject=subject, principal_id=principal_id, before=place[0] if place else None, most=most + 1
        )
    return paging.page(found, most, lambda entry: paging.cursor(entry.id), lambda entry: entry)


# --- the calendar


class CalendarOrder(Body, frozen=True):
    """`is_business_day` null: back to what weekdays say."""

    is_business_day: Annotated[bool | None, msgspec.Meta(examples=[False])]
    name: Annotated[str, msgspec.Meta(max_length=100, examples=["春节"])]
    reason: Reason


@get(
    "/v1/calendar",
    guards=[require("day:read")],
    tags=["day"],
    summary="Holidays and make-up workdays; every other weekday is a business day",
    operation_id="list_calendar",
    response_description="The days that the calendar speaks of, for a year from the open day unless told; at most three.",
    responses=problems(days.NOT_FOUNDED),
)
async def list_calendar(db: Db, first: From = None, last: To = None) -> Page[CalendarDay]:
    async with db.read() as tx:
        start = paging.day(first, "from") or (await days.current(tx)).open_date
        end = paging.day(last, "to") or start + timedelta(days=366)
        if not start <= end <= start + _CALENDAR_LONGEST:
            raise INVALID_FIELD("lies at most three years after `from`", field="to")
        return Page(items=await calendar.between(tx, start, end))


@put(
    "/v1/calendar/{day:date}",
    guards=[require("day:write")],
    tags=["day"],
    summary="Make a day a business day or a holiday",
    operation_id="edit_calendar",
    response_description="What the calendar says of the day; nothing where weekdays decide again.",
    responses=problems(calendar.CALENDAR_NEEDS_A_REASON, write=True),
)
async def edit_calendar(
    day: FromPath[date], data: JSONBody[CalendarOrder], principal: By, db: Db, clock: Now
) -> Page[CalendarDay]:
    known = paging.day(day, "day") or day

    async def edit(tx: Tx) -> list[CalendarDay]:
        await calendar.edit(
            tx,
            principal,
            known,
            is_business_day=data.is_business_day,
            name=data.name,
            reason=data.reason,
            at=clock.now(),
        )
        return await calendar.between(tx, known, known)

    return Page(items=await db.retry(edit))


# --- payments that wait


class WaitingPaymentView(msgspec.Struct, kw_only=True):
    """`age_s`: since when it waits, `overdue_s`: how long ago it should have ended; both in seconds."""

    payment_id: UUID
    waits_for: str
    since: datetime
    due_at: datetime
    age_s: int
    overdue_s: int
    kind: str
    state: str
    amount: int
    currency: str
    payer_account_id: UUID | None
    payee_account_id: UUID | None
    merchant_id: UUID | None


def _waiting_view(payment: WaitingPayment, at: datetime) -> WaitingPaymentView:
    second = timedelta(seconds=1)
    return WaitingPaymentView(
        payment_id=payment.payment_id,
        waits_for=payment.waits_for,
        since=payment.since,
        due_at=payment.due_at,
        age_s=max(0, (at - payment.since) // second),
        overdue_s=max(0, (at - payment.due_at) // second),
        kind=payment.kind,
        state=payment.state,
        amount=payment.amount_minor,
        currency=payment.currency,
        payer_account_id=None if payment.payer_account_id == payments.OUTSIDE else payment.payer_account_id,
        payee_account_id=payment.payee_account_id,
        merchant_id=payment.merchant_id,
    )


@get(
    "/v1/waiting-payments",
    guards=[require("events:read")],
    tags=["payments"],
    summary="Payments that wait, the longest overdue first; those that are stuck with overdue_only=true",
    operation_id="list_waiting_payments",
    response_description="A page of payments of every payer and merchant.",
    responses=problems(),
)
async def list_waiting_payments(
    db: Db,
    clock: Now,
    waits_for: FromQuery[str | None] = None,
    overdue_only: FromQuery[bool] = False,
    cursor: Cursor = None,
    limit: Limit = None,
) -> Page[WaitingPaymentView]:
    most = paging.limit(limit)
    place = paging.place(cursor, datetime, UUID)
    at = clock.now()
    async with db.read() as tx:
        found = await store.waiting_payments(
            tx, waits_for, at if overdue_only else None, (place[0], place[1]) if place else None, most + 1
        )
    return paging.page(
        found, most, lambda row: paging.cursor(row.due_at, row.payment_id), lambda row: _waiting_view(row, at)
    )


# --- settings


@get(
    "/v1/settings",
    guards=[require("audit:read")],
    tags=["operations"],
    summary="The settings in force, without secrets",
    operation_id="list_settings",
    response_description="A row a setting.",
    responses=problems(),
    sync_to_thread=False,
)
def list_settings(settings: Config) -> Page[SettingView]:
    return Page(items=in_force.views(settings))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_approvals,
    get_approval,
    approve,
    reject,
    propose_journal,
    propose_period_close,
    list_periods,
    get_trial_balance,
    list_line_accounts,
    list_ledger_entries,
    get_transfer,
    list_aged_items,
    list_parked_events,
    get_parked_event,
    resend_parked_events,
    get_outbox_lag,
    list_audit,
    list_calendar,
    edit_calendar,
    list_waiting_payments,
    list_settings,
)
