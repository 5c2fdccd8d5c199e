"""A bank that bounds how often it is asked, behind a proxy of its own: the raw route, the framework's, pages and forms."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest

from tests.http.conftest import RICH, ServedBank, clone, code, founded, issue, served
from tongbao import app
from tongbao.base.db import BULK, Database
from tongbao.base.embedded import Cluster
from tongbao.identity import KeyKind
from tongbao.web.site import open_to_all

BOUNDS = {
    "TONGBAO_RATE_LIMITS": "always",
    "TONGBAO_PROXIES": "127.0.0.1",
    "TONGBAO_RATE_KEY": "20",
    "TONGBAO_RATE_ADDRESS": "40",
    "TONGBAO_RATE_TRIES": "6",
    "TONGBAO_RATE_CODES": "2",
}
PATIENCE_S = 120
PAGE = {"accept": "text/html", "accept-language": "en"}
FORM = {**PAGE, "sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
async def bank(cluster: Cluster, template: str) -> AsyncIterator[ServedBank]:
    with clone(cluster, template) as database:
        token = await founded(database)
        with served(database) as (_, port):
            bank = ServedBank(f"http://127.0.0.1:{port}", database, port)
            bank.tokens["bank"] = token
            async with bank.http:
                bank.ann, bank.bob = await bank.account(RICH), await bank.account()
        with served(database, trusting=None, **BOUNDS) as (_, port):
            bank.url, bank.port = f"http://127.0.0.1:{port}", port
            bank.http = httpx.AsyncClient(base_url=bank.url, timeout=30, trust_env=False)
            async with bank.http:
                yield bank


def from_(address: str, **more: str) -> dict[str, str]:
    """As a proxy hands it on: what stands in front was made up by the client."""
    return {"x-forwarded-for": f"1.2.3.4, {address}", **more}


async def another_key(bank: ServedBank) -> str:
    async with Database(bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        return await issue(tx, KeyKind.BANK)


async def pays(bank: ServedBank, who: str, address: str, id_: UUID | None = None) -> httpx.Response:
    return await bank.ask("POST", "/v1/payments", bank.order(), who=who, key=id_ or uuid4(), headers=from_(address))


async def test_payments_of_one_key_are_bounded_and_what_was_refused_goes_through_later(bank: ServedBank) -> None:
    hasty, calm = await another_key(bank), await another_key(bank)
    before, refused = await bank.balance(bank.ann), None
    paid, id_ = 0, uuid4()
    while refused is None and paid < 200:
        id_ = uuid4()
        answer = await pays(bank, hasty, "203.0.113.1", id_)
        if answer.status_code == 201:
            paid += 1
        else:
            refused = answer
    assert refused is not None
    assert paid >= 20, "what comes at once within the burst goes through"
    assert code(refused) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) == refused.json()["retry_after_s"] >= 1
    assert refused.json()["retryable"] is True
    assert (await pays(bank, calm, "203.0.113.1")).status_code == 201, "another key at the same address"
    assert before - await bank.balance(bank.ann) == 100 * (paid + 1), "what was refused has left no trace"
    deadline = time.monotonic() + PATIENCE_S
    while (last := await pays(bank, hasty, "203.0.113.1", id_)).status_code != 201:
        assert time.monotonic() < deadline, last.text
        await asyncio.sleep(int(last.headers["retry-after"]))
    assert last.json()["id"] == str(id_), "under the same id, once it is its turn"


async def test_an_address_that_floods_is_told_so_in_the_language_of_whoever_asks(bank: ServedBank) -> None:
    flooder = "203.0.113.2"
    statuses = [(await bank.http.get("/me/login", headers=from_(flooder, **PAGE))).status_code for _ in range(60)]
    assert set(statuses) == {200, 429}
    assert statuses[:40] == [200] * 40
    page = await bank.http.get("/me/login", headers=from_(flooder, **{**PAGE, "accept-language": "zh-CN"}))
    for _ in range(100):
        if page.status_code == 429:
            break
        page = await bank.http.get("/me/login", headers=from_(flooder, **{**PAGE, "accept-language": "zh-CN"}))
    assert (page.status_code, page.headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert "请求过于频繁" in page.text
    assert int(page.headers["retry-after"]) >= 1
    assert (await bank.http.get("/me/login", headers=from_("203.0.113.3", **PAGE))).status_code == 200
    assert (await bank.http.get("/me/login", headers=PAGE)).status_code == 200, "a probe on this machine"
    assert (await pays(bank, "bank", flooder)).status_code in (201, 429)


async def try_one(bank: ServedBank, address: str, phone: str) -> httpx.Response:
    form = {"phone": phone, "password": "spring 2026 spring", "next": "/me"}
    return await bank.http.post("/me/login", data=form, headers=from_(address, **FORM))


async def test_one_password_at_many_customers_is_slowed(bank: ServedBank) -> None:
    stuffer = "203.0.113.4"
    answers = [await try_one(bank, stuffer, f"1381111{n:04}") for n in range(12)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:6] == [401] * 6, "whether there is such a customer or not"
    assert 429 in statuses[6:]
    slowed = next(answer for answer in answers if answer.status_code == 429)
    assert "Too many tries came from your network." in slowed.text
    assert (await try_one(bank, "203.0.113.5", "13811110001")).status_code == 401, "a neighbour is heard"
    form = {"username": "ann", "password": "x" * 12, "next": "/staff"}
    api = await bank.http.post("/v1/staff/login", json={"username": "a", "password": "x" * 12}, headers=from_(stuffer))
    assert code(api) == (429, "tries_limited"), "all ways in together"
    page = await bank.http.post("/staff/login", data=form, headers=from_(stuffer, **FORM))
    assert page.status_code == 429


def test_where_a_stranger_has_a_code_sent_it_is_counted() -> None:
    """Every other form that is open to all is a try, since `open_to_all` counts it."""
    forms = {
        re.sub(r":[a-z]+\}", "}", path): "sends_code" in handler.opt
        for handler in app.PAGES
        for path in handler.paths
        if open_to_all in (handler.guards or ()) and "POST" in handler.http_methods
    }
    first = {"/register", "/me/recover"}
    again = {path for path in forms if path.endswith("/again")}
    assert {"/register/{id}/again", "/me/login/{id}/again"} <= again
    assert first | again <= {path for path, sends in forms.items() if sends}


async def test_codes_for_many_telephones_are_few(bank: ServedBank) -> None:
    bomber = "203.0.113.6"

    async def ask(n: int) -> httpx.Response:
        form = {"id": str(uuid4()), "phone": f"1391111{n:04}"}
        return await bank.http.post("/register", data=form, headers=from_(bomber, **FORM))

    answers = [await ask(n) for n in range(5)]
    assert [answer.status_code for answer in answers[:2]] == [303, 303]
    assert {answer.status_code for answer in answers[2:]} == {429}
    assert "Too many codes were asked for from your network." in answers[-1].text
