"""Every page that the bank has, found by following its links: phone and desktop, light and dark, Chinese and English.

With SCREENSHOTS_DIR naming a folder each look is kept there as a picture (`make screenshots`).
"""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.stage import make_model, make_rule
from tongbao import app

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Demo, Visitor

pytestmark = pytest.mark.browser

LOOKS = [
    ("phone", "light", "zh"),
    ("desktop", "dark", "zh"),
    ("desktop", "light", "en"),
    ("phone", "dark", "en"),
]
"""Each pair of size and theme, size and language, theme and language is among them."""

PEOPLE = {
    "/staff/keys": "shen.yan",
    "/staff/people": "shen.yan",
    "/staff/journals": "wang.jin",
    "/staff/day": "wang.jin",
}
"""Of the demo's cast, who may look at all below an address; at the rest everybody on duty may."""

NOT_PAGES = re.compile(
    r"^/(static|look|favicon|sw\.js|app\.webmanifest|me/tips/|.*/(live|now|receipt|logout|export|proof)$)"
)
"""Files, parts of pages, and what only leads elsewhere."""
LATIN_SENTENCE = re.compile(r"[A-Za-z]{2,}(?:[ ,'’-]+[A-Za-z]{2,}){3,}")
COMMAND = re.compile(r"tongbao [a-z][\w -]*")
PICTURES = os.environ.get("SCREENSHOTS_DIR")
HTML_LARGEST = 150 * 1024
SETTLED = """() => document.fonts.ready.then(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))))"""
"""What scripts do to a page when it has loaded is done, and drawn."""
LINK = re.compile(r'<a\b[^>]*?\shref="(/[^"]*)"')
BY_DOING = {f"/staff/payments/{{id:uuid}}/{act}" for act in ("refund", "cancel", "resolve")} | {
    "/shop/collect/{id:uuid}",
    "/staff/risk/trials/{id:uuid}",
    "/staff/risk/patterns/{id:uuid}",
    "/staff/risk/held/{id:uuid}",
    "/register/{id:uuid}",
    "/me/login/{id:uuid}",
    "/me/recover/{id:uuid}",
    "/offline",
    "/me/recover/phone/{id:uuid}",
    "/me/safety/passkeys/new",
    "/staff/me/passkeys/new",
    "/staff/me/passkeys/{id:uuid}",
    "/me/safety/passkeys/{id:uuid}",
    "/me/payments/{id:uuid}/authorise",
    "/me/transfer/{id:uuid}",
    "/me/orders/new/{id:uuid}",
    "/me/orders/{id:uuid}",
    "/me/cards/{id:uuid}/code",
    "/me/cards/{id:uuid}/topup",
}
"""Pages that are reached by doing something, and are looked at where that is tested."""


PLACEHOLDER = re.compile(r"\{\w+:(\w+)\}")
KINDS = {"uuid": "[0-9a-f-]{36}", "int": "[0-9]+"}


def routes() -> dict[str, re.Pattern[str]]:
    """Every address of a page, as a pattern."""
    found: dict[str, re.Pattern[str]] = {}
    for handler in app.PAGES:
        for path in handler.paths:
            if "GET" in handler.http_methods and not NOT_PAGES.match(path):
                found[path] = re.compile(PLACEHOLDER.sub(lambda given: KINDS.get(given[1], "[^/]+"), path) + "$")
    return found


@pytest.fixture(autouse=True, scope="module")
def _something_everywhere(demo: Demo) -> None:
    """What a city without trouble does not have: an event that a consumer could not take, and people who want to be called."""
    make_model(demo.database)
    with psycopg.connect(demo.database, autocommit=True) as connection:
        connection.execute(
            """INSERT INTO base.outbox_held (consumer, event_id, outbox_id, aggregate, sequence, topic, recorded_at,
                booking_date, payload, state, attempts, next_at, error)
            SELECT 'merchants.webhooks', event_id, id, aggregate, sequence, topic, recorded_at, booking_date, payload, 'parked', 10,
                recorded_at, 'ConnectionError: the shop does not answer'
            FROM base.outbox ORDER BY id LIMIT 1 ON CONFLICT DO NOTHING"""
        )
        connection.execute(
            """WITH asked AS (
                INSERT INTO care.request
                    (id, customer_id, kind, channel, state, urgent, lang, asked_at, due_at, turned_at, said)
                SELECT gen_random_uuid(), id, 'call', 'app', 'waiting', false, 'zh', now(), now() + interval '1 day', now(), 1
                FROM identity.customer RETURNING id, customer_id
            )
            INSERT INTO care.message (id, request_id, place, said_at, what, by_customer, by_id)
            SELECT id, id, 1, now(), 'asked', true, customer_id FROM asked"""
        )
    make_rule(demo.database, uuid4(), uuid4())


def propose_a_journal(visitor: Visitor) -> None:
    """As the accountant, so that something waits for a second person."""
    visitor.enter("wang.jin")
    visitor.go("/staff/journals/new")
    page = visitor.page
    for field, value in {"debit": "3", "credit": "4", "amount": "12.80", "reason": "看一看这个页面"}.items():
        page.fill(f"#f-{field}", value)
    page.click("main button.act")
    page.wait_for_url(re.compile(r"/staff/approvals/[0-9a-f-]{36}"))


