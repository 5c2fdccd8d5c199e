"""API keys as staff see them: who may do what until when; make one, replace one, end one. A secret is shown once, and never again."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, SkipValidation

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Rules
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.identity import keys, second_person, signing_keys
from tongbao.identity import refusals as no
from tongbao.identity.key_routes import SubjectKnown
from tongbao.identity.model import KEY_PERMISSIONS, ApiKey, KeyKind, Made, NewKey, Token, fresh_token
from tongbao.identity.words import key_kind_word
from tongbao.web import forms, i18n, pages, paging, tables
from tongbao.web.forms import Filled, Form
from tongbao.web.listing import Linked, Listing, Marked
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Cursor, Db, Id, Now, door_of, visitor
from tongbao.web.tables import Column

Knows = NamedDependency[SkipValidation[SubjectKnown]]

RIGHT_MESSAGES: Final = {
    "customers:read": "see customers and their names",
    "customers:write": "register customers",
    "customers:freeze": "freeze and thaw customers",
    "accounts:read": "see accounts, entries and statements",
    "accounts:write": "open accounts",
    "accounts:freeze": "freeze, thaw and close accounts",
    "limits:read": "see limits",
    "limits:write": "set limits",
    "topups:write": "bring money in from outside",
    "payments:debit": "debit a payer",
    "payments:read": "see payments",
    "payments:confirm": "confirm a payment for its payer",
    "payments:capture": "capture what was authorised",
    "payments:collect": "collect payments by codes that payers show",
    "payments:cancel": "cancel payments and recall transfers",
    "payments:refund": "refund",
    "payments:resolve": "ask other banks again and propose how a payment ended there",
    "schedules:read": "see scheduled payments and standing orders",
    "schedules:write": "schedule payments and standing orders",
    "risk:read": "see the rules, lists and features by which payments are judged",
    "risk:write": "propose rules and lists by which payments are judged",
    "switches:read": "see what is stopped",
    "switches:write": "stop kinds, methods and merchants, and take their payments again",
    "merchants:read": "see merchants, fee plans and fees",
    "merchants:write": "register merchants and set fee plans",
    "orders:read": "see orders",
    "orders:write": "make orders",
    "takings:read": "see takings and settlements",
    "webhooks:read": "see webhooks and deliveries",
    "webhooks:write": "make webhooks and send deliveries again",
    "keys:read": "see keys (never their secrets)",
    "keys:write": "make, rotate and revoke keys",
    "staff:read": "see staff",
    "staff:write": "make and disable staff",
    "journals:propose": "propose journals",
    "approvals:read": "see what waits for a second person",
    "approvals:decide": "be the second person",
    "books:read": "see the trial balance",
    "day:read": "see the business day and the calendar",
    "day:write": "close the day and edit the calendar",
    "events:read": "see parked events",
    "events:write": "send parked events again",
    "audit:read": "see who did what",
    "privacy:read": "see what people ask about their data, and who has left",
    "privacy:write": "answer what people ask about their data, and hold back erasure",
    "help:read": "see what customers ask for help with",
    "help:answer": "answer customers who ask for help",
}
"""What each permission lets its holder do."""
_STATES: Final = {
    "active": ("works", "有效"),
    "waiting": ("replaced, works until its end", "已轮换，到期前仍有效"),
    "expired": ("expired", "已过期"),
    "disabled": ("revoked", "已吊销"),
}
_OVERLAP_MESSAGES: Final = {0: "at once", 3600: "in an hour", 86_400: "in a day", 604_800: "in a week"}
"""After how many seconds a key that was replaced ends."""


def state_word(state: str, lang: Lang) -> str:
    return _STATES[state][lang == "zh"]


def state_of(key: ApiKey, at: datetime) -> str:
    if key.revoked_at is not None:
        return "disabled"
    if key.is_over(at):
        return "expired"
    return "waiting" if key.rotated_to is not None else "active"


COLUMNS: Final = (
    Column("key", "Key", "密钥"),
    Column("state", "State", "状态", words=state_word),
    Column("kind", "Kind", "类型", words=key_kind_word),
    Column("subject", "Acts for", "所属主体"),
    Column("note", "Note", "备注"),
    Column("rights", "Rights", "权限数", tables.COUNT),
    Column("used", "Last used", "最近使用", tables.DATE),
    Column("expires_at", "Ends", "到期时间", tables.MOMENT),
    Column("created_at", "Made", "创建时间", tables.MOMENT),
)


(PROPOSED,) = PROPOSED_MESSAGES = ("Proposed. Another person decides.",)


def _box(permission: str) -> str:
    """The name of a permission's box in the form."""
    return "may_" + permission.replace(":", "_")


class _KeyForm(Form, frozen=True):
    id: UUID
    kind: KeyKind
    subject: UUID | None = None
    expires_on: date | None = None
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""
    everything: bool = False


