"""The page of a customer's devices, as his browsers read it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.http.conftest import bank
from tests.identity.test_registration_pages import PASSWORD, Browser, me
from tests.payments.me import Page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.http.conftest import ServedBank

__all__ = ["bank", "me"]

DEVICES = "/me/safety/devices"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@asynccontextmanager
async def elsewhere(me: Browser, bank: ServedBank, lang: str = "en") -> AsyncIterator[Browser]:
    """The same customer in another browser, past the code."""
    await me.sql("UPDATE identity.code SET made_at = made_at - interval '2 minutes'")
    away = Browser(bank, lang)
    away.phone = me.phone
    away.http.headers["User-Agent"] = FIREFOX
    async with away.http:
        answer = await away.post("/me/login", {"phone": away.phone, "password": PASSWORD, "next": "/me"})
        answer = await away.post(answer.headers["location"], {"code": await away.code()})
        assert (answer.status_code, answer.headers["location"]) == (303, "/me")
        yield away


def device_of(page: Page, heading: str) -> dict[str, str]:
    """The form that logs out the device of this heading."""
    at = page.html.index(f"<h2>{heading}</h2>")
    before = page.html[:at].count(f'action="{DEVICES}"')
    return [form["fields"] for form in page.forms if form["action"] == DEVICES][before]


async def test_he_sees_both_of_his_devices_and_which_is_new(me: Browser, bank: ServedBank) -> None:
    await me.register()
    page = await me.get(DEVICES)
    assert page.status == 200
    assert "This device" in page.text
    assert "127.0.0.*" in page.text
    assert "trusts this device less" not in page.text, "he opened his account in it"
    async with elsewhere(me, bank, "zh") as away:
        page = await away.get(DEVICES)
        assert page.title == "登录设备"
        assert "Firefox · Linux" in page.text
        assert "在以下时间之前付款需要更多验证" in page.text
        assert page.text.count("当前设备") >= 1


async def test_the_one_that_is_logged_out_is_out_at_once_and_the_other_stays(me: Browser, bank: ServedBank) -> None:
    await me.register()
    async with elsewhere(me, bank) as away:
        form = device_of(await me.get(DEVICES), "Firefox · Linux")
        for _ in range(2):
            answer = await me.post(DEVICES, form)
            assert (answer.status_code, answer.headers["location"]) == (303, DEVICES), "the same again changes nothing"
        assert (await away.http.get("/me")).headers["location"].startswith("/me/login")
        assert "Firefox · Linux" not in (await me.get(DEVICES)).text
        answer = await away.post("/me/login", {"phone": away.phone, "password": PASSWORD, "next": "/me"})
        assert answer.status_code == 429 or answer.headers["location"].startswith("/me/login/"), "a code is asked for"


async def test_he_logs_out_the_device_that_he_is_in(me: Browser) -> None:
    await me.register()
    answer = await me.post(DEVICES, device_of(await me.get(DEVICES), "Unknown browser"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/login")
    assert answer.headers["clear-site-data"] == '"cache"'
    assert (await me.http.get("/me")).status_code == 303


async def test_whoever_leaves_leaves_no_copy_of_what_he_saw(me: Browser) -> None:
    await me.register()
    answer = await me.post("/me/logout", {})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert answer.headers["clear-site-data"] == '"cache"', "the storage keeps the key by which the browser signs"
    assert (await me.http.get("/me")).status_code == 303


async def test_everywhere_means_everywhere(me: Browser, bank: ServedBank) -> None:
    await me.register()
    async with elsewhere(me, bank) as away:
        answer = await me.post("/me/safety/logout", {})
        assert answer.status_code == 303
        assert answer.headers["clear-site-data"] == '"cache"'
        assert (await away.http.get("/me")).status_code == 303
        assert (await me.http.get("/me")).status_code == 303


async def test_what_is_no_device_of_his_is_refused_in_words(me: Browser, bank: ServedBank) -> None:
    await me.register()
    other = Browser(bank)
    async with other.http:
        await other.register()
        theirs = device_of(await other.get(DEVICES), "Unknown browser")
        for device in (theirs["device"], str(uuid4())):
            answer = await me.post(DEVICES, {"device": device})
            assert answer.status_code == 404
            assert "no such device of yours" in answer.text
        assert (await other.http.get("/me")).status_code == 200
    for typed in ("", "x" * 5000, "<script>alert(1)</script>", "\u202e1"):
        answer = await me.post(DEVICES, {"device": typed})
        assert answer.status_code == 422
        assert "<script>alert" not in answer.text


async def test_without_a_session_it_leads_to_the_door(bank: ServedBank) -> None:
    nobody = Browser(bank)
    async with nobody.http:
        answer = await nobody.http.get(DEVICES)
        assert answer.headers["location"] == "/me/login?next=%2Fme%2Fsafety%2Fdevices"
