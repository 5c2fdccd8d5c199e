"""The lists that rules look things up in: which there are, who stands in one, and the proposing of who comes and goes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.risk import refusals as no
from tongbao.risk import rules
from tongbao.risk.expression_model import Unit
from tongbao.risk.kind_words import unit_word
from tongbao.risk.propose_list import SET_LIST, propose_list
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.rule_form import Local, moment, wrong_moment
from tongbao.risk.rule_model import LIST_UNITS, ListChange, RuleName
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Cursor, Db, Now, visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("name", "List", "名单"),
    Column("unit", "Members are", "成员类型", words=unit_word),
    Column("members", "Members", "成员数", tables.COUNT),
    Column("made_at", "Made", "建立时间", tables.MOMENT),
)
MEMBERS: Final = (
    Column("member", "Member", "成员"),
    Column("since_at", "Since", "加入时间", tables.MOMENT),
    Column("until_at", "Until", "到期时间", tables.MOMENT),
)
WAITING: Final = (
    Column("proposed_at", "Proposed", "申请时间", tables.MOMENT),
    Column("name", "List", "名单"),
    Column("reason", "Reason", "理由"),
)
_MEMBERS_LENGTH: Final = 25_000

Lines = Annotated[str, msgspec.Meta(max_length=_MEMBERS_LENGTH)]


class ListForm(Form, frozen=True, kw_only=True):
    """Members stand one a line. `until`: when those who come in go out again by themselves."""

    id: UUID
    come: Lines = ""
    until: Local = ""
    go: Lines = ""
    reason: Reason


class NewListForm(ListForm, frozen=True, kw_only=True):
    name: RuleName
    unit: Unit


@get("/staff/risk/lists", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def lists_page(request: PageRequest, db: Db, clock: Now) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        found = await rules.rule_lists(tx, at=clock.now())
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=SET_LIST)
    rows = [
        (Linked(one.name, f"/staff/risk/lists/{one.name}"), one.unit.value, one.members, one.made_at) for one in found
    ]
    return pages.show(
        request,
        "risk/lists.html",
        table=Listing(columns=COLUMNS, rows=rows, empty=i18n.say("There is no list yet.", lang)),
        waiting=_waiting(waiting, lang),
    )


def _waiting(waiting: list[Approval], lang: Lang) -> Listing:
    rows = [(Linked(a.proposed_at, f"/staff/approvals/{a.id}"), a.payload["name"], a.reason) for a in waiting]
    return Listing(columns=WAITING, rows=rows, empty=i18n.say("Nothing waits for a decision.", lang))


@get("/staff/risk/lists/new", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def new_list(request: PageRequest) -> Page:
    return pages.show(request, "risk/list_new.html", form=forms.blank(unit="account"), units=_units(request))


@post("/staff/risk/lists/new", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def propose_new_list(request: PageRequest, db: Db, clock: Now, principal: By) -> Page:
    filled = await forms.read(request, NewListForm)
    wanted = filled.value
    done = filled, 422
    if wanted is not None:
        done = await _proposed(request, filled, db, clock, principal, wanted, (wanted.name, wanted.unit))
        if not isinstance(done, tuple):
            return done
    return forms.again(request, "risk/list_new.html", done[0], status=done[1], units=_units(request))


def _units(request: PageRequest) -> list[tuple[str, str]]:
    lang = pages.language(request)
    return [(unit.value, unit_word(unit.value, lang)) for unit in LIST_UNITS]


@get("/staff/risk/lists/{name:str}", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def list_page(request: PageRequest, name: FromPath[str], db: Db, clock: Now, cursor: Cursor = None) -> Page:
    return await _show(request, db, name, clock.now(), forms.blank(), cursor=cursor)


async def _show(
    request: PageRequest,
    db: Database,
    name: str,
    at: datetime,
    form: Filled[Any],
    *,
    status: int = 200,
    cursor: str | None = None,
) -> Page:
    lang, most = pages.language(request), paging.USUAL
    place = paging.place(cursor, str)
    async with db.read() as tx:
        unit = await _unit(tx, name)
        found = await rules.list_members(tx, name, at=at, after=place[0] if place else "", most=most + 1)
        waiting = await approvals.approvals(tx, state=ApprovalState.PROPOSED, kind=SET_LIST)
    listed = paging.page(
        found,
        most,
        lambda m: paging.cursor(m.member),
        lambda m: (Linked(m.member, f"/staff/approvals/{m.approval_id}"), m.since_at, m.until_at),
    )
    empty = i18n.say("Nobody stands in this list.", lang)
    return pages.show(
        request,
        "risk/list.html",
        status=status,
        name=name,
        unit=unit_word(unit.value, lang),
        table=Listing(columns=MEMBERS, rows=listed.items, next_cursor=listed.next_cursor, empty=empty),
        waiting=_waiting([a for a in waiting if a.payload["name"] == name], lang),
        form=form,
    )


async def _unit(tx: Tx, name: str) -> Unit:
    unit = (await rules.list_units(tx)).get(name)
    if unit is None:
        raise no.LIST_UNKNOWN()
    return unit


@post("/staff/risk/lists/{name:str}", guards=[visitor("staff", MAY_WRITE)], include_in_schema=False)
async def propose_members(request: PageRequest, name: FromPath[str], db: Db, clock: Now, principal: By) -> Page:
    filled = await forms.read(request, ListForm)
    done = filled, 422
    wanted = filled.value
    if wanted is not None:
        async with db.read() as tx:
            unit = await _unit(tx, name)
        done = await _proposed(request, filled, db, clock, principal, wanted, (name, unit))
        if not isinstance(done, tuple):
            return done
    return await _show(request, db, name, clock.now(), done[0], status=done[1])


async def _proposed(
    request: PageRequest,
    filled: Filled[Any],
    db: Database,
    clock: Now,
    principal: By,
    wanted: ListForm,
    of: tuple[str, Unit],
) -> Page | tuple[Filled[Any], int]:
    """Where the proposal is, or the form again with its status."""
    lang, zone = pages.language(request), pages.of(request).settings.zone
    if wrong_moment({"until": wanted.until}, zone):
        wrong = {**filled.errors, "until": i18n.say("Please type a date within this century.", lang)}
        return Filled(None, filled.given, wrong), 422
    change = ListChange(
        name=of[0], unit=of[1], come=_lines(wanted.come), until=moment(wanted.until, zone), go=_lines(wanted.go)
    )

    async def propose(tx: Tx) -> Approval:
        return await propose_list(tx, principal, change, id=wanted.id, reason=wanted.reason, at=clock.now())

    try:
        await db.retry(propose)
    except Refusal as refusal:
        return filled.refused(refusal, lang), refusal.kind.status
    return pages.go(f"/staff/approvals/{wanted.id}", said="Proposed. Another person decides.")


def _lines(typed: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in typed.splitlines() if line.strip())


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (lists_page, new_list, propose_new_list, list_page, propose_members)
