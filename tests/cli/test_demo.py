"""The demo as a newcomer meets it: founded, served, paid, proved; stopped by time or by Ctrl-C; started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import httpx
import psycopg
import pytest

pytestmark = pytest.mark.timeout(180)

CITY = ("--people", "60", "--shops", "6", "--days", "3", "--payments", "600", "--rate", "20")


def start(url: str, port: int, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tongbao.cli", "demo", "--json", "--port", str(port), *CITY, *more],
        env={**os.environ, "TONGBAO_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def said(demo: subprocess.Popen[bytes]) -> dict[str, Any]:
    out, _ = demo.communicate(timeout=150)
    assert demo.returncode == 0, out
    return json.loads(out)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def figures(url: str) -> tuple[int, int]:
    """Payments and merchants."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM payments.payment), (SELECT count(*) FROM merchants.merchant)"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def test_founded_served_proved_and_started_again(empty_database: str) -> None:
    port = free_port()
    first = said(start(empty_database, port, "--seconds", "4"))
    assert first["ok"]
    assert first["traffic"]["audit"]["agrees"]
    assert first["prove"]["holds"]
    payments, shops = figures(empty_database)
    assert payments > 600 - 60  # refunds among the orders of the past are no payments of their own
    assert shops == 6

    again = start(empty_database, port)
    for _ in range(600):
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                break
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    time.sleep(4)
    again.send_signal(signal.SIGINT)
    second = said(again)
    assert second["ok"]
    more, same_shops = figures(empty_database)
    assert same_shops == 6, "the city was not founded twice"
    assert more > payments, "its traffic went on"
