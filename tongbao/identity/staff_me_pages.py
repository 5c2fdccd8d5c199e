"""A member of staff's own page: who he is here, his authenticator app; and who may do what, for everybody at work."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import staff, staff_app, staff_password, totp
from tongbao.identity.model import PERMISSIONS, ROLE_PERMISSIONS, SECOND_PERSON, Role
from tongbao.identity.words import role_word
from tongbao.web import export, forms, pages
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.qr import qr_path
from tongbao.web.site import By, Config, Db, Now, door_of, visitor

(APP_SET,) = DONE_MESSAGES = ("Your authenticator app is set up. From now on each log-in asks for a code of it.",)


class Begin(Form, frozen=True):
    current: Annotated[str, msgspec.Meta(max_length=12)] = ""


class Code(Form, frozen=True):
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]


@get("/staff/me", guards=[visitor("staff")], include_in_schema=False)
async def staff_me(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    return await _show(request, principal, db, clock, settings, forms.blank(), forms.blank())


async def _show(
    request: PageRequest,
    principal: Principal,
    db: Database,
    clock: Clock,
    settings: Settings,
    form: Filled[Any],
    code_form: Filled[Any],
    *,
    status: int = 200,
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        him = (await staff.find_staff(tx, [principal.id])).get(principal.id)
        has = await staff_app.has_app(tx, principal.id)
        seed = await staff_app.offered_seed(tx, principal.id, at=clock.now())
        stored = await staff_password.stored_password(tx, principal.id)
    bank = export.bank_name(settings, lang)
    uri = totp.totp_uri(seed, holder=him.username if him else bank, bank=bank) if seed else ""
    return pages.show(
        request,
        "identity/staff_me.html",
        status=status,
        him=him,
        roles=[role_word(role, lang) for role in sorted(him.roles)] if him else [],
        one_time=stored is not None and stored.until is not None,
        has=has,
        limited=not principal.permissions,
        seed=seed,
        square=qr_path(uri) if uri else None,
        form=form,
        code_form=code_form,
    )


@post("/staff/me/app", guards=[visitor("staff")], include_in_schema=False)
async def begin_app(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled = await forms.read(request, Begin)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, clock, settings, filled, forms.blank(), status=422)
    seed = totp.fresh_seed(secrets.token_bytes)

    async def work(tx: Tx) -> Refusal | None:
        return await staff_app.begin(tx, principal, seed, code=wanted.current.strip(), at=clock.now())

    wrong = await db.retry(work)
    if wrong is None:
        return pages.go("/staff/me")
    again = filled.refused(wrong, pages.language(request))
    return await _show(request, principal, db, clock, settings, again, forms.blank(), status=wrong.kind.status)


@post("/staff/me/app/code", guards=[visitor("staff")], include_in_schema=False)
async def confirm_app(request: PageRequest, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    filled = await forms.read(request, Code)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, clock, settings, forms.blank(), filled, status=422)

    async def work(tx: Tx) -> Refusal | None:
        return await staff_app.confirm(tx, principal, wanted.code.strip(), at=clock.now())

    wrong = await db.retry(work)
    if wrong is None:
        door_of(request).forget()
        return pages.go("/staff/me", said=APP_SET)
    again = filled.refused(wrong, pages.language(request))
    return await _show(request, principal, db, clock, settings, forms.blank(), again, status=wrong.kind.status)


@get("/staff/roles", guards=[visitor("staff")], include_in_schema=False)
async def roles(request: PageRequest) -> Page:
    """Every right, the roles that hold it, and what of it takes a second person."""
    lang = pages.language(request)
    return pages.show(
        request,
        "identity/roles.html",
        roles=[(role, role_word(role, lang)) for role in Role],
        two=SECOND_PERSON,
        rights=[(name, [name in ROLE_PERMISSIONS[role] for role in Role]) for name in PERMISSIONS],
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (staff_me, begin_app, confirm_app, roles)
