"""A customer with a browser before a served bank: pages as he reads them, forms as he sends them."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import httpx

from tests.http.conftest import ServedBank
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.identity import VisitorKind
from tongbao.web import session

COOKIE = session.NAMES["me"]


class Page(HTMLParser):
    """What a page says and asks: `text` without its menu and its forms' values, `forms`, `links`."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.status = answer.status_code
        self.html = answer.text
        self.forms: list[dict[str, Any]] = []
        self.links: list[tuple[str, str]] = []
        self._said: list[str] = []
        self._href: str | None = None
        self.feed(self.html)
        self.close()
        self.text = " ".join(" ".join(self._said).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({"action": given.get("action", ""), "method": given.get("method", "get"), "fields": {}})
        elif tag in ("input", "textarea", "select") and self.forms and given.get("name"):
            self.forms[-1]["fields"][given["name"]] = given.get("value", "")
            self._select = given["name"] if tag == "select" else None
        elif tag == "option" and self.forms and getattr(self, "_select", None) and "selected" in given:
            self.forms[-1]["fields"][self._select] = given.get("value", "")
        elif tag == "a" and "href" in given:
            self._href = given["href"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        if data.strip():
            self._said.append(data.strip())
            if self._href is not None:
                self.links.append((data.strip(), self._href))

    def form(self, action: str, **having: str) -> dict[str, str]:
        """The fields of the form that posts there, as they stand; of several the one that has these."""
        posting = [form["fields"] for form in self.forms if form["action"] == action and form["method"] == "post"]
        found = [fields for fields in posting if having.items() <= fields.items()]
        assert len(found) == 1, f"{len(found)} forms for {action} in {self.text}"
        return dict(found[0])

    def asks(self, action: str) -> bool:
        return any(form["action"] == action for form in self.forms)

    @property
    def title(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.html, re.DOTALL)
        assert found, self.text
        return unescape(re.sub(r"<[^>]*>", "", found[1])).strip()


class Me:
    """A customer who is logged in. `account` is where his money is."""

    def __init__(self, bank: ServedBank, customer: UUID, account: UUID, token: str, lang: str) -> None:
        self.bank = bank
        self.customer = customer
        self.account = account
        self.token = token
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        cookies = {COOKIE: token, "tongbao_language": lang}
        self.http = httpx.AsyncClient(
            base_url=bank.url, headers=headers, cookies=cookies, timeout=30, trust_env=False, follow_redirects=False
        )

    async def get(self, path: str, **query: Any) -> Page:
        """The page, where a redirect led there."""
        answer = await self.http.get(path, params=query or None)
        while answer.status_code == 303:
            answer = await self.http.get(urljoin(str(answer.url), answer.headers["location"]))
        return Page(answer)

    async def post(self, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        """The answer itself: 303 after what was done."""
        return await self.http.post(path, data=fields, headers=headers)

    async def file(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query or None)

    async def confirm(self, **wanted: Any) -> Page:
        """The last look before the press, as a link or a QR code leads there."""
        page = await self.get("/me/pay", **wanted)
        assert page.status == 200, page.text
        assert page.asks("/me/pay")
        return page

    async def press(self, page: Page) -> Page:
        """Presses the button of the confirm screen; the page that it leads to."""
        answer = await self.post("/me/pay", page.form("/me/pay"))
        assert answer.status_code == 303, answer.text
        return await self.get(answer.headers["location"])

    async def pay(self, **wanted: Any) -> Page:
        return await self.press(await self.confirm(**wanted))

    async def api(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """The same customer through the API."""
        return await self.bank.ask(method, path, body, who=self.token, **more)

    async def balance(self) -> int:
        return await self.bank.balance(self.account)

    async def knows(self, payee: UUID) -> None:
        """He has paid a fen there before, by the bank: it asks nothing about this payee any more."""
        order = {"payer_account_id": str(self.account), "payee_account_id": str(payee), "amount": 1, "currency": "CNY"}
        await self.bank.make("/v1/payments", order)

    async def payments(self) -> list[dict[str, Any]]:
        return (await self.api("GET", "/v1/payments", account_id=str(self.account), limit=200)).json()["items"]


async def session_of(bank: ServedBank, customer: UUID, *, cools_off: timedelta = timedelta(0)) -> str:
    """Of a browser of his own, which is new for so long."""
    token, at = identity.fresh_token(VisitorKind.CUSTOMER, secrets.token_bytes), SystemClock().now()
    async with Database(bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        kind, seen = VisitorKind.CUSTOMER, identity.Seen("Chrome · Linux", "127.0.0.*")
        browser = secrets.token_bytes(32)
        device_id = await identity.know_device(tx, customer, browser, seen=seen, trusted_from=at + cools_off, at=at)
        made: Any = {"session_id": uuid7(at), "token": token, "device_id": device_id}
        await identity.open_session(tx, kind, customer, **made, by=SYSTEM, at=at)
    return str(token)


@asynccontextmanager
async def visiting(
    bank: ServedBank, amount: int = 100_000, *, name: str = "李梅", lang: str = "zh"
) -> AsyncIterator[Me]:
    """A new customer with `amount` fen."""
    customer = await bank.person(name)
    account = await bank.account(amount, customer=customer)
    me = Me(bank, customer, account, await session_of(bank, customer), lang)
    async with me.http:
        yield me


async def number_of(bank: ServedBank, account: UUID) -> str:
    return (await bank.ask("GET", f"/v1/accounts/{account}")).json()["number"]
