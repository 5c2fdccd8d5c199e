"""A shop's terminal: how much, then the payer's code by scanner or by hand, then what became of it, as its payer sees it too."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler

from tongbao import merchants
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.payments import payer_codes
from tongbao.payments import refusals as no
from tongbao.payments.asked import Pays
from tongbao.payments.collection_routes import CollectionOrder, collect
from tongbao.payments.model import Payment
from tongbao.payments.seen import may_see_payment
from tongbao.payments.words import refusal_word, state_word
from tongbao.web import forms, pages
from tongbao.web.forms import Form, Sum
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import ID_REUSED, ID_TAKEN
from tongbao.web.site import By, Db, Id, Now, visitor

_USED_UP: Final = (ID_REUSED.code, ID_TAKEN.code)


class Till(Form, frozen=True):
    id: UUID
    amount: Sum
    code: Annotated[str, msgspec.Meta(max_length=40)]
    reference: Annotated[str, msgspec.Meta(max_length=140)] = ""


@get("/shop/collect", guards=[visitor("shop", "payments:collect")], include_in_schema=False)
async def collect_page(request: PageRequest, principal: By, db: Db) -> Page:
    async with db.read() as tx:
        shop = await _shop(tx, principal)
    return pages.show(request, "payments/shop_collect.html", shop=shop, form=forms.blank())


@post("/shop/collect", guards=[visitor("shop", "payments:collect")], include_in_schema=False)
async def collect_now(request: PageRequest, principal: By, db: Db, clock: Now, intake: Pays) -> Page:
    """The same as `POST /v1/collections`; the form's id is the payment's."""
    async with db.read() as tx:
        shop = await _shop(tx, principal)
    filled = await forms.read(request, Till, currency=shop.currency)
    if filled.value is None:
        return forms.again(request, "payments/shop_collect.html", filled, shop=shop)
    wanted = filled.value
    order = CollectionOrder(
        code=wanted.code, amount=wanted.amount, currency=shop.currency, reference=wanted.reference or None
    )
    try:
        outcome = await collect(db, intake, principal, order, id=wanted.id, at=clock.now())
    except Refusal as refusal:
        return _again(request, filled, refusal, shop)
    if outcome.refusal is not None and outcome.payment is None and not outcome.replayed:
        return _again(request, filled, outcome.refusal, shop)
    return pages.go(f"/shop/collect/{wanted.id}")


def _again(request: PageRequest, filled: forms.Filled[Till], refusal: Refusal, shop: merchants.Merchant) -> Page:
    """With what was typed, but for a code that is used up. A form whose id is used up goes on under a new one."""
    form = filled.refused(refusal, pages.language(request))
    if refusal.code == no.PAYER_CODE_WRONG.code and payer_codes.read_digits(form.given.get("code", "")):
        form = msgspec.structs.replace(form, given={**form.given, "code": ""})  # a scanner types the next one there
    if refusal.code in _USED_UP:
        form = msgspec.structs.replace(form, errors={**form.errors, "id": form.errors[""]})
    return forms.again(request, "payments/shop_collect.html", form, status=refusal.kind.status, shop=shop)


@get("/shop/collect/{id:uuid}", guards=[visitor("shop", "payments:collect")], include_in_schema=False)
async def collected_page(request: PageRequest, principal: By, id: Id, db: Db) -> Page:
    async with db.read() as tx:
        payment = await _own(tx, principal, id)
    return pages.show(request, "payments/shop_collected.html", **_shown(payment))


@get("/shop/collect/{id:uuid}/live", guards=[visitor("shop", "payments:collect")], include_in_schema=False)
async def collected_now(request: PageRequest, principal: By, id: Id, db: Db) -> Page:
    """What has become of it since `seen`; nothing (204) where all is as it was."""
    async with db.read() as tx:
        payment = await _own(tx, principal, id)
    if payment.state == request.query_params.get("seen", ""):
        return Response(b"", status_code=204, media_type="text/html")
    part = pages.part(request, "payments/shop_collected_now.html", **_shown(payment))
    return Response(part.encode(), media_type="text/html")


def _shown(payment: Payment) -> dict[str, Any]:
    return {"payment": payment, "refusal_word": refusal_word, "state_word": state_word}


async def _own(tx: Tx, principal: Principal, id: UUID) -> Payment:
    """Refuses `payment_unknown`."""
    return (await may_see_payment(tx, principal, id)).payment


async def _shop(tx: Tx, principal: Principal) -> merchants.Merchant:
    """Refuses `merchant_unknown`."""
    id_ = principal.subject_id
    found = (await merchants.find(tx, [id_])).get(id_) if id_ else None
    if found is None:
        raise no.MERCHANT_UNKNOWN()
    return found


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (collect_page, collect_now, collected_page, collected_now)
