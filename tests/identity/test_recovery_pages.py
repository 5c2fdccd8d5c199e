"""The pages by which a customer regains access, as his browser and the owner's read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.http.conftest import bank
from tests.identity.test_registration_pages import PASSWORD, SERIALS, Browser, me
from tests.payments.me import Page
from tests.sandbox.identity_provider import id_number

if TYPE_CHECKING:
    from tests.http.conftest import ServedBank

__all__ = ["bank", "me"]

RECOVER, OWN = "/me/recover", "/me/safety/recovery"
NEW_PASSWORD = "dumplings at dawn"


async def register(me: Browser) -> str:
    """His identity number."""
    at = await me.begin()
    await me.post(at, {"code": await me.code()})
    number = id_number(next(SERIALS))
    answer = await me.post(at, {"name": "李明", "id_number": number, "password": PASSWORD})
    assert answer.headers["location"] == "/me", answer.text
    await me.sql("UPDATE identity.code SET made_at = made_at - interval '2 minutes'")
    return number


async def begin(lost: Browser, number: str) -> str:
    """Where the next screen is."""
    fields = (await lost.get(RECOVER)).form(RECOVER)
    answer = await lost.post(RECOVER, {**fields, "id_number": number, "phone": lost.phone})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def stranger(me: Browser, bank: ServedBank, lang: str = "en") -> Browser:
    """Another browser with his telephone."""
    other = Browser(bank, lang)
    other.phone = me.phone
    return other


async def a_day_goes_by(me: Browser) -> None:
    await me.sql(
        "UPDATE identity.recovery SET begun_at = begun_at - interval '25 hours', "
        "confirmed_at = confirmed_at - interval '25 hours', ripe_at = ripe_at - interval '25 hours'"
    )


async def test_he_waits_a_day_sets_a_new_password_and_logs_in_with_it(me: Browser, bank: ServedBank) -> None:
    number = await register(me)
    lost = stranger(me, bank)
    async with lost.http:
        at = await begin(lost, number)
        wrong = await lost.post(at, {"code": "000000"})
        assert wrong.status_code == 401
        assert 'id="e-code"' in wrong.text
        assert (await lost.post(at, {"code": await lost.code()})).headers["location"] == at
        assert (await lost.get(at)).title == "Please wait"
        assert at in {href for _, href in (await lost.get(RECOVER)).links}
        early = await lost.post(at, {"password": NEW_PASSWORD})
        assert early.status_code == 409
        await a_day_goes_by(me)
        assert (await lost.get(at)).title == "Set a new password"
        weak = await lost.post(at, {"password": "12345678"})
        assert weak.status_code == 422
        assert 'id="e-password"' in weak.text
        for _ in range(2):
            done = await lost.post(at, {"password": NEW_PASSWORD})
            assert (done.status_code, done.headers["location"]) == (303, "/me/login")
        assert (await lost.get(at)).title == "Your new password is set"
        assert (await me.http.get("/me")).status_code == 303, "whoever was in is out"
        await me.sql("UPDATE identity.code SET made_at = made_at - interval '2 minutes'")
        for password, status in ((PASSWORD, 401), (NEW_PASSWORD, 303)):
            answer = await lost.post("/me/login", {"phone": me.phone, "password": password, "next": "/me"})
            assert answer.status_code == status
        assert (await lost.post(answer.headers["location"], {"code": await lost.code()})).status_code == 303
        assert "you can pay less than usual" in (await lost.get("/me/safety")).text


async def test_the_owner_sees_it_on_his_first_page_and_stops_it(me: Browser, bank: ServedBank) -> None:
    number = await register(me)
    assert OWN not in {href for _, href in (await me.get("/me")).links}
    assert not (await me.get(OWN)).asks(OWN)
    thief = stranger(me, bank)
    async with thief.http:
        at = await begin(thief, number)
        await thief.post(at, {"code": await thief.code()})
        for page in ("/me", "/me/safety"):
            assert OWN in {href for _, href in (await me.get(page)).links}
        assert (await me.get(OWN)).asks(OWN)
        for said in ("It is stopped", "nothing to stop"):
            answer = await me.post(OWN, {})
            assert (answer.status_code, answer.headers["location"]) == (303, "/me/safety")
            assert said in (await me.get("/me/safety")).text
        await a_day_goes_by(me)
        gone = await thief.post(at, {"password": NEW_PASSWORD})
        assert gone.status_code == 410
    assert (await me.http.get("/me")).status_code == 200


async def test_who_is_no_customer_is_shown_the_same(me: Browser, bank: ServedBank) -> None:
    number = await register(me)
    shown: list[str] = []
    for phone, typed in ((me.phone, number), (f"139{me.phone[3:]}", number), (me.phone, id_number(950))):
        lost = stranger(me, bank, "zh")
        lost.phone = phone
        async with lost.http:
            at = await begin(lost, typed)
            page = await lost.http.get(at)
            shown.append(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "-", page.text))
            assert (await lost.post(at, {"code": "000000"})).status_code == 401
        await me.sql("UPDATE identity.code SET made_at = made_at - interval '2 minutes'")
    assert shown[0] == shown[1] == shown[2]
    assert Page(page).title == "输入验证码"


@pytest.mark.parametrize("typed", ["", "12345", "x" * 5000, "<script>alert(1)</script>", "１３８\u202e00138000"])
async def test_what_is_wrong_is_said_beside_the_field_and_kept(me: Browser, typed: str) -> None:
    for field, other in (("phone", {"id_number": id_number(3)}), ("id_number", {"phone": me.phone})):
        fields = (await me.get(RECOVER)).form(RECOVER)
        answer = await me.post(RECOVER, {**fields, **other, field: typed})
        assert answer.status_code == 422
        assert f'id="e-{field}"' in answer.text
        assert "<script>alert" not in answer.text


async def test_another_browser_another_site_and_nobody_get_nowhere(me: Browser, bank: ServedBank) -> None:
    number = await register(me)
    at = await begin(me, number)
    other = Browser(bank)
    async with other.http:
        for answer in (await other.http.get(at), await other.post(at, {"code": await me.code()})):
            assert answer.status_code == 410
            assert "Begin again" in answer.text
        assert (await other.http.get(f"{RECOVER}/{uuid4()}")).status_code == 410
        assert (await other.http.get(OWN)).headers["location"] == "/me/login?next=%2Fme%2Fsafety%2Frecovery"
    answer = await me.post(OWN, {}, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
