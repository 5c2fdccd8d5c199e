"""A customer's own page of verification: how well the bank knows him, what he may pay so, and the form to show who he is."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.db import Database, Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import customers, verification
from tongbao.identity import refusals as no
from tongbao.identity.model import CustomerKind
from tongbao.identity.words import level_word, verification_word
from tongbao.web import forms, pages
from tongbao.web.forms import Filled, Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Db, Now, visitor


class WhoIAm(Form, frozen=True):
    id: UUID
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"\S")]
    id_number: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


@get("/me/verification", guards=[visitor("me", "me:read")], include_in_schema=False)
async def verification_page(request: PageRequest, principal: By, db: Db) -> Page:
    return await _show(request, principal, db, forms.blank())


async def _show(
    request: PageRequest, principal: Principal, db: Database, form: Filled[Any], *, status: int = 200
) -> Page:
    holder, lang = _holder(principal), pages.language(request)
    async with db.read() as tx:
        customer = (await customers.find_customers(tx, [holder])).get(holder)
        if customer is None:
            raise no.CUSTOMER_UNKNOWN()
        newest = (await verification.verification_of(tx, [holder])).get(holder)
        every = await verification.levels(tx)
    may_ask = customer.level < verification.CHECKED_LEVEL and customer.kind is CustomerKind.PERSON
    return pages.show(
        request,
        "identity/verification.html",
        status=status,
        level=next(one for one in every if one.level == customer.level),
        levels=[(level_word(one.level, lang), one) for one in every if one.level > customer.level],
        level_said=level_word(customer.level, lang),
        newest=newest,
        state=verification_word(newest.state, lang) if newest else None,
        may_ask=may_ask and not (newest and newest.state.is_open),
        form=form,
    )


@post("/me/verification", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def ask(request: PageRequest, principal: By, db: Db, clock: Now) -> Page:
    filled = await forms.read(request, WhoIAm)
    wanted = filled.value
    if wanted is None:
        return await _show(request, principal, db, filled, status=422)

    async def write(tx: Tx) -> None:
        await verification.ask_verification(
            tx,
            _holder(principal),
            id=wanted.id,
            name=wanted.name,
            id_number=wanted.id_number,
            by=principal,
            at=clock.now(),
            tells_taken=False,
        )

    try:
        await db.retry(write)
    except Refusal as refusal:
        again = filled.refused(refusal, pages.language(request))
        return await _show(request, principal, db, again, status=refusal.kind.status)
    return pages.go("/me/verification", said="Thank you. The answer usually comes within a few seconds.")


def _holder(principal: Principal) -> UUID:
    assert principal.subject_id is not None
    return principal.subject_id


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (verification_page, ask)
