"""The customer's door of a demo opens by a click into a browser that is trusted at once; no other bank has such a door."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import msgspec

from tests.console.test_demo_file import FILE
from tests.http.conftest import bank, served
from tongbao import identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import Database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.http.conftest import ServedBank

__all__ = ["bank"]


async def test_whoever_clicks_is_in_a_known_browser_twice_the_same(bank: ServedBank, tmp_path: Path) -> None:
    li = await bank.person("李伟")
    written = tmp_path / "demo.json"
    written.write_bytes(msgspec.json.encode(msgspec.structs.replace(FILE, li_customer_id=li, address=bank.url)))
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    with served(bank.database, TONGBAO_ENV="demo", TONGBAO_DEMO_FILE=str(written)) as (_, port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as browser:
            for _ in range(2):
                answer = await browser.post("/door", data={"who": "customer"}, timeout=30)
                assert (answer.status_code, answer.headers["location"]) == (303, "/me")
            page = await browser.get("/me/safety/devices", timeout=30)
            assert page.status_code == 200
            token = browser.cookies["tongbao_customer"]
    at = SystemClock().now()
    async with Database(bank.database, size=1) as db, db.read() as tx:
        (device,) = await identity.devices_of(tx, li, at=at)
        principal = await identity.authenticate(tx, token, at=at + timedelta(seconds=1))
    assert device.sessions == 2
    assert principal.device_id == device.id
    shut = await bank.ask("POST", "/door", None, who=None)
    assert shut.status_code == 404
