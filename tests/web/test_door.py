"""Who comes in, what is answered, and what is kept of the visit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from litestar import get, post
from litestar.params import FromQuery, JSONBody

from tongbao.base.db import CommitUnknown
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.web import door as doors
from tongbao.web import problem, refusals, session
from tongbao.web.body import Amount, Body
from tongbao.web.door import Door, Remembered, Visit
from tongbao.web.site import By, Id, Key, authenticated, made, open_to_all, problems, require, site

BANK = Principal(id=UUID(int=1), kind=PrincipalKind.BANK, permissions=frozenset({"things:write"}))


async def known(token: str) -> Principal:
    if token == "expired":
        raise refusals.KEY_EXPIRED()
    if token != "right":
        raise refusals.INVALID_KEY()
    return BANK


class Thing(Body, frozen=True):
    amount: Amount


class Order(Body, frozen=True):
    thing: Thing | None = None


@post("/v1/things", guards=[require("things:write")], responses=problems(make=True), operation_id="make_thing")
async def make_thing(data: JSONBody[Thing], key: Key, principal: By) -> dict[str, Any]:
    return made({"id": key, "amount": data.amount, "by": principal.id}, replayed=data.amount == 2)


@post("/v1/things/{id:uuid}/end", guards=[require("things:end")], operation_id="end_thing")
async def end_thing(id: Id) -> None:
    raise AssertionError(id)


@post("/v1/orders", guards=[authenticated], status_code=200, request_max_body_size=64, operation_id="order")
async def order(data: JSONBody[Order | None] = None) -> dict[str, Any]:
    return {"given": data is not None}


@get("/v1/things", guards=[open_to_all], operation_id="things")
async def things(
    limit: FromQuery[int], day: FromQuery[date | None] = None, at: FromQuery[datetime | None] = None
) -> int:
    return limit


ACCIDENTS: dict[str, BaseException] = {
    "bug": RuntimeError("the secret is in the table"),
    "lock": psycopg.errors.LockNotAvailable(),
    "commit": CommitUnknown(),
    "gone": psycopg.OperationalError("connection refused"),
    "data": psycopg.errors.NumericValueOutOfRange(),
}


@get("/v1/accidents", guards=[open_to_all], operation_id="accident")
async def accident(kind: FromQuery[str]) -> None:
    raise ACCIDENTS[kind]


@get("/v1/remembered", guards=[open_to_all], operation_id="remembered")
async def remembered() -> None:
    raise problem.RefusalWith(refusals.ID_TAKEN("as before", retry_after_s=3), payment_id=UUID(int=7))


async def raw_route(scope: Any, receive: Any, send: Any) -> None:
    """The hottest route does without the framework: the same door, by hand."""
    doors.note(scope, path="/raw")
    try:
        principal = await DOOR.principal(scope["headers"])
        doors.note(scope, principal=principal)
        body = await DOOR.body(scope, receive)
    except Refusal as refusal:
        return await doors.answer(scope, send, refusal, hint="by hand")
    return await doors.reply(send, 201, body, replayed=True)


VISITS: list[Visit] = []
FAILED: list[BaseException] = []
DOOR = Door(known, observe=VISITS.append, failed=lambda error, _: FAILED.append(error))
ROUTES = [make_thing, end_thing, order, things, accident, remembered]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    framework = site(ROUTES, door=DOOR, provide={})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (raw_route if scope["path"] == "/raw" else framework)(scope, receive, send)

    VISITS.clear()
    FAILED.clear()
    transport = httpx.ASGITransport(app=DOOR.wrap(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://bank.example") as client:
        yield client


RIGHT = {"Authorization": "Bearer right"}
KEYED = {**RIGHT, "Idempotency-Key": "018f3c3e-7c1e-7000-8000-000000000001"}


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["title_zh"]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body["code"]


@pytest.mark.parametrize("path", ["/v1/things", "/raw"])
async def test_a_key_opens_the_door(http: httpx.AsyncClient, path: str) -> None:
    for headers, expected in (
        ({}, "missing_key"),
        ({"Authorization": "Basic cmlnaHQ="}, "missing_key"),
        ({"Authorization": "Bearer"}, "missing_key"),
        ({"Authorization": "Bearer wrong"}, "invalid_key"),
        ({"Authorization": "Bearer expired"}, "key_expired"),
    ):
        answer = await http.post(path, json={"amount": 1}, headers=headers)
        assert (code(answer), answer.status_code) == (expected, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    answer = await http.post(path, json={"amount": 2}, headers=KEYED)
    assert answer.status_code == 201, answer.text
    assert answer.headers["idempotency-replayed"] == "true"


async def test_a_key_without_the_right_stays_outside_whatever_it_sends(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"/v1/things/{UUID(int=3)}/end", content=b"{", headers=RIGHT)
    assert (code(answer), answer.json()["detail"]) == ("permission_missing", "needs things:end")


async def test_the_door_refuses_by_code(http: httpx.AsyncClient) -> None:
    async def send(content: bytes, **headers: str) -> str:
        return code(await http.post("/v1/things", content=content, headers={**KEYED, **headers}))

    assert await send(b"") == "malformed_json"
    assert await send(b"{}", **{"Content-Type": "text/plain"}) == "unsupported_media_type"
    assert await send(b"x" * 2_000_000) == "body_too_large"
    assert await send(b'{"amount":0}') == "amount_zero"
    assert code(await http.post("/v1/things", json={"amount": 1}, headers=RIGHT)) == "idempotency_key_missing"
    assert await send(b'{"amount":1}', **{"Idempotency-Key": "7"}) == "idempotency_key_malformed"
    assert code(await http.get("/v1/nothing")) == "not_found"
    assert code(await http.post("/v1/things/7/end")) == "not_found"
    wrong_method = await http.put("/v1/things")
    assert (code(wrong_method), wrong_method.headers["allow"]) == ("method_not_allowed", "GET, HEAD, POST, OPTIONS")
    assert code(await http.get("/v1/things")) == "missing_field"
    for query in ("limit=many", "limit=1&day=2026-02-30", "limit=1&at=noon"):
        assert code(await http.get(f"/v1/things?{query}")) == "invalid_field", query
    assert code(await http.get("/v1/things?limit=1&q=%00")) == "nul_character"
    assert code(await http.get("/v1/things?limit=1&q=%ff")) == "bad_encoding"
    assert code(await http.get("/v1/things?limit=1&q=%ed%a0%80")) == "bad_encoding"
    assert (await http.get("/v1/things?limit=1&q=%e9%80%9a%E5%AE%9D")).json() == 1


async def test_a_route_may_have_a_smaller_or_an_optional_body(http: httpx.AsyncClient) -> None:
    assert (await http.post("/v1/orders", headers=RIGHT)).json() == {"given": False}
    assert (await http.post("/v1/orders", json={}, headers=RIGHT)).json() == {"given": True}
    large = await http.post("/v1/orders", content=b" " * 65, headers=RIGHT)
    assert code(large) == "body_too_large"
    assert large.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("bug", 500), ("data", 500), ("lock", 503), ("commit", 503), ("gone", 503)],
)
async def test_an_accident_is_told_to_staff_and_not_to_the_client(
    http: httpx.AsyncClient, kind: str, expected: int
) -> None:
    answer = await http.get("/v1/accidents", params={"kind": kind})
    assert answer.status_code == expected
    assert code(answer) == ("busy" if expected == 503 else "internal_error")
    assert "secret" not in answer.text
    assert [ACCIDENTS[kind]] == FAILED


async def test_a_refusal_may_carry_members_of_its_own(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/remembered")
    assert code(answer) == "id_taken"
    assert answer.json()["payment_id"] == str(UUID(int=7))
    assert (answer.json()["detail"], answer.headers["retry-after"]) == ("as before", "3")
    by_hand = await http.post("/raw")
    assert by_hand.json()["hint"] == "by hand"


async def test_a_visit_is_kept_without_what_was_said(http: httpx.AsyncClient) -> None:
    await http.post("/v1/things", json={"amount": 0}, headers={**KEYED, "X-Request-ID": "from-the-client-7"})
    await http.get("/v1/nothing/here?card=4111")
    await http.post("/raw", json={}, headers=RIGHT)
    one, two, three = VISITS
    assert (one.request_id, one.method, one.path, one.status) == ("from-the-client-7", "POST", "/v1/things", 422)
    assert (one.principal, one.code) == (BANK, "amount_zero")
    assert (two.path, two.status, two.code) == ("unmatched", 404, "not_found")
    assert (three.path, three.status, three.principal, three.code) == ("/raw", 201, BANK, None)
    assert len(two.request_id) == 24
    forged = await http.get("/v1/things?limit=1", headers={"X-Request-ID": "x\ty"})
    assert "\t" not in forged.headers["x-request-id"]


async def test_answers_are_closed_to_frames_caches_and_sniffing(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/nothing")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_every_route_of_the_document_names_its_refusals(http: httpx.AsyncClient) -> None:
    document = (await http.get("/v1/openapi.json")).json()
    operation = document["paths"]["/v1/things"]["post"]
    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("Idempotency-Key", "header", True)
    assert "`id_reused`" in operation["responses"]["409"]["description"]
    assert set(operation["responses"]["409"]["content"]) == {"application/problem+json"}
    assert json.dumps(operation).count("`missing_key`") == 1


class Registry:
    """Counts how often it is asked; slowly, as a database is."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, token: str) -> Principal:
        self.asked += 1
        await asyncio.sleep(0.01)
        return await known(token)


