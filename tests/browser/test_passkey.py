"""A passkey in a real browser: made by the device's own authenticator, shown to log in; and a key that never leaves the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.test_every_page import _accessibility
from tests.browser.test_register import PASSWORD, Applicant, Town, _alone
from tests.http.conftest import clone, founded, served
from tongbao import notices, vault
from tongbao.base.db import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browser.conftest import Visitor
    from tongbao.base.embedded import Cluster

pytestmark = pytest.mark.browser


class QuietTown(Town):
    """Nothing is sent: codes are read as they wait."""

    def code(self, phone: str, *, nth: int = 1) -> str:
        return _alone(_waiting(self.database, phone))[nth - 1]


async def _waiting(database: str, phone: str) -> list[str]:
    """The codes for a telephone, the oldest first."""
    codes: list[str] = []
    async with Database(database, size=1) as db, db.read() as tx:
        rows = await tx.rows(
            "SELECT id, subject_id, sealed_to, sealed_text FROM notices.message WHERE kind = 'code' ORDER BY queued_at"
        )
        for id_, subject, to, text in rows:
            if (await vault.open_sealed(tx, subject, bytes(to), bound=notices.bound_to(id_))).decode().endswith(phone):
                said = (await vault.open_sealed(tx, subject, bytes(text), bound=notices.bound_text(id_))).decode()
                codes.append("".join(c for c in said if c.isdigit())[:6])
    return codes


@pytest.fixture(scope="module")
def demo(cluster: Cluster, template: str) -> Iterator[Town]:
    with clone(cluster, template) as database:
        key = _alone(founded(database))
        with served(database) as (process, port):
            yield QuietTown(f"http://localhost:{port}", process, database, key, None)  # pyright: ignore[reportArgumentType]


INSIDE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def authenticator(visitor: Visitor) -> tuple[Any, str]:
    """What the device of this window has built in; Chromium's own, in software."""
    devices = visitor.context.new_cdp_session(visitor.page)
    devices.send("WebAuthn.enable")
    made = devices.send("WebAuthn.addVirtualAuthenticator", {"options": INSIDE})
    return devices, made["authenticatorId"]


def at_home(visitor: Visitor, town: Town) -> Visitor:
    """By a name: there are no passkeys for an address of digits."""
    visitor.address = town.address.replace("127.0.0.1", "localhost")
    return visitor


def registered(visit: Callable[..., Visitor], town: Town, phone: str, serial: int) -> Visitor:
    visitor = at_home(visit(size="phone", language="en"), town)
    Applicant(visitor, town, phone, serial).register()
    return visitor


def press(visitor: Visitor, words: str) -> None:
    with visitor.page.expect_navigation():
        visitor.page.click(f"main button:has-text('{words}')")


def add(visitor: Visitor, name: str) -> None:
    page = visitor.page
    visitor.go("/me/safety/passkeys")
    page.fill("#f-name", name)
    page.select_option("#f-modality", "face")
    page.fill("#f-current", PASSWORD)
    press(visitor, "Continue")
    assert page.url.endswith("/me/safety/passkeys/new")
    assert not _accessibility(page)
    press(visitor, "Make the passkey now")


def test_he_makes_a_passkey_and_logs_in_by_it(visit: Callable[..., Visitor], demo: Town) -> None:
    visitor = registered(visit, demo, "13811110001", 301)
    devices, id_ = authenticator(visitor)
    add(visitor, "My telephone")
    page = visitor.page
    assert page.url.endswith("/me/safety/passkeys")
    assert "Your passkey is added." in page.inner_text("main")
    assert "My telephone" in page.inner_text("main")
    assert not _accessibility(page)
    (made,) = devices.send("WebAuthn.getCredentials", {"authenticatorId": id_})["credentials"]
    assert (made["rpId"], made["isResidentCredential"]) == ("localhost", True)

    press_out = page.locator("form[action='/me/logout'] button")
    with page.expect_navigation():
        press_out.click()
    visitor.go("/me/login?next=/me/safety/passkeys")
    assert not _accessibility(page)
    press(visitor, "Log in with a passkey")
    assert page.url.endswith("/me/safety/passkeys"), page.inner_text("main")
    assert "never" not in page.inner_text("main section.card >> nth=0"), "it was used"


def test_a_device_that_does_not_know_him_lets_nobody_in(visit: Callable[..., Visitor], demo: Town) -> None:
    visitor = registered(visit, demo, "13811110002", 302)
    devices, id_ = authenticator(visitor)
    add(visitor, "My telephone")
    devices.send("WebAuthn.setUserVerified", {"authenticatorId": id_, "isUserVerified": False})
    with visitor.page.expect_navigation():
        visitor.page.locator("form[action='/me/logout'] button").click()
    visitor.go("/me/login")
    visitor.page.click("main button:has-text('Log in with a passkey')")
    visitor.page.wait_for_selector("form[data-passkey] [data-failed]:not([hidden])")
    assert "log in with your password" in visitor.page.inner_text("form[data-passkey]")
    assert visitor.page.url.endswith("/me/login")


def test_the_key_of_a_browser_cannot_be_taken_out_of_it(visit: Callable[..., Visitor], demo: Town) -> None:
    visitor = registered(visit, demo, "13811110003", 303)
    page = visitor.page
    visitor.go("/me/safety/passkeys")
    page.fill("#f-device_name", "My laptop")
    page.fill("#f-device-current", PASSWORD)
    press(visitor, "Bind this browser")
    assert "This browser is bound to you" in page.inner_text("main")
    assert "My laptop" in page.inner_text("main")
    told = page.evaluate(
        """async () => {
            const database = await new Promise((resolve) => {
                const opening = indexedDB.open("tongbao", 1);
                opening.onsuccess = () => resolve(opening.result);
            });
            const asked = database.transaction("keys").objectStore("keys").getAll();
            const [pair] = await new Promise((resolve) => { asked.onsuccess = () => resolve(asked.result); });
            const tried = await Promise.all(["pkcs8", "jwk"].map((format) =>
                crypto.subtle.exportKey(format, pair.privateKey).then(() => "taken", (error) => error.name)));
            const signature = await crypto.subtle.sign({name: "ECDSA", hash: "SHA-256"}, pair.privateKey, new Uint8Array(3));
            return {tried, extractable: pair.privateKey.extractable, length: signature.byteLength};
        }"""
    )
    assert told == {"tried": ["InvalidAccessError", "InvalidAccessError"], "extractable": False, "length": 64}


def test_without_scripts_the_log_in_offers_no_passkey(visit: Callable[..., Visitor], demo: Town) -> None:
    visitor = at_home(visit(script=False, language="en"), demo)
    visitor.go("/me/login")
    assert not visitor.page.is_visible("text=Log in with a passkey")
    assert visitor.page.is_visible("main button.act")
