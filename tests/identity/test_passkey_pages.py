"""The pages of passkeys and devices that sign, as a customer's browser sends and reads them."""

from __future__ import annotations

import json
from html import unescape
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.http.conftest import bank
from tests.identity.authenticator import Authenticator
from tests.identity.test_registration_pages import PASSWORD, Browser, me
from tongbao import vault
from tongbao.vault import SignatureSuite

if TYPE_CHECKING:
    from tests.http.conftest import ServedBank
    from tests.payments.me import Page

__all__ = ["bank", "me"]

PASSKEYS = "/me/safety/passkeys"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PHONE = {"name": "My telephone", "modality": "fingerprint", "current": PASSWORD}


def options_of(page: Page) -> dict[str, Any]:
    """What the script of the page hands to the device."""
    return json.loads(unescape(page.html.split('data-options="')[1].split('"')[0]))


async def add(me: Browser, phone: Authenticator, name: str = "My telephone") -> None:
    answer = await me.post(PASSKEYS, {**PHONE, "name": name})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PASSKEYS}/new"), answer.text
    options = options_of(await me.get(f"{PASSKEYS}/new"))
    assert me.phone not in json.dumps(options), "the device shows it to whoever holds it"
    answer = await me.post(f"{PASSKEYS}/new", {"response": phone.make(options)})
    assert (answer.status_code, answer.headers["location"]) == (303, PASSKEYS), answer.text


async def log_in(browser: Browser, phone: Authenticator) -> Any:
    options = (await browser.post("/me/login/passkey/options", {}, **FORM)).json()
    return await browser.post("/me/login/passkey", {"response": phone.sign(options), "next": "/me/safety"})


async def id_of(me: Browser) -> str:
    page = await me.get(PASSKEYS)
    return page.html.split(f'href="{PASSKEYS}/')[1].split('"')[0]


async def test_he_adds_a_passkey_and_comes_in_by_it_elsewhere(me: Browser, bank: ServedBank) -> None:
    await me.register()
    assert "You have no passkey yet." in (await me.get(PASSKEYS)).text
    phone = Authenticator()
    await add(me, phone)
    page = await me.get(PASSKEYS)
    assert "My telephone" in page.text
    assert "Fingerprint" in page.text
    assert "large amounts ask for another way as well" in page.text, "its maker has declared nothing"
    assert (await me.post(f"{PASSKEYS}/new", {"response": Authenticator().make({
        "challenge": "AA", "user": {"id": "AA"}, "rp": {"id": "localhost"}})})).status_code == 409, "once"  # fmt: skip
    away = Browser(bank, "zh")
    async with away.http:
        assert "使用通行密钥登录" in (await away.get("/me/login")).text
        answer = await log_in(away, phone)
        assert (answer.status_code, answer.headers["location"]) == (303, "/me/safety"), answer.text
        assert (await away.get("/me")).status == 200
        assert (await away.get("/me/safety")).status == 200
        assert "My telephone" in (await away.get(PASSKEYS)).text
        assert "通行密钥与签名设备" in (await away.get(PASSKEYS)).text


async def test_the_password_comes_first_and_what_was_typed_stays(me: Browser) -> None:
    await me.register()
    answer = await me.post(PASSKEYS, {**PHONE, "name": "<script>alert(1)</script>", "current": "wrong"})
    assert answer.status_code == 401
    assert "This is not your log-in password." in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script>alert" not in answer.text
    assert (await me.http.get(f"{PASSKEYS}/new")).headers["location"] == PASSKEYS, "nothing was begun"
    for fields in ({"name": "x"}, {**PHONE, "name": "x" * 61}, {**PHONE, "modality": "iris"}, {**PHONE, "name": ""}):
        assert (await me.post(PASSKEYS, fields)).status_code == 422


