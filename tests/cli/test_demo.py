"""The demo as a newcomer meets it: founded, served, paid, proved; stopped by time or by Ctrl-C; started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import psycopg
import pytest

pytestmark = pytest.mark.timeout(300)

T = TypeVar("T")

CITY = ("--people", "60", "--shops", "6", "--days", "3", "--payments", "600", "--rate", "20")


def start(url: str, folder: Path, port: int, *more: str) -> subprocess.Popen[bytes]:
    """`folder` holds what the demo writes to files, and what it says to people."""
    folder.mkdir()
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "tongbao.cli", "demo", "--json", "--port", str(port), *CITY, *more],
            env={**os.environ, "TONGBAO_DATABASE_URL": url, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=said,
        )


def said(demo: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = demo.communicate(timeout=200)
    assert demo.returncode == 0, out
    return json.loads(out)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what: Callable[[], T | None]) -> T:
    """Asks again until there is an answer."""
    for _ in range(900):
        try:
            found = what()
        except httpx.HTTPError:
            found = None
        if found is not None:
            return found
        time.sleep(0.1)
    raise TimeoutError


def one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


PAYMENTS = "SELECT count(*) FROM payments.payment"
SHOPS = "SELECT count(*) FROM merchants.merchant"
OPEN_DAY = "SELECT open_date FROM base.business_day"
TODAY = "SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date"


class Visitor:
    """Somebody at the developer's door of a demo that is open."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        until(lambda: True if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200 else None)
        (self.path,) = folder.glob("tongbao-demo-*/demo.json")
        self.file: dict[str, Any] = json.loads(self.path.read_bytes())

    def ask(self, method: str, path: str, body: Any = None, *, key: str = "bank_key") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.file[key]}", "Idempotency-Key": str(uuid4())}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=30)

    def pay_for_noodles(self) -> str:
        file = self.file
        order = {"payer_account_id": file["li_account_id"], "merchant_id": file["noodle_shop_id"], "amount": 1280}
        paid = self.ask("POST", "/v1/payments", {**order, "currency": "CNY", "method": "qr"})
        assert paid.status_code == 201, paid.text
        return paid.json()["id"]

    def give_everybody(self, amount: int) -> None:
        """To each person of the city; then a little of somebody's newest purchase is given back."""
        city = json.loads((self.path.parent / "city.json").read_bytes())
        orders = [
            {"id": str(uuid4()), "payer_account_id": self.file["li_account_id"], "payee_account_id": account["id"]}
            | {"amount": amount, "currency": "CNY"}
            for account in city["accounts"]
        ]
        paid = self.ask("POST", "/v1/payments/batch", {"orders": orders}).json()
        assert {outcome["state"] for outcome in paid["outcomes"]} == {"completed"}

        def bought() -> str | None:
            newest = self.ask("GET", "/v1/payments?kind=payment&state=completed&limit=5").json()["items"]
            return next((p["id"] for p in newest if not p["refunded"] and p["amount"] > 100), None)

        self.ask("POST", f"/v1/payments/{until(bought)}/refunds", {"amount": 1})

    def heard(self, payment: str) -> dict[str, Any] | None:
        """What the shop's computer got about a payment."""
        said = httpx.get(f"{self.file['receiver']}/received", params={"aggregate": payment}, timeout=5).json()
        assert said["refused"] == 0, "everything that came was signed as it should be"
        return said["received"][0] if said["received"] else None


