"""What two people agreed to and whoever proposed it draws, once: a one-time password, an API key."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from litestar import post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.db import Tx
from tongbao.identity import second_person, staff
from tongbao.identity.key_pages import made_page
from tongbao.identity.model import ApiKey, KeyKind, Made, Staff, fresh_token
from tongbao.identity.passwords import hash_password
from tongbao.identity.staff_routes import HASHERS
from tongbao.web import forms, pages
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Id, Now, door_of, visitor


@post("/staff/approvals/{id:uuid}/password", guards=[visitor("staff", "staff:write")], include_in_schema=False)
async def draw_password(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """Makes the one-time password of a colleague and shows it, once."""
    await forms.posted(request)
    password, salt = secrets.token_urlsafe(18), secrets.token_bytes(16)
    hashed = await asyncio.get_running_loop().run_in_executor(HASHERS, hash_password, password, salt)

    async def work(tx: Tx) -> Staff:
        staff_id = await second_person.draw_password(tx, principal, id, hashed, at=clock.now())
        return (await staff.find_staff(tx, [staff_id]))[staff_id]

    who = await db.retry(work)
    door_of(request).forget()
    response = pages.show(request, "identity/password_drawn.html", who=who, password=password)
    response.headers["cache-control"] = "no-store"
    return response


@post("/staff/approvals/{id:uuid}/key", guards=[visitor("staff", "keys:write")], include_in_schema=False)
async def draw_key(request: PageRequest, id: Id, principal: By, db: Db, clock: Now) -> Page:
    """Makes the key and shows its secret, once: drawn again it comes without."""
    await forms.posted(request)
    tokens = {kind.value: fresh_token(kind, secrets.token_bytes) for kind in KeyKind}

    async def work(tx: Tx) -> Made[ApiKey]:
        return await second_person.draw_key(tx, principal, id, tokens, at=clock.now())

    done = await db.retry(work)
    door_of(request).forget()
    return made_page(request, done, tokens[done.thing.kind])


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (draw_password, draw_key)