def find_places(visitor: Visitor, below: str = "/") -> dict[str, str]:
    """An address of every route, by following links from the doors; what no link leads to is missing. Nothing is drawn for it."""
    patterns = {path: pattern for path, pattern in routes().items() if path.startswith(below)}
    found: dict[str, str] = {path: path for path in patterns if "{" not in path}
    waiting = [*found.values()]
    seen: set[str] = set()
    while waiting and len(found) < len(patterns) and len(seen) < 300:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        page = visitor.context.request.get(visitor.address + path, headers={"accept": "text/html"}).text()
        for href in map(unescape, LINK.findall(page)):
            if "format=" in href:
                continue  # a file
            plain = href.split("?")[0].split("#")[0]
            for route, pattern in patterns.items():
                if route not in found and pattern.match(plain):
                    found[route] = href
                    waiting.append(href)
    return found


def make_an_order(visitor: Visitor) -> None:
    """As the shop."""
    visitor.enter("shop")
    visitor.go("/shop/orders")
    page = visitor.page
    page.fill("#f-amount", "12.80")
    page.fill("#f-description", "牛肉面")
    visitor.press()


def complain(visitor: Visitor) -> None:
    """As the customer, about his data: once is enough for staff to have something to answer."""
    visitor.enter("customer")
    visitor.go("/me/privacy")
    page = visitor.page
    page.select_option("#f-kind", "complaint")
    page.fill("#f-text", "有人知道我的余额")
    visitor.press()


@pytest.mark.parametrize(("size", "theme", "language"), LOOKS)
def test_every_page(visit: Callable[..., Visitor], size: str, theme: str, language: str) -> None:
    visitor = visit(size=size, theme=theme, language=language)
    propose_a_journal(visitor)
    make_an_order(visitor)
    complain(visitor)
    wrong: list[str] = []
    looked_at: set[str] = set()
    for below, staff in {"/": "", **PEOPLE}.items():
        visitor.enter_everywhere()
        if staff:
            visitor.enter(staff)
        for route, path in sorted(find_places(visitor, below).items()):
            if not staff and route.startswith(tuple(PEOPLE)):
                continue
            looked_at.add(route)
            look = f"{size}-{theme}-{language}"
            wrong += [f"{path}: {trouble}" for trouble in _look(visitor, path, route, look, language)]
    missing = set(routes()) - looked_at - BY_DOING
    assert not missing, f"no link leads to {missing}"
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("home", ["large", "young"])
def test_every_page_of_a_customer_s_in_large_type(visit: Callable[..., Visitor], home: str) -> None:
    visitor = visit(size="phone", theme="light", language="zh")
    visitor.enter("customer")
    _choose(visitor, home=home, type="large")
    assert visitor.page.evaluate("getComputedStyle(document.documentElement).fontSize") == "21px"
    found = sorted(find_places(visitor, "/me").items())
    wrong = [f"{path}: {trouble}" for route, path in found for trouble in _look(visitor, path, route, home, "zh")]
    _choose(visitor, home="standard", type="usual")
    assert "/me/payments/{id:uuid}" in dict(found)
    assert not wrong, "\n".join(wrong)


def _choose(visitor: Visitor, **wanted: str) -> None:
    visitor.go("/me/look")
    for name, value in wanted.items():
        visitor.page.select_option(f"#f-{name}", value)
    visitor.press()


EXAMINED = ("phone-light-zh", "desktop-dark-zh")
"""Looks in which a page is examined for those who see little or nothing: each theme and each size once."""


def _look(visitor: Visitor, path: str, route: str, look: str, language: str) -> list[str]:
    page = visitor.page
    status = visitor.go(path)
    page.evaluate(SETTLED)
    if PICTURES:
        name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\{[^}]+\}", "one", route).lower()).strip("-") or "start"
        page.screenshot(path=str(Path(PICTURES) / f"{name}-{look}.png"), full_page=True)
    wrong = [] if status == 200 else [f"answers {status}"]
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"):
        wrong.append("is wider than its window")
    if page.evaluate("document.documentElement.lang") != {"zh": "zh-Hans-CN", "en": "en"}[language]:
        wrong.append("does not say its language")
    if len(page.content().encode()) > HTML_LARGEST:
        wrong.append(f"has {len(page.content().encode())} bytes")
    if page.locator("main .act:visible, .strip .act:visible").count() > 1:
        wrong.append("has more than one main action")
    if page.locator("h1").count() != 1:
        wrong.append("has no one heading")
    if look in EXAMINED or route == "/me":
        wrong += _accessibility(page)
    if language == "zh":
        text = page.evaluate(
            """() => { const copy = document.querySelector('main').cloneNode(true);
            copy.querySelectorAll('pre, code, .id, [lang=en], td.text, option').forEach(e => e.remove()); return copy.innerText }"""
        )
        wrong += [f"says in Latin letters: {found[0]!r}" for found in LATIN_SENTENCE.finditer(COMMAND.sub("", text))]
    return wrong


def _accessibility(page: Any) -> list[str]:
    """What axe-core finds serious or critical (WCAG 2.2 A and AA)."""
    results = Axe().run(
        page,
        options={
            "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
            "resultTypes": ["violations"],
        },
    )
    return [
        f"{found['id']} ({found['impact']}): {found['nodes'][0]['target']} {found['nodes'][0].get('failureSummary', '')}"
        for found in results.response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


def _person(path: str) -> str:
    return next((who for below, who in PEOPLE.items() if path.startswith(below)), "")


def test_every_page_reads_without_scripts(visit: Callable[..., Visitor]) -> None:
    visitor = visit(script=False)
    entered: set[str] = set()
    for path in sorted((path for path in routes() if "{" not in path), key=_person):
        if _person(path) not in entered:
            visitor.enter_everywhere()
            if _person(path):
                visitor.enter(_person(path))
            entered = {_person(path)}
        assert visitor.go(path) == 200, path
        assert visitor.page.locator("h1").inner_text().strip(), path
        assert visitor.page.locator("main").inner_text().strip(), path
