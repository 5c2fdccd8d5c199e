"""A browser as the bank knows it: by a cookie of its own, and by what it tells of itself, made coarse."""

from __future__ import annotations

import ipaddress
import re
import secrets
from hashlib import sha256
from typing import Final, cast

from tongbao.base.settings import Settings
from tongbao.web import session
from tongbao.web.body import Headers
from tongbao.web.pages import Page, PageRequest

COOKIE: Final = "tongbao_browser"
_REMEMBERED_S: Final = 400 * 86400
_BROWSER: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def browser_of(request: PageRequest) -> str:
    """What tells this browser from every other one; a new one where it has none."""
    shown = request.cookies.get(COOKIE, "")
    return shown if _BROWSER.fullmatch(shown) else fresh_browser()


def fresh_browser() -> str:
    return secrets.token_urlsafe(32)


def hash_of(browser: str) -> bytes:
    return sha256(browser.encode()).digest()


def remember(response: Page, request: PageRequest, settings: Settings, browser: str) -> Page:
    """Puts what the browser is known by into it, where it is not there already."""
    if request.cookies.get(COOKIE) != browser:
        response.set_cookie(
            key=COOKIE,
            value=browser,
            max_age=_REMEMBERED_S,
            path="/",
            httponly=True,
            samesite="strict",
            secure=is_secure(request, settings),
        )
    return response


def is_secure(request: PageRequest, settings: Settings) -> bool:
    """Whether cookies are for TLS alone: off only on loopback."""
    return settings.env == "production" or not session.is_loopback(cast("Headers", request.scope["headers"]))


def name_of(request: PageRequest) -> str:
    """What this browser says that it is, as `coarse_name`."""
    return coarse_name(request.headers.get("user-agent", "")[:500])


def place_of(request: PageRequest) -> str:
    """From which network it asks, as `coarse_place`."""
    client = request.scope.get("client")
    return coarse_place(client[0]) if client else ""


_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("MicroMessenger", "WeChat"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)
"""What stands in a User-Agent, the special before the general, and what people call it."""


def coarse_name(user_agent: str) -> str:
    """The product and the system, such as "Safari · iPhone", and nothing that would tell one reader from another; empty if unknown."""
    products = [
        next((name for mark, name in known if re.search(re.escape(mark), user_agent)), "")
        for known in (_BROWSERS, _SYSTEMS)
    ]
    return " · ".join(name for name in products if name)


def coarse_place(address: str) -> str:
    """The network of an IP address: /24 of IPv4, /48 of IPv6, as "203.0.113.*" or "2001:db8:1:*"; empty for what is none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else found
    if isinstance(mapped, ipaddress.IPv4Address):
        return ".".join(str(mapped).split(".")[:3]) + ".*"
    return ":".join(format(int(part, 16), "x") for part in found.exploded.split(":")[:3]) + ":*"
