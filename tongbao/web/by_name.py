"""A browser that asks for a page at 127.0.0.1 is led to localhost: a passkey is made for a name, and digits are none.

For development and demos, on the machine itself. Whoever is logged in stays where he is; programs and scripts are answered where they ask.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tongbao.base.settings import Settings
from tongbao.web import session
from tongbao.web.body import header
from tongbao.web.door import ASGIApp, Scope

_DIGITS: Final = re.compile(rb"127\.0\.0\.1(:[0-9]{1,5})?\Z")


def wrap(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app` itself where passkeys have another name, and where the bank is served to others than this machine."""
    if settings.env == "production" or settings.rp_id != "localhost" or settings.tls_certificate or settings.proxies:
        return app

    async def route(scope: Any, receive: Any, send: Any) -> None:
        place = _place(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if place is None:
            return await app(scope, receive, send)
        headers = [(b"location", place), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return None

    return route


def _place(scope: Scope) -> bytes | None:
    """Where a browser's window is led; None for all others."""
    headers = scope["headers"]
    if header(headers, b"sec-fetch-dest") != b"document" or scope["path"].startswith("/v1/"):
        return None
    host = _DIGITS.match(header(headers, b"host") or b"")
    if host is None or any(session.token(headers, name) for name in session.NAMES.values()):
        return None
    query = scope["query_string"]
    return b"http://localhost" + (host[1] or b"") + scope["raw_path"] + (b"?" + query if query else b"")
