"""JSON routes of what one person proposes and another decides: journals, the close of a period."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter, SkipValidation

from tongbao import identity, ledger
from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState, Kinds
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.console import refusals as no
from tongbao.console import store
from tongbao.console.book_routes import LedgerId
from tongbao.console.model import ClosedPeriod
from tongbao.web import paging
from tongbao.web.body import Amount, Body, Currency, Reason
from tongbao.web.paging import Page
from tongbao.web.site import By, Cursor, Db, Id, Key, Limit, Now, made, problems, require

Decisions = NamedDependency[SkipValidation[Kinds]]
Text = Annotated[str, msgspec.Meta(min_length=2, max_length=2000, pattern=r"\S", examples=["rounding of 2026-11-22"])]
_LEDGER = tuple(no.LEDGERS.values())


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


async def settled(
    db: Database, clock: Clock, kinds: Kinds, by: Principal, *, id: UUID, state: ApprovalState, reason: str
) -> Approval:
    """Decides, then settles the accounts of a customer who was thawed, each in a transaction of its own. Sent again it does again
    what was left undone.
    """

    async def work(tx: Tx) -> tuple[Approval, list[UUID]]:
        decided = await approvals.decide(tx, by, kinds, id=id, state=state, at=clock.now(), reason=reason)
        return decided, await identity.accounts_to_settle(tx, decided)

    decided, accounts = await db.retry(work)
    for account_id in accounts:
        await db.retry(lambda tx, account_id=account_id: identity.settle_account(tx, account_id, at=clock.now()))
    return decided


async def _decide(
    db: Database, clock: Clock, kinds: Kinds, principal: Principal, id: UUID, state: ApprovalState, reason: str
) -> ApprovalView:
    decided = await settled(db, clock, kinds, principal, id=id, state=state, reason=reason)
    async with db.read() as tx:
        return (await _approval_views(tx, [decided]))[0]


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
    responses=problems(*_DECIDED, *_LEDGER, *no.RESOLVING, *no.SECONDED, write=True),
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
        *(no.LEDGERS[code] for code in ("journal_line_refused", "accounts_must_be_different", "currency_mismatch")),
        no.LEDGERS["period_closed"],
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


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_approvals,
    get_approval,
    approve,
    reject,
    propose_journal,
    propose_period_close,
    list_periods,
)
