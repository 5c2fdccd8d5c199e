"""JSON routes by which staff come in and leave."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import PERMISSION_MISSING, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import passwords, staff
from tongbao.identity import refusals as no
from tongbao.identity.model import Role, Session, fresh_token
from tongbao.web import session
from tongbao.web.body import Body
from tongbao.web.door import Door
from tongbao.web.site import By, Config, Db, Now, authenticated, door_of, open_to_all, problems


class LogIn(Body, frozen=True):
    username: Annotated[str, msgspec.Meta(max_length=64, examples=["li.na"])]
    password: Annotated[str, msgspec.Meta(max_length=256, examples=["correct horse battery"])]
    code: Annotated[str, msgspec.Meta(max_length=12, examples=["287082"])] = ""
    """Of the authenticator app, where one is set up."""


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


HASHERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
"""Each check of a password takes 19 MiB and a core for a while: two at a time a process."""


async def password_is_right(db: Database, username: str, password: str) -> bool:
    """Compares outside of any transaction: it takes a while on purpose, and as long for a name that nobody has."""
    async with db.read() as tx:
        stored = await staff.password_of(tx, username)
    return await asyncio.get_running_loop().run_in_executor(HASHERS, passwords.verify_password, stored, password)


class Typed(Protocol):
    """What somebody typed who comes in."""

    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def code(self) -> str: ...


async def enter(db: Database, clock: Clock, settings: Settings, typed: Typed) -> tuple[str, Session] | Refusal:
    """The token and the session, or the answer no: for the page and for the route."""
    username = typed.username.strip().lower()
    is_right = await password_is_right(db, username, typed.password)
    token = fresh_token("staff", secrets.token_bytes)

    async def work(tx: Tx) -> Session | Refusal:
        at = clock.now()
        return await staff.log_in(
            tx,
            username,
            password_is_right=is_right,
            session_id=uuid7(at),
            token=token,
            at=at,
            code=typed.code.strip(),
            needs_app=settings.needs_staff_app,
        )

    found = await db.retry(work)
    return found if isinstance(found, Refusal) else (str(token), found)


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
    entered = await enter(db, clock, settings, data)
    if isinstance(entered, Refusal):
        raise entered
    token, found = entered
    raw = request.scope["headers"]
    secure = settings.env == "production" or not session.is_loopback(raw)
    max_age_s = (found.expires_at - clock.now()) // timedelta(seconds=1)
    who = found.staff
    view = SessionView(
        token=token,
        expires_at=found.expires_at,
        staff=StaffView(id=who.id, username=who.username, name=who.name, roles=sorted(who.roles)),
    )
    cookie = session.cookie(token, max_age_s=max_age_s, secure=secure)
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
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("only staff log out here")
    raw = request.scope["headers"]
    door: Door = door_of(request)
    text = door.token(raw)

    async def leave(tx: Tx) -> None:
        await staff.log_out(tx, text, by=principal, at=clock.now())

    await db.retry(leave)
    door.forget()
    secure = settings.env == "production" or not session.is_loopback(raw)
    headers = {"set-cookie": session.ended(secure=secure), **session.CLEARED}
    return Response(None, status_code=204, headers=headers)  # pyright: ignore[reportReturnType]


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    log_in,
    log_out,
)
