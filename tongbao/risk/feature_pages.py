"""The catalogue of features, for whoever writes rules."""

from __future__ import annotations

from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from tongbao.risk.catalogue import NAMES, sentence
from tongbao.risk.kind_words import kind_word
from tongbao.web import pages
from tongbao.web.listing import Listing
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import visitor
from tongbao.web.tables import Column

COLUMNS: Final = (
    Column("name", "Name", "名称"),
    Column("sentence", "What it says", "含义"),
    Column("kind", "What it is", "类型", words=kind_word),
)


@get("/staff/risk/features", guards=[visitor("staff", "risk:read")], include_in_schema=False)
async def features_page(request: PageRequest) -> Page:
    lang = pages.language(request)
    rows = [(name, sentence(name, lang), kind) for name, kind in NAMES.items()]
    return pages.show(request, "risk/features.html", table=Listing(columns=COLUMNS, rows=rows))


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (features_page,)
