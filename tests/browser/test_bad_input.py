"""Every form of every page under what people and machines put into it: a sentence that says what to do, nothing done twice."""

from __future__ import annotations

from html import escape, unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import TimeoutError as WaitedTooLong

from tests.browser import forms, stage
from tests.browser.conftest import Visitor, running
from tests.browser.forms import Examiner, Found
from tests.browser.test_every_page import find_places
from tongbao.web import i18n

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import APIResponse, Browser, BrowserContext, Dialog, Locator, Page, Request

    from tests.browser.conftest import Demo
    from tests.browser.stage import Stage
    from tongbao.base.embedded import Cluster

pytestmark = pytest.mark.browser

COMING_IN = (
    "/register",
    "/register/{id:uuid}",
    "/register/{id:uuid}/again",
    "/me/login",
    "/me/login/{id:uuid}",
    "/me/login/{id:uuid}/again",
    "/me/login/passkey",
    "/me/recover",
    "/me/recover/{id:uuid}",
    "/me/recover/phone",
    "/staff/login/passkey",
)
WITHOUT_SESSION = ("/staff/login", "/door", "/walk", "/developer", *COMING_IN)
LOG_OUT = (
    "/staff/logout",
    "/me/logout",
    "/shop/logout",
    "/me/safety/logout",
    "/me/safety/devices",
    "/staff/me/sessions",
)
BY_PASSKEY = ("/me/login/passkey", "/staff/login/passkey")
"""Sent by a key, which this browser has none of: test_passkey.py has one."""
TAGS = {"zh": "zh-Hans-CN", "en": "en"}

TEXTS = [
    "",
    "   ",
    "\u3000\u200b",
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "李明 Li Минг محمد שלום \u202e12.80\u202c \u2067x\u2069",
    "👩‍👩‍👧‍👦 \U0001f1e8\U0001f1f3 e\u0301",
    "{{ 7 * 7 }} %(name)s ${x} %00 \\0",
    "x" * 20_000,
    "x" * 100_000,
]
NUMBERS = ["0", "-1", "1e9", "¥１２．８０", "12.805", "99999999999999999999", "NaN", "1,23", "0x10", "9" * 400]
DATES = ["0001-01-01", "9999-12-31", "2026-02-30", "22.11.2026", "today"]
RAW = [
    b"%00",
    b"reason=a%00b",
    b"id=%ff",
    b"amount=%ed%a0%80",
    b"\xff\xfe",
    b"",
    b"&&&=&=",
    b"a=" + b"b&a=" * 300,
    b"{}",
]
"""Bodies that no form makes."""