KeyForm: Final = msgspec.defstruct(
    "KeyForm", [(_box(name), bool, False) for name in RIGHT_MESSAGES], bases=(_KeyForm,), frozen=True, kw_only=True
)
"""What makes a key: a box for each permission."""


class RotateForm(Form, frozen=True):
    id: UUID
    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=30 * 86_400)]
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class RevokeForm(Form, frozen=True):
    """Says only that it is meant."""

    id: UUID


@get("/staff/keys", guards=[visitor("staff", "keys:read")], include_in_schema=False)
async def list_page(
    request: PageRequest, db: Db, clock: Now, subject: FromQuery[UUID | None] = None, cursor: Cursor = None
) -> Page:
    most, at = paging.USUAL, clock.now()
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await keys.list_keys(tx, subject_id=subject, before=place[0] if place else None, most=most + 1)
    listed = paging.page(found, most, lambda key: paging.cursor(key.id), lambda key: _row(key, at))
    table = Listing(columns=COLUMNS, rows=listed.items, next_cursor=listed.next_cursor)
    return pages.show(request, "identity/keys.html", table=table)


def _shown_as(key: ApiKey) -> str:
    return f"tb_{key.kind}_{key.public_id}_…"


def _row(key: ApiKey, at: datetime) -> tuple[Any, ...]:
    return (
        Linked(_shown_as(key), f"/staff/keys/{key.id}"),
        Marked(state_of(key, at)),
        key.kind.value,
        Linked(str(key.subject_id)[-8:], f"/staff/merchants/{key.subject_id}") if key.subject_id else None,
        key.note,
        len(key.permissions),
        key.last_used_on,
        key.expires_at,
        key.created_at,
    )


async def _key(db: Database, id: UUID) -> ApiKey:
    async with db.read() as tx:
        found = (await keys.find_keys(tx, [id])).get(id)
    if found is None:
        raise no.KEY_UNKNOWN()
    return found


async def _with_rules(db: Database, id: UUID) -> tuple[ApiKey, Rules, int]:
    """The key, what it must show besides its secret, and how many public keys it has."""
    async with db.read() as tx:
        key = (await keys.find_keys(tx, [id])).get(id)
        if key is None:
            raise no.KEY_UNKNOWN()
        public = await signing_keys.signing_keys_of(tx, key.principal_id)
        rules = await signing_keys.rules_of(tx, key.principal_id)
    return key, rules, sum(one.revoked_at is None for one in public)


@get("/staff/keys/{id:uuid}", guards=[visitor("staff", "keys:read")], include_in_schema=False)
async def key_page(request: PageRequest, id: Id, db: Db, clock: Now) -> Page:
    return await _show(request, db, clock, id, "identity/key.html", forms.blank(overlap_s=86_400))


async def _show(
    request: PageRequest, db: Database, clock: Clock, id: UUID, template: str, form: Filled[Any], *, status: int = 200
) -> Page:
    key, rules, live = await _with_rules(db, id)
    lang, at = pages.language(request), clock.now()
    state = state_of(key, at)
    return pages.show(
        request,
        template,
        status=status,
        key=key,
        rules=rules,
        public_keys=live,
        shown_as=_shown_as(key),
        state=state,
        state_said=state_word(state, lang),
        kind=key_kind_word(key.kind, lang),
        rights=[(name, i18n.say(RIGHT_MESSAGES[name], lang)) for name in sorted(key.permissions)],
        overlaps=[(seconds, i18n.say(sentence, lang)) for seconds, sentence in _OVERLAP_MESSAGES.items()],
        form=form,
    )


