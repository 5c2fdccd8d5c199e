"""The pages by which a telephone number is changed, as his browser and the owner's read them; and what is offered after a change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pyotp.totp import TOTP

from tests.http.conftest import bank
from tests.identity.authenticator import Authenticator
from tests.identity.test_passkey_pages import FORM, PASSKEYS, add, id_of
from tests.identity.test_recovery_pages import NEW_PASSWORD, register, stranger
from tests.identity.test_registration_pages import PASSWORD, Browser, me
from tests.sandbox.identity_provider import id_number
from tongbao.identity.refusals import PHONE_CHANGE_REFUSED

if TYPE_CHECKING:
    from tests.http.conftest import ServedBank

__all__ = ["bank", "me"]

OWN, LOST, WAITING, OTHERS = "/me/safety/phone", "/me/recover/phone", "/me/safety/waiting", "/me/safety/others"


def another(phone: str) -> str:
    return f"139{phone[3:]}"


async def set_up_app(me: Browser, *, days_ago: int = 0) -> TOTP:
    await me.post("/me/safety/totp", {"current": PASSWORD})
    seed = re.search(r"[A-Z2-7]{32}", (await me.get("/me/safety/totp")).text.replace(" ", ""))
    assert seed
    app = TOTP(seed[0])
    assert (await me.post("/me/safety/totp/code", {"code": app.now()})).status_code == 303
    await age_app(me, days_ago)
    return app


async def age_app(me: Browser, days: int) -> None:
    """Its next code is good as well: the one that was shown does not count as used."""
    await me.sql(
        "UPDATE identity.factor SET used_step = 0, set_at = set_at - %(days)s * interval '1 day' WHERE kind = 'totp'",
        days=days,
    )


async def begin(me: Browser, phone: str, **more: Any) -> Any:
    fields = (await me.get(OWN)).form(OWN)
    return await me.post(OWN, {**fields, "new_phone": phone, "current": PASSWORD, **more})


async def code_to(me: Browser, phone: str) -> str:
    old, me.phone = me.phone, phone
    code = await me.code()
    me.phone = old
    return code


async def codes_are_old(me: Browser) -> None:
    await me.sql("UPDATE identity.code SET made_at = made_at - interval '2 minutes'")


async def log_in(browser: Browser, password: str = PASSWORD) -> None:
    answer = await browser.post("/me/login", {"phone": browser.phone, "password": password, "next": "/me"})
    assert answer.status_code == 303, answer.text
    entered = await browser.post(answer.headers["location"], {"code": await browser.code()})
    assert entered.status_code == 303


async def test_he_gives_another_number_and_every_page_says_so_until_he_stops_it(me: Browser) -> None:
    await register(me)
    new = another(me.phone)
    answer = await begin(me, new)
    at = answer.headers["location"]
    assert (await me.get(at)).title == "Enter the code"
    wrong = await me.post(at, {"code": "000000"})
    assert (wrong.status_code, 'id="e-code"' in wrong.text) == (401, True)
    assert (await me.post(at, {"code": await code_to(me, new)})).headers["location"] == at
    assert (await me.get(at)).title == "Please wait"
    for page in ("/me", "/me/payments", "/me/safety/devices"):
        assert WAITING in {href for _, href in (await me.get(page)).links}, page
    assert "Holds from" in (await me.get(WAITING)).text
    for said in ("It is stopped.", "nothing to stop"):
        assert (await me.post(WAITING, {"kind": "phone"})).headers["location"] == WAITING
        assert said in (await me.get(WAITING)).text
    assert WAITING not in {href for _, href in (await me.get("/me/payments")).links}
    assert (await me.http.get(at)).status_code == 410


async def test_the_form_sent_twice_begins_one_and_a_wrong_password_none(me: Browser) -> None:
    await register(me)
    fields = {**(await me.get(OWN)).form(OWN), "new_phone": another(me.phone), "current": PASSWORD}
    wrong = await me.post(OWN, {**fields, "current": "not this one"})
    assert (wrong.status_code, 'id="e-current"' in wrong.text, PASSWORD in wrong.text) == (401, True, False)
    first, second = await me.post(OWN, fields), await me.post(OWN, fields)
    assert first.headers["location"] == second.headers["location"]
    assert (await begin(me, me.phone)).status_code == 409


async def test_with_his_app_it_holds_at_once_and_everybody_is_out(me: Browser) -> None:
    await register(me)
    app = await set_up_app(me, days_ago=2)
    new = another(me.phone)
    at = (await begin(me, new)).headers["location"]
    code = await code_to(me, new)
    wrong = await me.post(at, {"code": code, "app_code": "000000"})
    assert (wrong.status_code, 'id="e-app_code"' in wrong.text) == (401, True)
    assert (await me.post(at, {"code": code, "app_code": app.now()})).headers["location"] == at
    assert (await me.get(at)).title == "Your new number holds"
    assert (await me.http.get("/me")).status_code == 303, "whoever was in is out"
    await codes_are_old(me)
    me.phone = new
    await log_in(me)
    assert "new password or telephone number" in (await me.get("/me/safety")).text


async def show_passkey(me: Browser, at: str, phone: Authenticator, **changed: str) -> Any:
    options = (await me.post(f"{at}/passkey/options", {}, **FORM)).json()
    return await me.post(f"{at}/passkey", {"response": phone.sign(options, **changed)})


async def test_with_a_passkey_that_has_been_there_it_holds_at_once(me: Browser) -> None:
    await register(me)
    phone, thief = Authenticator(), Authenticator()
    await add(me, phone)
    await me.sql("UPDATE identity.passkey SET made_at = made_at - interval '2 days'")
    await add(me, thief, "A moment ago")
    new = another(me.phone)
    at = (await begin(me, new)).headers["location"]
    assert (await show_passkey(me, at, phone, signature="AAAA")).status_code == 401
    assert (await show_passkey(me, at, Authenticator())).status_code == 404, "not one of his"
    assert (await show_passkey(me, at, phone)).headers["location"] == at
    assert (await me.post(f"{at}/passkey", {"response": "{}"})).status_code == 409, "what was asked is used up"
    assert (await me.post(at, {"code": await code_to(me, new)})).headers["location"] == at
    assert (await me.get(at)).title == "Your new number holds"
    assert (await me.http.get("/me")).status_code == 303, "whoever was in is out"
    await codes_are_old(me)
    me.phone = new
    await log_in(me)


async def test_with_a_passkey_of_a_moment_ago_it_waits_all_the_same(me: Browser) -> None:
    await register(me)
    phone = Authenticator()
    await add(me, phone)
    new = another(me.phone)
    at = (await begin(me, new)).headers["location"]
    assert (await show_passkey(me, at, phone)).headers["location"] == at
    await me.post(at, {"code": await code_to(me, new)})
    assert (await me.get(at)).title == "Please wait"
    assert (await me.http.get("/me")).status_code == 200


async def test_a_passkey_goes_at_once_with_a_code_of_an_app_that_has_been_there(me: Browser) -> None:
    await register(me)
    await add(me, Authenticator())
    at = f"{PASSKEYS}/{await id_of(me)}"
    app = await set_up_app(me)
    wrong = await me.post(f"{at}/remove", {"current": PASSWORD, "app_code": "000000"})
    assert (wrong.status_code, 'id="e-app_code"' in wrong.text) == (401, True)
    young = await me.post(f"{at}/remove", {"current": PASSWORD, "app_code": app.now()})
    assert young.headers["location"] == WAITING, "whoever set it up a moment ago may be a thief"
    assert "Remove: Passkey" in (await me.get(WAITING)).text
    await age_app(me, 2)
    gone = await me.post(f"{at}/remove", {"current": PASSWORD, "app_code": app.now()})
    assert gone.headers["location"] == PASSKEYS
    assert "You have no passkey yet." in (await me.get(PASSKEYS)).text


async def test_who_cannot_log_in_shows_who_he_is_and_waits(me: Browser, bank: ServedBank) -> None:
    number = await register(me)
    lost = stranger(me, bank)
    new = another(me.phone)
    async with lost.http:
        fields = (await lost.get(LOST)).form(LOST)
        right = {**fields, "id_number": number, "phone": me.phone, "password": PASSWORD, "new_phone": new}
        shown = set[str]()
        for change in ({"password": "nothing"}, {"id_number": id_number(950)}, {"phone": f"137{me.phone[3:]}"}):
            answer = await lost.post(LOST, {**right, **change})
            assert answer.status_code == 401
            shown.add("".join(re.findall(r'role="alert".*?</div>', answer.text, re.S)))
        assert len(shown) == 1, "nobody learns which of them was wrong"
        assert PHONE_CHANGE_REFUSED.en in shown.pop()
        assert PASSWORD not in answer.text
        at = (await lost.post(LOST, right)).headers["location"]
        assert (await lost.post(at, {"code": await code_to(me, new)})).status_code == 303
        assert (await lost.get(at)).title == "Please wait"
        assert WAITING in {href for _, href in (await me.get("/me")).links}, "the owner sees it"
        assert (await me.http.get(at)).status_code == 410, "another browser's is none"
        assert (await lost.post(f"{at}/passkey", {"response": "{}"})).status_code == 409, "nothing was to be signed"
        assert (await lost.http.get(f"{LOST}/{uuid4()}")).status_code == 410


@pytest.mark.parametrize("typed", ["", "12345", "x" * 5000, "<script>alert(1)</script>", "１３８\u202e00138000"])
async def test_what_is_wrong_is_said_beside_the_field(me: Browser, typed: str) -> None:
    await register(me)
    answer = await begin(me, typed)
    assert (answer.status_code, 'id="e-new_phone"' in answer.text) == (422, True)
    fields = {"id_number": id_number(3), "phone": me.phone, "password": PASSWORD, "new_phone": "13900139000"}
    for field in ("id_number", "phone", "new_phone"):
        again = (await me.get(LOST)).form(LOST)
        answer = await me.post(LOST, {**again, **fields, field: typed})
        assert (answer.status_code, f'id="e-{field}"' in answer.text) == (422, True)
        assert "<script>alert" not in answer.text


async def test_after_a_new_password_he_logs_out_elsewhere_and_stays(me: Browser, bank: ServedBank) -> None:
    await register(me)
    assert "nowhere else" in (await me.get(OTHERS)).text
    other = stranger(me, bank)
    async with other.http:
        await log_in(other)
        form = (await me.get("/me/safety/password")).form("/me/safety/password")
        answer = await me.post("/me/safety/password", {**form, "current": PASSWORD, "password": NEW_PASSWORD})
        assert answer.headers["location"] == OTHERS
        assert "one more place" in (await me.get(OTHERS)).text
        for _ in range(2):
            assert (await me.post(OTHERS, {})).headers["location"] == "/me/safety/devices"
        assert (await other.http.get("/me")).status_code == 303, "out"
        assert (await me.http.get("/me")).status_code == 200, "still in"


async def test_a_lost_app_goes_after_a_time_to_wait(me: Browser) -> None:
    await register(me)
    await set_up_app(me)
    refused = await me.post("/me/safety/totp", {"current": PASSWORD, "app_code": ""})
    assert (refused.status_code, 'id="e-app_code"' in refused.text) == (401, True)
    asked = await me.post("/me/safety/remove", {"kind": "totp", "current": PASSWORD})
    assert asked.headers["location"] == WAITING
    page = await me.get(WAITING)
    assert "Remove: Authenticator app" in page.text
    given = re.search(r'name="given" value="([0-9a-f-]{36})"', (await me.http.get(WAITING)).text)
    assert given
    await me.post(WAITING, {"kind": "removal", "given": given[1]})
    assert "What was to be removed stays" in (await me.get(WAITING)).text
    assert (await me.post(WAITING, {"kind": "nothing"})).status_code == 422


async def test_the_door_is_shut_to_strangers(me: Browser) -> None:
    for path in (OWN, WAITING, OTHERS):
        assert (await me.http.get(path)).headers["location"].startswith("/me/login?next=")
    assert (await me.post(LOST, {}, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403
