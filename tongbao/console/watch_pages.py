"""What whoever is on watch looks at: the health of the bank, parked events, settings in force, the audit."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, SkipValidation

from tongbao import identity
from tongbao.base import audit, parked
from tongbao.base.audit import AuditEntry
from tongbao.base.db import Tx
from tongbao.base.parked import HeldEvent
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.console import in_force
from tongbao.console.doctor import examine, state_of
from tongbao.console.vitals import Pulse
from tongbao.web import forms, pages, paging, tables
from tongbao.web.forms import Form, Reason
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, visitor
from tongbao.web.tables import Column

Vital = NamedDependency[SkipValidation[Pulse]]

_HELD: Final = {
    "parked": ("parked", "已暂停"),
    "retrying": ("being tried again", "重试中"),
    "waiting": ("waits", "等待中"),
}


def held_word(state: str, lang: Lang) -> str:
    return _HELD[state][lang == "zh"]


EVENTS: Final = (
    Column("at", "Since", "发生时间", tables.MOMENT),
    Column("state", "State", "状态", words=held_word),
    Column("consumer", "Consumer", "消费方"),
    Column("topic", "Topic", "主题"),
    Column("attempts", "Tries", "尝试次数", tables.COUNT),
    Column("error", "Error", "错误"),
    Column("event", "Event", "事件编号"),
)
SETTINGS: Final = (
    Column("name", "Setting", "配置项"),
    Column("value", "In force", "生效值"),
    Column("usual", "Usual", "默认值"),
)
AUDIT: Final = (
    Column("at", "Time", "时间", tables.MOMENT),
    Column("who", "Who", "操作人"),
    Column("action", "Did", "操作"),
    Column("subject", "To what", "对象"),
    Column("reason", "Reason", "理由"),
    Column("details", "Details", "详情"),
)
LONGEST_ERROR: Final = 120


@get("/staff/health", guards=[visitor("staff", "events:read")], include_in_schema=False)
async def health(request: PageRequest, pulse: Vital) -> Page:
    """The same that `tongbao doctor` says."""
    found = examine(await pulse.vitals())
    order = {"fail": 0, "warn": 1, "ok": 2}
    checks = sorted(found, key=lambda check: order[check.state])
    return pages.show(request, "console/health.html", checks=checks, worst=state_of(found))


class Resend(Form, frozen=True):
    """One event by its id, or all that are parked."""

    reason: Reason
    event: UUID | None = None
    consumer: Annotated[str, msgspec.Meta(max_length=100)] | None = None


@get("/staff/events", guards=[visitor("staff", "events:read")], include_in_schema=False)
async def events(
    request: PageRequest,
    db: Db,
    consumer: FromQuery[str | None] = None,
    every: FromQuery[bool] = False,
    cursor: Cursor = None,
) -> Page:
    return pages.show(
        request,
        "console/events.html",
        table=await _events(db, consumer, every=every, cursor=cursor),
        form=forms.blank(),
        event=None,
    )


async def _events(db: Any, consumer: str | None, *, every: bool, cursor: str | None) -> Listing:
    most = paging.USUAL
    place = paging.place(cursor, int, str)
    async with db.read() as tx:
        found = await parked.held_events(
            tx,
            consumer=consumer,
            since=None,
            parked_only=not every,
            after=(place[0], place[1]) if place else (0, ""),
            most=most + 1,
        )
    listed = paging.page(found, most, lambda e: paging.cursor(e.outbox_id, e.consumer), _event_row)
    return Listing(columns=EVENTS, rows=listed.items, next_cursor=listed.next_cursor)


def _event_row(event: HeldEvent) -> tuple[Any, ...]:
    return (
        event.at,
        Marked(event.state),
        event.consumer,
        event.topic,
        event.attempts,
        (event.error or "")[:LONGEST_ERROR],
        Linked(str(event.event_id)[-8:], f"/staff/events/{event.event_id}"),
    )


@get("/staff/events/{id:uuid}", guards=[visitor("staff", "events:read")], include_in_schema=False)
async def event_page(request: PageRequest, id: Id, db: Db) -> Page:
    async with db.read() as tx:
        held = await parked.held_event(tx, id)
    payload = msgspec.json.format(msgspec.json.encode(held[0].payload), indent=2).decode()
    return pages.show(
        request, "console/event.html", held=held, event=held[0], payload=payload, form=forms.blank(event=id)
    )


@post("/staff/events/resend", guards=[visitor("staff", "events:write")], include_in_schema=False)
async def resend(request: PageRequest, principal: By, bulk: Db, clock: Now) -> Page:
    """Sends one parked event again, or all of them."""
    filled = await forms.read(request, Resend)
    wanted = filled.value
    if wanted is not None:

        async def send(tx: Tx) -> int:
            return await parked.resend(
                tx,
                principal,
                at=clock.now(),
                event_ids=[wanted.event] if wanted.event else None,
                everything=wanted.event is None,
                consumer=wanted.consumer,
                reason=wanted.reason,
            )

        try:
            sent = await bulk.retry(send)
        except Refusal as refusal:
            filled = filled.refused(refusal, pages.language(request))
        else:
            if not sent:
                return pages.go(
                    "/staff/events",
                    said="Nothing was sent: what was parked is on its way already, or has gone through.",
                )
            return pages.go("/staff/events", said="Sent on their way again. What goes through leaves this list.")
    table = await _events(bulk, None, every=False, cursor=None)
    return forms.again(request, "console/events.html", filled, table=table, event=filled.given.get("event"))


@get("/staff/settings", guards=[visitor("staff", "audit:read")], include_in_schema=False, sync_to_thread=False)
def settings_page(request: PageRequest, settings: Config) -> Page:
    """What this process runs with, without secrets; what somebody set comes first."""
    return pages.show(request, "console/settings.html", table=_settings(settings))


def _settings(settings: Settings) -> Listing:
    found = sorted(in_force.views(settings), key=lambda setting: setting.is_usual)
    rows = [(s.name, _plain(s.value), _plain(s.usual) if not s.is_usual else None) for s in found]
    return Listing(columns=SETTINGS, rows=rows)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) if value != "" else "–"


@get("/staff/audit", guards=[visitor("staff", "audit:read")], include_in_schema=False)
async def audit_page(
    request: PageRequest,
    db: Db,
    subject: FromQuery[str | None] = None,
    principal_id: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
) -> Page:
    """What people and their keys did, newest first."""
    most = paging.USUAL
    place = paging.place(cursor, int)
    async with db.read() as tx:
        found = await audit.trail(
            tx,
            subject=subject or None,
            principal_id=principal_id,
            before=place[0] if place else None,
            most=most + 1,
        )
        people = await identity.find_staff(tx, {entry.principal_id for entry in found})
    names = {i: person.name for i, person in people.items()}
    listed = paging.page(found, most, lambda entry: paging.cursor(entry.id), lambda entry: _audit_row(entry, names))
    table = Listing(columns=AUDIT, rows=listed.items, next_cursor=listed.next_cursor)
    return pages.show(request, "console/audit.html", table=table)


def _audit_row(entry: AuditEntry, names: dict[UUID, str]) -> tuple[Any, ...]:
    who = names.get(entry.principal_id) or f"{entry.principal_kind.value} {str(entry.principal_id)[-8:]}"
    details = ", ".join(f"{key}: {value}" for key, value in entry.details.items())
    return (
        entry.at,
        Linked(who, f"/staff/audit?principal_id={entry.principal_id}"),
        entry.action,
        Linked(entry.subject[-12:], f"/staff/audit?subject={entry.subject}"),
        entry.reason,
        details[:LONGEST_ERROR],
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (health, events, event_page, resend, settings_page, audit_page)
