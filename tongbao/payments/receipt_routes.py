"""The route of a payment's receipt."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, Literal

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.identity import require_or_own
from tongbao.payments import receipts
from tongbao.payments import refusals as no
from tongbao.payments.door import PATH
from tongbao.payments.receipts import Receipt
from tongbao.payments.seen import may_see_payment
from tongbao.web import voucher
from tongbao.web.export import ReadersLang, bank_name, printed
from tongbao.web.refusals import NO_FONT
from tongbao.web.sheet import About
from tongbao.web.site import By, Config, Db, Id, Now, problems

Form = Annotated[Literal["json", "pdf"], QueryParameter(name="format", description="`pdf`: to print and to send on.")]


@get(
    f"{PATH}/{{id:uuid}}/receipt",
    guards=[require_or_own("payments:read", "me:read")],
    tags=["payments"],
    summary="The proof of a payment: who paid whom how much; to print with format=pdf",
    operation_id="get_receipt",
    response_description="What was paid, with names and account numbers masked, whoever asks.",
    responses=problems(no.PAYMENT_UNKNOWN, no.NO_RECEIPT, NO_FONT),
)
async def get_receipt(
    id: Id, principal: By, db: Db, clock: Now, settings: Config, form: Form = "json", lang: ReadersLang = "zh"
) -> Receipt:
    async with db.read() as tx:
        found = await receipts.receipt(tx, (await may_see_payment(tx, principal, id)).payment)
    if form == "json":
        return found
    about = About(title=receipts.TITLE[lang], bank=bank_name(settings, lang), at=clock.now(), lang=lang)
    draw = partial(voucher.draw, receipts.voucher(found, about, settings.zone), settings.zone, settings.pdf_font)
    return await printed(draw, name=f"receipt-{id}")


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (get_receipt,)
