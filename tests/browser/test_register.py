"""Somebody becomes a customer by himself, is found to be who he says, and pays; and what a stranger with his number sees."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.browser.conftest import Demo
from tests.browser.test_every_page import LATIN_SENTENCE, _accessibility
from tests.http.conftest import PASSWORD as STAFF_PASSWORD
from tests.http.conftest import clone, environment, founded, served, staff
from tests.sandbox import identity_provider, sms
from tests.sandbox.identity_provider import id_number
from tongbao import vault
from tongbao.base.db import Database
from tongbao.identity import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from uuid import UUID

    from tests.browser.conftest import Visitor
    from tests.sandbox.sms import SmsGateway
    from tongbao.base.embedded import Cluster

pytestmark = pytest.mark.browser

PASSWORD = "noodles at noon"
WITHIN_S = 60


class Town(Demo):
    """A bank with its worker, the telephones and the identity provider; no doors that open by a click."""

    def __init__(self, address: str, process: Any, database: str, key: str, gateway: SmsGateway) -> None:
        super().__init__(address, process, database)
        self.gateway = gateway
        self.http = httpx.Client(
            base_url=address, trust_env=False, timeout=30, headers={"Authorization": f"Bearer {key}"}
        )

    def make(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.http.post(path, json=body, headers={"Idempotency-Key": str(uuid4())})
        assert answer.is_success, answer.text
        return answer.json()

    def code(self, phone: str, *, nth: int = 1) -> str:
        """The nth code that a telephone was sent, once it has arrived."""
        until = time.monotonic() + WITHIN_S
        while len(found := self.gateway.codes(phone)) < nth:
            assert time.monotonic() < until, self.gateway.texts(phone)
            time.sleep(0.05)
        return found[-nth]

    def of_phone(self, phone: str, what: str) -> Any:
        query = f"SELECT {what} FROM identity.customer c JOIN identity.account a ON a.customer_id = c.id WHERE c.id = ANY(%s)"
        with psycopg.connect(self.database) as connection:
            row = connection.execute(query.encode(), [_alone(_who_has(self.database, phone))]).fetchone()
        return row[0] if row else None


async def _who_has(database: str, phone: str) -> list[UUID]:
    async with Database(database, size=1) as db, db.read() as tx:
        return await vault.find(tx, vault.Kind.PHONE, phone)


def _alone(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: a browser that is driven from this one has a loop running in it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


@pytest.fixture(scope="module")
def demo(cluster: Cluster, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    (folder / "sms").mkdir()
    (folder / "identity").mkdir()
    with (
        clone(cluster, template) as database,
        sms.running(folder / "sms") as gateway,
        identity_provider.running(folder / "identity") as provider,
    ):
        key = _alone(founded(database))
        outside: dict[str, Any] = {"TONGBAO_SMS": gateway.url, "TONGBAO_IDENTITY_PROVIDER": provider.url}
        command = [sys.executable, "-m", "tongbao.cli", "work"]
        worker = subprocess.Popen(command, env=environment(database, **outside), start_new_session=True)
        try:
            with served(database, **outside) as (process, port):
                yield Town(f"http://localhost:{port}", process, database, key, gateway)
        finally:
            worker.terminate()
            worker.wait(60)


class Applicant:
    """Types what he is asked for, and counts what that takes."""

    def __init__(self, visitor: Visitor, town: Town, phone: str, serial: int) -> None:
        self.visitor, self.page, self.town = visitor, visitor.page, town
        self.phone, self.serial = phone, serial
        self.taps = self.typed = 0
        self.wrong: list[str] = []

    def type(self, field: str, text: str) -> None:
        self.page.fill(f"#f-{field}", text)
        self.typed += 1

    def press(self) -> None:
        self.look()
        with self.page.expect_navigation():
            self.page.click("main button.act")
        self.taps += 1

    def look(self) -> None:
        """At what stands there now, as test_every_page looks at what links lead to."""
        page = self.page
        self.wrong += _accessibility(page)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"):
            self.wrong.append(f"{page.url} is wider than its window")
        if page.evaluate("document.documentElement.lang").startswith("zh"):
            self.wrong += LATIN_SENTENCE.findall(page.locator("main").inner_text())

    def register(self) -> None:
        assert self.visitor.go("/register") == 200
        self.type("phone", self.phone)
        self.press()
        self.type("code", self.town.code(self.phone))
        self.press()
        self.type("name", "李明")
        self.type("id_number", id_number(self.serial))
        self.type("password", PASSWORD)
        self.press()
        self.page.wait_for_url(f"{self.town.address}/me")
        self.look()
        assert not self.wrong, "\n".join(self.wrong)


@pytest.mark.parametrize(
    ("size", "language", "theme", "script", "n"),
    [("phone", "zh", "light", True, 1), ("desktop", "en", "dark", True, 2), ("phone", "en", "light", False, 3)],
)
def test_three_screens_and_a_minute_later_he_pays(
    visit: Callable[..., Visitor], demo: Town, size: str, language: str, theme: str, script: bool, n: int
) -> None:
    visitor = visit(size=size, language=language, theme=theme, script=script)
    phone = f"1381111110{n}"
    if script:
        ming = Applicant(visitor, demo, phone, 100 + n)
        ming.register()
        assert (ming.taps, ming.typed) == (3, 5), "three screens, five fields"
    else:
        visitor.go("/register")
        for fields in (
            {"phone": phone},
            {"code": ""},
            {"name": "Ann Lee", "id_number": id_number(100 + n), "password": PASSWORD},
        ):
            for name, text in fields.items():
                visitor.page.fill(f"#f-{name}", text or demo.code(phone))
            visitor.press()
        visitor.page.wait_for_url(f"{demo.address}/me")

    until = time.monotonic() + WITHIN_S
    while demo.of_phone(phone, "c.level") != 1:
        assert time.monotonic() < until, "the identity provider says who he is"
        time.sleep(0.1)
    demo.make("/v1/topups", {"account_id": str(demo.of_phone(phone, "a.id")), "amount": 5000, "currency": "CNY"})
    shop = demo.make("/v1/merchants", {"name": "兰州拉面"})["id"]
    visitor.go(f"/me/pay?merchant={shop}&amount=12.80")
    visitor.page.click("main form[method=post] button.act")
    visitor.page.wait_for_url(re.compile(r"/me/payments/[0-9a-f-]{36}"))
    assert "¥12.80" in visitor.page.locator("main").inner_text()
    assert demo.http.get(f"/v1/accounts/{demo.of_phone(phone, 'a.id')}").json()["balance"] == 5000 - 1280


def test_he_comes_in_again_and_with_a_code_from_another_browser(visit: Callable[..., Visitor], demo: Town) -> None:
    phone, home = "13811111105", visit(size="phone")
    Applicant(home, demo, phone, 105).register()
    home.press("header form[action='/me/logout'] button")
    assert home.go("/me/safety") == 200
    home.page.wait_for_url("**/me/login?next=*")
    back = Applicant(home, demo, phone, 105)
    back.type("phone", phone)
    back.type("password", PASSWORD)
    back.press()
    home.page.wait_for_url(f"{demo.address}/me/safety")
    assert (back.taps, back.typed) == (1, 2), "one screen, two fields"

    _later(demo)
    away = Applicant(visit(size="desktop", language="en"), demo, phone, 105)
    away.visitor.go("/me/login?next=/me/statement")
    away.type("phone", phone)
    away.type("password", PASSWORD)
    away.press()
    away.page.wait_for_url("**/me/login/*")
    away.type("code", "000 000")
    away.press()
    assert away.page.locator("#e-code").inner_text()
    away.type("code", demo.code(phone, nth=2))
    away.press()
    away.page.wait_for_url("**/me/statement")
    assert not away.wrong, "\n".join(away.wrong)
    away.page.go_back()
    away.page.wait_for_load_state()
    assert away.page.url.startswith(demo.address), "the way back leads to a page, not to an error"
    assert away.page.locator("h1").count() == 1


def test_a_stranger_sees_the_same_of_a_customers_number_as_of_any_other(
    visit: Callable[..., Visitor], demo: Town
) -> None:
    known, unknown = "13811111106", "13811111107"
    Applicant(visit(), demo, known, 106).register()
    _later(demo)
    seen: list[str] = []
    for phone in (known, unknown):
        stranger = visit(language="en")
        stranger.go("/register")
        stranger.page.fill("#f-phone", phone)
        stranger.page.click("main button.act")
        stranger.page.wait_for_url("**/register/*")
        stranger.page.fill("#f-code", "000000")
        stranger.page.click("main button.act")
        stranger.page.wait_for_selector("#e-code")
        stranger.page.wait_for_load_state()
        seen.append(stranger.page.locator("main").inner_text().replace(phone[-4:], "...."))
    assert seen[0] == seen[1]
    demo.code(unknown)
    until = time.monotonic() + WITHIN_S
    while not any("log in with it" in text for text in demo.gateway.texts(known)):
        assert time.monotonic() < until, demo.gateway.texts(known)
        time.sleep(0.05)


def test_an_old_tab_and_the_way_back_say_what_to_do(visit: Callable[..., Visitor], demo: Town) -> None:
    phone, visitor = "13811111108", visit(language="en")
    page = visitor.page
    visitor.go("/register")
    page.fill("#f-phone", phone)
    page.click("main button.act")
    page.wait_for_url("**/register/*")
    at = page.url
    tab = visitor.context.new_page()
    tab.goto(at)
    page.fill("#f-code", demo.code(phone))
    page.click("main button.act")
    page.wait_for_selector("#f-name")
    tab.fill("#f-code", "000000")
    tab.click("main button.act")
    tab.wait_for_selector("#f-name")
    for one in (page, tab):
        one.fill("#f-name", "Ann Lee")
        one.fill("#f-id_number", id_number(108))
        one.fill("#f-password", PASSWORD)
    page.click("main button.act")
    page.wait_for_url(f"{demo.address}/me")
    tab.click("main button.act")
    tab.wait_for_url(f"{demo.address}/me")
    page.go_back()
    page.wait_for_load_state()
    assert page.locator("main a[href='/me']").count(), "it is done, and that leads to the account"
    visitor.go("/register")
    stranger = visit(language="en")
    assert stranger.go(at.removeprefix(demo.address)) == 410
    assert "Begin again" in stranger.page.locator("[role=alert]").inner_text()
    assert stranger.page.locator("#f-phone").count() == 1


def test_staff_see_how_many_steps_and_seconds_it_takes(visit: Callable[..., Visitor], demo: Town) -> None:
    Applicant(visit(), demo, "13811111109", 109).register()
    _alone(staff(demo.database, "li.na", Role.OPERATOR))
    visitor = visit(language="en")
    visitor.go("/staff/login")
    visitor.page.fill("#f-username", "li.na")
    visitor.page.fill("#f-password", STAFF_PASSWORD)
    visitor.page.click("main button.act")
    visitor.page.wait_for_url("**/staff/board")
    assert visitor.go("/staff/registrations") == 200
    said = visitor.page.locator("main").inner_text()
    assert "李明" not in said
    assert "1381111" not in said
    with psycopg.connect(demo.database) as connection:
        row = connection.execute("SELECT count(completed_at), min(forms) FROM identity.registration").fetchone()
    assert row is not None
    assert row[1] == 3 or row[0] > 1
    tiles = visitor.page.locator(".tile").filter(has_text="Account opened").locator(".value")
    assert int(tiles.inner_text()) == row[0]
    assert not _accessibility(visitor.page)


def _later(town: Town) -> None:
    """A telephone is sent one code a minute; these were sent long ago."""
    with psycopg.connect(town.database, autocommit=True) as connection:
        connection.execute("UPDATE identity.code SET made_at = made_at - interval '2 minutes'")
