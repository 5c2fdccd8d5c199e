"""Paying by a shop's code: the camera, a picture of it, or what stands below it; each leads to the last look before paying."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler

from tongbao.base.refusal import Refusal
from tongbao.payments.shop_code import read_code
from tongbao.web import forms, pages
from tongbao.web.forms import Form
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import visitor


class Code(Form, frozen=True):
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


@get("/me/scan", guards=[visitor("me", "me:pay")], include_in_schema=False)
async def scan_page(request: PageRequest) -> Page:
    """With `code`: on to the page for paying, or why not. A code never leads anywhere else."""
    given = request.query_params.get("code")
    if given is None:
        return _show(request, forms.blank(), 200)
    filled = forms.convert(request, Code, {"code": given})
    if filled.value is None:
        return _show(request, filled, 422)
    try:
        said = read_code(filled.value.code, pages.origins(request))
    except Refusal as refusal:
        return _show(request, filled.refused(refusal, pages.language(request)), refusal.kind.status)
    return pages.go("/me/pay?" + urlencode(said))


def _show(request: PageRequest, form: forms.Filled[Code], status: int) -> Page:
    page = pages.show(request, "payments/me_scan.html", form=form, status=status)
    page.headers["permissions-policy"] = "camera=(self), geolocation=(), microphone=()"
    return page


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (scan_page,)
