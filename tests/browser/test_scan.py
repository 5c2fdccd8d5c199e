"""Paying by what a camera sees: a shop's printed code, from the first press to the receipt."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import segno
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS
from tests.browser.test_every_page import _accessibility
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, visiting

pytestmark = pytest.mark.browser

PATIENT_MS = 30_000
WIDE, HIGH = 640, 480


@pytest.fixture
async def ann(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading English."""
    async with visiting(served, lang="en", name="Ann Lee") as me:
        yield me


def film(path: Path, code: str) -> Path:
    """Ten pictures of a code lying on a grey table, as YUV4MPEG2."""
    rows = [bytes(row) for row in segno.make(code, error="m").matrix]
    scale = (HIGH - 80) // (len(rows) + 8)
    side = scale * (len(rows) + 8)
    left, top = (WIDE - side) // 2, (HIGH - side) // 2
    light = bytearray(b"\xa0" * (WIDE * HIGH))
    for y in range(side):
        for x in range(side):
            row, column = y // scale - 4, x // scale - 4
            dark = 0 <= row < len(rows) and 0 <= column < len(rows) and rows[row][column]
            light[(top + y) * WIDE + left + x] = 0x10 if dark else 0xEB
    picture = b"FRAME\n" + bytes(light) + b"\x80" * (WIDE * HIGH // 2)
    path.write_bytes(f"YUV4MPEG2 W{WIDE} H{HIGH} F10:1 Ip A1:1 C420jpeg\n".encode() + picture * 10)
    return path


async def with_phone(me: Me, camera: Path | None, visit: Callable[[Page, str], Any]) -> Any:
    """Her phone, whose camera sees `camera`, or has none."""
    home = me.bank.url.replace("127.0.0.1", "localhost")
    seen = (
        ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
        if camera
        else []
    )  # fmt: skip

    def work() -> Any:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGUMENTS, *seen])
            try:
                context = browser.new_context(viewport={"width": 390, "height": 844})
                context.add_cookies([{"name": COOKIE, "value": me.token, "url": home}])
                context.add_cookies([{"name": "tongbao_language", "value": "en", "url": home}])
                context.set_default_timeout(PATIENT_MS)
                return visit(context.new_page(), home)
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as threads:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


async def test_the_camera_sees_a_code_and_two_presses_later_it_is_paid(ann: Me, tmp_path: Path) -> None:
    home = ann.bank.url.replace("127.0.0.1", "localhost")

    def visit(phone: Page, home: str) -> None:
        phone.goto(f"{home}/me/scan")  # the camera may see: nobody is asked to press
        phone.wait_for_url(re.compile(r"/me/pay\?"))
        expect(phone.locator("main form.card")).to_contain_text("兰州拉面")
        phone.fill("#f-amount", "12.80")
        phone.get_by_role("button", name="Continue").click()
        expect(phone.locator("h1")).to_have_text("Confirm and pay")
        phone.get_by_role("button", name="Pay ¥12.80").click()
        phone.wait_for_url(re.compile(r"/me/payments/[0-9a-f-]+$"))
        expect(phone.locator("h1")).to_have_text("Paid")

    await with_phone(ann, film(tmp_path / "code.y4m", f"{home}/me/pay?merchant={ann.bank.shop}"), visit)
    assert await ann.balance() == 98_720


async def test_a_code_that_was_pasted_over_leads_nowhere(ann: Me, tmp_path: Path) -> None:
    def visit(phone: Page, home: str) -> None:
        phone.goto(f"{home}/me/scan")
        expect(phone.locator("#e-code")).to_contain_text("This code is not of this bank.")
        expect(phone.get_by_role("button", name="Open the camera")).to_be_visible()
        assert not (found := _accessibility(phone)), found
        assert phone.url.startswith(f"{home}/me/scan?")

    await with_phone(ann, film(tmp_path / "code.y4m", "https://bank.evil.example/me/pay?merchant=1"), visit)


async def test_without_a_camera_a_picture_does(ann: Me, tmp_path: Path) -> None:
    def visit(phone: Page, home: str) -> None:
        picture, other = tmp_path / "code.png", tmp_path / "other.png"
        segno.make(f"{home}/me/pay?merchant={ann.bank.shop}", error="m").save(str(picture), scale=6)
        other.write_bytes((Path(__file__).parents[2] / "tongbao/web/static/sign-192.png").read_bytes())
        phone.goto(f"{home}/me/scan")
        assert not (found := _accessibility(phone)), found
        phone.set_input_files("#f-picture", str(other))
        expect(phone.locator("[data-scan-said]")).to_contain_text("No code was found")
        phone.set_input_files("#f-picture", str(picture))
        phone.wait_for_url(re.compile(r"/me/pay\?"))

    await with_phone(ann, None, visit)
