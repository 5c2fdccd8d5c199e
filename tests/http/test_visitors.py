"""Every JSON route of the bank, walked by a customer and by a merchant's people: each finds what is theirs and no more."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.http.conftest import PASSWORD, ServedBank, code, staff
from tongbao import app, identity
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.ids import uuid7
from tongbao.base.principal import SYSTEM
from tongbao.identity import Role, VisitorKind

OPEN_TO_ALL = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/v1/staff/login"),
    ("GET", "/v1/encryption-keys"),
}
OF_A_CUSTOMER = {
    ("GET", "/v1/customers/{id}"),
    ("GET", "/v1/customers/{id}/accounts"),
    ("GET", "/v1/customers/{id}/verifications"),
    ("POST", "/v1/customers/{id}/verifications"),
    ("GET", "/v1/levels"),
    ("POST", "/v1/me/device-keys"),
    ("GET", "/v1/me/device-keys"),
    ("PUT", "/v1/me/device-keys/{id}/state"),
    ("DELETE", "/v1/me/device-keys/{id}"),
    ("GET", "/v1/accounts/{id}"),
    ("GET", "/v1/accounts/{id}/entries"),
    ("GET", "/v1/accounts/{id}/balance"),
    ("GET", "/v1/accounts/{id}/statement"),
    ("POST", "/v1/accounts/{id}/freeze"),
    ("GET", "/v1/accounts/{id}/limits"),
    ("PUT", "/v1/accounts/{id}/limits"),
    ("POST", "/v1/payments"),
    ("POST", "/v1/cards"),
    ("GET", "/v1/cards"),
    ("POST", "/v1/cards/{id}/confirm"),
    ("POST", "/v1/cards/{id}/prefer"),
    ("DELETE", "/v1/cards/{id}"),
    ("POST", "/v1/cards/{id}/topups"),
    ("POST", "/v1/cards/{id}/payments"),
    ("GET", "/v1/payments"),
    ("GET", "/v1/payments/{id}"),
    ("GET", "/v1/payments/{id}/authorisation"),
    ("GET", "/v1/payments/{id}/proof"),
    ("GET", "/v1/proof-keys"),
    ("POST", "/v1/payments/{id}/codes"),
    ("POST", "/v1/payments/{id}/evidence"),
    ("GET", "/v1/payments/{id}/timeline"),
    ("GET", "/v1/payments/{id}/receipt"),
    ("POST", "/v1/payments/{id}/confirm"),
    ("POST", "/v1/payments/{id}/cancel"),
    ("POST", "/v1/payments/{id}/recall"),
}
"""What a customer's session opens; each of these asks whose it is."""

Route = tuple[str, str]


def routes() -> Iterator[Route]:
    """Method and path of each, with the types of its parameters."""
    for handler in app.ROUTES:
        for path in handler.paths:
            for method in handler.http_methods:
                yield str(method), path


def plain(path: str) -> str:
    return re.sub(r":[a-z]+\}", "}", path)


def filled(path: str, id: UUID) -> str:
    made_up = {"uuid": str(id), "int": "1", "date": "2026-11-23", "str": "qr"}
    return re.sub(r"\{[a-z_]+:([a-z]+)\}", lambda parameter: made_up[parameter[1]], path)


