"""A town with every page of the bank, looked at as a browser does, without a network between."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import unescape
from typing import Any
from urllib.parse import unquote

import httpx
from msgspec.structs import replace

from tests.framework import framework
from tests.merchants.market import MONDAY, SETTINGS
from tests.payments.town import Town
from tongbao import app, care, console, merchants
from tongbao.base import days
from tongbao.base.db import BULK, Database
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.settings import Settings
from tongbao.console import api as console_api
from tongbao.identity import ROLE_PERMISSIONS, Role, notice_pages
from tongbao.identity import api as identity_api
from tongbao.risk import wall_pages
from tongbao.web.door import Door, Visit
from tongbao.web.pages import Pages

HOSTILE = (
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "שלום \u202e עולם",
    "раураl 支付 ｐａｙ",
    "{{ 7 * 7 }}",
    "a" * 5000,
)
"""What people type who mean no good, or do not type Latin or Chinese."""
_TAG = re.compile(r"<(script|style|svg|template)\b.*?</\1>|<[^>]*>", re.DOTALL)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


class Shown:
    """A page as its reader has it."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.html = response.text

    @property
    def text(self) -> str:
        """What can be read, with one space between words."""
        main = self.html.partition("<main")[2] or self.html
        return " ".join(unescape(_TAG.sub(" ", "<main" + main)).split())

    @property
    def to(self) -> str:
        """Where a redirect leads."""
        return self.headers["location"]

    @property
    def said(self) -> str:
        """What the next page will say once."""
        found = re.search(r"tongbao_said=([^;]*)", self.headers.get("set-cookie", ""))
        return unquote(found[1]) if found else ""

    def hidden(self, place: int = 0) -> dict[str, str]:
        """The hidden fields of one of the page's own forms, in the order of the page."""
        main = self.html.partition("<main")[2]
        return {k: unescape(v) for k, v in _HIDDEN.findall(re.split(r'<form method="post"', main)[1:][place])}

    def links(self) -> list[str]:
        return [unescape(href) for href in re.findall(r'href="([^"]+)"', self.html.partition("<main")[2])]


class House(Town):
    """`look` and `send_form` are a browser's; people come in by the role that they have: `house.staff(Role.OPERATOR)`."""

    def open_doors(self) -> None:
        self.keys = {"bank": self.bank}
        self.listeners: list[Callable[[Visit], None]] = []
        self.door = Door(self._authenticate, observe=self._heard)
        served = framework(
            (*app.ROUTES, *app.PAGES),
            door=self.door,
            shown=Pages(self.settings, self.clock, console.NAVIGATION, adviser=care.advise),
            provide={
                "db": self.db,
                "bulk": self.db,
                "clock": self.clock,
                "settings": self.settings,
                "intake": self.intake,
                "inboxes": notice_pages.Inboxes(self.db),
                "elsewhere": {"learning": care.learned, "help": care.helped},
                "approval_kinds": console.approval_kinds(self.settings.zone),
                **identity_api.provided(merchants.subject_known),
                **console_api.provided(self.db, self.clock, self.settings),
                **wall_pages.provided(self.db, self.clock, self.settings),
            },
        )
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.door.wrap(served)),  # pyright: ignore[reportArgumentType]
            base_url="http://bank.example",
        )

    def _heard(self, visit: Visit) -> None:
        for listener in self.listeners:
            listener(visit)

    def staff(self, *roles: Role) -> str:
        """The session of a new person with these roles; all of them unless told."""
        held = frozenset[str]().union(*(ROLE_PERMISSIONS[role] for role in roles or tuple(Role)))
        person = Principal(id=self.id(), kind=PrincipalKind.STAFF, permissions=held)
        self.keys[str(person.id)] = person
        return str(person.id)

    async def look(
        self, path: str, by: str | None, *, lang: str = "en", headers: dict[str, str] | None = None
    ) -> Shown:
        answer = await self.client.get(path, headers={**_browser(by, lang), **(headers or {})})
        return Shown(answer)

    async def send_form(self, path: str, fields: dict[str, Any], by: str | None, *, lang: str = "en") -> Shown:
        data = {name: str(value) for name, value in fields.items()}
        headers = {**_browser(by, lang), "sec-fetch-site": "same-origin"}
        return Shown(await self.client.post(path, data=data, headers=headers))

    async def agree(self, proposed: Shown) -> Shown:
        """A second person approves what a form has just proposed."""
        assert proposed.to.startswith("/staff/approvals/"), (proposed.status, proposed.text)
        decision = {"decision": "approved", "reason": "looked at"}
        done = await self.send_form(proposed.to, decision, self.staff(Role.ACCOUNTANT))
        assert done.said == "Approved, and done.", done.text
        return done

    async def audited(self, action: str) -> list[tuple[str, str | None]]:
        """(subject, reason) of what was done, oldest first."""
        return await self.run_sql(  # type: ignore[return-value]
            "SELECT subject, reason FROM base.audit WHERE action = %(action)s ORDER BY id", action=action
        )


def _browser(by: str | None, lang: str) -> dict[str, str]:
    cookies = [f"tongbao_language={lang}", *([f"tongbao_session={by}"] if by else [])]
    return {"accept": "text/html", "cookie": "; ".join(cookies)}


@asynccontextmanager
async def opened(url: str, settings: Settings = SETTINGS) -> AsyncIterator[House]:
    settings = replace(settings, database_url=url)
    async with Database(url, size=8, limits=BULK) as db:
        async with db.tx() as tx:
            await days.found(tx, MONDAY)
        house = House(db, settings)
        house.open_doors()
        async with house.client:
            yield house


__all__ = ["HOSTILE", "House", "Shown", "opened"]
