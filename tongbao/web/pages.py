"""How a page is made: who looks at it and in which language, its template, its navigation, its answer to a refusal.

    @get("/staff/books", guards=[visitor("staff", "books:read")], include_in_schema=False)
    async def books(request: PageRequest, db: Db) -> Page:
        return pages.show(request, "console/books.html", table=...)

A template `console/books.html` lies in `tongbao/console/templates/books.html`, extends `web/layout.html` and says
everything by `_("English sentence")`, whose Chinese stands in `tongbao/console/zh.po`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, cast
from urllib.parse import quote, unquote, urlencode
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from jinja2 import Environment, FunctionLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from litestar import Request, Response
from markupsafe import Markup

from tongbao.base import log, say
from tongbao.base.clock import Clock
from tongbao.base.db import Tx
from tongbao.base.ids import uuid7
from tongbao.base.principal import Look, Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.base.settings import Settings
from tongbao.web import assets, bidi, i18n, listing, problem
from tongbao.web.advice import NOBODY, Advice, Adviser, Moment
from tongbao.web.tables import Column

logger = log.get(__name__)

PageRequest = Request[Any, Any, Any]
Page = Response[bytes]
Area = Literal["staff", "me", "shop", "open"]
"""Whose pages: the bank's people, a customer, a merchant's people, anybody."""

LANGUAGE_COOKIE: Final = "tongbao_language"
THEME_COOKIE: Final = "tongbao_theme"
SAID_COOKIE: Final = "tongbao_said"
LOOK_COOKIE: Final = "tongbao_look"
THEMES: Final = ("light", "dark")
_YEAR_S: Final = 365 * 86400

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a page may load: its own style, scripts and pictures, from the bank alone."""


class NavItem(msgspec.Struct, frozen=True):
    """`title` is a message of the catalogue. Shown to whoever holds `permission`."""

    title: str
    href: str
    permission: str | None = None


class NavGroup(msgspec.Struct, frozen=True):
    title: str
    items: tuple[NavItem, ...]


Navigation = Mapping[str, Sequence[NavGroup]]
"""The groups of each area."""

Strip = Callable[[PageRequest, Lang], object | None]
"""What the strip above every page shows (the guided walk of a demo); None for no strip."""