async def test_answers_are_remembered_a_yes_and_a_no_alike() -> None:
    registry = Registry()
    ask = Remembered(registry, for_s=0.05)
    assert await asyncio.gather(*(ask("right") for _ in range(20))) == [BANK] * 20
    assert registry.asked == 1
    for _ in range(5):
        with pytest.raises(Refusal, match="invalid_key"):
            await ask("wrong")
    assert registry.asked == 2
    await asyncio.sleep(0.06)
    await ask("right")
    assert registry.asked == 3
    ask.forget()
    await ask("right")
    assert registry.asked == 4


async def test_a_flood_of_keys_does_not_fill_the_memory() -> None:
    ask = Remembered(known, for_s=60, most=50)
    for n in range(500):
        with pytest.raises(Refusal, match="invalid_key"):
            await ask(f"wrong{n}")
    assert len(ask._answers) <= 50


async def test_who_leaves_early_does_not_take_the_answer_from_the_others() -> None:
    ask = Remembered(Registry(), for_s=1)
    first, second = asyncio.create_task(ask("right")), asyncio.create_task(ask("right"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == BANK


async def test_an_accident_while_asking_is_not_remembered() -> None:
    answers: list[Any] = [RuntimeError("database gone"), BANK]

    async def ask_once(_: str) -> Principal:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ask = Remembered(ask_once)
    with pytest.raises(RuntimeError):
        await ask("right")
    assert await ask("right") == BANK


def test_the_session_cookie() -> None:
    assert session.cookie("t", max_age_s=9, secure=True) == (
        "tongbao_session=t; Max-Age=9; Path=/; HttpOnly; SameSite=Strict; Secure"
    )
    assert session.token([(b"cookie", b"a=b; tongbao_session=t; c=d")]) == "t"
    assert session.token([(b"cookie", b"xtongbao_session=t")]) is None
    assert session.token([]) is None
    for host, expected in (("localhost:8080", True), ("[::1]:8080", True), ("127.0.0.1", True), ("bank.cn", False)):
        assert session.is_loopback([(b"host", host.encode())]) is expected


async def test_a_cookie_acts_only_for_pages_of_our_own() -> None:
    cookie = (b"cookie", b"tongbao_session=right")
    assert await DOOR.principal([cookie], method="GET") == BANK
    assert await DOOR.principal([cookie, (b"sec-fetch-site", b"same-origin")]) == BANK
    assert await DOOR.principal([cookie, (b"origin", b"https://bank.cn"), (b"host", b"bank.cn")]) == BANK
    for headers in (
        [cookie],
        [cookie, (b"sec-fetch-site", b"cross-site"), (b"origin", b"https://bank.cn"), (b"host", b"bank.cn")],
        [cookie, (b"sec-fetch-site", b"same-site")],
        [cookie, (b"origin", b"https://evil.cn"), (b"host", b"bank.cn")],
        [cookie, (b"origin", b"null"), (b"host", b"bank.cn")],
    ):
        with pytest.raises(Refusal, match="cross_site"):
            await DOOR.principal(headers)


def test_refusals_are_told_apart_in_two_languages() -> None:
    assert len({kind.code for kind in refusals.ALL}) == len(refusals.ALL)
    for kind in refusals.ALL:
        assert kind.en.endswith((".", "`."))
        assert kind.zh.endswith("。")
        assert kind.status in range(400, 600)
        status, headers, body = problem.answer(kind(field="x"))
        assert status == kind.status
        assert json.loads(body)["type"] == f"/problems/{kind.code}"
        assert dict(headers)[b"content-length"] == str(len(body)).encode()
