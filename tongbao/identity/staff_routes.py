"""JSON routes by which staff come in and leave."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base.db import Tx
from tongbao.base.ids import uuid7
from tongbao.base.refusal import Refusal
from tongbao.identity import passwords, staff
from tongbao.identity import refusals as no
from tongbao.identity.model import Role, fresh_token
from tongbao.web import session
from tongbao.web.body import Body
from tongbao.web.door import Door
from tongbao.web.site import By, Config, Db, Now, authenticated, door_of, open_to_all, problems


class LogIn(Body, frozen=True):
    username: Annotated[str, msgspec.Meta(max_length=64, examples=["li.na"])]
    password: Annotated[str, msgspec.Meta(max_length=256, examples=["correct horse battery"])]


class StaffView(msgspec.Struct, kw_only=True):
    id: UUID
    username: str
    name: str
    roles: list[Role]


class SessionView(msgspec.Struct, kw_only=True):
    """The cookie that comes along holds the same token."""

    token: str
    expires_at: datetime
    staff: StaffView


_HASHERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
"""Each check of a password takes 19 MiB and a core for a while: two at a time a process."""


@post(
    "/v1/staff/login",
    status_code=200,
    guards=[open_to_all],
    tags=["staff"],
    summary="Log in; the answer sets a session cookie",
    operation_id="log_in",
    response_description="The session, for ten hours, or half an hour without a request.",
    responses=problems(no.LOGIN_REFUSED, no.LOGIN_LOCKED, write=True, known=False),
    security=[{}],
)
async def log_in(
    data: JSONBody[LogIn], request: Request[Any, Any, Any], db: Db, clock: Now, settings: Config
) -> SessionView:
    username = data.username.strip().lower()
    async with db.read() as tx:
        stored = await staff.password_of(tx, username)
    loop = asyncio.get_running_loop()
    is_right = await loop.run_in_executor(_HASHERS, passwords.verify_password, stored, data.password)
    token = fresh_token("staff", secrets.token_bytes)

    async def enter(tx: Tx) -> Any:
        at = clock.now()
        return await staff.log_in(tx, username, password_is_right=is_right, session_id=uuid7(at), token=token, at=at)

    found = await db.retry(enter)
    if isinstance(found, Refusal):
        raise found
    raw = request.scope["headers"]
    secure = settings.env == "production" or not session.is_loopback(raw)
    max_age_s = (found.expires_at - clock.now()) // timedelta(seconds=1)
    who = found.staff
    view = SessionView(
        token=str(token),
        expires_at=found.expires_at,
        staff=StaffView(id=who.id, username=who.username, name=who.name, roles=sorted(who.roles)),
    )
    cookie = session.cookie(str(token), max_age_s=max_age_s, secure=secure)
    return Response(view, status_code=200, headers={"set-cookie": cookie})  # pyright: ignore[reportReturnType]


@post(
    "/v1/staff/logout",
    status_code=204,
    guards=[authenticated],
    tags=["staff"],
    summary="Log out",
    operation_id="log_out",
    response_description="The session has ended.",
    responses=problems(),
)
async def log_out(request: Request[Any, Any, Any], principal: By, db: Db, clock: Now, settings: Config) -> None:
    raw = request.scope["headers"]
    door: Door = door_of(request)
    text = door.token(raw)

    async def leave(tx: Tx) -> None:
        await staff.log_out(tx, text, by=principal, at=clock.now())

    await db.retry(leave)
    door.forget()
    secure = settings.env == "production" or not session.is_loopback(raw)
    headers = {"set-cookie": session.ended(secure=secure)}
    return Response(None, status_code=204, headers=headers)  # pyright: ignore[reportReturnType]


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    log_in,
    log_out,
)
