"""A password is lost: the screens on the way to a new one, and what the owner sees of it meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.browser.test_every_page import PICTURES
from tests.browser.test_register import PASSWORD, Applicant, _later, demo
from tests.sandbox.identity_provider import id_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.conftest import Visitor
    from tests.browser.test_register import Town

__all__ = ["demo"]

pytestmark = pytest.mark.browser

NEW_PASSWORD = "dumplings at dawn"


class Somebody(Applicant):
    def look(self) -> None:
        super().look()
        if PICTURES:
            name = self.page.url.removeprefix(self.town.address).strip("/").replace("/", "-")[:24]
            folder = Path(PICTURES)
            n = len(list(folder.glob("recovery-*")))
            self.page.screenshot(path=str(folder / f"recovery-{n:02}-{name}.png"), full_page=True)


def _a_day_later(town: Town) -> None:
    with psycopg.connect(town.database, autocommit=True) as connection:
        connection.execute(
            "UPDATE identity.recovery SET begun_at = begun_at - interval '25 hours', "
            "confirmed_at = confirmed_at - interval '25 hours', ripe_at = ripe_at - interval '25 hours'"
        )


@pytest.mark.parametrize(
    ("size", "language", "theme", "script", "n"),
    [("phone", "zh", "light", True, 1), ("desktop", "en", "dark", True, 2), ("phone", "en", "dark", False, 3)],
)
def test_from_the_lost_password_to_the_new_one(
    visit: Callable[..., Visitor], demo: Town, size: str, language: str, theme: str, script: bool, n: int
) -> None:
    phone, serial = f"1381111120{n}", 200 + n
    owner = Somebody(visit(size=size, language=language, theme=theme), demo, phone, serial)
    owner.register()
    _later(demo)

    lost = Somebody(visit(size=size, language=language, theme=theme, script=script), demo, phone, serial)
    lost.visitor.go("/me/login")
    lost.visitor.press("main a[href='/me/recover']")
    lost.page.wait_for_url("**/me/recover")
    if script:
        lost.look()
    lost.page.fill("#f-id_number", id_number(serial))
    lost.page.fill("#f-phone", phone)
    lost.visitor.press()
    lost.page.wait_for_selector("#f-code")
    lost.page.fill("#f-code", demo.code(phone, nth=2))
    if script:
        lost.look()
    lost.visitor.press()
    lost.page.wait_for_selector("main time")
    if script:
        lost.look()
    at = lost.page.url.removeprefix(demo.address)

    for path in ("/me", "/me/safety/recovery", "/me/safety/devices"):
        assert owner.visitor.go(path) == 200
        owner.look()
        assert owner.page.locator("main a[href='/me/safety/recovery'], main form").count() >= 1

    _a_day_later(demo)
    assert lost.visitor.go(at) == 200
    lost.page.fill("#f-password", NEW_PASSWORD)
    if script:
        lost.look()
    lost.visitor.press()
    lost.page.wait_for_url("**/me/login")
    assert lost.visitor.go(at) == 200
    if script:
        lost.look()
    assert not lost.wrong, "\n".join(lost.wrong)
    assert not owner.wrong, "\n".join(owner.wrong)

    _later(demo)
    for password, there in ((PASSWORD, "#f-password"), (NEW_PASSWORD, "#f-code")):
        lost.visitor.go("/me/login")
        lost.page.fill("#f-phone", phone)
        lost.page.fill("#f-password", password)
        lost.visitor.press()
        lost.page.wait_for_selector(there)
    owner.visitor.go("/me")
    owner.page.wait_for_url("**/me/login?next=*")