def test_founded_served_proved_and_started_again(empty_database: str, tmp_path: Path) -> None:
    port = free_port()
    first = said(start(empty_database, tmp_path / "first", port, "--seconds", "4"))
    assert first["ok"]
    assert (first["traffic"]["audit"]["agrees"], first["traffic"]["audit"]["others"]) == (True, 0)
    assert first["prove"]["holds"]
    assert first["traffic"]["stolen"]["scam"] == {"caught": 1, "missed": 0}, (
        "a first transfer of so much is asked about"
    )
    payments = one(empty_database, PAYMENTS)
    assert payments > 600 - 60  # refunds among the orders of the past are no payments of their own
    assert one(empty_database, SHOPS) == 6

    told = (tmp_path / "first" / "said").read_text()
    assert told.count("http://") == 1, told
    assert f"http://127.0.0.1:{port}" in told
    assert "Ctrl-C" in told
    assert "tb_" not in told, "a key is shown by the developer's door, not by the terminal"

    second = _with_a_visitor(empty_database, tmp_path / "second", port)
    assert second["ok"], second["traffic"]["audit"]
    assert second["traffic"]["audit"]["others"] > 0, "what the visitor did was set aside"
    assert one(empty_database, SHOPS) == 6, "the city was not founded twice"
    more = one(empty_database, PAYMENTS)
    assert more > payments, "its traffic went on"

    ahead = one(empty_database, OPEN_DAY)
    assert ahead > one(empty_database, TODAY), "the visitor closed today; the bank books on tomorrow"
    third = said(start(empty_database, tmp_path / "third", port, "--seconds", "8", "--day-every", "2"))
    assert third["ok"], third["traffic"]["audit"]
    assert (one(empty_database, OPEN_DAY) - ahead).days >= 2
    assert one(empty_database, PAYMENTS) > more


def _with_a_visitor(url: str, folder: Path, port: int) -> dict[str, Any]:
    demo = start(url, folder, port)
    visitor = Visitor(folder, port)
    assert visitor.path.stat().st_mode & 0o077 == 0, "nobody else may read the keys"
    payment = visitor.pay_for_noodles()
    assert until(lambda: visitor.heard(payment))["body"]["data"]["amount"] == 1280
    phones = f"{visitor.file['sms']}/?lang=en"
    assert phones in httpx.get(visitor.url, headers={"accept-language": "en"}, timeout=5).text
    assert "Phones" in httpx.get(phones, timeout=5).text
    own = visitor.ask("GET", f"/v1/payments/{payment}", key="merchant_key").json()
    assert (own["state"], own["captured"]) == ("completed", 1280)
    assert visitor.ask("POST", f"/v1/payments/{payment}/refunds", {"amount": 80}, key="merchant_key").status_code == 201
    visitor.give_everybody(100)
    assert [visitor.file[part]["username"] for part in ("operator", "accountant")] == ["zhou.lan", "wang.jin"]

    before = visitor.ask("GET", "/v1/business-day/close").json()
    assert (before["phase"], before["closes_at"] is not None) == ("open", True)
    day = before["business_date"]
    assert visitor.ask("POST", "/v1/business-day/close", {"business_date": day}).status_code == 202

    def ended() -> bool | None:
        return visitor.ask("GET", f"/v1/business-day/close?date={day}").json()["phase"] == "ended" or None

    assert until(ended)
    time.sleep(2)
    demo.send_signal(signal.SIGINT)
    summary = said(demo)
    assert list(folder.glob("tongbao-demo-*")) == [], "the keys' file is gone"
    assert one(url, "SELECT count(*) FROM identity.api_key WHERE note LIKE 'demo:%' AND revoked_at IS NULL") == 0
    return summary


def test_a_port_that_is_taken_is_said_at_once(empty_database: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        demo = start(empty_database, tmp_path / "demo", port)
        out, _ = demo.communicate(timeout=60)
    told = (tmp_path / "demo" / "said").read_text()
    assert (demo.returncode, out) == (1, b"")
    assert f"port {port} is taken" in told
    assert "--port" in told
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT to_regnamespace('payments')").fetchone() == (None,), "nothing was begun"


def test_ctrl_c_while_the_city_is_being_founded(empty_database: str, tmp_path: Path) -> None:
    demo = start(empty_database, tmp_path / "demo", free_port(), "--payments", "200000", "--days", "30")

    def founding() -> bool | None:
        with psycopg.connect(empty_database) as connection:
            if connection.execute("SELECT to_regclass('history.founding')").fetchone() == (None,):
                return None
        return one(empty_database, PAYMENTS) > 100 or None

    assert until(founding)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert one(empty_database, "SELECT count(*) FROM history.founding WHERE finished_at IS NULL") == 1
    assert one(empty_database, PAYMENTS) < 100_000
