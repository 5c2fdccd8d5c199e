"""A shop's own code, to print and put on the counter: scanned or typed, it leads to paying this shop."""

from __future__ import annotations

from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from tongbao import identity, payments
from tongbao.clearing.shop_pages import shop_of
from tongbao.web import pages
from tongbao.web.pages import Page, PageRequest
from tongbao.web.qr import qr_path
from tongbao.web.site import By, Db, visitor


@get("/shop/code", guards=[visitor("shop", "orders:read")], include_in_schema=False)
async def code_page(request: PageRequest, principal: By, db: Db) -> Page:
    async with db.read() as tx:
        shop = await shop_of(tx, principal)
        takings = (await identity.find_accounts(tx, [shop.takings_account_id]))[shop.takings_account_id]
    link = payments.shop_link(pages.origins(request)[0], shop.id)
    return pages.show(
        request, "clearing/shop_code.html", shop=shop, number=takings.number, link=link, square=qr_path(link)
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (code_page,)
