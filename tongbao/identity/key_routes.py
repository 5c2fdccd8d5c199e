"""JSON routes of API keys: issue, list, rotate, revoke."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, JSONBody, SkipValidation

from tongbao.base.approvals import BY_KEYS_AT_ONCE, TAKES_A_SECOND_PERSON
from tongbao.base.db import Tx
from tongbao.identity import keys
from tongbao.identity import refusals as no
from tongbao.identity.model import ApiKey, KeyKind, NewKey, Token, fresh_token
from tongbao.web import paging
from tongbao.web.body import Body
from tongbao.web.paging import Page
from tongbao.web.site import By, Cursor, Db, Id, Key, Limit, Now, door_of, made, problems, require

_OVERLAP_LARGEST_S: Final = 30 * 86_400


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
    description=f"{BY_KEYS_AT_ONCE} A merchant's key staff make alone.",
    operation_id="issue_key",
    response_description="The key. `key` is shown this once.",
    responses=problems(
        no.SUBJECT_NEEDED,
        no.SUBJECT_UNKNOWN,
        no.PERMISSION_UNKNOWN,
        no.PERMISSION_NOT_FOR_KIND,
        no.PERMISSION_NOT_YOURS,
        no.EXPIRY_PAST,
        TAKES_A_SECOND_PERSON,
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
    description=f"{BY_KEYS_AT_ONCE} A merchant's key staff replace alone.",
    operation_id="rotate_key",
    response_description="The new key. `key` is shown this once.",
    responses=problems(no.KEY_UNKNOWN, no.KEY_OVER, no.PERMISSION_NOT_YOURS, TAKES_A_SECOND_PERSON, make=True),
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


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    issue_key,
    list_keys,
    get_key,
    rotate_key,
    revoke_key,
)
