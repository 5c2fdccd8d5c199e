"""Which pages there are and where they lie: by the routes of the app, and by following links as a reader would."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

_PARAMETER = re.compile(r"\{[^}]*\}")


class Wrong(msgspec.Struct, frozen=True):
    """An address that a page leads to and that does not answer as it should."""

    url: str
    status: int
    linked_from: str


class Found(msgspec.Struct, frozen=True):
    """`pages`: for each page of the app the addresses that were found. `unreached`: pages that no link leads to."""

    pages: dict[str, list[str]]
    unreached: list[str]
    wrong: list[Wrong]


def templates(routes: Iterable[Any]) -> list[str]:
    """The paths of GET routes, such as `/staff/payments/{id:uuid}`; those without a parameter first."""
    found = {path for route in routes if "GET" in route.http_methods for path in route.paths}
    return sorted(found, key=lambda path: (len(_PARAMETER.findall(path)), path))


def place(path: str, of: list[str]) -> str | None:
    """The template that a path is an instance of."""
    for template in of:
        pattern = "[^/]+".join(re.escape(part) for part in _PARAMETER.split(template))
        if re.fullmatch(pattern, path):
            return template
    return None


async def follow(client: httpx.AsyncClient, known: list[str], *, each: int) -> Found:
    """Looks at up to `each` addresses of every page, from the pages that need no parameter on.

    What answers with something else than a page (a file, a stream of events) is no page and is not read.
    """
    pages: dict[str, list[str]] = {}
    looked_at: Counter[str] = Counter()
    others: set[str] = set()
    wrong: list[Wrong] = []
    waiting = deque((path, "the routes") for path in known if "{" not in path)
    seen = {path for path, _ in waiting}
    while waiting:
        url, source = waiting.popleft()
        template = place(urlsplit(url).path, known)
        if template is None:
            if (status := await _status(client, url)) >= 400:
                wrong.append(Wrong(url, status, source))
            continue
        if template in others or looked_at[template] >= each:
            continue
        looked_at[template] += 1
        status, html, leads_to = await _look(client, url)
        if html is not None:
            pages.setdefault(template, []).append(url)
        elif 300 <= status < 400 or status == 200:
            others.add(template)
        else:
            wrong.append(Wrong(url, status, source))
        for link in (*leads_to, *(links(html, url) if html else ())):
            if urlsplit(link).path not in seen:
                seen.add(urlsplit(link).path)
                waiting.append((link, url))
    unreached = [template for template in known if template not in pages and template not in others]
    return Found(pages, unreached, wrong)


async def _look(client: httpx.AsyncClient, url: str) -> tuple[int, str | None, tuple[str, ...]]:
    """The status; the page, if it is one; where it sends its reader instead."""
    async with client.stream("GET", url) as answer:
        if answer.status_code == 200 and answer.headers.get("content-type", "").startswith("text/html"):
            return 200, (await answer.aread()).decode(), ()
        elsewhere = answer.headers.get("location")
        return answer.status_code, None, (urljoin(url, elsewhere),) if elsewhere else ()


async def _status(client: httpx.AsyncClient, url: str) -> int:
    async with client.stream("GET", url) as answer:
        return answer.status_code


def links(html: str, at: str) -> list[str]:
    """The addresses on this site that a page's links lead to, in order, without fragments."""
    reader = _Links()
    reader.feed(html)
    found = (urljoin(at, href).partition("#")[0] for href in reader.hrefs)
    return [url for url in dict.fromkeys(found) if url.startswith("/") and not url.startswith("//")]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.hrefs.append(href)
