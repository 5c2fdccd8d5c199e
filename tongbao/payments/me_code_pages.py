"""A payer shows a code and a shop scans it: a square and digits, new each minute while somebody looks, and what became of it."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao import merchants
from tongbao.base.db import Database, Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal
from tongbao.payments import payer_codes, store
from tongbao.payments.model import Payment
from tongbao.payments.own_accounts import own_accounts
from tongbao.payments.payer_code_model import ShownCode
from tongbao.payments.words import refusal_word
from tongbao.web import pages
from tongbao.web.pages import Page, PageRequest
from tongbao.web.qr import qr_path
from tongbao.web.site import By, Db, Now, visitor

_RENEWALS: Final = 10
"""New codes that a page asks for by itself; then whoever left it open is asked to press."""

CodeId = Annotated[UUID | None, QueryParameter(name="code")]
Left = Annotated[int, QueryParameter(name="left", ge=0, le=_RENEWALS)]


@get("/me/code", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def code_page(request: PageRequest, principal: By, db: Db, clock: Now, code: CodeId = None) -> Page:
    """With a code that is made for this look: one that nobody scans is worth nothing. With what became of `code`, where it was used."""
    at = clock.now()
    assert principal.subject_id is not None
    async with db.read() as tx:
        own = await own_accounts(tx, principal, request.query_params.get("account"))
        found = await payer_codes.own_code(tx, code, principal.subject_id) if code else None
        shown = await _now(tx, found, 0, at) if found and found.used_at else None
    if own is not None and own.chosen.is_open and principal.session_id is not None:
        shown = shown or await _new(db, principal, own.chosen.account.id, _RENEWALS, at)
    return pages.show(request, "payments/me_code.html", own=own, **(shown or {"stands": None}))


@get("/me/code/live", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def code_now(
    request: PageRequest, principal: By, db: Db, clock: Now, code: CodeId = None, left: Left = 0
) -> Page:
    """What has become of a code since `seen`: a new one, or its payment; nothing (204) where all is as it was."""
    at = clock.now()
    assert principal.subject_id is not None
    async with db.read() as tx:
        found = await payer_codes.own_code(tx, code, principal.subject_id) if code else None
        shown = await _now(tx, found, left, at) if found else {}
    if found is None or shown["stands"] == request.query_params.get("seen", ""):
        return Response(b"", status_code=204, media_type="text/html")
    if shown["stands"] == "old" and left and principal.session_id is not None:
        shown = await _new(db, principal, found.account_id, left - 1, at)
    part = pages.part(request, "payments/me_code_now.html", **shown)
    return Response(part.encode(), media_type="text/html")


async def _now(tx: Tx, code: ShownCode, left: int, at: datetime) -> dict[str, Any]:
    """How it stands: `shown`, `old`, `taken` (the payment is being made), or the payment's state."""
    shown: dict[str, Any] = {"code": code, "left": left, "refusal_word": refusal_word}
    if code.payment_id is None:
        is_old = at >= code.made_at + payer_codes.RENEWED_EVERY
        return {**shown, "stands": "old" if is_old else "shown"}
    payment = (await store.payments(tx, [code.payment_id])).get(code.payment_id)
    if payment is None:
        return {**shown, "stands": "taken"}
    return {**shown, "stands": payment.state, "payment": payment, "shop": await _shop(tx, payment)}


async def _shop(tx: Tx, payment: Payment) -> str:
    assert payment.merchant_id is not None, "only shops collect"
    return (await merchants.find(tx, [payment.merchant_id]))[payment.merchant_id].name


async def _new(db: Database, principal: Principal, account_id: UUID, left: int, at: datetime) -> dict[str, Any]:
    """A code and its square."""

    async def make(tx: Tx) -> tuple[ShownCode, str] | None:
        chance = secrets.randbelow(payer_codes.CHANCE)
        return await payer_codes.make_code(tx, account_id, chance, id=uuid7(at), by=principal, at=at)

    made = await db.retry(make)
    while made is None:  # one in 10^15 for each code that is shown at this moment
        made = await db.retry(make)
    code, digits = made
    return {"stands": "shown", "code": code, "left": left, "digits": digits, "square": qr_path(digits)}


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (code_page, code_now)