class Pages:
    """Everything that pages share; one a process, handed to `site`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        navigation: Navigation | None = None,
        strip: Strip | None = None,
        adviser: Adviser | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.navigation: Navigation = navigation or {}
        self.strip = strip
        self.adviser = adviser
        self.environment = _environment(settings.zone, settings.currency)

    def render(self, template: str, context: Mapping[str, Any]) -> str:
        return self.environment.get_template(template).render(context)


def of(request: PageRequest) -> Pages:
    return cast("Pages", request.app.state.pages)


def language(request: PageRequest) -> Lang:
    """What the reader keeps with his account, else chose in this browser, else what the browser prefers, else Chinese."""
    kept = _look(request)
    if kept is not None and kept.language in i18n.LANGUAGES:
        return cast("Lang", kept.language)
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in i18n.LANGUAGES:
        return cast("Lang", chosen)
    return i18n.preferred(request.headers.get("accept-language", ""))


def look_at_once(response: Page, look: Look) -> None:
    """For whoever has just changed it: a process may know the look before for a moment more."""
    value = ".".join(part or "" for part in (look.home, look.theme, look.type, look.language))
    response.set_cookie(key=LOOK_COOKIE, value=value, max_age=10, path="/me", httponly=True, samesite="strict")


def _look(request: PageRequest) -> Look | None:
    """How a customer who is logged in wants his pages; None where he has not said."""
    principal = principal_of(request)
    if principal is None or cast("Any", request.scope).get("tongbao.area") != "me":
        return None
    parts = request.cookies.get(LOOK_COOKIE, "").split(".")
    if len(parts) == 4:
        home, theme, size, tongue = parts
        return Look(home, theme or None, size, tongue or None)
    return principal.look


def principal_of(request: PageRequest) -> Principal | None:
    """Who looks at this page; None on pages that are open to all."""
    return cast("Any", request.scope).get("tongbao.principal")


def show(request: PageRequest, template: str, *, status: int = 200, **context: Any) -> Page:
    """A page. `context` is for the template; `html` escapes all of it."""
    lang = language(request)
    body = of(request).render(template, {**_shared(request, lang), **context}).encode()
    response = _compressed(request, body, status)
    response.headers["content-language"] = i18n.TAGS[lang]
    if request.cookies.get(SAID_COOKIE):
        response.delete_cookie(SAID_COOKIE)
    return response


async def advise(request: PageRequest, tx: Tx, moment: Moment) -> Sequence[Advice]:
    """What to say on this page, the most important first. One round trip at most; never raises."""
    shared, principal = of(request), principal_of(request)
    if shared.adviser is None or principal is None:
        return NOBODY
    try:
        return await shared.adviser(tx, principal, moment, language(request), shared.clock.now())
    except psycopg.Error as error:
        logger.warning("no_advice", place=moment.place, exc_info=error)
        return NOBODY


def part(request: PageRequest, template: str, **context: Any) -> str:
    """A part of a page, for a live stream."""
    lang = language(request)
    return of(request).render(template, {**_shared(request, lang), **context})


def go(to: str, *, said: str | None = None) -> Page:
    """After a form: look at `to` (303), which says the message `said` once."""
    location = quote(to, safe=_IN_ADDRESS)
    response = Response(b"", status_code=303, headers={"location": location}, media_type="text/html")
    if said is not None:
        response.set_cookie(key=SAID_COOKIE, value=quote(said), max_age=60, path="/", httponly=True, samesite="strict")
    return response


_IN_ADDRESS: Final = "%/:?#[]@!$&'()*+,;=~"
"""What an address may hold as it is (RFC 3986); the rest goes behind percent signs."""


def refused(request: PageRequest, refusal: Refusal) -> Page:
    """The page of a refusal: what happened, and what to do next."""
    lang = language(request)
    sentence = refusal.kind.zh if lang == "zh" else refusal.kind.en
    # Of keys only programs know anything; a person's session is over, and the page says so.
    sentence = None if refusal.code in _LOG_IN_FIRST else sentence
    visit = cast("Any", request.scope).get("tongbao.visit") or {}
    response = show(
        request,
        "web/refused.html",
        status=refusal.kind.status,
        sentence=sentence,
        detail=refusal.detail if lang == "en" else None,
        code=refusal.code,
        retryable=refusal.kind.retryable,
        request_id=visit.get("request_id"),
    )
    for name, value in problem.headers_of(refusal).items():
        if name != "www-authenticate":
            response.headers[name] = value
    return response


_DOORS: Final = {"staff": "/staff/login", "me": "/me/login", "shop": "/"}
"""Where whoever must log in first is sent; in a demo customers go to the first page, whose door lets them in by a click."""
_LOG_IN_FIRST: Final = frozenset(("missing_key", "invalid_key", "key_expired", "session_stolen"))


def answer(request: PageRequest, refusal: Refusal) -> Page:
    """What a browser gets for a refusal: the door of the area where it must log in first, else the refusal's page."""
    area = cast("Any", request.scope).get("tongbao.area", "open")
    if refusal.code in _LOG_IN_FIRST and area in _DOORS and request.method == "GET":
        door = "/" if area == "me" and of(request).settings.env == "demo" else _DOORS[area]
        return go(f"{door}?{urlencode({'next': here(request)})}")
    return refused(request, refusal)


def is_page(request: PageRequest) -> bool:
    """Whether a person with a browser asks, who is answered with a page."""
    path = request.scope["path"]
    return not path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def here(request: PageRequest, **changed: Any) -> str:
    """This page's address with some of its query changed; None takes a part away."""
    query = {**dict(request.query_params), **changed}
    kept = {key: value for key, value in query.items() if value not in (None, "")}
    path = "/" + quote(request.scope["path"].lstrip("/"))
    return path + (f"?{urlencode(kept)}" if kept else "")


def origins(request: PageRequest) -> tuple[str, ...]:
    """Addresses under which the bank's pages are: the one for links first. Without settings the one that the visitor used."""
    used = f"{request.base_url.scheme}://{request.base_url.netloc}"
    return tuple(dict.fromkeys((*of(request).settings.origin_list, used)))


def local(address: str | None, otherwise: str = "/") -> str:
    """An address of this site, or `otherwise`: nobody is sent elsewhere by what stands in a query."""
    plain = address and address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return cast("str", address) if plain and "\\" not in cast("str", address) else otherwise


