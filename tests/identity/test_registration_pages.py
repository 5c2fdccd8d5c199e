"""Pages by which people come in, as a browser sends and reads them."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from pyotp.totp import TOTP

from tests.http.conftest import bank
from tests.payments.me import Page
from tests.sandbox.identity_provider import id_number
from tongbao import notices, vault
from tongbao.base.db import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.http.conftest import ServedBank

__all__ = ["bank"]

PASSWORD = "noodles at noon"
SERIALS = itertools.count(10)
"""Of identity numbers, so that no two people in one bank have the same."""


class Browser:
    """Somebody with a browser and a telephone before a served bank."""

    def __init__(self, bank: ServedBank, lang: str = "en") -> None:
        self.bank = bank
        self.phone = f"138{secrets.randbelow(10**8):08d}"
        headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
        self.http = httpx.AsyncClient(base_url=bank.url, headers=headers, timeout=30, trust_env=False)
        self.http.cookies.set("tongbao_language", lang)

    async def get(self, path: str) -> Page:
        return Page(await self.http.get(path, follow_redirects=True))

    async def post(self, path: str, fields: dict[str, Any], **headers: str) -> httpx.Response:
        return await self.http.post(path, data=fields, headers=headers)

    async def begin(self) -> str:
        """Where the second screen is."""
        page = await self.get("/register")
        answer = await self.post("/register", {**page.form("/register"), "phone": self.phone})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def register(self) -> str:
        at = await self.begin()
        assert (await self.post(at, {"code": await self.code()})).headers["location"] == at
        fields = {"name": "李明", "id_number": id_number(next(SERIALS)), "password": PASSWORD}
        answer = await self.post(at, fields)
        assert answer.headers["location"] == "/me", answer.text
        return at

    async def code(self) -> str:
        """The newest one, as it waits to be sent."""
        async with Database(self.bank.database, size=1) as db, db.read() as tx:
            rows = await tx.rows(
                "SELECT id, subject_id, sealed_to, sealed_text FROM notices.message WHERE kind = 'code' ORDER BY queued_at DESC"
            )
            for id_, subject, to, text in rows:
                number = await vault.open_sealed(tx, subject, bytes(to), bound=notices.bound_to(id_))
                if number.decode() == f"+86{self.phone}":
                    said = await vault.open_sealed(tx, subject, bytes(text), bound=notices.bound_text(id_))
                    return (
                        said.decode()[:6]
                        if said[:1].isdigit()
                        else "".join(c for c in said.decode() if c.isdigit())[:6]
                    )
        raise AssertionError("nothing was sent")

    async def sql(self, query: Any, **values: Any) -> None:
        async with Database(self.bank.database, size=1) as db, db.tx() as tx:
            await tx.run(query, **values)


@pytest.fixture
async def me(bank: ServedBank) -> AsyncIterator[Browser]:
    browser = Browser(bank)
    async with browser.http:
        yield browser


async def test_without_a_session_the_door_is_the_customers_own(me: Browser) -> None:
    answer = await me.http.get("/me/safety")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/login?next=%2Fme%2Fsafety")
    page = await me.get("/me/safety")
    assert page.title == "Log in"
    assert page.form("/me/login")["next"] == "/me/safety"
    assert {"/register", "/me/login"} <= {href for _, href in (await me.get("/")).links}


async def test_three_forms_lead_to_the_account(me: Browser) -> None:
    at = await me.register()
    page = await me.get("/me")
    assert page.status == 200
    assert "李明" in page.text
    assert (await me.get(at)).title == "Your account is open"
    again = await me.post(at, {"name": "王芳", "id_number": id_number(5), "password": PASSWORD})
    assert again.headers["location"] == "/me"


async def test_a_form_that_comes_twice_begins_one(me: Browser) -> None:
    page = await me.get("/register")
    fields = {**page.form("/register"), "phone": me.phone}
    first, second = await asyncio.gather(me.post("/register", fields), me.post("/register", fields))
    third = await me.post("/register", fields)
    assert {first.headers.get("location"), second.headers.get("location")} <= {third.headers["location"], None}
    other = await me.post("/register", {**fields, "phone": f"139{me.phone[3:]}"})
    assert other.headers["location"] != third.headers["location"], "another number is another wish"


@pytest.mark.parametrize(
    "typed", ["", "12345", "x" * 5000, "<script>alert(1)</script>", "１３８\u202e00138000", "{{ 7*7 }}"]
)
async def test_what_is_no_number_is_said_beside_the_field(me: Browser, typed: str) -> None:
    page = await me.get("/register")
    answer = await me.post("/register", {**page.form("/register"), "phone": typed})
    assert answer.status_code == 422
    assert 'id="e-phone"' in answer.text
    assert "<script>alert" not in answer.text


async def test_what_is_wrong_on_the_last_screen_is_said_where_it_is(me: Browser) -> None:
    at = await me.begin()
    early = await me.post(at, {"name": "李明", "id_number": id_number(7), "password": PASSWORD})
    assert early.status_code == 409
    assert "The code from the message comes first." in early.text
    await me.post(at, {"code": f" {await me.code()} "})
    good = {"name": "李明", "id_number": id_number(7), "password": PASSWORD}
    for field, typed in (("name", "R2-D2"), ("id_number", "123"), ("password", "12345678"), ("password", me.phone)):
        answer = await me.post(at, {**good, field: typed})
        assert answer.status_code == 422, answer.text
        assert f'id="e-{field}"' in answer.text
        assert PASSWORD not in answer.text
    assert (await me.post(at, {"name": ""})).status_code == 422
    assert (await me.post(at, {**good, "more": "x"})).status_code == 422


async def test_another_browser_and_another_site_do_nothing(me: Browser, bank: ServedBank) -> None:
    at = await me.begin()
    thief = Browser(bank)
    async with thief.http:
        for answer in (await thief.http.get(at), await thief.post(at, {"code": await me.code()})):
            assert answer.status_code == 410
            assert "Begin again" in answer.text
        assert (await thief.http.get(f"/register/{uuid4()}")).status_code == 410
    answer = await me.post(at, {"code": await me.code()}, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert (await me.get(at)).title == "Enter the code"


async def test_wrong_password_and_unknown_number_are_one_answer(me: Browser, bank: ServedBank) -> None:
    await me.register()
    await me.get("/me")
    said: list[str] = []
    for phone in (me.phone, f"139{me.phone[3:]}"):
        answer = await me.post("/me/login", {"phone": phone, "password": "wrong", "next": "/me"})
        assert answer.status_code == 401
        said.append(answer.text.replace(phone, "-"))
    assert said[0] == said[1]


async def test_a_new_browser_is_asked_for_the_code_and_then_known(me: Browser, bank: ServedBank) -> None:
    await me.register()
    await me.sql("UPDATE identity.code SET made_at = made_at - interval '2 minutes'")
    away = Browser(bank, "zh")
    away.phone = me.phone
    async with away.http:
        fields = {"phone": away.phone, "password": PASSWORD, "next": "//evil.example"}
        answer = await away.post("/me/login", fields)
        at = answer.headers["location"]
        assert at.startswith("/me/login/")
        assert "tongbao_customer" not in away.http.cookies
        assert at in {href for _, href in (await away.get("/me/login")).links}
        before = away.http.cookies["tongbao_browser"]
        wrong = await away.post(at, {"code": "000000"})
        assert wrong.status_code == 401
        assert "验证码错误" in wrong.text
        answer = await away.post(at, {"code": await away.code()})
        assert (answer.status_code, answer.headers["location"]) == (303, "/me")
        assert away.http.cookies["tongbao_browser"] != before
        assert (await away.get("/me")).status == 200
        del away.http.cookies["tongbao_customer"]
        answer = await away.post("/me/login", {**fields, "next": "/me/statement"})
        assert answer.headers["location"] == "/me/statement"


async def test_password_pin_and_app_are_set_with_the_password_and_each_once(me: Browser) -> None:
    await me.register()
    form = (await me.get("/me/safety/pin")).form("/me/safety/pin")
    wrong = await me.post("/me/safety/pin", {**form, "pin": "826401", "current": "wrong"})
    assert wrong.status_code == 401
    assert 'id="e-current"' in wrong.text
    weak = await me.post("/me/safety/pin", {**form, "pin": "123456", "current": PASSWORD})
    assert (weak.status_code, 'id="e-pin"' in weak.text) == (422, True)
    done = await me.post("/me/safety/pin", {**form, "pin": "826401", "current": PASSWORD})
    assert done.headers["location"] == "/me/safety/factors"
    late = await me.post("/me/safety/pin", {**form, "pin": "739516", "current": PASSWORD})
    assert late.status_code == 409, "the form is of before"

    form = (await me.get("/me/safety/password")).form("/me/safety/password")
    done = await me.post("/me/safety/password", {**form, "password": "dumplings at dusk", "current": PASSWORD})
    assert done.status_code == 303, done.text

    assert (await me.post("/me/safety/totp", {"current": PASSWORD})).status_code == 401, "the old one"
    assert (await me.post("/me/safety/totp", {"current": "dumplings at dusk"})).status_code == 303
    page = await me.get("/me/safety/totp")
    seed = page.html.partition('class="id">')[2].partition("<")[0]
    assert (await me.post("/me/safety/totp/code", {"code": "abc"})).status_code == 401
    done = await me.post("/me/safety/totp/code", {"code": TOTP(seed).now()})
    assert done.headers["location"] == "/me/safety/factors"
    assert "Authenticator app" in (await me.get("/me/safety/factors")).text
    gone = await me.post("/me/safety/remove", {"kind": "totp", "current": "dumplings at dusk"})
    assert gone.headers["location"] == "/me/safety/waiting"
    again = await me.post("/me/safety/remove", {"kind": "totp", "current": "dumplings at dusk"})
    assert again.headers["location"] == "/me/safety/waiting", "it waits on"


async def test_figures_are_for_staff_alone(me: Browser, bank: ServedBank) -> None:
    await me.register()
    answer = await me.http.get("/staff/registrations")
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/login?next=%2Fstaff%2Fregistrations")
    metrics = (await bank.http.get("/metrics")).text
    assert 'tongbao_registrations_total{step="completed"}' in metrics
    assert "tongbao_registration_seconds_count" in metrics
