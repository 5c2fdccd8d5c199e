"""The session cookies of people who log in: out of reach of scripts, of other sites and of plain HTTP.

One cookie for each area of pages, so that a shop owner can be a customer in the same browser.
"""

from __future__ import annotations

from typing import Final

from tongbao.web.body import Headers, header

NAME: Final = "tongbao_session"
NAMES: Final = {"staff": NAME, "me": "tongbao_customer", "shop": "tongbao_shop"}
"""The cookie of each area."""


def cookie(token: str, *, max_age_s: int, secure: bool, name: str = NAME) -> str:
    """The `Set-Cookie` value. `secure` is off only on loopback, where a browser has no TLS to offer."""
    parts = [f"{name}={token}", f"Max-Age={max_age_s}", "Path=/", "HttpOnly", "SameSite=Strict"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def ended(*, secure: bool, name: str = NAME) -> str:
    """The `Set-Cookie` value that makes a browser forget its session."""
    return cookie("", max_age_s=0, secure=secure, name=name)


CLEARED: Final = {"clear-site-data": '"cache"'}
"""The header of an answer by which somebody leaves: nothing of what he saw is found by going back. Storage stays, since the key by
which a browser signs payments lies there, and cookies stay, since by one of them the browser is known."""


def token(headers: Headers, name: str = NAME) -> str | None:
    """The session token that a browser sent."""
    raw = header(headers, b"cookie")
    if raw is None:
        return None
    for part in raw.split(b";"):
        key, _, value = part.strip().partition(b"=")
        if key == name.encode() and value:
            return value.decode("latin-1")
    return None


def same_origin(headers: Headers) -> bool:
    """Whether a browser says that one of our own pages made this request (Fetch Metadata, else the `Origin`)."""
    site = header(headers, b"sec-fetch-site")
    if site is not None:
        return site == b"same-origin"
    origin, host = header(headers, b"origin"), header(headers, b"host")
    return origin is not None and host is not None and origin.partition(b"://")[2] == host


def other_site(headers: Headers) -> bool:
    """Whether a browser says that a page of another site made this request; a program says nothing of the kind."""
    site, origin = header(headers, b"sec-fetch-site"), header(headers, b"origin")
    if site is not None:
        return site not in (b"same-origin", b"none")
    return origin is not None and not same_origin(headers)


def is_loopback(headers: Headers) -> bool:
    """Whether the browser addresses this very machine, by the `Host` that it sent."""
    host = (header(headers, b"host") or b"").decode("latin-1")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name in ("localhost", "127.0.0.1", "::1")