async def test_what_no_device_gave_is_refused_in_words(me: Browser, bank: ServedBank) -> None:
    await me.register()
    await me.post(PASSKEYS, PHONE)
    for junk in ("{}", "null", "x" * 30_000, '{"response": {"clientDataJSON": 7}}', "\u202e\u202e"):
        answer = await me.post(f"{PASSKEYS}/new", {"response": junk})
        assert answer.status_code == 401
        assert "did not confirm what was asked for" in answer.text
    assert (await me.post(f"{PASSKEYS}/new", {"response": ""})).status_code == 422
    stranger = Browser(bank)
    async with stranger.http:
        await stranger.get("/me/login")
        assert (await stranger.post("/me/login/passkey", {"response": "{}"})).status_code == 409, "nothing was asked"
        answer = await log_in(stranger, Authenticator())
        assert answer.status_code == 404
        assert "no such passkey" in answer.text
        assert (await stranger.post("/me/login/passkey", {"response": ""})).status_code == 422
        for path in (PASSKEYS, f"{PASSKEYS}/new", f"{PASSKEYS}/{uuid4()}"):
            assert (await stranger.http.get(path)).headers["location"].startswith("/me/login?next=")
        answer = await stranger.post("/me/login/passkey/options", {}, **{**FORM, "Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


async def test_he_renames_it_and_removes_it(me: Browser, bank: ServedBank) -> None:
    await me.register()
    phone = Authenticator()
    await add(me, phone)
    at = f"{PASSKEYS}/{await id_of(me)}"
    assert "Rename or remove: " in (await me.get(at)).text
    assert (await me.post(f"{at}/name", {"name": ""})).status_code == 422
    assert (await me.post(f"{at}/name", {"name": "Old telephone"})).status_code == 303
    assert "Old telephone" in (await me.get(PASSKEYS)).text
    other = Browser(bank)
    async with other.http:
        await other.register()
        assert (await other.post(f"{at}/name", {"name": "Mine"})).headers["location"] == PASSKEYS
        await other.post(f"{at}/remove", {"current": PASSWORD})
    assert "Old telephone" in (await me.get(PASSKEYS)).text, "nobody else touches it"
    assert (await me.post(f"{at}/remove", {"current": "wrong"})).status_code == 401
    waits = await me.post(f"{at}/remove", {"current": PASSWORD})
    assert waits.headers["location"] == "/me/safety/waiting", "nothing as strong would remain"
    await add(me, Authenticator())
    await me.sql("UPDATE identity.passkey SET made_at = made_at - interval '2 days'")
    answer = await me.post(f"{at}/remove", {"current": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, PASSKEYS)
    assert (await me.post(f"{at}/remove", {"current": PASSWORD})).headers["location"] == PASSKEYS, "the same again"
    assert (await me.http.get(at)).headers["location"] == PASSKEYS
    assert (await log_in(me, phone)).status_code == 404


async def test_he_binds_his_browser_and_chooses_what_he_is_asked_for(me: Browser) -> None:
    await me.register()
    key = vault.generate(SignatureSuite.ES256).public().jwk
    fields = {"device_name": "This laptop", "jwk": json.dumps(key), "current": PASSWORD}
    answer = await me.post("/me/safety/device-keys", {**fields, "current": "wrong"})
    assert answer.status_code == 401
    assert "This laptop" in answer.text
    for _ in range(2):
        assert (await me.post("/me/safety/device-keys", fields)).headers["location"] == PASSKEYS
    page = await me.get(PASSKEYS)
    assert page.text.count("This laptop") == 1
    for junk in ("{}", "[]", "null", '{"kty": "EC"}', "x" * 9000):
        assert (await me.post("/me/safety/device-keys", {**fields, "jwk": junk})).status_code == 422
    answer = await me.post("/me/safety/device-keys", {**fields, "jwk": ""})
    assert answer.status_code == 422
    assert "made no key" in answer.text
    assert (await me.post("/me/safety/prefer", {"kind": "device"})).headers["location"] == "/me/safety/factors"
    page = await me.get("/me/safety/factors")
    assert "Key of a device · This laptop" in page.text.replace("\u2068", "").replace("\u2069", "")
    assert '<option value="device" selected>' in page.html
    for kind in ("totp", "nonsense", ""):
        assert (await me.post("/me/safety/prefer", {"kind": kind})).headers["location"] == "/me/safety/factors"
    assert '<option value="device" selected>' in (await me.get("/me/safety/factors")).html


@pytest.mark.parametrize("suite", [SignatureSuite.ED25519, SignatureSuite.ES256])
async def test_an_app_binds_its_device(me: Browser, suite: SignatureSuite) -> None:
    await me.register()
    token = me.http.cookies["tongbao_customer"]
    said = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    order = {"jwk": vault.generate(suite).public().jwk, "name": "Pixel 8"}

    async def bind(body: dict[str, Any]) -> Any:
        return await me.http.post("/v1/me/device-keys", json=body, headers={**said, "Idempotency-Key": str(uuid4())})

    answer = await bind(order)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["alg"], answer.json()["name"]) == (suite.value, "Pixel 8")
    assert (await bind(order)).json()["id"] == answer.json()["id"]
    assert (await bind({**order, "jwk": {**order["jwk"], "d": "AA"}})).json()["code"] == "private_key_shown"
    listed = (await me.http.get("/v1/me/device-keys", headers=said)).json()["items"]
    assert [one["id"] for one in listed] == [answer.json()["id"]]
    at = f"/v1/me/device-keys/{answer.json()['id']}/state"
    assert (await me.http.put(at, json={"state": "broken"}, headers=said)).status_code == 422
    assert "What its app says of it" not in (await me.get(PASSKEYS)).text
    for state in ("rooted", "sound"):
        assert (await me.http.put(at, json={"state": state}, headers=said)).json()["state"] == "rooted"
    page = await me.get(PASSKEYS)
    assert "its system was broken open" in page.text
    assert "The bank trusts your payments less while this device is bound." in page.text
    gone = await me.http.delete(f"/v1/me/device-keys/{answer.json()['id']}", headers=said)
    assert gone.status_code == 204
    assert (await bind(order)).json()["code"] == "device_key_over"
    nobody = await me.http.get(
        "/v1/me/device-keys", headers={"Accept": "application/json", "Authorization": "Bearer x"}
    )
    assert nobody.status_code == 401
