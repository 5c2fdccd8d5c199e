"""The shop's receiver: takes what the bank signed, once; nothing else."""

from __future__ import annotations

import base64
import hmac
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tongbao_sandbox.webhooks import KEPT, Receiver

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
NOW = 1_790_000_000


class Shop:
    def __init__(self, folder: Path, secret: str = SECRET) -> None:
        self.receiver = Receiver(folder, secret, lambda: NOW)
        transport = httpx.ASGITransport(app=self.receiver.application)  # pyright: ignore[reportArgumentType]
        self.http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def told(self, id: str, body: str, *, at: int = NOW, secret: str = SECRET, **changed: str) -> httpx.Response:
        headers = {
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": Webhook(secret).sign(id, datetime.fromtimestamp(at, UTC), body),
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        return await self.http.post("/webhooks", content=body, headers=headers)

    async def received(self, **query: str | int) -> dict[str, Any]:
        return (await self.http.get("/received", params=query)).json()


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    await shop.http.aclose()
    shop.receiver.close()


def paid(payment: str) -> str:
    return json.dumps({"type": "payment.completed", "aggregate": payment, "data": {"amount": 1280}})


async def test_what_the_bank_signed_is_taken_and_shown(shop: Shop) -> None:
    assert (await shop.told("m1", paid("p1"))).status_code == 200
    assert (await shop.told("m2", paid("p2"))).status_code == 200
    seen = await shop.received()
    assert [m["id"] for m in seen["received"]] == ["m1", "m2"]
    assert seen["received"][0]["body"]["data"] == {"amount": 1280}
    assert seen["received"][0]["headers"]["webhook-signature"].startswith("v1,")
    assert [m["id"] for m in (await shop.received(since=seen["received"][0]["number"]))["received"]] == ["m2"]
    assert (await shop.received(since=seen["last"])) == {"received": [], "last": seen["last"], "refused": 0}
    assert [m["id"] for m in (await shop.received(aggregate="p1"))["received"]] == ["m1"]


async def test_a_message_that_comes_again_is_counted_and_kept_once(shop: Shop) -> None:
    for _ in range(3):
        assert (await shop.told("m1", paid("p1"))).status_code == 200
    (message,) = (await shop.received())["received"]
    assert message["times"] == 3


async def test_the_newest_are_kept_also_over_a_restart(shop: Shop, tmp_path: Path) -> None:
    for n in range(KEPT + 10):
        await shop.told(f"m{n}", paid("p"))
    shop.receiver.close()
    again = Shop(tmp_path)
    seen = (await again.received())["received"]
    assert [m["id"] for m in seen] == [f"m{n}" for n in range(10, KEPT + 10)]
    await again.http.aclose()
    again.receiver.close()
    shop.receiver = Receiver(tmp_path, SECRET)


OTHER = "whsec_" + base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"secret": OTHER}, 401),
        ({"webhook_signature": "v1,AAAA"}, 401),
        ({"webhook_signature": "v2,AAAA v1"}, 401),
        ({"webhook_signature": ""}, 401),
        ({"webhook_id": "m2"}, 401),
        ({"webhook_id": ""}, 400),
        ({"webhook_timestamp": "soon"}, 400),
        ({"webhook_timestamp": str(NOW - 1)}, 401),
        ({"at": NOW - 301}, 400),
        ({"at": NOW + 301}, 400),
    ],
)
async def test_what_nobody_signed_is_refused(shop: Shop, changed: dict[str, Any], status: int) -> None:
    assert (await shop.told("m1", paid("p1"), **changed)).status_code == status
    assert await shop.received() == {"received": [], "last": 0, "refused": 1}


async def test_a_second_signature_may_be_the_right_one(shop: Shop) -> None:
    """While a secret is changed, a message carries a signature of each."""
    body = paid("p1")
    at = datetime.fromtimestamp(NOW, UTC)
    both = f"{Webhook(OTHER).sign('m1', at, body)} {Webhook(SECRET).sign('m1', at, body)}"
    assert (await shop.told("m1", body, webhook_signature=both)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"text" more'])
async def test_what_is_no_json_is_refused(shop: Shop, body: bytes) -> None:
    mac = hmac.new(bytes(range(32)), f"m1.{NOW}.".encode() + body, sha256).digest()
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    answer = await shop.http.post("/webhooks", content=body, headers=headers)
    assert (answer.status_code, (await shop.received())["received"]) == (400, [])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/received?since=x", 422), ("GET", "/", 404), ("GET", "/webhooks", 404), ("GET", "/healthz", 200)],
)
async def test_other_requests(shop: Shop, method: str, path: str, status: int) -> None:
    assert (await shop.http.request(method, path)).status_code == status


async def test_an_enormous_message_is_refused(shop: Shop) -> None:
    assert (await shop.told("m1", "x" * (1 << 21))).status_code == 413


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "tb_bank_1234", "whsec_" + "?" * 44])
def test_a_secret_that_is_none(secret: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tongbao_sandbox", "webhooks", "--port", "1", "--data", str(tmp_path)],
        env={**os.environ, "WEBHOOK_SECRET": secret},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "WEBHOOK_SECRET" in done.stderr
    assert "short" not in done.stderr
    assert "1234" not in done.stderr