def _shared(request: PageRequest, lang: Lang) -> dict[str, Any]:
    pages = of(request)
    scope = cast("Any", request.scope)
    area = scope.get("tongbao.area", "open")
    principal = principal_of(request)
    said = request.cookies.get(SAID_COOKIE)
    look = _look(request)
    theme = (look and look.theme) or request.cookies.get(THEME_COOKIE)
    return {
        "request": request,
        "lang": lang,
        "tag": i18n.TAGS[lang],
        "theme": theme if theme in THEMES else "auto",
        "kept_look": look,
        "large_type": look is not None and "large" in (look.home, look.type),
        "area": area,
        "path": scope["path"],
        "here": lambda **changed: here(request, **changed),
        "principal": principal,
        "may": lambda permission: permission is None or (principal is not None and permission in principal.permissions),
        "navigation": pages.navigation.get(area, ()) if principal else (),
        "strip": pages.strip(request, lang) if pages.strip else None,
        "demo": pages.settings.env == "demo",
        "said": _known(said),
        "new_id": lambda: str(uuid7(pages.clock.now())),
        "now": pages.clock.now(),
        "url": quote(here(request), safe=""),
    }


def _known(said: str | None) -> str | None:
    """Only what the bank says itself is shown, whoever wrote the cookie."""
    sentence = unquote(said) if said else None
    return sentence if sentence in i18n.catalogue() else None


def _compressed(request: PageRequest, body: bytes, status: int) -> Page:
    headers = {
        "content-security-policy": POLICY,
        "vary": "Accept-Encoding, Accept-Language, Cookie",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        # Forms say where they come from; with the door's own `no-referrer` browsers would call it unknown.
        "referrer-policy": "same-origin",
    }
    if len(body) > 1024 and assets.takes_gzip(request.headers.get("accept-encoding", "")):
        body, headers["content-encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
    return Response(body, status_code=status, media_type="text/html", headers=headers)


def _source(name: str) -> tuple[str, str | None, Callable[[], bool]] | None:
    """The template `slice/name.html`; what is asked for never leaves a slice's `templates`."""
    slice_, _, file = name.partition("/")
    if not slice_.isidentifier() or "/" in file or file.startswith("."):
        return None
    found = files("tongbao") / slice_ / "templates" / file
    if not found.is_file():
        return None
    return found.read_text(encoding="utf-8"), str(found), lambda: True


@pass_context
def _say(context: Context, sentence: str, **values: Any) -> str | Markup:
    said = i18n.say(sentence, context["lang"])
    return Markup(said) % {name: bidi.shown(value) for name, value in values.items()} if values else said


@pass_context
def _say_many(context: Context, one: str, many: str, n: int, **values: Any) -> str | Markup:
    sentence = one if n == 1 and context["lang"] == "en" else many
    return _say(context, sentence, n=say.count(n), **values)


@cache
def _environment(zone: ZoneInfo, currency: str) -> Environment:
    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=bidi.shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=400,
    )

    @pass_context
    def money(context: Context, minor: int | None, code: str = currency, *, signed: bool = False) -> str:
        return "" if minor is None else say.money(minor, code, context["lang"], signed=signed)

    @pass_context
    def day(context: Context, value: date | None) -> str:
        return "" if value is None else say.date_(value, context["lang"])

    @pass_context
    def moment(context: Context, value: datetime | None) -> str | Markup:
        if value is None:
            return ""
        text = say.moment(value, zone, context["lang"])
        iso = value.isoformat()
        return Markup('<time datetime="{}">{}</time>').format(iso, text)

    @pass_context
    def cell(context: Context, column: Column, value: Any, row: Sequence[Any], table: listing.Listing) -> str | Markup:
        return listing.cell(column, value, row, table, zone, context["lang"])

    environment.filters.update(money=money, day=day, moment=moment, count=_count, short=_short, isolated=bidi.isolated)
    environment.globals.update(_=_say, _n=_say_many, asset=assets.address, zone=str(zone), mark=listing.mark)
    environment.globals.update(cell=cell, figure=listing.figure)
    environment.tests["permitted"] = lambda permission, may: may(permission)
    return environment


def _count(number: int | None) -> str:
    return "" if number is None else say.count(number)


def _short(id: object) -> str:
    """The end of an id, enough to tell a few apart at a glance; the whole one is behind it as a link or a title."""
    return "" if id is None else str(id)[-8:]


__all__ = [
    "Area",
    "NavGroup",
    "NavItem",
    "Navigation",
    "Page",
    "PageRequest",
    "Pages",
    "advise",
    "answer",
    "go",
    "here",
    "is_page",
    "language",
    "local",
    "look_at_once",
    "of",
    "part",
    "principal_of",
    "refused",
    "show",
]
