"""The devices in which a customer is logged in: seen, and logged out."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import devices
from tongbao.web import forms, pages, session
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Now, door_of, visitor

LOGGED_OUT, OTHERS_OUT = DONE_MESSAGES = (
    "That device is logged out. It will be asked for a code.",
    "You are logged out everywhere but here.",
)


class LogOut(Form, frozen=True):
    device: UUID


@get("/me/safety/devices", guards=[visitor("me", "me:read")], include_in_schema=False)
async def own_devices(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    return await _show(request, principal, db, clock, forms.blank())


async def _show(
    request: PageRequest, principal: Principal, db: Database, clock: Clock, form: Filled[Any], *, status: int = 200
) -> Page:
    assert principal.subject_id is not None
    at = clock.now()
    async with db.read() as tx:
        found = await devices.devices_of(tx, principal.subject_id, session_id=principal.session_id, at=at)
    return pages.show(request, "identity/devices.html", status=status, form=form, devices=found)


@post("/me/safety/devices", guards=[visitor("me", "me:read")], include_in_schema=False)
async def log_out_one(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled, lang = await forms.read(request, LogOut), pages.language(request)
    holder, wanted = principal.subject_id, filled.value
    assert holder is not None
    if wanted is None:
        return await _show(request, principal, db, clock, filled, status=422)

    async def write(tx: Tx) -> bool:
        at = clock.now()
        known = await devices.devices_of(tx, holder, session_id=principal.session_id, at=at)
        await devices.log_out_device(tx, holder, wanted.device, by=principal, at=at, lang=lang)
        return any(one.here and one.id == wanted.device for one in known)

    try:
        was_here = await db.retry(write)
    except Refusal as refusal:
        return await _show(request, principal, db, clock, filled.refused(refusal, lang), status=refusal.kind.status)
    door_of(request).forget()
    if not was_here:
        return pages.go("/me/safety/devices", said=LOGGED_OUT)
    response = pages.go("/me/login", said=LOGGED_OUT)
    response.delete_cookie(session.NAMES["me"])
    response.headers.update(session.CLEARED)
    return response


@get("/me/safety/others", guards=[visitor("me", "me:read")], include_in_schema=False)
async def others(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    """Offered to whoever has just changed what he proves himself with."""
    async with db.read() as tx:
        elsewhere = await _elsewhere(tx, principal, clock)
    return pages.show(request, "identity/others.html", others=elsewhere)


async def _elsewhere(tx: Tx, principal: Principal, clock: Clock) -> int:
    holder, here = principal.subject_id, principal.session_id
    if holder is None or here is None:
        return 0
    return await devices.other_sessions(tx, holder, here, at=clock.now())


@post("/me/safety/others", guards=[visitor("me", "me:read")], include_in_schema=False)
async def log_out_others(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    holder, here, lang = principal.subject_id, principal.session_id, pages.language(request)

    async def write(tx: Tx) -> None:
        if holder is not None and here is not None:
            await devices.log_out_elsewhere(tx, holder, here, by=principal, at=clock.now(), lang=lang)

    await db.retry(write)
    door_of(request).forget()
    return pages.go("/me/safety/devices", said=OTHERS_OUT)


async def after_a_change(db: Database, clock: Clock, principal: Principal, otherwise: str) -> str:
    """Where whoever has changed what he proves himself with goes next: to the offer to log out elsewhere, if he is in elsewhere."""
    async with db.read() as tx:
        return "/me/safety/others" if await _elsewhere(tx, principal, clock) else otherwise


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (own_devices, log_out_one, others, log_out_others)