@get("/staff/keys/new", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def new_page(
    request: PageRequest, kind: FromQuery[KeyKind] = KeyKind.MERCHANT, subject: FromQuery[UUID | None] = None
) -> Page:
    return _form(request, kind, forms.blank(subject=subject))


def _form(request: PageRequest, kind: KeyKind, form: Filled[Any], *, status: int = 200) -> Page:
    lang = pages.language(request)
    rights = [(_box(name), name, i18n.say(RIGHT_MESSAGES[name], lang)) for name in sorted(KEY_PERMISSIONS[kind])]
    return pages.show(
        request,
        "identity/key_new.html",
        status=status,
        form=form,
        kind=kind,
        kinds=[(k.value, key_kind_word(k, lang)) for k in (KeyKind.MERCHANT, KeyKind.BANK)],
        rights=rights,
    )


@post("/staff/keys/new", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def make(request: PageRequest, db: Db, clock: Now, settings: Config, principal: By, subject_known: Knows) -> Page:
    """Makes a key and shows its secret, once: the same form sent again shows the key without it."""
    filled = cast("Filled[_KeyForm]", await forms.read(request, KeyForm))
    wanted = filled.value
    if wanted is None:
        kind = filled.given.get("kind", "")
        return _form(request, KeyKind(kind) if kind in tuple(KeyKind) else KeyKind.MERCHANT, filled, status=422)
    new = _new(wanted, settings)
    if new.permissions == ():
        said = i18n.say("Choose at least one right.", pages.language(request))
        return _form(request, wanted.kind, Filled(None, filled.given, {"everything": said}), status=422)
    token = fresh_token(wanted.kind, secrets.token_bytes)

    async def issue(tx: Tx) -> Made[ApiKey] | None:
        if new.subject_id is not None and not await subject_known(tx, new.kind, new.subject_id):
            raise no.SUBJECT_UNKNOWN(field="subject")
        if new.kind is KeyKind.MERCHANT:
            return await keys.issue_key(tx, new, token, by=principal, at=clock.now())
        about: Any = {"id": new.id, "reason": wanted.reason, "at": clock.now()}
        await second_person.propose(tx, principal, second_person.ISSUE_KEY, msgspec.to_builtins(new), **about)
        return None

    try:
        done = await db.retry(issue)
    except Refusal as refusal:
        place = {"subject_needed": "subject", "expiry_past": "expires_on"}.get(refusal.code)
        again = filled.refused(refusal, pages.language(request), field=place)
        return _form(request, wanted.kind, again, status=refusal.kind.status)
    if done is None:
        return pages.go(f"/staff/approvals/{wanted.id}", said=PROPOSED)
    return made_page(request, done, token)


def _new(wanted: _KeyForm, settings: Settings) -> NewKey:
    """The key that a form asks for; it ends with the day that the form names."""
    marked = tuple(sorted(name for name in RIGHT_MESSAGES if getattr(wanted, _box(name))))
    ends = None
    if wanted.expires_on is not None:
        last = paging.day(wanted.expires_on, "expires_on") or wanted.expires_on
        ends = datetime.combine(last + timedelta(1), datetime.min.time(), settings.zone)
    return NewKey(
        id=wanted.id,
        kind=wanted.kind,
        permissions=None if wanted.everything else marked,
        subject_id=wanted.subject,
        expires_at=ends,
        note=wanted.note or None,
    )


def made_page(request: PageRequest, done: Made[ApiKey], token: Token) -> Page:
    """The key, and its secret where this is the first time."""
    secret = None if done.replayed else str(token)
    response = pages.show(
        request, "identity/key_made.html", key=done.thing, shown_as=_shown_as(done.thing), secret=secret
    )
    response.headers["cache-control"] = "no-store"
    return response


@post("/staff/keys/{id:uuid}/rotate", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def rotate(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """A new key in place of this one, which goes on working for a while; its secret is shown once."""
    filled = await forms.read(request, RotateForm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, db, clock, id, "identity/key.html", filled, status=422)
    kind = (await _key(db, id)).kind
    token = fresh_token(kind, secrets.token_bytes)

    async def work(tx: Tx) -> Made[ApiKey] | None:
        if kind is not KeyKind.MERCHANT:
            about = {"key_id": str(id), "overlap_s": wanted.overlap_s}
            said: Any = {"id": wanted.id, "reason": wanted.reason, "at": clock.now()}
            await second_person.propose(tx, principal, second_person.ROTATE_KEY, about, **said)
            return None
        overlap = timedelta(seconds=wanted.overlap_s)
        return await keys.rotate_key(
            tx, id, new_id=wanted.id, token=token, overlap=overlap, by=principal, at=clock.now()
        )

    try:
        done = await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, db, clock, id, "identity/key.html", again, status=refusal.kind.status)
    if done is None:
        return pages.go(f"/staff/approvals/{wanted.id}", said=PROPOSED)
    door_of(request).forget()
    return made_page(request, done, token)


@get("/staff/keys/{id:uuid}/revoke", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def revoke_page(request: PageRequest, id: Id, db: Db, clock: Now) -> Page:
    return await _show(request, db, clock, id, "identity/key_revoke.html", forms.blank())


@post("/staff/keys/{id:uuid}/revoke", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def revoke(request: PageRequest, id: Id, db: Db, clock: Now, principal: By) -> Page:
    """Ends a key at once and for ever; a key that has ended stays as it is."""
    filled = await forms.read(request, RevokeForm)
    if filled.value is None or filled.value.id != id:
        return await _show(request, db, clock, id, "identity/key_revoke.html", filled, status=422)

    async def work(tx: Tx) -> ApiKey:
        return await keys.revoke_key(tx, id, by=principal, at=clock.now())

    await db.retry(work)
    door_of(request).forget()
    return pages.go(f"/staff/keys/{id}", said="Revoked. It is refused everywhere within two seconds.")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    list_page,
    new_page,
    make,
    key_page,
    rotate,
    revoke_page,
    revoke,
)
