"""The routes of identity over HTTP: what they take, what they answer, what they refuse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.framework import framework
from tests.identity.conftest import World
from tests.identity.test_accounts import pay_in
from tests.identity.test_staff import HASH, PASSWORD
from tongbao import identity
from tongbao.base import days
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings
from tongbao.identity import KeyKind, NewKey, NewStaff, Role, api, refusals
from tongbao.web.door import Door


class Client(httpx.AsyncClient):
    """Speaks to the whole door and site, without a network between."""

    async def make(self, path: str, body: Any, key: str | None = None, **headers: str) -> httpx.Response:
        return await self.post(path, json=body, headers={"Idempotency-Key": key or str(uuid4()), **headers})


@pytest.fixture
async def http(world: World) -> AsyncIterator[Client]:
    token = world.token()
    async with world.db.tx() as tx:
        await identity.issue_key(tx, NewKey(id=world.id(), kind=KeyKind.BANK), token, by=SYSTEM, at=world.at)
    door = Door(api.authenticator(world.db, world.clock), remember_s=0.2)
    provide = {"db": world.db, "clock": world.clock, "settings": Settings(), **api.provided()}
    app = door.wrap(framework(api.ROUTES, door=door, provide=provide))
    transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
    headers = {"Authorization": f"Bearer {token}"}
    async with Client(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


PERSON = {"kind": "person", "name": "王小明", "phone": "+8613800138000"}


def problem(answer: httpx.Response) -> tuple[int, str, str | None]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["type"] == f"/problems/{body['code']}"
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"], body.get("field")


async def test_a_customer_and_an_account_are_made_once_and_found(http: Client) -> None:
    key = str(uuid4())
    answers = await asyncio.gather(*(http.make("/v1/customers", PERSON, key) for _ in range(8)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert sorted(a.headers.get("idempotency-replayed", "") for a in answers) == ["", *["true"] * 7]
    customer = answers[0].json()
    assert customer == {**PERSON, "id": key, "status": "open", "level": 3, "created_at": "2026-11-23T01:00:00Z"}
    assert (await http.get(f"/v1/customers/{key}")).json() == customer

    account_key = str(uuid4())
    opened = await http.make("/v1/accounts", {"customer_id": key}, account_key)
    assert opened.status_code == 201, opened.text
    account = opened.json()
    assert account["id"] == account_key
    assert (account["currency"], account["product"], account["status"]) == ("CNY", "current", "open")
    assert (account["balance"], account["held"], account["available"]) == (0, 0, 0)
    assert (await http.get(f"/v1/accounts/{account_key}")).json() == account
    assert (await http.get(f"/v1/customers/{key}/accounts")).json() == {"items": [account], "next_cursor": None}


async def test_a_replay_answers_as_the_first_time(http: Client, world: World) -> None:
    customer = (await http.make("/v1/customers", PERSON)).json()
    key = str(uuid4())
    first = await http.make("/v1/accounts", {"customer_id": customer["id"]}, key)
    (found,) = await _accounts(world, customer["id"])
    await pay_in(world, found, 500)
    frozen = await http.post(f"/v1/customers/{customer['id']}/freeze", json={"reason": "fraud"})
    assert frozen.json()["status"] == "frozen"
    assert (await http.get(f"/v1/accounts/{key}")).json()["status"] == "frozen"
    again = await http.make("/v1/accounts", {"customer_id": customer["id"]}, key)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert again.headers["idempotency-replayed"] == "true"


async def _accounts(world: World, customer_id: Any) -> list[identity.Account]:
    async with world.db.read() as tx:
        return await identity.accounts_of(tx, customer_id)


async def test_entries_balances_and_statements_tell_one_story(http: Client, world: World) -> None:
    account = await world.account()
    path = f"/v1/accounts/{account.id}"
    before = world.at
    for amount in range(1, 8):
        world.clock.tick(timedelta(minutes=1))
        await pay_in(world, account, amount * 100)
    other = await world.account()
    page = (await http.get(f"{path}/entries", params={"limit": 4})).json()
    rest = (await http.get(f"{path}/entries", params={"cursor": page["next_cursor"]})).json()
    amounts = [e["amount"] for e in page["items"] + rest["items"]]
    assert (amounts, rest["next_cursor"]) == ([700, 600, 500, 400, 300, 200, 100], None)
    assert page["items"][0]["balance_after"] == 2800
    assert page["items"][0]["counterparty_account_id"] is None

    async def balance(**params: str) -> int:
        return (await http.get(f"{path}/balance", params=params)).json()["balance"]

    assert await balance() == 2800
    assert await balance(at=before.isoformat()) == 0
    assert await balance(at=(before + timedelta(minutes=2)).isoformat()) == 300
    assert await balance(value_date="2026-11-23") == 2800
    assert await balance(value_date="2026-11-22") == 0

    statement = (await http.get(f"{path}/statement", params={"from": "2026-11-01", "to": "2026-11-30"})).json()
    assert (statement["opening"], statement["closing"], statement["complete"]) == (0, 2800, True)
    assert [e["amount"] for e in statement["entries"]] == amounts[::-1]
    exported = await http.get(f"{path}/statement", params={"format": "csv"})
    lines = exported.text.removeprefix("\ufeff").splitlines()
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[4] for line in lines] == ["amount", *(f"{amount // 100}.00" for amount in amounts[::-1])]
    assert (await http.get(f"/v1/accounts/{other.id}/entries")).json()["items"] == []


async def test_a_statement_reaches_to_the_open_day_where_days_run_ahead(http: Client, world: World) -> None:
    account = await world.account()
    await pay_in(world, account, 100)
    for n in range(3):
        await days.close(world.db, date(2026, 11, 23) + timedelta(n))
    await pay_in(world, account, 200)
    statement = (await http.get(f"/v1/accounts/{account.id}/statement")).json()
    assert [(e["booking_date"], e["amount"]) for e in statement["entries"]] == [
        ("2026-11-23", 100),
        ("2026-11-26", 200),
    ]
    assert (statement["to"], statement["closing"]) == ("2026-11-26", 300)


async def test_freeze_thaw_and_close(http: Client, world: World) -> None:
    account = await world.account()
    path = f"/v1/accounts/{account.id}"
    for move, status in (("freeze", "frozen"), ("freeze", "frozen"), ("unfreeze", "open"), ("close", "closed")):
        answer = await http.post(f"{path}/{move}", json={"reason": "asked for"})
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert problem(await http.post(f"{path}/freeze", json={"reason": "asked for"})) == (
        409,
        "standing_move_refused",
        None,
    )
    full = await world.account()
    await pay_in(world, full, 1)
    refused = await http.post(f"/v1/accounts/{full.id}/close", json={"reason": "asked for"})
    assert problem(refused)[:2] == (409, "account_not_empty")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({**PERSON, "age": 3}, (422, "unknown_field", "age")),
        ({"kind": "person"}, (422, "missing_field", "name")),
        ({**PERSON, "kind": "cat"}, (422, "invalid_field", "kind")),
        ({**PERSON, "name": ""}, (422, "invalid_field", "name")),
        ({**PERSON, "name": "   "}, (422, "invalid_field", "name")),
        ({**PERSON, "name": "明" * 201}, (422, "invalid_field", "name")),
        ({**PERSON, "name": "a\x00b"}, (400, "nul_character", None)),
        ({**PERSON, "phone": "+8613800138000\n"}, (422, "invalid_field", "phone")),
        ({**PERSON, "phone": "13800138000"}, (422, "invalid_field", "phone")),
        ([], (422, "invalid_field", None)),
    ],
)
async def test_customers_that_nobody_can_be(http: Client, body: Any, expected: Any) -> None:
    assert problem(await http.make("/v1/customers", body)) == expected


async def test_what_accounts_refuse(http: Client, world: World) -> None:
    customer = (await http.make("/v1/customers", PERSON)).json()["id"]
    key = str(uuid4())
    unknown = await http.make("/v1/accounts", {"customer_id": str(uuid4())}, key)
    assert problem(unknown) == (404, "customer_unknown", "customer_id")
    assert (await http.make("/v1/accounts", {"customer_id": customer}, key)).status_code == 201, "no trace was left"
    assert problem(await http.make("/v1/accounts", {"customer_id": customer, "currency": "JPY"}, key))[1] == "id_reused"
    assert problem(await http.make("/v1/accounts", {"customer_id": customer, "currency": "ZZZ"})) == (
        422,
        "currency_unknown",
        "currency",
    )
    assert problem(await http.get(f"/v1/accounts/{uuid4()}"))[1] == "account_not_found"
    assert problem(await http.get(f"/v1/customers/{uuid4()}"))[1] == "customer_unknown"
    assert problem(await http.get("/v1/accounts/abc"))[1] == "not_found"
    account = await world.account()
    for query, expected in {
        "entries?limit=0": (422, "invalid_field", "limit"),
        "entries?limit=501": (422, "invalid_field", "limit"),
        "entries?limit=many": (422, "invalid_field", "limit"),
        "entries?cursor=notours": (422, "cursor_invalid", "cursor"),
        "entries?from=yesterday": (422, "invalid_field", "from"),
        "entries?from=0001-01-01": (422, "invalid_field", "from"),
        "balance?at=2026-01-01T00:00:00": (422, "invalid_field", "at"),
        "balance?at=9999-12-31T23:59:59-12:00": (422, "invalid_field", "at"),
        "balance?at=2026-01-01T00:00:00Z&value_date=2026-01-01": (422, "invalid_field", "at"),
        "statement?from=2026-02-01&to=2026-01-01": (422, "invalid_field", "from"),
        "statement?format=doc": (422, "invalid_field", "format"),
    }.items():
        assert problem(await http.get(f"/v1/accounts/{account.id}/{query}")) == expected, query


async def test_keys_over_http(http: Client) -> None:
    key = str(uuid4())
    order = {"kind": "merchant", "merchant_id": str(uuid4()), "note": "till 3"}
    first = await http.make("/v1/keys", order, key)
    again = await http.make("/v1/keys", order, key)
    shown = first.json()["key"]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {**first.json(), "key": None}
    merchant = {"Authorization": f"Bearer {shown}"}
    assert problem(await http.get("/v1/keys", headers=merchant))[1] == "permission_missing"
    rotated = await http.make(f"/v1/keys/{key}/rotate", {"overlap_s": 0})
    assert problem(await http.get("/v1/keys", headers=merchant))[1] in {"permission_missing", "key_expired"}
    new = {"Authorization": f"Bearer {rotated.json()['key']}"}
    assert problem(await http.get("/v1/keys", headers=new))[1] == "permission_missing"
    assert (await http.delete(f"/v1/keys/{rotated.json()['id']}")).status_code == 204
    assert problem(await http.get("/v1/keys", headers=new))[1] == "invalid_key"
    assert problem(await http.get("/v1/keys", headers=merchant))[1] == "key_expired"
    listed = (await http.get("/v1/keys", params={"limit": 2})).json()
    assert len(listed["items"]) == 2
    assert all(item["key"] is None for item in listed["items"])
    assert (await http.get("/v1/keys", params={"cursor": listed["next_cursor"]})).json()["items"]
    assert (await http.get(f"/v1/keys/{key}")).json()["rotated_to"] == rotated.json()["id"]
    assert problem(await http.get(f"/v1/keys/{uuid4()}"))[1] == "key_unknown"
    assert problem(await http.make("/v1/keys", {"kind": "merchant"}))[1] == "subject_needed"
    assert problem(await http.make("/v1/keys", {**order, "partner_id": str(uuid4())}))[1] == "subject_needed"
    assert problem(await http.make("/v1/keys", {**order, "expires_at": "2020-01-01T00:00:00Z"}))[1] == "expiry_past"


async def test_staff_log_in_by_cookie_and_other_sites_cannot_use_it(http: Client, world: World) -> None:
    new = NewStaff(id=world.id(), username="li.na", name="李娜", roles=frozenset({Role.OPERATOR}))
    async with world.db.tx() as tx:
        await identity.create_staff(tx, new, HASH, by=SYSTEM, at=world.at)
    http.headers.pop("Authorization")
    wrong = await http.post("/v1/staff/login", json={"username": "li.na", "password": "wrong"})
    assert problem(wrong)[:2] == (401, "login_refused")
    entered = await http.post("/v1/staff/login", json={"username": " Li.Na ", "password": PASSWORD})
    assert entered.status_code == 200, entered.text
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie, "loopback has no TLS"
    assert entered.json()["staff"] == {"id": str(new.id), "username": "li.na", "name": "李娜", "roles": ["operator"]}
    own = {"Origin": "http://127.0.0.1"}
    made = await http.make("/v1/customers", PERSON, **own)
    assert made.status_code == 201, made.text
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}):
        assert problem(await http.make("/v1/customers", PERSON, **foreign))[:2] == (403, "cross_site")
    away = await http.post(
        "/v1/staff/login", json={"username": "li.na", "password": PASSWORD}, headers={"Host": "bank.cn"}
    )
    assert "; Secure" in away.headers["set-cookie"]
    http.cookies.clear()
    http.cookies.set("tongbao_session", entered.json()["token"])
    assert (await http.get(f"/v1/customers/{made.json()['id']}")).status_code == 200
    left = await http.post("/v1/staff/logout", headers=own)
    assert (left.status_code, left.headers["clear-site-data"]) == (204, '"cache"')
    http.cookies.clear()
    http.cookies.set("tongbao_session", entered.json()["token"])
    assert problem(await http.get(f"/v1/customers/{made.json()['id']}"))[1] == "invalid_key"
    for _ in range(5):
        await http.post("/v1/staff/login", json={"username": "li.na", "password": "wrong"})
    locked = await http.post("/v1/staff/login", json={"username": "li.na", "password": PASSWORD})
    assert problem(locked)[:2] == (429, "login_locked")
    assert locked.headers["retry-after"] == "5"


async def test_every_route_says_what_it_takes_and_how_it_refuses(http: Client) -> None:
    document = (await http.get("/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert len({op["operationId"] for op in operations}) == len(operations) == len(api.ROUTES)
    for operation in operations:
        assert operation["summary"]
        assert operation["tags"]
        assert any(status.startswith("4") for status in operation["responses"])
        assert "URL follows" not in str(operation["responses"]), operation["operationId"]


async def test_a_key_for_nobody_is_refused_where_the_bank_knows_its_merchants(world: World) -> None:
    async def nobody(_tx: Any, _kind: KeyKind, _subject: Any) -> bool:
        return False

    token = world.token()
    async with world.db.tx() as tx:
        await identity.issue_key(tx, NewKey(id=world.id(), kind=KeyKind.BANK), token, by=SYSTEM, at=world.at)
    door = Door(api.authenticator(world.db, world.clock))
    provide = {"db": world.db, "clock": world.clock, "settings": Settings(), **api.provided(nobody)}
    transport = httpx.ASGITransport(app=door.wrap(framework(api.ROUTES, door=door, provide=provide)))
    headers = {"Authorization": f"Bearer {token}"}
    async with Client(transport=transport, base_url="http://127.0.0.1", headers=headers) as http:
        answer = await http.make("/v1/keys", {"kind": "merchant", "merchant_id": str(uuid4())})
    assert problem(answer)[:2] == (422, "subject_unknown")


def test_refusals_are_told_apart_in_two_languages() -> None:
    assert len({kind.code for kind in refusals.ALL}) == len(refusals.ALL)
    for kind in refusals.ALL:
        assert kind.en.endswith(".")
        assert kind.zh.endswith("。")


async def test_staff_are_listed_and_shut_out_by_an_administrator(http: Client, world: World) -> None:
    hired = [("boss", Role.ADMIN), ("li.na", Role.OPERATOR), ("wang", Role.AUDITOR)]
    made = []
    async with world.db.tx() as tx:
        for name, role in hired:
            world.clock.tick(timedelta(minutes=1))
            new = NewStaff(id=world.id(), username=name, name=name, roles=frozenset({role}))
            made.append(await identity.create_staff(tx, new, HASH, by=SYSTEM, at=world.at))
    ids = [str(one.thing.id) for one in made]

    async def enter(name: str) -> dict[str, str]:
        token = (await http.post("/v1/staff/login", json={"username": name, "password": PASSWORD})).json()["token"]
        http.cookies.clear()
        return {"Authorization": f"Bearer {token}"}

    boss, operator, auditor = [await enter(name) for name, _ in hired]
    page = (await http.get("/v1/staff", params={"limit": 2}, headers=auditor)).json()
    rest = (await http.get("/v1/staff", params={"cursor": page["next_cursor"]}, headers=auditor)).json()
    assert [(one["username"], one["roles"], one["status"]) for one in page["items"] + rest["items"]] == [
        (name, [role], "active") for name, role in reversed(hired)
    ]
    assert "password" not in str(page)
    why = {"reason": "left the bank"}
    for who in (operator, auditor, {}):
        refused = await http.post(f"/v1/staff/{ids[1]}/disable", json=why, headers=who)
        assert problem(refused)[:2] == (403, "permission_missing"), "an administrator, in person"
    assert problem(await http.get("/v1/staff", headers=operator))[:2] == (403, "permission_missing")
    assert problem(await http.post(f"/v1/staff/{ids[0]}/disable", json=why, headers=boss))[:2] == (409, "not_yourself")
    assert problem(await http.post(f"/v1/staff/{uuid4()}/disable", json=why, headers=boss))[:2] == (
        404,
        "staff_unknown",
    )
    assert problem(await http.post(f"/v1/staff/{ids[1]}/disable", json={}, headers=boss)) == (
        422,
        "missing_field",
        "reason",
    )
    for _ in range(2):
        gone = await http.post(f"/v1/staff/{ids[1]}/disable", json=why, headers=boss)
        assert (gone.status_code, gone.json()["status"]) == (200, "disabled")
    assert problem(await http.get("/v1/customers/" + ids[1], headers=operator))[:2] == (401, "invalid_key")
    refused = await http.post("/v1/staff/login", json={"username": "li.na", "password": PASSWORD})
    assert problem(refused)[:2] == (401, "login_refused")
