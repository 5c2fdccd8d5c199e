"""The bank as an app on a telephone: its manifest, its worker, and the page for when there is no connection."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from tongbao.base.say import Lang
from tongbao.web import assets, i18n, pages
from tongbao.web.pages import Page, PageRequest
from tongbao.web.site import open_to_all

Tongue = Annotated[str | None, QueryParameter(name="language")]

_FILES: Final = (
    "tongbao.css",
    "tongbao.js",
    "app.js",
    "vendor/htmx-2.0.11.min.js",
    "vendor/htmx-ext-sse-2.2.4.min.js",
    "sign.svg",
)
"""What every page of a customer needs besides itself."""
_ICONS: Final = (
    ("sign-192.png", "192x192", "any"),
    ("sign-512.png", "512x512", "any"),
    ("sign-maskable-512.png", "512x512", "maskable"),
)
_PAPER: Final = "#fbfaf7"
_INK: Final = "#1d1b18"


@get("/app.webmanifest", guards=[open_to_all], include_in_schema=False, sync_to_thread=False)
def manifest(request: PageRequest, wanted: Tongue = None) -> Response[bytes]:
    """What a device writes under the icon, and where the app begins (W3C Web Application Manifest)."""
    lang = _tongue(request, wanted)
    told = {
        "id": "/me",
        "name": i18n.say("Tongbao", lang),
        "short_name": i18n.say("Tongbao", lang),
        "lang": i18n.TAGS[lang],
        "dir": "ltr",
        "start_url": "/me",
        "scope": "/",
        "display": "standalone",
        "background_color": _PAPER,
        "theme_color": _PAPER,
        "icons": [
            {"src": assets.address(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in _ICONS
        ],
        "shortcuts": [
            {"name": i18n.say("Pay", lang), "url": "/me/pay"},
            {"name": i18n.say("Records", lang), "url": "/me/payments"},
        ],
    }
    return Response(json.dumps(told, ensure_ascii=False).encode(), media_type="application/manifest+json")


@get("/sw.js", guards=[open_to_all], include_in_schema=False, sync_to_thread=False)
def worker() -> Response[bytes]:
    """The service worker. It may ask the bank alone, and browsers look for a newer one each time."""
    headers = {
        "cache-control": "no-cache",
        "content-security-policy": "default-src 'none'; connect-src 'self'",
        "service-worker-allowed": "/",
    }
    return Response(_worker(), media_type="text/javascript", headers=headers)


@cache
def _worker() -> bytes:
    body = assets.read("sw.js")
    told: dict[str, Any] = {
        "files": [assets.address(name) for name in _FILES],
        "offline": {lang: f"/offline?language={lang}" for lang in i18n.LANGUAGES},
    }
    told["version"] = sha256(body + json.dumps(told).encode()).hexdigest()[:12]
    return f"const TONGBAO = {json.dumps(told)};\n".encode() + body


@get("/offline", guards=[open_to_all], include_in_schema=False, sync_to_thread=False)
def offline(request: PageRequest, wanted: Tongue = None) -> Page:
    """Kept by the worker, and shown where a page of the customer's cannot be had."""
    lang = _tongue(request, wanted)
    response = pages.show(request, "web/offline.html", lang=lang, tag=i18n.TAGS[lang])
    response.headers["content-language"] = i18n.TAGS[lang]
    return response


def _tongue(request: PageRequest, wanted: str | None) -> Lang:
    if wanted == "zh" or wanted == "en":
        return wanted
    return pages.language(request)


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (manifest, worker, offline)
