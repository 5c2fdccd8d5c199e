"""The pages by which people come in and leave."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import sessions, staff
from tongbao.identity.staff_routes import enter
from tongbao.web import forms, pages, session
from tongbao.web.browser import is_secure
from tongbao.web.forms import Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Now, door_of, open_to_all, visitor


class LogIn(Form, frozen=True):
    username: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    code: Annotated[str, msgspec.Meta(max_length=12)] = ""
    next: Annotated[str, msgspec.Meta(max_length=2000)] = "/staff"


@get("/staff/login", guards=[open_to_all], include_in_schema=False)
async def staff_login(request: PageRequest) -> Page:
    to = pages.local(request.query_params.get("next"), "/staff")
    return pages.show(request, "identity/login.html", form=forms.blank(next=to), rp_id=rp_id_of(request))


def rp_id_of(request: PageRequest) -> str:
    """For which host a passkey is good here."""
    return pages.of(request).settings.rp_id


@post("/staff/login", guards=[open_to_all], include_in_schema=False)
async def staff_log_in(request: PageRequest, db: Db, clock: Now, settings: Config) -> Page:
    filled = await forms.read(request, LogIn)
    if filled.value is None:
        return forms.again(request, "identity/login.html", filled, rp_id=rp_id_of(request))
    wanted = filled.value
    found = await enter(db, clock, settings, wanted)
    if isinstance(found, Refusal):
        again = filled.refused(found, pages.language(request))
        status = found.kind.status
        return forms.again(request, "identity/login.html", again, status=status, rp_id=rp_id_of(request))
    token, opened = found
    response = pages.go("/staff/me" if opened.limited else pages.local(wanted.next, "/staff"))
    give_cookie(response, request, settings, "staff", token, opened.expires_at, clock)
    return response


def give_cookie(
    response: Page, request: PageRequest, settings: Settings, area: str, token: str, expires_at: datetime, clock: Clock
) -> None:
    """Puts the session of an area into the browser."""
    max_age_s = (expires_at - clock.now()) // timedelta(seconds=1)
    made = session.cookie(token, max_age_s=max_age_s, secure=is_secure(request, settings), name=session.NAMES[area])
    response.headers["set-cookie"] = made


def _log_out(area: pages.Area) -> HTTPRouteHandler:
    @post(f"/{area}/logout", guards=[visitor(area)], include_in_schema=False)
    async def log_out(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
        text = session.token(cast("Any", request.scope)["headers"], session.NAMES[area]) or ""
        end = staff.log_out if area == "staff" else sessions.end_session

        async def leave(tx: Tx) -> None:
            await end(tx, text, by=principal, at=clock.now())

        await db.retry(leave)
        door_of(request).forget()
        response = pages.go("/staff/login" if area == "staff" else "/")
        response.headers["set-cookie"] = session.ended(secure=is_secure(request, settings), name=session.NAMES[area])
        response.headers.update(session.CLEARED)
        return response

    return log_out


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (
    staff_login,
    staff_log_in,
    _log_out("staff"),
    _log_out("me"),
    _log_out("shop"),
)
