"""The forms that the bank's pages have: found, filled in, sent past the browser's own checks, and their answers looked at."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from tongbao import app

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, BrowserContext, Page


FIND = """() => [...document.querySelectorAll('form')].filter(form => form.getAttribute('method') === 'post').map((form, at) => ({
  at, action: form.getAttribute('action') || '',
  fields: [...form.elements].filter(e => e.name && e.tagName !== 'BUTTON').map(e => ({
    name: e.name, kind: e.tagName === 'TEXTAREA' ? 'text' : e.type, value: e.value, checked: e.checked === true,
    required: e.required === true, numeric: ['decimal', 'numeric'].includes(e.inputMode),
    choices: e.tagName === 'SELECT' ? [...e.options].map(o => o.value) : [] })),
  buttons: [...form.querySelectorAll('button')].map(b => ({name: b.name, value: b.value})) }))"""

LOOK = """([name, said, action]) => {
  const having = [...document.forms].filter(f => f.method === 'post' && [...f.elements].some(e => e.name === name));
  const form = having.find(f => !action || (f.getAttribute('action') || action) === action);
  const field = form && [...form.elements].find(e => e.name === name);
  const described = (field?.getAttribute('aria-describedby') || '').split(' ').filter(Boolean).map(id => document.getElementById(id));
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  return {
    lang: document.documentElement.lang,
    heading: document.querySelectorAll('h1').length,
    alerts: [...document.querySelectorAll('[role=alert]')].map(e => e.textContent.trim()),
    kept: field ? (!(field.matches('textarea, input') && !['hidden', 'password', 'checkbox', 'radio', 'date', 'datetime-local'].includes(field.type)) || field.value === said || field.value === said.replace(/\\r\\n?/g, '\\n')) : null,
    marked: field?.getAttribute('aria-invalid') === 'true',
    beside: described.filter(e => e?.classList.contains('error')).map(e => e.textContent.trim()).join(''),
    dangling: described.some(e => e === null),
    foreign: document.querySelectorAll('img, main script:not([src^="/static/passkey"]), iframe, object, embed, base, [onerror], [onload], [onclick], [srcdoc], main style').length,
    twice: ids.filter((id, n) => ids.indexOf(id) !== n),
  };
}"""


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    value: str
    checked: bool
    required: bool
    numeric: bool
    choices: list[str]

    @property
    def typed(self) -> bool:
        return self.kind in ("text", "search", "url", "email", "tel", "number", "password", "date", "datetime-local")


@dataclass(frozen=True)
class Found:
    """A form, the `at`th that posts on the page `place`."""

    place: str
    route: str
    action: str
    at: int
    fields: tuple[Field, ...]
    button: tuple[str, str]

    @property
    def name(self) -> str:
        """What it is, whatever it is about; a list that a button sends is of what is there."""
        return self.route if "," in self.button[1] else f"{self.route} {self.button[1]}".strip()

    def filled(self, **typed: str) -> dict[str, str]:
        """What somebody posts who fills in everything as he should."""
        sent: dict[str, str] = {}
        for field in self.fields:
            if field.kind in ("checkbox", "radio"):
                if field.checked or field.name in _TICKED:
                    sent[field.name] = field.value
            elif field.kind == "select-one":
                first = next((choice for choice in field.choices if choice), "") if field.required else ""
                sent[field.name] = field.value or first
            elif field.name in _PARTS:
                sent[field.name] = "1.00"
            elif field.name in _OTHERWISE:
                sent[field.name] = _OTHERWISE[field.name]
            else:
                sent[field.name] = field.value or _usual(field)
        if self.button[0]:
            sent[self.button[0]] = self.button[1]
        return {**sent, **typed}


_TICKED = ("everything", "operator", "choice")
"""Boxes that stand empty, of which one at least is wanted."""
_PARTS = ("amount", "take")
"""Amounts of which less than all is asked, so that something is left for the form beside it."""
_OTHERWISE = {"night_until": "6", "points": "55"}
"""Of forms that come with what holds already: one field that shall be something else."""
PUBLIC_KEY = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
"""The one of RFC 8037."""
USUAL: dict[str, str] = {
    "public_key": json.dumps(PUBLIC_KEY),
    "certificate": "ab" * 32,
    "url": "https://example.org/hook",
    "username": "nobody",
    "password": "nothing at all",
    "current": "nothing at all",
    "pin": "826401",
    "code": "000000",
    "id_number": "110101199003071014",
    "number": "9156 0000 0000 0003",
    "expires": "11/99",
    "jwk": json.dumps(PUBLIC_KEY),
    "ends": "1014",
    "position": "36.0614, 103.8343",
    "expression": "payer_count_10m >= 5",
    "amber": "40",
    "red": "60",
    "effective_from": "",
    "effective_until": "",
    "until": "",
    "come": "01926e4c-0000-7000-8000-000000000001",
    "go": "01926e4c-0000-7000-8000-000000000002",
}
"""What else a field is filled in with, by its name."""


def _usual(field: Field) -> str:
    if field.name in USUAL:
        return USUAL[field.name]
    if field.kind == "date":
        return "2027-05-04"
    if field.numeric:
        return "1000.00" if field.name.startswith("per_") else "50"
    return "试一试 for a test" if field.kind not in ("hidden", "number") else field.value


OF_NEWCOMERS = (
    "/me/verification",
    "/me/safety/recovery",
    "/me/safety/waiting",
    "/me/safety/others",
    "/me/recover/phone/{id:uuid}",
    "/me/recover/phone/{id:uuid}/passkey",
)
"""Shown only to who cannot pay yet, is in elsewhere, or whose access or number somebody wants to change;
`tests/identity/test_verification_pages.py`, `test_recovery_pages.py` and `test_phone_change_pages.py` put the same into them."""


OF_CARDS = tuple(f"/me/cards/{{id:uuid}}/{act}" for act in ("code", "prefer", "remove", "topup"))
"""About a card that a network of cards has confirmed; `tests/payments/test_me_card_pages.py` puts the same into them."""


OF_ASKED = ("/me/payments/{id:uuid}/authorise", "/me/payments/{id:uuid}/authorise/code")
"""About a payment that the bank asks about; `tests/payments/test_authorise_pages.py` puts the same into them."""


OF_TRIALS = ("/staff/risk/trials/{id:uuid}", "/staff/risk/patterns/{id:uuid}")
"""Stops what is under way; `tests/risk/test_trial_pages.py` and `test_patterns_pages.py` do."""


OF_RESTRICTED = ("/staff/customers/{id:uuid}/restriction/lift",)
"""About a customer whose payments are bounded; `tests/payments/test_restriction.py` puts the same into them."""


OF_HELD = tuple(f"/staff/risk/held/{{id:uuid}}/{act}" for act in ("take", "release", "refuse"))
"""About a payment that a rule has held; `tests/console/test_held_pages.py` puts the same into them, `test_scam.py` uses them."""


OF_SCRIPTS = (
    "/me/recover/phone/{id:uuid}/passkey/options",
    "/me/login/passkey/options",
    "/me/safety/passkeys/new",
    "/staff/login/passkey/options",
    "/staff/me/passkeys/new",
    "/me/notices/push",
    "/me/notices/push/stop",
    "/me/rhythm",
)
"""What only a script sends; `test_passkey.py` and `test_rhythm.py` do, and `tests/identity/test_passkey_pages.py`,
`tests/identity/test_rhythm.py` and `tests/console/test_staff_people_pages.py` put the same into them."""


def _part(given: re.Match[str]) -> str:
    return "[0-9a-f-]{36}" if given[0].endswith(r":uuid\}") else "[^/]+"


def post_routes() -> dict[str, re.Pattern[str]]:
    """The address of every form, as a pattern."""
    return {
        path: re.compile(re.sub(r"\\\{[^}]+\\\}", _part, re.escape(path)) + "$")
        for handler in app.PAGES
        for path in handler.paths
        if "POST" in handler.http_methods
        and path not in (*OF_NEWCOMERS, *OF_CARDS, *OF_ASKED, *OF_TRIALS, *OF_RESTRICTED, *OF_HELD, *OF_SCRIPTS)
    }


def _route(path: str) -> str:
    return next((route for route, pattern in post_routes().items() if pattern.match(path)), path)


def read(html: str, place: str, examiner: Examiner) -> list[Found]:
    """Every form of a page, once for each of its buttons."""
    if 'method="post"' not in html:
        return []
    found: list[Found] = []
    for form in examiner.forms(html):
        action = form["action"] or urlsplit(place).path
        fields = tuple(Field(**field) for field in form["fields"])
        for button in form["buttons"] or [{"name": "", "value": ""}]:
            found.append(
                Found(
                    place, _route(urlsplit(action).path), action, form["at"], fields, (button["name"], button["value"])
                )
            )
    return found


def gather(context: BrowserContext, address: str, examiner: Examiner, places: dict[str, str]) -> list[Found]:
    """Every form that stands on one of these places."""
    found: dict[tuple[str, str], Found] = {}
    for place in dict.fromkeys(places.values()):
        for form in read(_at_rest(context, address + place), place, examiner):
            found.setdefault((form.name, form.action), form)
    return list(found.values())


def _at_rest(context: BrowserContext, address: str) -> str:
    """A page as it stands once nothing is under way there that hides its form: a proof of the books ends."""
    for _ in range(120):
        text = context.request.get(address, headers={"accept": "text/html"}).text()
        if 'hx-get="/staff/prove/now"' not in text:
            return text
        time.sleep(0.5)
    raise TimeoutError(f"a proof of the books does not end: {address}")


def anew(context: BrowserContext, address: str, examiner: Examiner, form: Found) -> Found | None:
    """The same form as its page shows it now; None where it is there no more."""
    answer = context.request.get(address + form.place, headers={"accept": "text/html"})
    now = read(answer.text(), form.place, examiner)
    return next((other for other in now if (other.name, other.action) == (form.name, form.action)), None)


OWN = {"sec-fetch-site": "same-origin", "accept": "text/html"}


def send(
    context: BrowserContext, address: str, form: Found, typed: dict[str, str] | bytes, **headers: str
) -> APIResponse:
    """Posts what no browser would have checked; redirects are not followed."""
    body = typed if isinstance(typed, bytes) else urlencode(typed, errors="surrogatepass").encode()
    sent = {"content-type": "application/x-www-form-urlencoded", "origin": address, **OWN, **headers}
    return context.request.post(address + form.action, data=body, headers=sent, max_redirects=0)


def fresh_id(sent: dict[str, str]) -> dict[str, str]:
    """Under an id of its own where the form carries one: another wish, not the same one again."""
    return {**sent, "id": str(uuid4())} if re.fullmatch("[0-9a-f-]{36}", sent.get("id", "")) else sent


class Examiner:
    """Opens an answer in a page that, unlike the bank's own, would run every script in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.ran: list[str] = []
        page.on("dialog", self._run)

    def _run(self, dialog: Any) -> None:
        self.ran.append(dialog.message)
        dialog.dismiss()

    def forms(self, html: str) -> list[dict[str, Any]]:
        self.page.set_content(html, wait_until="domcontentloaded")
        return self.page.evaluate(FIND)

    def look(self, html: str, name: str = "", said: str = "", action: str = "") -> dict[str, Any]:
        """`action`: of the form in whose field `name` was `said`, where a page has several."""
        self.page.set_content(html, wait_until="domcontentloaded")
        return self.page.evaluate(LOOK, [name, said, action])
