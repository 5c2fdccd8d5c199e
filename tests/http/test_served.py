"""The whole bank over loopback: it serves, pays, and ends when it is told to."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from uuid import uuid4

import httpx
import pytest

from tests.http.conftest import ServedBank, clone, code, environment, founded, served
from tongbao.base.embedded import Cluster


async def test_money_moves_and_is_counted_once(bank: ServedBank) -> None:
    payer, payee = await bank.account(10_000), await bank.account()
    order = bank.order(payer_account_id=str(payer), payee_account_id=str(payee), amount=2_500)
    key = uuid4()
    answers = await asyncio.gather(*(bank.ask("POST", "/v1/payments", order, key=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}, answers[0].text
    assert len({answer.text for answer in answers}) == 1
    assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == ["", *["true"] * 7]
    assert (await bank.balance(payer), await bank.balance(payee)) == (7_500, 2_500)
    poor = await bank.ask("POST", "/v1/payments", {**order, "amount": 7_501})
    assert code(poor) == (402, "insufficient_funds")


async def test_one_key_may_do_what_another_may_not(bank: ServedBank) -> None:
    assert code(await bank.ask("POST", "/v1/payments", bank.order(), who="merchant")) == (403, "permission_missing")
    assert code(await bank.ask("GET", "/v1/trial-balance", who="merchant")) == (403, "permission_missing")
    assert (await bank.ask("GET", "/v1/business-day", who="merchant")).status_code == 200
    assert set((await bank.ask("GET", "/v1/trial-balance")).json()["totals"].values()) == {0}


async def test_figures_and_headers(bank: ServedBank) -> None:
    answer = await bank.ask("GET", "/v1/business-day", headers={"X-Request-Id": "my-own-id-1"})
    assert answer.headers["x-request-id"] == "my-own-id-1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    figures = (await bank.ask("GET", "/metrics", who=None)).text
    assert 'tongbao_requests_total{method="GET",route="/v1/business-day",status="200"}' in figures


def _request(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_ends_well(cluster: Cluster, template: str, number: signal.Signals) -> None:
    with clone(cluster, template) as database:
        await founded(database)
        with served(database) as (child, _):
            child.send_signal(number)
            assert await asyncio.to_thread(child.wait, 20) == 0


async def test_several_processes_share_a_port_and_their_figures(cluster: Cluster, template: str) -> None:
    with clone(cluster, template) as database:
        await founded(database)
        with served(database, "--processes", "2", "--drain-s", "2") as (child, port):
            for _ in range(40):
                assert _request(port, "/healthz").status_code == 200
            count = 'tongbao_requests_total{method="GET",route="/healthz",status="200"} 40.0'
            assert all(count in _request(port, "/metrics").text for _ in range(10)), "whoever answers"
            child.terminate()
            said = await asyncio.to_thread(_until_not_ready, port)
            assert said["checks"]["draining"] == "the process is about to end"
            assert _request(port, "/healthz").status_code == 200, "what still comes is answered"
            assert await asyncio.to_thread(child.wait, 20) == 0


def _until_not_ready(port: int) -> dict[str, dict[str, str]]:
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        answer = _request(port, "/readyz")
        if answer.status_code == 503:
            return answer.json()
        time.sleep(0.05)
    raise AssertionError("it stayed ready")


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        (["--host", "0.0.0.0"], {}, "0.0.0.0 is not loopback"),
        (["--host", "0.0.0.0", "--plain-http"], {"TONGBAO_ENV": "production"}, "refused in production"),
        (["--tls-key", __file__], {}, "go together"),
    ],
)
def test_it_does_not_listen_where_others_can_read(
    database: str, options: list[str], settings: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tongbao.cli", "serve", "--port", "0", *options],
        env=environment(database, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr


def test_it_does_not_serve_an_old_schema(empty_database: str) -> None:
    command = [sys.executable, "-m", "tongbao.cli", "serve", "--port", "0"]
    done = subprocess.run(
        command, env=environment(empty_database), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "run `tongbao migrate`" in done.stderr
