"""Staff as their administrator sees them: who there is, shut out at once, and by two people let in, given roles, helped."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import refusals as no
from tongbao.identity import second_person, staff
from tongbao.identity.key_pages import PROPOSED
from tongbao.identity.model import NewStaff, Role, Staff
from tongbao.identity.words import role_word
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Cursor, Db, Id, Now, door_of, visitor
from tongbao.web.tables import Column

_STATE_MESSAGES: Final = {"active": "works", "disabled": "shut out"}
ASK_MESSAGES: Final = {
    second_person.RESET_PASSWORD: "Give a colleague a one-time password",
    second_person.FORGET_FACTORS: "Remove a colleague's app and passkeys",
}
(SHUT_OUT,) = DONE_MESSAGES = ("Shut out. Every session has ended.",)


def state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES[state], lang)


COLUMNS: Final = (
    Column("username", "User name", "用户名"),
    Column("name", "Name", "姓名"),
    Column("roles", "Roles", "角色"),
    Column("status", "Status", "状态", words=state_word),
    Column("created_at", "Made", "创建时间", tables.MOMENT),
)


class Why(Form, frozen=True):
    id: UUID
    reason: Reason


class Ask(Form, frozen=True):
    """What is proposed about a colleague."""

    id: UUID
    what: Literal["identity.enable_staff", "identity.reset_password", "identity.forget_factors"]
    reason: Reason


class NewRoles(Form, frozen=True):
    id: UUID
    reason: Reason
    operator: bool = False
    accountant: bool = False
    auditor: bool = False
    admin: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(role for role in Role if getattr(self, role.value))


class NewMember(NewRoles, frozen=True, kw_only=True):
    username: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9._-]{2,31}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


@get("/staff/people", guards=[visitor("staff", "staff:read")], include_in_schema=False)
async def list_page(request: PageRequest, db: Db, cursor: Cursor = None) -> Page:
    most, lang = paging.USUAL, pages.language(request)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await staff.list_staff(tx, before=place[0] if place else None, most=most + 1)
    listed = paging.page(found, most, lambda one: paging.cursor(one.id), lambda one: _row(one, lang))
    table = Listing(columns=COLUMNS, rows=listed.items, next_cursor=listed.next_cursor)
    return pages.show(request, "identity/people.html", table=table)


def _row(one: Staff, lang: Lang) -> tuple[Any, ...]:
    held = ("、" if lang == "zh" else ", ").join(role_word(role, lang) for role in sorted(one.roles))
    return Linked(one.username, f"/staff/people/{one.id}"), one.name, held, Marked(one.status), one.created_at


def _boxes(request: PageRequest) -> list[tuple[str, str]]:
    return [(role.value, role_word(role, pages.language(request))) for role in Role]


@get("/staff/people/new", guards=[visitor("staff", "staff:write")], include_in_schema=False)
async def new_page(request: PageRequest) -> Page:
    return pages.show(request, "identity/people_new.html", form=forms.blank(), boxes=_boxes(request))


@post("/staff/people/new", guards=[visitor("staff", "staff:write")], include_in_schema=False)
async def hire(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    """Writes a new colleague down, shut out, and proposes to let him in; the same form again is the same colleague."""
    filled = await forms.read(request, NewMember)
    wanted, boxes = filled.value, _boxes(request)
    if wanted is None:
        return forms.again(request, "identity/people_new.html", filled, boxes=boxes)
    if not wanted.roles:
        return forms.again(request, "identity/people_new.html", _no_role(request, filled), boxes=boxes)
    asked = derived(wanted.id, "enable")

    async def work(tx: Tx) -> None:
        at = clock.now()
        new = NewStaff(id=wanted.id, username=wanted.username, name=wanted.name, roles=wanted.roles)
        await staff.hire(tx, new, by=principal, at=at)
        about = {"staff_id": str(wanted.id), "roles": sorted(wanted.roles)}
        await second_person.propose(
            tx, principal, second_person.ENABLE_STAFF, about, id=asked, reason=wanted.reason, at=at
        )

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return forms.again(request, "identity/people_new.html", again, status=refusal.kind.status, boxes=boxes)
    return pages.go(f"/staff/approvals/{asked}", said=PROPOSED)


def _no_role(request: PageRequest, filled: Filled[Any]) -> Filled[Any]:
    return Filled(None, filled.given, {"roles": i18n.say("Choose at least one role.", pages.language(request))})


@get("/staff/people/{id:uuid}", guards=[visitor("staff", "staff:read")], include_in_schema=False)
async def one_page(request: PageRequest, id: Id, principal: By, db: Db) -> Page:
    return await _show(request, db, principal, id, forms.blank())


async def _show(
    request: PageRequest,
    db: Database,
    by: Principal,
    id: UUID,
    form: Filled[Any],
    *,
    status: int = 200,
    asked: str = "",
) -> Page:
    """`asked`: the form that was sent, where what was typed comes back."""
    lang = pages.language(request)
    async with db.read() as tx:
        who = (await staff.find_staff(tx, [id])).get(id)
    if who is None:
        raise no.STAFF_UNKNOWN()
    held = Filled[Any](None, {role.value: "on" for role in who.roles}, {})
    return pages.show(
        request,
        "identity/people_one.html",
        status=status,
        who=who,
        own=who.id == by.id,
        state=state_word(who.status, lang),
        roles=("、" if lang == "zh" else ", ").join(role_word(role, lang) for role in sorted(who.roles)),
        boxes=_boxes(request),
        asks=[(kind, i18n.say(said, lang)) for kind, said in ASK_MESSAGES.items()],
        form=form,
        asked=asked,
        out=form if asked == "disable" else forms.blank(),
        help=form if asked == "propose" else forms.blank(),
        change=form if asked == "roles" else held,
    )


@post("/staff/people/{id:uuid}/disable", guards=[visitor("staff", "staff:write")], include_in_schema=False)
async def shut_out(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """At once: one person is enough."""
    filled = await forms.read(request, Why)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, principal, id, filled, status=422, asked="disable")

    async def work(tx: Tx) -> None:
        await staff.disable_staff(tx, id, reason=wanted.reason, by=principal, at=clock.now())

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, principal, id, again, status=refusal.kind.status, asked="disable")
    door_of(request).forget()
    return pages.go(f"/staff/people/{id}", said=SHUT_OUT)


@post("/staff/people/{id:uuid}/propose", guards=[visitor("staff", "staff:write")], include_in_schema=False)
async def ask(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, Ask)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, principal, id, filled, status=422, asked="propose")
    return await _propose(request, db, clock, principal, id, filled, wanted.what, {"staff_id": str(id)})


@post("/staff/people/{id:uuid}/roles", guards=[visitor("staff", "staff:write")], include_in_schema=False)
async def ask_roles(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, NewRoles)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, principal, id, filled, status=422, asked="roles")
    if not wanted.roles:
        return await _show(request, db, principal, id, _no_role(request, filled), status=422, asked="roles")
    about = {"staff_id": str(id), "roles": sorted(wanted.roles)}
    return await _propose(request, db, clock, principal, id, filled, second_person.STAFF_ROLES, about)


async def _propose(
    request: PageRequest,
    db: Database,
    clock: Now,
    by: Principal,
    id: UUID,
    filled: Filled[Any],
    kind: str,
    about: dict[str, Any],
) -> Page:
    wanted: Any = filled.value

    async def work(tx: Tx) -> None:
        await second_person.propose(tx, by, kind, about, id=wanted.id, reason=wanted.reason, at=clock.now())

    try:
        await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        asked = "roles" if kind == second_person.STAFF_ROLES else "propose"
        return await _show(request, db, by, id, again, status=refusal.kind.status, asked=asked)
    return pages.go(f"/staff/approvals/{wanted.id}", said=PROPOSED)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_page, new_page, hire, one_page, shut_out, ask, ask_roles)
