"""A small site with pages, in this process: staff who log in by a cookie, a form, a live part, and everything that goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import httpx
import msgspec
import psycopg
from jinja2 import ChoiceLoader, DictLoader
from litestar import get, post
from litestar.params import FromQuery

from tongbao.base.clock import ManualClock
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.settings import Settings
from tongbao.web import forms, look_routes, pages, refusals
from tongbao.web.door import Door, Visit
from tongbao.web.forms import Form
from tongbao.web.pages import NavGroup, NavItem, Page, PageRequest, Pages
from tongbao.web.site import Id, open_to_all, require, site, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

ANN = Principal(id=UUID(int=1), kind=PrincipalKind.STAFF, permissions=frozenset({"books:read"}))
LI = Principal(id=UUID(int=2), kind=PrincipalKind.CUSTOMER, permissions=frozenset({"me:read"}))
PEOPLE = {"ann": ANN, "li": LI}
NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
OWN = {"origin": "http://bank.example", "sec-fetch-site": "same-origin"}
BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-language": "zh-CN,zh;q=0.9"}

TEMPLATES = {
    "page": """{% extends "web/layout.html" %}{% import "web/forms.html" as f with context %}
{% block title %}{{ text }}{% endblock %}{% block main %}<h1>{{ text }}</h1><p title="{{ text }}">{{ _("Hello, %(name)s", name=text) }}</p>
<form method="post">{{ f.errors(form) }}{{ f.once(form, new_id()) }}{{ f.field(form, "name", "name") }}{{ f.area(form, "why", "why") }}</form>{% endblock %}""",
    "long": """{% extends "web/layout.html" %}{% block title %}long{% endblock %}{% block main %}{{ "many words " * 500 }}{% endblock %}""",
}


class Filling(Form, frozen=True):
    id: UUID
    name: forms.Text
    why: Annotated[str, msgspec.Meta(max_length=100)] = ""


async def authenticate(token: str) -> Principal:
    if token == "old":
        raise refusals.KEY_EXPIRED()
    if token not in PEOPLE:
        raise refusals.INVALID_KEY()
    return PEOPLE[token]


@get("/staff/books", guards=[visitor("staff", "books:read")])
async def books(request: PageRequest, text: FromQuery[str] = "books") -> Page:
    return pages.show(request, "page", text=text, form=forms.blank())


DONE: list[Filling] = []


@post("/staff/books", guards=[visitor("staff", "books:read")])
async def write(request: PageRequest) -> Page:
    filled = await forms.read(request, Filling)
    if filled.value is None:
        return forms.again(request, "page", filled, text="books")
    DONE.append(filled.value)
    return pages.go("/staff/books?text=done", said="Rejected. Nothing was done.")


@get("/staff/keys", guards=[visitor("staff", "keys:write")])
async def keys() -> None:
    raise AssertionError


@get("/open", guards=[open_to_all])
async def open_page(request: PageRequest) -> Page:
    return pages.show(request, "long")


@post("/open", guards=[open_to_all])
async def open_form(request: PageRequest) -> Page:
    await forms.posted(request)
    return pages.go("/open")


@get("/accident", guards=[open_to_all])
async def accident(kind: FromQuery[str]) -> None:
    raise {"bug": RuntimeError("the secret"), "gone": psycopg.OperationalError("connection refused")}[kind]


@get("/things/{id:uuid}", guards=[open_to_all])
async def thing(id: Id) -> None:
    raise AssertionError(id)


@get("/v1/things", guards=[require("books:read")])
async def things() -> int:
    return 1


@get("/to", guards=[open_to_all])
async def to(address: FromQuery[str]) -> Page:
    """Where a log-in would send somebody who came with `next`."""
    return pages.go(pages.local(address))


NAVIGATION = {
    "staff": (
        NavGroup("The bank", (NavItem("Books", "/staff/books", "books:read"), NavItem("API keys", "/staff/keys", "keys:write"))),
        NavGroup("Running the bank", (NavItem("Payments", "/staff/payments", "payments:read"),)),
    )
}  # fmt: skip
ROUTES = (*look_routes.ROUTES, books, write, keys, open_page, open_form, accident, thing, things, to)
VISITS: list[Visit] = []


def application(*routes: Any, templates: Mapping[str, str] | None = None) -> Any:
    """The site behind its door, as a server would run it."""
    shown = Pages(Settings(), ManualClock(NOW), NAVIGATION)
    own = DictLoader({**TEMPLATES, **(templates or {})})
    assert shown.environment.loader
    shown.environment = shown.environment.overlay(loader=ChoiceLoader([own, shown.environment.loader]))
    door = Door(authenticate, remember_s=0, observe=VISITS.append, failed=lambda error, _: None)
    return door.wrap(site((*ROUTES, *routes), door=door, provide={}, shown=shown))


def browser(app: Any, **cookies: str) -> httpx.AsyncClient:
    """What a browser sends along by itself; it follows no redirect, so that a test sees it."""
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://bank.example", headers=BROWSER, cookies=cookies)


__all__ = ["ANN", "BROWSER", "DONE", "LI", "NOW", "OWN", "VISITS", "application", "browser"]
