"""What one person proposed and another decides: the list, each proposal in words, and the proposing of a journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, SkipValidation

from tongbao import identity, ledger, payments, risk
from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState, Kinds
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.console import approval_words, policy_words, store
from tongbao.console.approval_routes import settled
from tongbao.console.approval_words import kind_word
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason, Sum
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

Decisions = NamedDependency[SkipValidation[Kinds]]

_STATE_MESSAGES: Final = {
    "proposed": "waits for a second person",
    "approved": "approved",
    "rejected": "rejected",
    "expired": "not decided in time",
}


def state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES.get(state, state), lang)


COLUMNS: Final = (
    Column("proposed_at", "Proposed", "申请时间", tables.MOMENT),
    Column("kind", "What", "事项", words=kind_word),
    Column("reason", "Reason", "理由"),
    Column("by", "By", "申请人"),
    Column("state", "State", "状态", words=state_word),
    Column("decided_by", "Decided by", "审批人"),
    Column("expires_at", "Until", "截止时间", tables.MOMENT),
)


class Decision(Form, frozen=True):
    decision: ApprovalState
    reason: Reason


class JournalForm(Form, frozen=True):
    id: UUID
    debit: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    credit: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    amount: Sum
    reason: Reason


@get("/staff/approvals", guards=[visitor("staff", "approvals:read")], include_in_schema=False)
async def list_page(
    request: PageRequest,
    db: Db,
    wanted: Annotated[ApprovalState | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """What waits stands first; the rest by choice of state."""
    most = paging.USUAL
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        after = place[0] if place else None
        state = wanted or ApprovalState.PROPOSED
        found = await approvals.approvals(tx, state=state, kind=None, after=after, most=most + 1)
        names = await _names(tx, found)
    listed = paging.page(found, most, lambda a: paging.cursor(a.id), lambda a: _row(a, names))
    lang = pages.language(request)
    table = Listing(
        columns=COLUMNS,
        rows=listed.items,
        next_cursor=listed.next_cursor,
        empty=i18n.say("Nothing waits for a decision.", lang) if wanted is None else None,
    )
    choices = [(s.value, state_word(s.value, lang)) for s in ApprovalState]
    return pages.show(request, "console/approvals.html", table=table, choices=choices)


async def _names(tx: Tx, found: list[Approval]) -> dict[UUID, str]:
    people = {a.proposed_by for a in found} | {a.decided_by for a in found if a.decided_by}
    return {i: person.name for i, person in (await identity.find_staff(tx, people)).items()}


def _row(a: Approval, names: Mapping[UUID, str]) -> tuple[Any, ...]:
    return (
        Linked(a.proposed_at, f"/staff/approvals/{a.id}"),
        a.kind,
        a.reason,
        names.get(a.proposed_by, str(a.proposed_by)[-8:]),
        Marked(a.state.value),
        names.get(a.decided_by, str(a.decided_by)[-8:]) if a.decided_by else None,
        a.expires_at,
    )


@get("/staff/approvals/{id:uuid}", guards=[visitor("staff", "approvals:read")], include_in_schema=False)
async def approval_page(request: PageRequest, id: Id, db: Db, principal: By) -> Page:
    return await _show(request, db, id, principal.id, forms.blank())


async def _show(
    request: PageRequest, db: Database, id: UUID, reader: UUID, form: Filled[Any], *, status: int = 200
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await store.approval(tx, id)
        if found is None:
            raise approvals.APPROVAL_UNKNOWN()
        names = await _names(tx, [found])
        if found.kind == payments.SET_POLICY:
            facts = await policy_words.proposed(tx, found.payload, lang)
        elif found.kind in risk.KINDS:
            facts = await risk.rule_facts(tx, found, pages.of(request).settings.zone, lang)
        else:
            facts = await approval_words.facts(tx, found, lang)
    return pages.show(
        request,
        "console/approval.html",
        status=status,
        approval=found,
        names=names,
        what=kind_word(found.kind, lang),
        state=state_word(found.state, lang),
        facts=facts,
        own=found.proposed_by == reader,
        to_draw=found.kind in identity.DRAWN_APPROVALS,
        form=form,
    )


@post("/staff/approvals/{id:uuid}", guards=[visitor("staff", "approvals:decide")], include_in_schema=False)
async def decide(request: PageRequest, id: Id, db: Db, clock: Now, principal: By, approval_kinds: Decisions) -> Page:
    """Approve or reject. Whoever proposed, whoever comes second, and whoever comes too late is told so."""
    filled = await forms.read(request, Decision)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, id, principal.id, filled, status=422)

    try:
        await settled(db, clock, approval_kinds, principal, id=id, state=wanted.decision, reason=wanted.reason)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, id, principal.id, again, status=refusal.kind.status)
    if wanted.decision is ApprovalState.APPROVED:
        return pages.go(f"/staff/approvals/{id}", said="Approved, and done.")
    return pages.go(f"/staff/approvals/{id}", said="Rejected. Nothing was done.")


@get("/staff/journals/new", guards=[visitor("staff", ledger.MAY_PROPOSE)], include_in_schema=False)
async def new_journal(request: PageRequest) -> Page:
    return pages.show(request, "console/journal.html", form=forms.blank())


@post("/staff/journals/new", guards=[visitor("staff", ledger.MAY_PROPOSE)], include_in_schema=False)
async def propose_journal(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    """One line; longer journals come over the API. The id is the page's, so the form sent twice proposes once."""
    filled = await forms.read(request, JournalForm)
    wanted = filled.value
    if wanted is None:
        return forms.again(request, "console/journal.html", filled)

    async def propose(tx: Tx) -> Approval:
        accounts = await ledger.accounts(tx, [wanted.debit, wanted.credit])
        currency = next((a.currency for a in accounts.values()), pages.of(request).settings.currency)
        line = ledger.JournalLine(
            debit=wanted.debit, credit=wanted.credit, amount_minor=wanted.amount, currency=currency
        )
        journal = ledger.Journal(lines=(line,), value_date=None, forced=None)
        return await ledger.propose_journal(tx, principal, journal, id=wanted.id, reason=wanted.reason, at=clock.now())

    try:
        await db.retry(propose)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return forms.again(request, "console/journal.html", again, status=refusal.kind.status)
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, approval_page, decide, new_journal, propose_journal)
