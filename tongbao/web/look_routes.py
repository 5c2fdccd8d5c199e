"""What every page needs from the server besides itself: its files, and how the reader wants to see it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from tongbao.web import assets, i18n, pages
from tongbao.web.pages import Page, PageRequest
from tongbao.web.refusals import NOT_FOUND
from tongbao.web.site import open_to_all

_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"
_YEAR_S: Final = 365 * 86400


@get("/static/{name:str}", guards=[open_to_all], include_in_schema=False, sync_to_thread=False)
def static(name: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
    """A file of the pages."""
    asset, keep = assets.find(name), _FOR_A_YEAR
    if asset is None:
        asset, keep = assets.stand_in(name), "no-store"
    if asset is None:
        raise NOT_FOUND()
    headers = {"cache-control": keep, "vary": "Accept-Encoding"}
    body = asset.raw
    if assets.takes_gzip(request.headers.get("accept-encoding", "")):
        body, headers["content-encoding"] = asset.small, "gzip"
    return Response(body, media_type=asset.media_type, headers=headers)


@get("/favicon.ico", guards=[open_to_all], include_in_schema=False, sync_to_thread=False)
def icon() -> Page:
    return pages.go(assets.address("sign.svg"))


@get("/look", guards=[open_to_all], include_in_schema=False, sync_to_thread=False)
def look(
    request: PageRequest,
    wanted: Annotated[str | None, QueryParameter(name="language")] = None,
    theme: FromQuery[str | None] = None,
    back: FromQuery[str | None] = None,
) -> Page:
    """Remembers language and theme in this browser, and goes back to the page."""
    response = pages.go(pages.local(back))
    for name, value, known in (
        (pages.LANGUAGE_COOKIE, wanted, i18n.LANGUAGES),
        (pages.THEME_COOKIE, theme, (*pages.THEMES, "auto")),
    ):
        if value in known:
            response.set_cookie(key=name, value=value or "", max_age=_YEAR_S, path="/", httponly=True, samesite="lax")
    return response


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (static, icon, look)
