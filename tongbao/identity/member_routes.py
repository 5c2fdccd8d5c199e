"""JSON routes by which staff are seen and shut out; they are made by `tongbao staff`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base.db import Tx
from tongbao.identity import refusals as no
from tongbao.identity import staff
from tongbao.identity.model import Role, Staff
from tongbao.web import paging
from tongbao.web.body import Body, Reason
from tongbao.web.paging import Page
from tongbao.web.site import By, Cursor, Db, Id, Limit, Now, door_of, problems, require


class MemberView(msgspec.Struct, kw_only=True):
    """`status`: active or disabled."""

    id: UUID
    username: str
    name: str
    roles: list[Role]
    status: str
    created_at: datetime


class WhyDisabled(Body, frozen=True, kw_only=True):
    reason: Reason


def _view(member: Staff) -> MemberView:
    return MemberView(
        id=member.id,
        username=member.username,
        name=member.name,
        roles=sorted(member.roles),
        status=member.status,
        created_at=member.created_at,
    )


@get(
    "/v1/staff",
    guards=[require("staff:read")],
    tags=["staff"],
    summary="Staff and their roles, newest first",
    operation_id="list_staff",
    response_description="A page of staff, those who were shut out too.",
    responses=problems(),
)
async def list_staff(db: Db, cursor: Cursor = None, limit: Limit = None) -> Page[MemberView]:
    most = paging.limit(limit)
    place = paging.place(cursor, UUID)
    async with db.read() as tx:
        found = await staff.list_staff(tx, before=place[0] if place else None, most=most + 1)
    return paging.page(found, most, lambda member: paging.cursor(member.id), _view)


@post(
    "/v1/staff/{id:uuid}/disable",
    status_code=200,
    guards=[require("staff:write")],
    tags=["staff"],
    summary="Shut a member of staff out, at once",
    operation_id="disable_staff",
    response_description="Shut out now or before; every session has ended, refused everywhere within two seconds.",
    responses=problems(no.STAFF_UNKNOWN, no.NOT_YOURSELF, write=True),
)
async def disable_staff(
    id: Id, data: JSONBody[WhyDisabled], request: Request[Any, Any, Any], principal: By, db: Db, clock: Now
) -> MemberView:
    async def disable(tx: Tx) -> Staff:
        return await staff.disable_staff(tx, id, reason=data.reason, by=principal, at=clock.now())

    member = await db.retry(disable)
    door_of(request).forget()
    return _view(member)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (list_staff, disable_staff)
