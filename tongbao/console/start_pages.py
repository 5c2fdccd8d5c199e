"""The first page, the four doors of a demo and its guided walk, and where staff land."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import SkipValidation

from tongbao import identity, payments
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings, is_loopback
from tongbao.console import walk
from tongbao.console.demo import DemoFile
from tongbao.console.navigation import NAVIGATION
from tongbao.web import browser as browsers
from tongbao.web import forms, pages, session
from tongbao.web.forms import Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import CROSS_SITE, NOT_FOUND
from tongbao.web.site import By, Config, Db, Now, open_to_all, visitor

Demo = NamedDependency[SkipValidation[DemoFile | None]]
_LASTS: Final = timedelta(hours=10)


class Door(Form, frozen=True):
    who: Annotated[str, msgspec.Meta(max_length=40)]


class Walk(Form, frozen=True):
    """To a step; 0 ends the walk."""

    step: Annotated[int, msgspec.Meta(ge=0, le=len(walk.STEPS_MESSAGES))]


@get("/", guards=[open_to_all], include_in_schema=False)
async def start(request: PageRequest, demo: Demo) -> Page:
    """The doors of the demo; of any other bank the log-in of its staff."""
    return pages.show(request, "console/start.html", cast=demo)


@get("/staff", guards=[visitor("staff")], include_in_schema=False)
async def staff_start(principal: By) -> Page:
    """The first page of the menu that this role opens."""
    may = principal.permissions
    items = (item for group in NAVIGATION["staff"] for item in group.items)
    return pages.go(next((item.href for item in items if item.permission in may), "/staff/login"))


def demo_of(request: PageRequest, demo: DemoFile | None) -> DemoFile:
    """The demo, for a browser on this very machine; for everybody else there is no such page."""
    scope = cast("Any", request.scope)
    client = scope.get("client") or ("",)
    if demo is None or not is_loopback(client[0]) or not session.is_loopback(scope["headers"]):
        raise NOT_FOUND()
    if request.method == "POST" and not session.same_origin(scope["headers"]):
        raise CROSS_SITE()
    return demo


@post("/door", guards=[open_to_all], include_in_schema=False)
async def door(request: PageRequest, demo: Demo, db: Db, clock: Now, settings: Config) -> Page:
    """Lets a visitor of the demo in by a click, as one of its cast."""
    cast_ = demo_of(request, demo)
    filled = await forms.read(request, Door)
    who = filled.value.who if filled.value else ""
    areas = {"customer": ("me", "/me"), "shop": ("shop", "/shop")}
    staff = {person.username: person for person in cast_.staff}
    if who in areas:
        area, to = areas[who]
        return await _let_in(request, pages.go(to), cast_, area, db, clock, settings)
    if who in staff:
        return await _let_in(request, pages.go("/staff"), cast_, "staff", db, clock, settings, staff_id=staff[who].id)
    raise NOT_FOUND()


async def _let_in(
    request: PageRequest,
    response: Page,
    cast_: DemoFile,
    area: str,
    db: Database,
    clock: Clock,
    settings: Settings,
    *,
    staff_id: UUID | None = None,
) -> Page:
    browser = browsers.browser_of(request)
    seen = identity.Seen(browsers.name_of(request), browsers.place_of(request))
    token = await _session(cast_, area, db, clock, staff_id or cast_.operator.id, browsers.hash_of(browser), seen)
    response.set_cookie(
        key=session.NAMES[area],
        value=token,
        max_age=_LASTS // timedelta(seconds=1),
        path="/",
        httponly=True,
        samesite="strict",
        secure=settings.env == "production",
    )
    return browsers.remember(response, request, settings, browser) if area == "me" else response


async def _session(
    cast_: DemoFile, area: str, db: Database, clock: Clock, staff_id: UUID, browser_hash: bytes, seen: identity.Seen
) -> str:
    """A session as one of the cast. The demo's door is the one place where nobody has to prove who he is."""
    kind = {"me": identity.VisitorKind.CUSTOMER, "shop": identity.VisitorKind.SHOP}.get(area)
    token = identity.fresh_token(kind or "staff", secrets.token_bytes)

    async def enter(tx: Tx) -> None:
        at = clock.now()
        if kind is None:
            await identity.let_in(tx, staff_id, session_id=uuid7(at), token=token, by=SYSTEM, at=at)
            return
        if area == "shop":
            shop = cast_.noodle_shop_id
            await identity.open_session(tx, kind, shop, session_id=uuid7(at), token=token, by=SYSTEM, at=at)
            return
        made: Any = {"session_id": uuid7(at), "token": token, "by": SYSTEM, "at": at}
        # Trusted at once: whoever clicks through a demo shall not wait for a day before he pays.
        li = cast_.li_customer_id
        device_id = await identity.know_device(tx, li, browser_hash, seen=seen, trusted_from=at, at=at)
        await identity.open_session(tx, kind, li, **made, device_id=device_id)

    await db.retry(enter)
    return str(token)


@post("/walk", guards=[open_to_all], include_in_schema=False)
async def walk_on(request: PageRequest, demo: Demo, db: Db, clock: Now, settings: Config) -> Page:
    """To a step of the walk, with the session that it needs; to the first page at its end."""
    cast_ = demo_of(request, demo)
    filled = await forms.read(request, Walk)
    step = filled.value.step if filled.value else 0
    if step == 0:
        response = pages.go("/")
        response.delete_cookie(walk.COOKIE)
        return response
    paid = await latest_payment(cast_, db, settings) if step in (4, 5) else None
    response = pages.go(walk.place(step, cast_, paid.id if paid else None))
    response.set_cookie(key=walk.COOKIE, value=str(step), max_age=86400, path="/", httponly=True, samesite="strict")
    area = walk.AREAS[step - 1]
    return response if area == "open" else await _let_in(request, response, cast_, area, db, clock, settings)


async def latest_payment(cast_: DemoFile, db: Database, settings: Settings) -> payments.Payment | None:
    """What Li paid the noodle shop last."""
    wanted = payments.Filter(account_id=cast_.li_account_id, merchant_id=cast_.noodle_shop_id)
    async with db.read() as tx:
        found = await payments.list_payments(tx, wanted, settings.zone, most=1)
    return found[0] if found else None


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (start, staff_start, door, walk_on)
