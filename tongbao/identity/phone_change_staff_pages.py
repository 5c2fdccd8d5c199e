"""The page on which a clerk proposes another telephone number for a customer whom he sees before him."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from tongbao.base.approvals import Approval
from tongbao.base.db import Database, Tx
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.identity import refusals as no
from tongbao.identity import store
from tongbao.identity.people import masked_details
from tongbao.identity.phone_change_model import Document, DocumentSeen
from tongbao.identity.phone_change_staff import DOCUMENT_MESSAGES, MAY_PROPOSE, propose_phone, read_ends
from tongbao.identity.phones import read_phone
from tongbao.web import forms, i18n, pages
from tongbao.web.forms import Filled, Form, Reason
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import By, Config, Db, Id, Now, visitor

PROPOSED, ENDS = SAID_MESSAGES = (
    "Proposed. Another person decides.",
    "Four digits or capital letters, as they stand on the document.",
)


class NewPhone(Form, frozen=True):
    """`face`: whether the clerk has compared the person with the picture."""

    id: UUID
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    document: Document
    ends: Annotated[str, msgspec.Meta(min_length=1, max_length=12)]
    reason: Reason
    face: str = ""


@get("/staff/customers/{id:uuid}/phone", guards=[visitor("staff", MAY_PROPOSE)], include_in_schema=False)
async def phone_page(request: PageRequest, id: Id, db: Db, settings: Config) -> Page:
    return await _show(request, id, db, settings, forms.blank())


async def _show(
    request: PageRequest, id: UUID, db: Database, settings: Settings, form: Filled[Any], *, status: int = 200
) -> Page:
    lang = pages.language(request)
    async with db.read() as tx:
        customer = (await store.customers(tx, [id])).get(id)
        if customer is None:
            raise no.CUSTOMER_UNKNOWN()
        details = (await masked_details(tx, [customer]))[id]
    return pages.show(
        request,
        "identity/phone_staff.html",
        status=status,
        form=form,
        id=id,
        name=details.name,
        phone=details.phone,
        documents=[(one.value, i18n.say(said, lang)) for one, said in DOCUMENT_MESSAGES.items()],
        days=settings.recovery_caution_days,
    )


@post("/staff/customers/{id:uuid}/phone", guards=[visitor("staff", MAY_PROPOSE)], include_in_schema=False)
async def propose(request: PageRequest, id: Id, principal: By, db: Db, clock: Now, settings: Config) -> Page:
    """The id is the page's, so the form sent twice proposes once."""
    filled, lang = await forms.read(request, NewPhone), pages.language(request)
    wanted = filled.value
    if wanted is None:
        return await _show(request, id, db, settings, filled, status=422)
    ends = read_ends(wanted.ends)
    if ends is None:
        wrong = Filled[Any](None, filled.given, {"ends": i18n.say(ENDS, lang)})
        return await _show(request, id, db, settings, wrong, status=422)

    async def work(tx: Tx) -> Approval:
        seen = DocumentSeen(document=wanted.document, ends=ends, face_compared=wanted.face == "compared")
        said: Any = {"id": wanted.id, "reason": wanted.reason, "caution_days": settings.recovery_caution_days}
        return await propose_phone(tx, principal, id, read_phone(wanted.phone), seen, **said, at=clock.now())

    try:
        filed = await db.retry(work)
    except Refusal as refusal:
        again = filled.refused(refusal, lang)
        return await _show(request, id, db, settings, again, status=refusal.kind.status)
    may_see = "approvals:read" in principal.permissions
    return pages.go(f"/staff/approvals/{filed.id}" if may_see else f"/staff/customers/{id}", said=PROPOSED)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (phone_page, propose)
