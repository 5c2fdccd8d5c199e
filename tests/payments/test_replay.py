"""The same request again: the first status, the first bytes, and a word that it was a replay."""

from __future__ import annotations

import pytest

from tests.payments.town import Reply, Town


def same(first: Reply, again: Reply) -> None:
    assert not first.replayed
    assert again.replayed
    assert (again.status, again.raw) == (first.status, first.raw)


@pytest.mark.parametrize("raw", [True, False], ids=["raw route", "framework"])
async def test_paid_is_answered_as_it_was(town: Town, raw: bool) -> None:
    town.raw = raw
    payer, shop = await town.person(10_000), await town.shop()
    key = town.id()
    first = await town.pay_by_http(payer, shop, 2500, key=key, reference="午餐")
    assert (first.status, first["state"], first["captured"]) == (201, "completed", 2500)
    town.later(hours=1)
    refund = await town.post(f"/v1/payments/{key}/refunds", {"amount": 500})
    assert refund.status == 201
    same(first, await town.pay_by_http(payer, shop, 2500, key=key, reference="午餐"))
    assert await town.balance(payer.id) == 8000


async def test_both_routes_answer_alike(town: Town) -> None:
    payer, shop = await town.person(1000), await town.shop()
    for amount in (700, 700):
        key = town.id()
        town.raw = True
        first = await town.pay_by_http(payer, shop, amount, key=key)
        town.raw = False
        same(first, await town.pay_by_http(payer, shop, amount, key=key))


async def test_declined_is_remembered_for_ever(town: Town) -> None:
    payer, payee = await town.person(100), await town.person()
    key = town.id()
    first = await town.pay_by_http(payer, payee, 500, key=key)
    assert (first.status, first.code, first["payment_id"]) == (402, "insufficient_funds", str(key))
    assert first["checks"][-1] == {"check": "balance", "passed": False, "value": 500, "bound": 100}
    await town.pay_by_http(await town.person(10_000), payer, 10_000)
    same(first, await town.pay_by_http(payer, payee, 500, key=key))
    assert (await town.payment(key))["state"] == "declined"