async def come_in(bank: ServedBank, holder: UUID, kind: VisitorKind = VisitorKind.CUSTOMER) -> str:
    """The token of a new session; a customer's in a browser that the bank knows."""
    token, at = identity.fresh_token(kind, secrets.token_bytes), SystemClock().now()
    made: dict[str, Any] = {"session_id": uuid7(at), "token": token, "by": SYSTEM, "at": at}
    async with Database(bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        if kind is VisitorKind.CUSTOMER:
            seen, browser = identity.Seen("Chrome · Linux", "127.0.0.*"), secrets.token_bytes(32)
            made["device_id"] = await identity.know_device(tx, holder, browser, seen=seen, trusted_from=at, at=at)
        await identity.open_session(tx, kind, holder, **made)
    return str(token)


async def ask(bank: ServedBank, who: str, route: Route, id: UUID, **query: Any) -> httpx.Response:
    method, path = route
    body = None if method in ("GET", "DELETE") else {}
    return await bank.ask(method, filled(path, id), body, who=who, **query)


async def opened(bank: ServedBank, who: str) -> set[Route]:
    """The routes that answer this token anything but that it may not."""
    found: set[Route] = set()
    for method, path in routes():
        answer = await ask(bank, who, (method, path), uuid4())
        if answer.status_code == 403:
            assert code(answer) == (403, "permission_missing")
        else:
            assert answer.status_code not in (401, 500), (method, path, answer.text)
            found.add((method, plain(path)))
    return found


async def test_a_customer_s_session_opens_what_is_meant_for_him(bank: ServedBank) -> None:
    me = await come_in(bank, await bank.person())
    assert await opened(bank, me) == OPEN_TO_ALL | OF_A_CUSTOMER


async def test_a_shop_s_session_opens_what_its_key_opens(bank: ServedBank) -> None:
    shop = await come_in(bank, bank.shop, VisitorKind.SHOP)
    of_its_key = await opened(bank, "merchant")
    assert await opened(bank, shop) == of_its_key
    assert ("GET", "/v1/merchants/{id}") in of_its_key
    assert not of_its_key & (
        OF_A_CUSTOMER - {(m, p) for m, p in OF_A_CUSTOMER if p.startswith(("/v1/payments", "/v1/proof-keys"))}
    )
    assert ("POST", "/v1/payments") not in of_its_key, "a shop debits nobody"


async def test_of_others_a_customer_finds_nothing(bank: ServedBank) -> None:
    mine, stranger, other = await bank.account(10_000), await bank.person("李雷"), await bank.account(10_000)
    theirs = await bank.account(5_000, customer=stranger)
    asked = await bank.make(
        "/v1/payments", bank.order(payer_account_id=str(theirs), payee_account_id=str(other), confirm="explicit")
    )
    me = await come_in(bank, UUID((await bank.ask("GET", f"/v1/accounts/{mine}")).json()["customer_id"]))
    unknown = {"customers": "customer_unknown", "accounts": "account_not_found", "payments": "payment_unknown"}
    ids = {"customers": stranger, "accounts": theirs, "payments": UUID(asked["id"])}
    bodies = {
        "freeze": {"reason": "not mine"},
        "verifications": {"name": "李雷", "id_number": "110101199003071014"},
        "codes": {"instruction": "0" * 64},
        "evidence": {"kind": "pin", "instruction": "0" * 64, "secret": "271813"},
    }
    for method, path in sorted(OF_A_CUSTOMER):
        # Whose a card is, and whose a device's key: tests/payments/test_cards.py, tests/identity/test_device_keys.py.
        if "{id}" not in path or path.startswith(("/v1/cards/", "/v1/me/")):
            continue
        of_what = path.split("/")[2]
        body = None if method == "GET" else bodies.get(path.rsplit("/", 1)[1], {})
        theirs_answer = await bank.ask(method, path.replace("{id}", str(ids[of_what])), body, who=me)
        nobody_s = await bank.ask(method, path.replace("{id}", str(uuid4())), body, who=me)
        assert code(theirs_answer) == code(nobody_s) == (404, unknown[of_what]), (method, path)
    listed = await bank.ask("GET", "/v1/payments", who=me, account_id=str(theirs))
    assert code(listed) == (404, "account_not_found")
    order = bank.order(payer_account_id=str(theirs), payee_account_id=str(mine))
    assert code(await bank.ask("POST", "/v1/payments", order, who=me)) == (422, "payer_unknown")
    assert await bank.balance(theirs) == 5_000
    assert (await bank.ask("GET", f"/v1/accounts/{theirs}")).json()["status"] == "open"


async def test_his_own_he_sees_pays_from_and_freezes(bank: ServedBank) -> None:
    owner = await bank.person("韩梅梅")
    mine, savings = await bank.account(10_000, customer=owner), await bank.account(0, customer=owner)
    me = await come_in(bank, owner)
    assert (await bank.ask("GET", f"/v1/customers/{owner}", who=me)).json()["name"] == "韩梅梅"
    accounts = (await bank.ask("GET", f"/v1/customers/{owner}/accounts", who=me)).json()["items"]
    assert {UUID(account["id"]) for account in accounts} == {mine, savings}
    for payee in ({"payee_account_id": str(savings)}, {"payee_account_id": None, "merchant_id": str(bank.shop)}):
        paid = await bank.make("/v1/payments", bank.order(payer_account_id=str(mine), **payee), who=me)
        assert (paid["state"], paid["fee"]) == ("completed", 0)
    assert (await bank.ask("GET", f"/v1/accounts/{mine}", who=me)).json()["balance"] == 9_800
    entries = (await bank.ask("GET", f"/v1/accounts/{mine}/entries", who=me)).json()["items"]
    assert [entry["amount"] for entry in entries] == [-100, -100, 10_000]
    statement = (await bank.ask("GET", f"/v1/accounts/{mine}/statement", who=me)).json()
    assert (statement["closing"], len(statement["entries"])) == (9_800, 3)
    assert (await bank.ask("GET", f"/v1/accounts/{mine}/balance", who=me)).json()["balance"] == 9_800
    frozen = await bank.ask("POST", f"/v1/accounts/{mine}/freeze", {"reason": "my telephone is gone"}, who=me)
    assert (frozen.status_code, frozen.json()["status"]) == (200, "frozen")
    order = bank.order(payer_account_id=str(mine))
    assert code(await bank.ask("POST", "/v1/payments", order, who=me)) == (409, "account_frozen")
    for verb in ("unfreeze", "close"):
        answer = await bank.ask("POST", f"/v1/accounts/{mine}/{verb}", {"reason": "found it"}, who=me)
        assert code(answer) == (403, "permission_missing"), "the bank alone thaws"
    (entry, *_) = (await bank.ask("GET", "/v1/audit", subject=str(mine))).json()["items"]
    assert (entry["action"], entry["principal_id"], entry["reason"]) == (
        "account.freeze",
        str(owner),
        "my telephone is gone",
    )


class Shop:
    """A shop with one of everything that another must not see."""

    def __init__(self, bank: ServedBank) -> None:
        self.bank = bank

    async def stock(self) -> None:
        bank = self.bank
        self.about = await bank.make("/v1/merchants", {"name": "别家面馆"})
        self.id = self.about["id"]
        token = await come_in(bank, UUID(self.id), VisitorKind.SHOP)
        self.order = await bank.make("/v1/orders", {"amount": 700, "currency": "CNY"}, who=token)
        self.hook = await bank.make("/v1/webhooks", {"url": "https://other.example/hooks"}, who=token)
        sold = bank.order(payee_account_id=None, merchant_id=self.id, amount=900)
        self.payment = await bank.make("/v1/payments", {**sold, "capture": "manual"})
        self.secrets = [
            self.id,
            *(self.about[name] for name in ("customer_id", "takings_account_id", "settlement_account_id")),
            *(thing["id"] for thing in (self.order, self.hook, self.payment)),
        ]

    async def now(self) -> list[Any]:
        """How the bank sees it."""
        paths = {"merchants": self.about, "orders": self.order, "webhooks": self.hook, "payments": self.payment}
        return [(await self.bank.ask("GET", f"/v1/{path}/{thing['id']}")).json() for path, thing in paths.items()]


@pytest.fixture
async def other(bank: ServedBank) -> Shop:
    shop = Shop(bank)
    await shop.stock()
    return shop


async def test_of_another_shop_nothing_is_found_or_changed(bank: ServedBank, other: Shop) -> None:
    shop = await come_in(bank, bank.shop, VisitorKind.SHOP)
    before = await other.now()
    for route in routes():
        for secret in other.secrets:
            answers = [await ask(bank, shop, route, UUID(secret))]
            if route[0] == "GET":
                for name in ("merchant_id", "customer_id", "account_id", "party"):
                    answers.append(await ask(bank, shop, route, uuid4(), **{name: secret}))
            for answer in answers:
                assert answer.status_code != 500, (route, answer.text)
                told = answer.text if answer.status_code < 300 and route[1] != "/metrics" else ""
                assert not [s for s in other.secrets if s in told], (route, told)
    assert await other.now() == before


async def test_the_bank_s_own_people_see_every_shop(bank: ServedBank, other: Shop) -> None:
    await staff(bank.database, "wang.fang", Role.OPERATOR)
    entered = await bank.ask("POST", "/v1/staff/login", {"username": "wang.fang", "password": PASSWORD}, who=None)
    token = entered.json()["token"]
    for path in (f"/v1/merchants/{other.id}", f"/v1/merchants/{other.id}/takings", f"/v1/orders/{other.order['id']}"):
        assert (await bank.ask("GET", path, who=token)).status_code == 200, path
    listed = (await bank.ask("GET", "/v1/merchants", who=token, limit=200)).json()["items"]
    assert {other.id, str(bank.shop)} <= {shop["id"] for shop in listed}


async def test_for_another_shop_nothing_is_made(bank: ServedBank, other: Shop) -> None:
    shop = await come_in(bank, bank.shop, VisitorKind.SHOP)
    for path, body in (
        ("/v1/orders", {"amount": 1, "currency": "CNY", "merchant_id": other.id}),
        ("/v1/webhooks", {"url": "https://shop.example/hooks", "merchant_id": other.id}),
    ):
        assert code(await bank.ask("POST", path, body, who=shop)) == (404, "merchant_unknown")
    mine = await bank.make("/v1/orders", {"amount": 1, "currency": "CNY"}, who=shop)
    assert mine["merchant_id"] == str(bank.shop)


async def test_logged_in_anew_he_is_the_same(bank: ServedBank) -> None:
    owner = await bank.person()
    mine, key = await bank.account(1_000, customer=owner), uuid4()
    order = bank.order(payer_account_id=str(mine), payee_account_id=None, merchant_id=str(bank.shop))
    answers = []
    for _ in range(2):
        answers.append(await bank.ask("POST", "/v1/payments", order, who=await come_in(bank, owner), key=key))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].text == answers[1].text
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert await bank.balance(mine) == 900
