"""Merchants and clearing over HTTP: what shops and the bank may ask, and what each sees."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.framework import framework
from tests.merchants.market import MONDAY, Market
from tongbao import clearing, identity, merchants, payments
from tongbao.base.principal import SYSTEM
from tongbao.identity import KeyKind, NewKey
from tongbao.identity import api as identity_api
from tongbao.web.door import Door


class Client(httpx.AsyncClient):
    """Speaks to the whole door and site, without a network between."""

    async def make(self, path: str, body: Any, key: object = None) -> httpx.Response:
        return await self.post(path, json=body, headers={"Idempotency-Key": str(key or uuid4())})


Http = Callable[..., Any]


@pytest.fixture
async def http(market: Market) -> AsyncIterator[Http]:
    """Opens clients: the bank's own, or a merchant's."""
    door = Door(identity_api.authenticator(market.db, market.clock))
    provide = {"db": market.db, "clock": market.clock, "settings": market.settings}
    app = door.wrap(framework((*merchants.ROUTES, *clearing.ROUTES), door=door, provide=provide))
    clients: list[Client] = []

    async def client(shop: merchants.Merchant | None = None) -> Client:
        kind = KeyKind.MERCHANT if shop else KeyKind.BANK
        token = identity.fresh_token(kind, market.chance.randbytes)
        new = NewKey(id=market.id(), kind=kind, subject_id=shop.id if shop else None)
        async with market.db.tx() as tx:
            await identity.issue_key(tx, new, token, by=market.bank if shop else SYSTEM, at=market.at)
        transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
        made = Client(transport=transport, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {token}"})
        clients.append(made)
        return made

    yield client
    for made in clients:
        await made.aclose()


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_merchant_from_its_registration_to_its_terms(http: Http, market: Market) -> None:
    bank = await http()
    key = uuid4()
    first = await bank.make("/v1/merchants", {"name": "老王面馆", "category": "restaurant"}, key)
    assert first.status_code == 201, first.text
    shop = first.json()
    assert (shop["id"], shop["status"], shop["currency"]) == (str(key), "open", "CNY")
    assert shop["takings_account_id"] != shop["settlement_account_id"]
    assert shop["country"] == "CN"
    far = await bank.make("/v1/merchants", {"name": "海边茶室", "country": "HK"}, uuid4())
    assert far.json()["country"] == "HK"
    assert code(await bank.make("/v1/merchants", {"name": "x", "country": "XX"}, uuid4())) == (422, "country_unknown")
    path = f"/v1/merchants/{key}"
    assert (await bank.get(path)).json() == shop
    quote = (await bank.get(f"{path}/fee-quote", params={"amount": 10_000, "currency": "CNY", "method": "card"})).json()
    assert quote == {"method": "card", "amount": 10_000, "currency": "CNY", "fee": 60, "net": 9_940}

    market.later(minutes=5)
    plan = {"rates": [{"method": "*", "basis_points": 50, "fixed": 10, "largest": 100}]}
    put = await bank.put(f"{path}/fee-plan", json=plan)
    assert put.status_code == 200, put.text
    assert (put.json()["version"], put.json()["merchant_id"]) == (1, str(key))
    assert (await bank.get(f"{path}/fee-plan")).json() == put.json()
    assert (await bank.get(f"{path}/fee-quote", params={"amount": 10_000})).json()["fee"] == 60
    assert (await bank.get(f"{path}/fee-quote", params={"amount": 10_000_000})).json()["fee"] == 100

    again = await bank.make("/v1/merchants", {"name": "老王面馆", "category": "restaurant"}, key)
    assert (again.status_code, again.text) == (201, first.text), "as the first answer had it"
    assert again.headers["idempotency-replayed"] == "true"
    closed = await bank.post(f"{path}/status", json={"status": "closed", "reason": "moved away"})
    assert closed.json()["status"] == "closed"


async def test_an_order_shows_its_fee_before_it_is_paid(http: Http, market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    mine = await http(shop)
    key = uuid4()
    body = {"amount": 5400, "currency": "CNY", "description": "三碗面", "expires_in_s": 600}
    first = await mine.make("/v1/orders", body, key)
    assert first.status_code == 201, first.text
    order = first.json()
    assert {q["method"]: q["fee"] for q in order["fee_quotes"]} == {"account": 21, "qr": 16, "card": 32, "api": 21}
    await market.sell(shop, guest, 5400, order_id=key)
    await market.events()
    paid = (await mine.get(f"/v1/orders/{key}")).json()
    assert (paid["state"], paid["captured"]) == ("paid", 5400)
    assert (await mine.make("/v1/orders", body, key)).text == first.text
    assert code(await mine.post(f"/v1/orders/{key}/cancel")) == (409, "order_not_open")
    listed = (await mine.get("/v1/orders", params={"state": "paid"})).json()
    assert [o["id"] for o in listed["items"]] == [str(key)]


async def test_orders_come_in_pages(http: Http, market: Market) -> None:
    shop = await market.shop()
    ids = []
    for _ in range(5):
        market.later(seconds=1)
        ids.append(str((await market.order(shop, 100)).id))
    mine = await http(shop)
    seen, cursor = [], None
    while True:
        page = (await mine.get("/v1/orders", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        seen += [o["id"] for o in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids[::-1]


async def test_a_merchant_sees_only_its_own(http: Http, market: Market) -> None:
    shop, other = await market.shop(), await market.shop("别的店")
    order = await market.order(other, 100)
    mine, theirs = await http(shop), await http(other)
    for path in ("", "/fee-plan", "/fee-quote?amount=1", "/takings", "/settlements", "/fees"):
        assert code(await mine.get(f"/v1/merchants/{other.id}{path}")) == (404, "merchant_unknown")
        assert (await mine.get(f"/v1/merchants/{shop.id}{path}")).status_code == 200
    assert [m["id"] for m in (await mine.get("/v1/merchants")).json()["items"]] == [str(shop.id)]
    assert code(await mine.get(f"/v1/orders/{order.id}")) == (404, "order_unknown")
    assert code(await mine.post(f"/v1/orders/{order.id}/cancel")) == (404, "order_unknown")
    foreign = {"amount": 1, "currency": "CNY", "merchant_id": str(other.id)}
    assert code(await mine.make("/v1/orders", foreign)) == (404, "merchant_unknown")
    assert (await mine.get("/v1/orders")).json()["items"] == []
    hook = await theirs.make("/v1/webhooks", {"url": "https://shop.example/hook"})
    assert hook.status_code == 201, hook.text
    assert code(await mine.get(f"/v1/webhooks/{hook.json()['id']}")) == (404, "webhook_unknown")
    assert code(await mine.get(f"/v1/webhooks/{hook.json()['id']}/deliveries")) == (404, "webhook_unknown")
    assert (await mine.get("/v1/webhooks")).json()["items"] == []
    assert code(await mine.make("/v1/merchants", {"name": "x"})) == (403, "permission_missing")
    assert code(await mine.get("/v1/clearing/batches")) == (403, "permission_missing")


async def test_a_webhook_and_its_secret(http: Http, market: Market) -> None:
    shop, guest = await market.shop(), await market.person(10_000)
    mine = await http(shop)
    key = uuid4()
    body = {"url": "https://shop.example/hook", "topics": ["payment.completed"]}
    first = (await mine.make("/v1/webhooks", body, key)).json()
    assert first["secret"].startswith("whsec_")
    again = (await mine.make("/v1/webhooks", body, key)).json()
    assert again == {**first, "secret": None}, "shown once"
    assert (await mine.get(f"/v1/webhooks/{key}")).json() == again
    await market.sell(shop, guest, 100)
    await market.events()
    (delivery,) = (await mine.get(f"/v1/webhooks/{key}/deliveries")).json()["items"]
    assert (delivery["topic"], delivery["state"], delivery["history"]) == ("payment.completed", "pending", [])
    resent = await mine.post(f"/v1/webhook-deliveries/{delivery['id']}/resend")
    assert resent.status_code == 202, resent.text
    assert code(await mine.post(f"/v1/webhook-deliveries/{uuid4()}/resend")) == (404, "delivery_unknown")
    assert (await mine.delete(f"/v1/webhooks/{key}")).status_code == 204
    assert code(await mine.get(f"/v1/webhooks/{key}")) == (404, "webhook_unknown")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"url": "https://shop.example/", "topics": ["payment.dreamt"]}, (422, "webhook_topic_unknown")),
        ({"url": "gopher://shop.example/"}, (422, "webhook_url_refused")),
        ({"url": "https://shop.example/", "topics": []}, (422, "invalid_field")),
        ({"topics": ["payment.completed"]}, (422, "missing_field")),
    ],
)
async def test_webhooks_that_are_refused(http: Http, body: dict[str, Any], expected: tuple[int, str]) -> None:
    bank = await http()
    assert code(await bank.make("/v1/webhooks", body)) == expected


async def test_bad_orders_and_plans(http: Http, market: Market) -> None:
    shop = await market.shop()
    bank = await http()
    good = {"amount": 1, "currency": "CNY", "merchant_id": str(shop.id)}
    for change, expected in (
        ({"merchant_id": None}, (422, "missing_field")),
        ({"merchant_id": str(uuid4())}, (404, "merchant_unknown")),
        ({"amount": 0}, (422, "amount_zero")),
        ({"amount": 1.5}, (422, "amount_fractional")),
        ({"currency": "USD"}, (422, "order_currency_differs")),
        ({"expires_in_s": 0}, (422, "invalid_field")),
        ({"colour": "red"}, (422, "unknown_field")),
    ):
        assert code(await bank.make("/v1/orders", {**good, **change})) == expected
    path = f"/v1/merchants/{shop.id}/fee-plan"
    only_qr = {"rates": [{"method": "qr", "basis_points": 1}]}
    assert code(await bank.put(path, json=only_qr)) == (422, "fee_plan_incomplete")
    assert code(await bank.put(path, json={"rates": [{"method": "*", "basis_points": -1}]})) == (422, "invalid_field")


async def test_takings_settlements_fees_and_batches(http: Http, market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    payment = await market.sell(shop, guest, 10_000, method=payments.Method.QR)
    await market.ask("refund", payment, 1000)
    mine, bank = await http(shop), await http()
    path = f"/v1/merchants/{shop.id}"
    takings = (await mine.get(f"{path}/takings")).json()
    assert (takings["date"], takings["captured"], takings["refunded"], takings["fees"], takings["net"]) == (
        str(MONDAY),
        10_000,
        1000,
        27,
        8973,
    )
    market.clock.tick(timedelta(hours=24))
    await clearing.end_of_day(market.db, market.clock, market.settings)
    (paid,) = (await mine.get(f"{path}/settlements")).json()["items"]
    assert (paid["net"], paid["state"], paid["booking_date"]) == (8973, "settled", str(MONDAY))
    as_csv = (await mine.get(f"{path}/settlements", params={"format": "csv"})).content.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(as_csv))
    assert (row["net"], row["state"]) == ("8973", "settled")
    report = (await mine.get(f"{path}/fees", params={"from": str(MONDAY), "to": str(MONDAY)})).json()
    assert (report["captured"], report["fees"], len(report["lines"])) == (10_000, 27, 1)
    assert code(await mine.get(f"{path}/fees", params={"from": "2020-01-01"})) == (422, "span_too_long")

    (batch,) = (await bank.get("/v1/clearing/batches")).json()["items"]
    assert (batch["state"], batch["net"], batch["fees"], batch["participants"]) == ("settled", 8973, 27, 1)
    assert (await bank.get(f"/v1/clearing/batches/{batch['id']}")).json() == batch
    positions = (await bank.get(f"/v1/clearing/batches/{batch['id']}/positions")).json()["items"]
    assert sum(p["net"] for p in positions) == 0
    assert {p["kind"] for p in positions} == {"merchant", "fee_income", "acquirer"}
    as_csv = (await bank.get(f"/v1/clearing/batches/{batch['id']}/positions?format=csv")).content.decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(as_csv)))) == 3
    assert code(await bank.get(f"/v1/clearing/batches/{uuid4()}")) == (404, "batch_unknown")


async def test_a_shop_stands_somewhere_or_sells_online(http: Http, market: Market) -> None:
    bank = await http()
    place = {"district": "城关区", "latitude_e6": 36_061_400, "longitude_e6": 103_834_300}
    key, body = uuid4(), {"name": "兰州拉面", "place": place}
    made = await bank.make("/v1/merchants", body, key)
    assert (made.status_code, made.json()["place"]) == (201, place)
    path = f"/v1/merchants/{key}/place"
    gone = await bank.put(path, json={"place": None, "reason": "closed its shop"})
    assert (gone.status_code, gone.json()["place"]) == (200, None)
    assert (await bank.get(f"/v1/merchants/{key}")).json()["place"] is None
    again = await bank.make("/v1/merchants", body, key)
    assert again.json() == made.json(), "the first answer again"
    for wrong in (
        {"latitude_e6": 90_000_001},
        {"longitude_e6": -180_000_001},
        {"district": " "},
        {"latitude_e6": 36.06},
    ):
        refused = await bank.put(path, json={"place": {**place, **wrong}, "reason": "tried"})
        assert code(refused) == (422, "invalid_field"), wrong
    lost = await bank.put(f"/v1/merchants/{uuid4()}/place", json={"place": place, "reason": "tried"})
    assert code(lost) == (404, "merchant_unknown")