async def test_authorised_is_answered_as_it_was_after_its_capture(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    key = town.id()
    first = await town.pay_by_http(payer, shop, 4000, key=key, capture="manual")
    assert (first["state"], first["authorised"], first["captured"]) == ("authorised", 4000, 0)
    await town.post(f"/v1/payments/{key}/capture", {"amount": 1500, "final": True})
    same(first, await town.pay_by_http(payer, shop, 4000, key=key, capture="manual"))


async def test_challenged_is_answered_as_it_was_after_its_confirmation(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    key = town.id()
    first = await town.pay_by_http(payer, payee, 4000, key=key, confirm="explicit")
    assert first["state"] == "challenged"
    assert (await town.post(f"/v1/payments/{key}/confirm", {}))["state"] == "completed"
    same(first, await town.pay_by_http(payer, payee, 4000, key=key, confirm="explicit"))


@pytest.mark.parametrize(
    ("verb", "body"),
    [("capture", {"amount": 1000}), ("capture", {"amount": 9000}), ("cancel", {}), ("refunds", {"amount": 5})],
)
async def test_an_operation_again(town: Town, verb: str, body: dict[str, int]) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    payment, key = town.id(), town.id()
    await town.pay_by_http(payer, shop, 4000, key=payment, capture="manual")
    first = await town.post(f"/v1/payments/{payment}/{verb}", body, key=key)
    town.later(minutes=1)
    await town.post(f"/v1/payments/{payment}/capture", {"amount": 500})
    same(first, await town.post(f"/v1/payments/{payment}/{verb}", body, key=key))


async def test_an_operation_on_nothing_again(town: Town) -> None:
    key, nothing = town.id(), town.id()
    first = await town.post(f"/v1/payments/{nothing}/capture", {}, key=key)
    assert (first.status, first.code) == (404, "payment_unknown")
    same(first, await town.post(f"/v1/payments/{nothing}/capture", {}, key=key))


async def test_another_body_under_the_same_id(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    key = town.id()
    await town.pay_by_http(payer, payee, 100, key=key)
    other = await town.pay_by_http(payer, payee, 101, key=key)
    assert (other.status, other.code) == (409, "id_reused")
    assert "payment_id" not in other.body
    assert "checks" not in other.body


async def test_another_principals_id_shows_nothing(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    key = town.id()
    await town.pay_by_http(payer, payee, 100, key=key)
    other = await town.pay_by_http(payer, payee, 100, key=key, by=town.principal())
    assert (other.status, other.code) == (409, "id_taken")
    assert "payment_id" not in other.body
    assert await town.balance(payee.id) == 100


async def test_an_operations_id_used_for_another_verb_or_payment(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    one, two, key = town.id(), town.id(), town.id()
    for payment in (one, two):
        await town.pay_by_http(payer, shop, 100, key=payment)
    assert (await town.post(f"/v1/payments/{one}/refunds", {"amount": 10}, key=key)).status == 201
    for path in (f"{two}/refunds", f"{one}/capture"):
        assert (await town.post(f"/v1/payments/{path}", {"amount": 10}, key=key)).code == "id_reused"
    other = await town.post(f"/v1/payments/{one}/refunds", {"amount": 10}, key=key, by=town.principal())
    assert other.code == "id_taken"


async def test_the_same_id_twice_in_one_batch(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    key = town.id()
    body = {**town.order_body(payer, payee, 300), "id": str(key)}
    reply = await town.send("POST", "/v1/payments/batch", {"orders": [body, body, {**body, "amount": 400}]})
    assert reply["outcomes"] == [
        {"id": str(key), "status": 201, "state": "completed"},
        {"id": str(key), "status": 201, "state": "completed", "replayed": True},
        {"id": str(key), "status": 409, "code": "id_reused"},
    ]
    assert await town.balance(payee.id) == 300


async def test_a_repeated_order_keeps_the_place_where_it_came_first(town: Town) -> None:
    payer, payee = await town.person(100), await town.person()
    first, second = ({**town.order_body(payer, payee, 80), "id": str(town.id())} for _ in range(2))
    reply = await town.send("POST", "/v1/payments/batch", {"orders": [first, second, first]})
    assert [o.get("code") or o["state"] for o in reply["outcomes"]] == ["completed", "insufficient_funds", "completed"]


async def test_a_batch_sees_what_was_paid_alone(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    key = town.id()
    await town.pay_by_http(payer, payee, 300, key=key)
    body = {**town.order_body(payer, payee, 300), "id": str(key)}
    reply = await town.send("POST", "/v1/payments/batch", {"orders": [body]})
    assert reply["outcomes"] == [{"id": str(key), "status": 201, "state": "completed", "replayed": True}]


async def test_vouchers_written_offline_settle_later_and_once(town: Town) -> None:
    """A terminal without a line keeps its orders under ids of their own and hands them in when the line is back."""
    payer, poor, payee = await town.person(10_000), await town.person(100), await town.person()
    kept = [{**town.order_body(payer, payee, 100 + n), "id": str(town.id())} for n in range(20)]
    kept.append({**town.order_body(poor, payee, 900), "id": str(town.id())})
    await town.send("POST", "/v1/payments/batch", {"orders": kept[:8]})  # the line drops before the answer is read
    reply = await town.send("POST", "/v1/payments/batch", {"orders": kept})
    assert [outcome.get("replayed", False) for outcome in reply["outcomes"]] == [True] * 8 + [False] * 13
    assert [outcome.get("code") for outcome in reply["outcomes"]] == [None] * 20 + ["insufficient_funds"]
    paid = sum(order["amount"] for order in kept[:20])
    assert (await town.balance(payer.id), await town.balance(payee.id)) == (10_000 - paid, paid)