@pytest.fixture(scope="module")
def demo(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One of our own: what is stopped, frozen and closed here is nobody else's."""
    options = ["--people", "60", "--shops", "6", "--payments", "300", "--days", "4", "--rate", "2"]
    with running(cluster, tmp_path_factory.mktemp("demo"), *options) as opened:
        yield opened


STOPS = (
    "/shop/webhooks/{id:uuid}/delete",
    "/me/help/{id:uuid}/close",
    "/staff/help/{id:uuid}/close",
    "/me/safety/freeze",
    "/me/payments/{id:uuid}/not-mine",
    "/staff/people/{id:uuid}/disable",
    "/staff/accounts/",
    "/staff/merchants/",
    "/staff/switches/",
    "/staff/customers/",
    "/staff/me/password",
    *LOG_OUT,
    "/door",
    "/walk",
)
"""What stops other things from being done, or is done as somebody else, comes last, in this order."""


def _last(form: Found) -> int:
    return next((n for n, start in enumerate(STOPS, 1) if form.route.startswith(start)), 0)


class Desk:
    """A browser at work in all areas of the bank, with people and payments of its own, and every form that it finds."""

    def __init__(self, browser: Browser, city: Stage, places: dict[str, str]) -> None:
        self.city = city.settle()
        city.park_again()
        self.address = city.address
        self.context, self.scratch = browser.new_context(), browser.new_context()
        self.examiner = Examiner(self.scratch.new_page())
        city.enter(self.context)
        found = forms.gather(self.context, city.address, self.examiner, {**places, **city.places})
        self.forms = sorted(found, key=_last)

    def close(self) -> None:
        self.context.close()
        self.scratch.close()

    def now(self, form: Found) -> Found | None:
        return forms.anew(self.context, self.address, self.examiner, form)

    def fill(self, form: Found) -> dict[str, str]:
        """As somebody fills it in who knows what belongs there."""
        debit, credit = map(str, self.city.ledgers)
        known = {"subject": str(self.city.shop), "debit": debit, "credit": credit}
        known |= {"what": "holiday"} if form.route == "/staff/day/calendar" else {}
        known |= {"phone": self.city.phone, "new_phone": self.city.another, "customer": str(self.city.left)}
        known |= {"password": "eight bowls by the river"} if form.route == "/staff/me/password" else {}
        known |= {"username": self.city.hired} if form.route == "/staff/people/new" else {}
        known |= {"name": "我的钥匙"} if form.route == "/staff/me/passkeys/{id:uuid}/name" else {}
        known |= {"name": "tried_out"} if form.route in ("/staff/risk/rules/new", "/staff/risk/lists/new") else {}
        known |= {"merchants": "", "countries": ""}
        known |= {"username": ""} if form.route == "/staff/help/{id:uuid}/hand-over" else {}
        known |= {"code": self.city.code(form.filled()["id"])} if form.route == "/shop/collect" else {}
        known |= {"to": self.city.payee_number} if form.route in ("/me/transfer", "/me/orders/new") else {}
        names = [f.name for f in form.fields if f.name in known and (not f.choices or known[f.name] in f.choices)]
        return form.filled(**{name: known[name] for name in names})

    def send(self, form: Found, typed: dict[str, str] | bytes, **headers: str) -> APIResponse:
        return forms.send(self.context, self.address, form, typed, **headers)

    def speak(self, language: str, context: BrowserContext | None = None) -> None:
        cookie = {"name": "tongbao_language", "value": language, "url": self.address}
        (context or self.context).add_cookies([cookie])  # pyright: ignore[reportArgumentType]

    def faults(self, answer: APIResponse, language: str, name: str = "", said: str = "", action: str = "") -> list[str]:
        """What is wrong with the answer to a form in whose field `name` was `said`."""
        if answer.status == 303:
            to = answer.headers["location"]
            assert to.startswith("/")
            assert not to.startswith("//")
            answer = self.context.request.get(self.address + to, headers={"accept": "text/html"})
            return self.faults(answer, language) if answer.ok else [f"leads to {to}, which answers {answer.status}"]
        if answer.status >= 500:
            return [f"answers {answer.status}"]
        seen = self.examiner.look(answer.text(), name, said, action)
        wrong = [f"ran {text!r}" for text in self.examiner.ran]
        self.examiner.ran.clear()
        wrong += [f"holds {seen['foreign']} elements that are not its own"] * bool(seen["foreign"])
        wrong += [f"has ids twice: {seen['twice']}"] * bool(seen["twice"])
        wrong += [f"speaks {seen['lang']}"] * (seen["lang"] != TAGS[language])
        wrong += ["has no one heading"] * (seen["heading"] != 1)
        if answer.status >= 400:
            wrong += ["says nothing"] * (not any(seen["alerts"]) and not seen["beside"])
            wrong += ["forgot what was typed"] * (
                seen["kept"] is False and answer.status in (409, 422) and bool(said.strip())
            )
            wrong += ["marks a field without a sentence beside it"] * (seen["marked"] and not seen["beside"])
            wrong += ["describes a field by what is not there"] * bool(seen["dangling"])
        return wrong


@pytest.fixture(scope="module")
def cities(demo: Demo) -> dict[str, Stage]:
    """One for each test that leaves its own in disorder."""
    return {name: stage.build(demo.address, demo.database) for name in ("typed", "twice", "clicked", "tabs", "used")}


@pytest.fixture(scope="module")
def places(browser: Browser, demo: Demo, cities: dict[str, Stage]) -> dict[str, str]:
    """An address of every page, by following links."""
    context = browser.new_context()
    visitor = Visitor(context, demo)
    cities["typed"].enter(context)
    found = find_places(visitor)
    context.close()
    return found


@pytest.fixture(scope="module")
def desks(browser: Browser, cities: dict[str, Stage], places: dict[str, str]) -> Iterator[Callable[[str], Desk]]:
    """Each is furnished once where its tests take nothing from it that another one needs."""
    kept: dict[str, Desk] = {}

    def open_desk(city: str) -> Desk:
        if city in kept and city not in ("typed", "used"):
            kept.pop(city).close()
        if city not in kept:
            kept[city] = Desk(browser, cities[city], places)
        return kept[city]

    yield open_desk
    for desk in kept.values():
        desk.close()


@pytest.fixture
def desk(request: pytest.FixtureRequest, desks: Callable[[str], Desk]) -> Desk:
    return desks(request.param)


@pytest.mark.parametrize("desk", ["typed"], indirect=True)
def test_every_form_is_found(desk: Desk) -> None:
    missing = set(forms.post_routes()) - {form.route for form in desk.forms}
    assert not missing, f"no page that was opened shows these forms: {sorted(missing)}"


@pytest.mark.parametrize("desk", ["typed"], indirect=True)
def test_a_form_of_another_site_or_of_nobody_does_nothing(desk: Desk, browser: Browser) -> None:
    """The session has ended, or the page that sends the form is not the bank's."""
    nobody = browser.new_context()
    before, wrong = desk.city.deeds(), list[str]()
    elsewhere = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for number, form in enumerate(desk.forms):
        language = ("zh", "en")[number % 2]
        desk.speak(language, nobody)
        desk.speak(language)
        sent = desk.fill(form)
        answers = [(403, "This form did not come from a page of the bank", desk.send(form, sent, **elsewhere))]
        if form.route not in WITHOUT_SESSION:
            ended = forms.send(nobody, desk.address, form, sent)
            answers.append((401, "Your session has ended. Nothing was done.", ended))
            late = forms.send(nobody, desk.address, form, sent, **elsewhere)
            answers.append((401, "Your session has ended. Nothing was done.", late))
        for status, says, answer in answers:
            found = desk.faults(answer, language)
            found += [f"answers {answer.status}"] * (answer.status != status)
            sentence = next(sentence for sentence in i18n.catalogue() if sentence.startswith(says))
            found += [f"does not say {says!r}"] * (i18n.say(sentence, language) not in unescape(answer.text()))
            wrong += [f"{form.name}: {fault}" for fault in found]
    nobody.close()
    assert not wrong, "\n".join(wrong)
    assert desk.city.deeds() == before


def _tries(form: Found, number: int) -> Iterator[tuple[str, str]]:
    """What is put into which field of the form of this number: each second value into its first field, each fifth text into others, in turn."""
    typed = [field.name for field in form.fields if field.typed]
    for field in form.fields:
        if field.typed:
            values = DATES if field.kind == "date" else NUMBERS[number % 2 :: 2] if field.numeric else []
            place = typed.index(field.name)
            texts = TEXTS[(number + place) % 5 :: 5] if place else TEXTS[number % 2 :: 2]
            yield from ((field.name, value) for value in (*texts, *values))
        else:
            yield from ((field.name, value) for value in ("", "-1", TEXTS[4], TEXTS[-1]))


@pytest.mark.parametrize("desk", ["typed"], indirect=True)
def test_every_field_takes_whatever_is_put_into_it(desk: Desk) -> None:
    wrong: list[str] = []
    for number, form in enumerate(form for form in desk.forms if form.route not in LOG_OUT):
        language = ("zh", "en")[number % 2]
        desk.speak(language)
        shown = form
        for name, value in _tries(form, number):
            answer = desk.send(shown, forms.fresh_id(desk.fill(shown)) | {name: value})
            found = desk.faults(answer, language, name, value, shown.action)
            wrong += [f"{form.name}, {name} = {value[:40]!r}: {fault}" for fault in found]
            if answer.status < 400:
                shown = desk.now(form) or shown
        for body in RAW[number % 3 :: 3]:
            wrong += [f"{form.name}, {body[:20]!r}: {fault}" for fault in desk.faults(desk.send(shown, body), language)]
    assert not wrong, "\n".join(wrong)


ASKS = ("/staff/payments/{id:uuid}/ask-again", "/staff/stuck/ask-again")
"""Ask another bank what it knows, as often as somebody wants to know it."""
AGAIN = (*ASKS, "/shop/orders", "/shop/collect", "/shop/webhooks", "/staff/keys/new", "/staff/keys/{id:uuid}/signing", "/staff/journals/new", "/staff/policy/new", "/staff/risk/rules/new", "/staff/risk/rules/{id:uuid}", "/staff/risk/trials", "/staff/risk/patterns", "/staff/risk/lists/new", "/staff/risk/lists/{name:str}", "/staff/risk/models/{number:int}", "/staff/risk/indicators/{name:str}", "/staff/risk/stance", "/staff/prove", "/developer", "/walk", "/door",
         "/staff/login", *COMING_IN, "/me/safety/totp", "/me/safety/totp/code", "/me/safety/passkeys", "/staff/me/app", "/me/cards/new", "/me/transfer",
         "/me/orders/new", "/me/orders/new/{id:uuid}", "/me/family",
         "/me/help", "/me/help/{id:uuid}", "/staff/help/new", "/staff/help/{id:uuid}/answer", "/staff/help/{id:uuid}/hand-over",
         "/staff/accounts/{id:uuid}", "/staff/customers/{id:uuid}/level", "/staff/customers/{id:uuid}/phone",
         "/staff/customers/{id:uuid}/restriction",
         "/staff/people/{id:uuid}/propose", "/staff/people/{id:uuid}/roles")  # fmt: skip
"""Forms that do the same again from a second tab, because another one is wanted."""
QUIET = (
    "/developer",
    "/walk",
    "/door",
    "/staff/login",
    "/staff/deliveries/",
    "/shop/webhooks/",
    "/me/safety/totp",
    "/me/safety/passkeys",
    "/staff/me/app",
    "/me/cards/new",
    "/me/look",
    "/me/notices",
    "/me/tour",
    "/me/tips",
    "/me/lessons/",
    "/me/transfer",
    "/me/orders/new",
    *COMING_IN,
    *LOG_OUT,
)
"""What is done there is counted nowhere."""
GUESSES = ("/staff/login", "/register/{id:uuid}", "/me/login", "/me/login/{id:uuid}", "/me/safety/totp/code",
           "/me/login/passkey", "/me/recover", "/me/recover/{id:uuid}", "/me/recover/phone",
           "/staff/me/app/code", "/staff/login/passkey", "/me/orders/new/{id:uuid}", "/me/family")  # fmt: skip
"""Ask for a secret that nobody here knows; each wrong one is counted."""


@pytest.mark.parametrize("desk", ["twice"], indirect=True)
def test_a_form_sent_twice_or_from_a_second_tab_is_done_once(desk: Desk) -> None:
    """Double click, back button, second tab: the same form again, then one that was opened before."""
    wrong: list[str] = []
    effective: set[str] = set()
    tried: set[str] = set()
    for number, form in enumerate(desk.forms):
        if form.name in tried:
            continue
        language = ("zh", "en")[number % 2]
        desk.speak(language)
        if form.route in LOG_OUT:
            desk.city.enter(desk.context)
        tab, other = desk.now(form), desk.now(form)
        if tab is None or other is None:
            continue
        tried.add(form.name)
        begun = desk.city.deeds()
        first = desk.send(tab, desk.fill(tab))
        done, faults = desk.city.deeds(), desk.faults(first, language)
        second = desk.send(tab, desk.fill(tab))
        twice, faults = desk.city.deeds(), faults + desk.faults(second, language)
        stale = desk.send(other, desk.fill(other))
        late, faults = desk.city.deeds(), faults + desk.faults(stale, language)
        right = first.status in (200, 303) or form.route in GUESSES
        found = [] if right else [f"refuses what is filled in as it should be: {first.status}"]
        found += [f"did it twice: {done} {twice}"] * (done != twice and form.route not in (*ASKS, *GUESSES))
        found += [f"did it again from another tab: {twice} {late}"] * (late != twice and form.route not in AGAIN)
        wrong += [f"{form.name}: {fault}" for fault in (*found, *faults)]
        if begun != done:
            effective.add(form.route)
    assert not wrong, "\n".join(wrong)
    gone = sorted({form.name for form in desk.forms} - tried)
    assert not gone, f"these forms were gone before they could be tried: {gone}"
    idle = sorted({route for route in forms.post_routes() if not route.startswith(QUIET)} - effective)
    assert not idle, f"these forms were sent, and nothing came of it: {idle}"


NASTY = "'\"><img src=x onerror=alert(1)><script>alert(1)</script> \u202eשלום محمد\u2069 👩‍👩‍👧 李明"


class Room:
    """A browser window on the pages of a stage's people; every dialog that opens is a fault."""

    def __init__(self, visitor: Visitor, city: Stage) -> None:
        self.visitor, self.page, self.city = visitor, visitor.page, city
        city.enter(visitor.context)
        self.posts: list[str] = []
        visitor.context.on("dialog", self._opened)
        visitor.context.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        if request.method == "POST":
            self.posts.append(request.url)

    def _opened(self, dialog: Dialog) -> None:
        self.visitor.troubles.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def form(self, form: Found, page: Page | None = None) -> Locator:
        """On its page, which is opened."""
        page = page or self.page
        page.goto(self.city.address + form.place)
        return page.locator("form[method=post]").nth(form.at)

    def button(self, form: Found, shown: Locator) -> Locator:
        name, value = form.button
        return shown.locator(f'button[name="{name}"][value="{value}"]' if name else "button:not([type=button])").first

    def fill(self, shown: Locator, typed: dict[str, str]) -> None:
        for name, text in typed.items():
            field = shown.locator(f'[name="{name}"]:not([type=hidden], button)')
            if not field.count():
                continue
            if field.first.evaluate("e => e.tagName") == "SELECT":
                field.select_option(text)
            elif field.first.get_attribute("type") == "radio":
                shown.locator(f'[name="{name}"][value="{text}"]').check()
            elif field.get_attribute("type") == "checkbox":
                field.check()
            else:
                field.fill(text)


@pytest.fixture
def room(visit: Callable[..., Visitor], cities: dict[str, Stage]) -> Callable[..., Room]:
    def open_room(city: str, **how: Any) -> Room:
        return Room(visit(**how), cities[city].settle())

    return open_room


def said(page: Page) -> str:
    """The sentences of a page about what has just been done, or not been done."""
    found = page.locator("main [role=alert], main [role=status], main .error, main .notice").all_inner_texts()
    return " ".join(found).strip()


@pytest.mark.parametrize("desk", ["clicked"], indirect=True)
def test_what_is_typed_into_a_page_stays_text(desk: Desk, room: Callable[..., Room]) -> None:
    """By hand, in the browser that people use: nothing runs, nothing is lost, and the page says what is wrong."""
    here = room("clicked", size="phone")
    wrong: list[str] = []
    for form in desk.forms:
        names = [field.name for field in form.fields if field.typed and field.kind != "date"]
        if not names or form.route in LOG_OUT:
            continue
        shown = here.form(form)
        shown.evaluate(
            "form => { form.noValidate = true; for (const e of form.elements) e.removeAttribute('maxlength'); }"
        )
        usual = desk.fill(form)
        here.fill(shown, {name: usual[name] for name in usual if name not in names})
        typed = NASTY * (20 if len(names) < 8 else 4)  # a form of many fields stays within what a body may hold
        here.fill(shown, dict.fromkeys(names, typed))
        with here.page.expect_navigation():
            here.button(form, shown).click(no_wait_after=True)
        again = here.page.locator(
            f"form[method=post]:is([action={form.action!r}], :not([action])) [name={names[0]!r}]"
        ).first
        wrong += [f"{form.name}: says nothing"] * (not said(here.page))
        if not again.count():
            wrong.append(f"{form.name}: shows the form no more")
        elif again.get_attribute("type") != "password" and again.input_value() != typed:
            wrong.append(f"{form.name}: forgot what was typed")
        wide = here.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong += [f"{form.name}: is {wide} wider than its window"] * (wide > 1)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("desk", ["clicked"], indirect=True)
def test_a_double_click_sends_a_form_once(desk: Desk, room: Callable[..., Room]) -> None:
    here = room("clicked")
    wrong: list[str] = []
    clicked: set[str] = set()
    for form in desk.forms:
        if form.name in clicked or form.route.startswith(("/door", "/walk", *LOG_OUT)) or desk.now(form) is None:
            continue
        clicked.add(form.name)
        shown = here.form(form)
        if form.route in BY_PASSKEY or not here.button(form, shown).is_visible():  # of a browser that can do more
            continue
        here.fill(shown, desk.fill(form))
        here.posts.clear()
        try:
            with here.page.expect_navigation():
                here.button(form, shown).dblclick(no_wait_after=True)
        except WaitedTooLong:
            invalid = shown.locator(":invalid").evaluate_all(
                "found => found.map(e => e.name + ': ' + e.validationMessage)"
            )
            wrong.append(f"{form.name}: leads nowhere, {invalid}")
            continue
        wrong += [f"{form.name}: was sent {len(here.posts)} times"] * (len(here.posts) != 1)
    assert not wrong, "\n".join(wrong)
    assert len(clicked) > 30


def _of(desk: Desk, route: str, button: str = "") -> Found:
    return next(form for form in desk.forms if form.route == route and form.button[1] == button)


TABS = (
    ("/staff/payments/{id:uuid}/refund", "", ""),
    ("/me/safety/limits", "", ""),
    ("/staff/approvals/{id:uuid}", "approved", "rejected"),
    ("/staff/events/resend", "", ""),
    ("/staff/day/calendar", "", ""),
    ("/staff/day/close", "", ""),
    ("/staff/switches/{of:str}/{name:str}", "", ""),
    ("/staff/customers/{id:uuid}", "", ""),
)


@pytest.mark.parametrize("desk", ["tabs"], indirect=True)
def test_a_second_tab_learns_what_the_first_one_did(desk: Desk, room: Callable[..., Room]) -> None:
    here = room("tabs", language="en")
    other = here.visitor.context.new_page()
    wrong: list[str] = []
    for route, first, second in TABS:
        one, two = _of(desk, route, first), _of(desk, route, second)
        shown = [(here.form(one), one, here.page), (here.form(two, other), two, other)]
        counted = [desk.city.deeds()]
        for form, found, page in shown:
            here.fill(form, desk.fill(found))
            with page.expect_navigation():
                here.button(found, form).click(no_wait_after=True)
            counted.append(desk.city.deeds())
        wrong += [f"{route}: says nothing"] * (len(said(other)) < 10)
        wrong += [f"{route}: nothing came of it"] * (counted[0] == counted[1])
        wrong += [f"{route}: was done twice, {counted}"] * (counted[1] != counted[2])
    assert not wrong, "\n".join(wrong)
    ((state,),) = desk.city.sql(
        "SELECT state FROM base.approval WHERE id = %s", _of(desk, TABS[2][0], "approved").place.rsplit("/", 1)[1]
    )
    assert state == "approved"


ENDED = "Your session has ended. Nothing was done. Log in again, then send the form once more."


@pytest.mark.parametrize("desk", ["used"], indirect=True)
def test_whoever_was_logged_out_is_told_that_nothing_was_done(desk: Desk, room: Callable[..., Room]) -> None:
    here = room("used", language="en")
    for route in ("/me/pay", "/shop/orders", "/staff/journals/new"):
        form = _of(desk, route)
        desk.city.enter(here.visitor.context)
        shown = here.form(form)
        here.fill(shown, desk.fill(form))
        before = desk.city.deeds()
        here.visitor.context.clear_cookies()
        here.button(form, shown).click()
        here.page.wait_for_function(f"() => document.querySelector('main').innerText.includes({ENDED!r})")
        assert said(here.page) == ENDED
        assert desk.city.deeds() == before
        here.visitor.press("main a.act")
        assert here.page.locator("h1").inner_text()


@pytest.mark.parametrize("desk", ["used"], indirect=True)
def test_a_page_of_another_site_cannot_send_a_form(desk: Desk, room: Callable[..., Room]) -> None:
    """As a browser sends it, which says where it comes from, or leaves the session's cookie at home."""
    here = room("used", language="en")
    before = desk.city.deeds()
    for route in ("/me/pay", "/shop/orders", "/staff/journals/new", "/door"):
        form = _of(desk, route, "customer" if route == "/door" else "")
        fields = "".join(f'<input name="{name}" value="{escape(text)}">' for name, text in desk.fill(form).items())
        here.page.goto("about:blank")
        here.page.set_content(
            f'<form method="post" action="{desk.address}{form.action}">{fields}<button>Win</button></form>'
        )
        with here.page.expect_navigation():
            here.page.click("button", no_wait_after=True)
        assert "nothing was done" in here.page.locator("main").inner_text().lower()
    assert desk.city.deeds() == before


@pytest.mark.parametrize("desk", ["used"], indirect=True)
@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without"])
def test_the_back_button_does_nothing_twice(desk: Desk, room: Callable[..., Room], script: bool) -> None:
    here = room("used", language="en", script=script)
    address = f"{desk.address}/me/pay?merchant={desk.city.shop}&amount=1.00"
    before = desk.city.deeds()
    here.page.goto(address)
    with here.page.expect_navigation():
        here.page.click("main button.act", no_wait_after=True, click_count=1 if script else 2)
    here.page.wait_for_url("**/me/payments/*")
    paid = here.page.url
    here.page.go_back()
    if here.page.locator("main form[method=post] button.act").count():
        with here.page.expect_navigation():
            here.page.click("main form[method=post] button.act", no_wait_after=True)
        here.page.wait_for_url(paid)
    else:
        assert here.page.locator(f'main a[href="{urlsplit(paid).path}"]').count(), "the way to what was paid"
    assert desk.city.deeds() == {**before, "payments": before["payments"] + 1}

    form = _of(desk, "/shop/orders")
    shown = here.form(form)
    typed = {**desk.fill(form), "description": "面"}
    here.fill(shown, typed)
    with here.page.expect_navigation():
        here.button(form, shown).click(no_wait_after=True)
    here.page.wait_for_url("**/shop/orders/*")
    made = here.page.url
    here.page.go_back()
    again = here.page.locator("form[method=post]").nth(form.at)
    here.fill(again, typed)
    with here.page.expect_navigation():
        here.button(form, again).click(no_wait_after=True)
    assert here.page.url == made or said(here.page)
    after = desk.city.deeds()
    assert after["orders"] - before["orders"] <= (1 if here.page.url == made else 2)


@pytest.mark.parametrize("desk", ["used"], indirect=True)
def test_forms_work_without_scripts(desk: Desk, room: Callable[..., Room]) -> None:
    here = room("used", size="phone", script=False)
    page = here.page
    page.goto(f"{desk.address}/me/pay?merchant={desk.city.shop}")
    page.fill("[name=amount]", "12.805")
    here.visitor.press("main form button.act")
    assert page.input_value("[name=amount]") == "12.805"
    assert page.locator("#e-amount").inner_text()
    page.fill("[name=amount]", "￥１２．８０")
    page.fill("[name=reference]", NASTY)
    here.visitor.press("main form button.act")
    assert "¥12.80" in page.locator("main").inner_text()
    before = desk.city.deeds()
    page.click("main form[method=post] button.act")
    page.wait_for_url("**/me/payments/*")
    assert desk.city.deeds()["payments"] == before["payments"] + 1
    form = _of(desk, "/staff/keys/new")
    shown = here.form(form)
    here.fill(shown, desk.fill(form) | {"note": NASTY})
    with page.expect_navigation():
        here.button(form, shown).click(no_wait_after=True)
    assert desk.city.deeds()["keys"] == before["keys"] + 1
    page.goto(f"{desk.address}/staff/keys")
    assert NASTY[:20] in page.locator("main table").inner_text()
