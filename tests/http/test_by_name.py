"""A browser at 127.0.0.1 finds itself at localhost, where it can have passkeys; nobody else is led anywhere."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.http.conftest import ServedBank
from tests.payments.me import COOKIE, visiting
from tongbao.base.settings import Settings
from tongbao.web import by_name
from tongbao.web.session import NAMES

WINDOW = {"accept": "text/html,*/*;q=0.8", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}


async def ask(bank: ServedBank, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        return await http.request(method, bank.url + path, headers={**WINDOW, **headers})


@pytest.mark.parametrize(
    "path", ["/", "/me/login", "/me/pay?merchant=1&amount=12.80", "/%E9%9D%A2?x=%0d%0a", "//evil.example"]
)
async def test_a_window_is_led_to_the_name_at_the_same_place(bank: ServedBank, path: str) -> None:
    answer = await ask(bank, path)
    assert answer.status_code == 307
    assert answer.headers["location"] == f"http://localhost:{bank.port}{path}"
    assert answer.headers["x-content-type-options"] == "nosniff", "through the door like every answer"


async def test_there_it_is_answered(bank: ServedBank) -> None:
    async with httpx.AsyncClient(timeout=30, trust_env=False, follow_redirects=True) as http:
        answer = await http.get(f"{bank.url}/me/login", headers=WINDOW)
    assert (answer.status_code, answer.url.host, len(answer.history)) == (200, "localhost", 1)


async def test_whoever_is_logged_in_stays(bank: ServedBank) -> None:
    async with visiting(bank) as me:
        answer = await ask(bank, "/me", cookie=f"{COOKIE}={me.token}")
    assert answer.status_code == 200
    for name in NAMES.values():
        assert (await ask(bank, "/me/login", cookie=f"{name}=somebody")).status_code != 307


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/me/login", "GET", {"sec-fetch-dest": "empty"}),
        ("/static/tongbao.css", "GET", {"sec-fetch-dest": "style"}),
        ("/me/login", "POST", {}),
        ("/v1/business-day", "GET", {}),
        ("/me/login", "GET", {"host": "localhost:8080"}),
        ("/me/login", "GET", {"host": "127.0.0.1.evil.example"}),
        ("/me/login", "GET", {"host": "127.0.0.1:8080@evil.example"}),
    ],
)
async def test_all_else_is_answered_where_it_is_asked(
    bank: ServedBank, path: str, method: str, headers: dict[str, str]
) -> None:
    answer = await ask(bank, path, method, **headers)
    assert answer.status_code != 307, answer.headers


async def test_a_program_is_answered_where_it_asks(bank: ServedBank) -> None:
    answer = await bank.http.get("/me/login", headers={"accept": "text/html"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "other",
    [
        {"env": "production"},
        {"rp_id": "bank.example"},
        {"tls_certificate": "/etc/bank.pem"},
        {"proxies": "10.0.0.1"},
    ],
)
def test_a_bank_for_others_leads_nobody(other: dict[str, Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(scope, receive, send)

    assert by_name.wrap(app, Settings()) is not app
    assert by_name.wrap(app, Settings(**other)) is app
