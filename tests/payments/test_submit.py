"""Paying: what goes through, what is declined and why, and that a batch is no different from one by one."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.payments.town import Town
from tongbao import payments
from tongbao.base import ids
from tongbao.payments import OUTSIDE, Arrives, Capture, Kind


async def test_a_transfer_arrives_at_once_and_says_what_was_checked(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    paid = await town.pay_by_http(payer, payee, 1234, reference="房租")
    assert paid.status == 201
    assert (paid["kind"], paid["state"], paid["captured"], paid["reference"]) == ("transfer", "completed", 1234, "房租")
    assert [check["check"] for check in paid["checks"]] == [
        "authentication",
        "accounts",
        "judgement",
        "limit_per_payment",
        "limit_per_day",
        "limit_per_month",
        "count_per_day",
        "count_per_month",
        "balance",
    ]
    assert all(check["passed"] for check in paid["checks"])
    assert await town.money(payer) == (8766, 0)
    assert await town.money(payee) == (1234, 0)
    await town.books_balance()


async def test_a_merchants_fee_is_known_and_its_takings_grow(town: Town) -> None:
    payer, shop = await town.person(100_000), await town.shop()
    paid = await town.pay_by_http(payer, shop, 50_000, method="qr")
    assert (paid["kind"], paid["fee"]) == ("payment", 150)
    assert await town.balance(shop.takings_account_id) == 50_000


async def test_a_hold_counts_until_it_is_let_go(town: Town) -> None:
    payer, shop, other = await town.person(10_000), await town.shop(), await town.person()
    held = await town.pay_by_http(payer, shop, 7000, capture="manual")
    assert await town.money(payer) == (10_000, 7000)
    assert (await town.pay_by_http(payer, other, 3001)).code == "insufficient_funds"
    assert (await town.post(f"/v1/payments/{held['id']}/cancel", {})).status == 200
    assert await town.money(payer) == (10_000, 0)
    assert (await town.pay_by_http(payer, other, 3001)).status == 201


async def test_several_captures_and_the_fee_of_the_whole(town: Town) -> None:
    payer, shop = await town.person(100_000), await town.shop()
    held = await town.pay_by_http(payer, shop, 10_000, capture="manual")
    fees = []
    for amount in (3333, 3333):
        fees.append((await town.post(f"/v1/payments/{held['id']}/capture", {"amount": amount}))["fee"])
    last = await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 3334})
    assert (last["state"], last["captured"], last["fee"]) == ("completed", 10_000, 38)
    assert fees == [13, 25]
    assert await town.money(payer) == (90_000, 0)


async def test_a_final_part_lets_the_rest_go(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    held = await town.pay_by_http(payer, shop, 6000, capture="manual")
    part = await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 2000, "final": True})
    assert (part["state"], part["captured"], part["authorised"]) == ("completed", 2000, 6000)
    assert await town.money(payer) == (8000, 0)
    limits = await town.get(f"/v1/accounts/{payer.id}/limits")
    assert limits["amount_today"]["used"] == 2000


async def test_what_nobody_captures_expires_by_itself(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    held = await town.pay_by_http(payer, shop, 6000, capture="manual", hold_s=600)
    assert await town.intake.end_due() == 0
    town.later(seconds=600)
    late = await town.post(f"/v1/payments/{held['id']}/capture", {})
    assert late.code == "capture_too_late", "refused before the job has run"
    assert await town.intake.end_due() == 1
    assert (await town.payment(held["id"]))["state"] == "expired"
    assert await town.money(payer) == (10_000, 0)
    assert await town.intake.end_due() == 0


async def test_a_transfer_may_be_recalled_until_it_arrives(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    kept = await town.pay_by_http(payer, payee, 1000, arrives="in_two_hours")
    sent = await town.pay_by_http(payer, payee, 2000, arrives="in_two_hours")
    assert await town.money(payer) == (10_000, 3000)
    assert (await town.post(f"/v1/payments/{kept['id']}/recall", {}))["state"] == "cancelled"
    town.later(hours=2)
    assert (await town.post(f"/v1/payments/{sent['id']}/recall", {})).code == "recall_too_late"
    assert await town.intake.end_due() == 1
    assert (await town.payment(sent["id"]))["state"] == "completed"
    assert (await town.money(payer), await town.money(payee)) == ((8000, 0), (2000, 0))


async def test_the_next_day_begins_at_midnight_of_the_banks_zone(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    sent = await town.pay_by_http(payer, payee, 1000, arrives="next_day")
    assert (sent["due_at"], sent["waits_for"]) == ("2026-11-23T16:00:00Z", "arrival")
    now = await town.pay_by_http(payer, payee, 1000)
    assert now["due_at"] is None
    assert "waits_for" not in now.body


async def test_an_unconfirmed_payment_moves_nothing_and_expires(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    asked = await town.pay_by_http(payer, payee, 1000, confirm="explicit")
    assert (asked.status, asked["state"], asked["authorised"]) == (201, "challenged", 0)
    assert await town.money(payer) == (10_000, 0)
    town.later(minutes=15)
    assert (await town.post(f"/v1/payments/{asked['id']}/confirm", {})).code == "not_challenged"
    assert await town.intake.end_due() == 1
    assert (await town.payment(asked["id"]))["state"] == "expired"


async def test_a_refused_confirmation_may_be_tried_again(town: Town) -> None:
    payer, payee = await town.person(500), await town.person()
    asked = await town.pay_by_http(payer, payee, 1000, confirm="explicit")
    assert (await town.post(f"/v1/payments/{asked['id']}/confirm", {})).code == "insufficient_funds"
    await town.post("/v1/topups", {"account_id": str(payer.id), "amount": 500, "currency": "CNY"})
    assert (await town.post(f"/v1/payments/{asked['id']}/confirm", {}))["state"] == "completed"


async def test_an_order_is_paid_once_and_given_back_when_it_was_not(town: Town) -> None:
    poor, rich, shop = await town.person(10), await town.person(10_000), await town.shop()
    order = await town.order(shop, 900)
    first = await town.pay_by_http(poor, shop, 900, order_id=str(order.id))
    assert first.code == "insufficient_funds"
    both = await asyncio.gather(*(town.pay_by_http(rich, shop, 900, order_id=str(order.id)) for _ in range(2)))
    assert sorted(reply.status for reply in both) == [201, 409]
    assert {reply.code for reply in both if reply.status == 409} == {"order_not_open"}
    await town.events()
    assert (await town.order_now(order.id)).state == "paid"
    assert await town.balance(shop.takings_account_id) == 900


async def test_nobody_pays_as_the_outside(town: Town) -> None:
    payee = await town.person()
    body = {"payer_account_id": str(OUTSIDE), "payee_account_id": str(payee.id), "amount": 10_000, "currency": "CNY"}
    assert (await town.post("/v1/payments", body)).code == "payer_unknown"
    assert await town.money(payee) == (0, 0)


async def test_events_are_numbered_and_hold_no_free_text(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    held = await town.pay_by_http(payer, shop, 5000, capture="manual", reference="秘密")
    await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 2000})
    await town.post(f"/v1/payments/{held['id']}/refunds", {"amount": 700, "reason": "退货了"})
    await town.post(f"/v1/payments/{held['id']}/cancel", {})
    told = await town.run_sql(
        "SELECT topic, sequence, payload::text FROM base.outbox WHERE aggregate = %(i)s ORDER BY sequence", i=held["id"]
    )
    assert [(topic, number) for topic, number, _ in told] == [
        ("payment.authorised", 1),
        ("payment.captured", 2),
        ("payment.refunded", 3),
        ("payment.cancelled", 4),
    ]
    assert "秘密" not in str(told)
    assert "退货" not in str(told)


async def test_ten_thousand_orders_in_one_body(town: Town) -> None:
    """Larger than other bodies may be; an order that is ill formed by itself does not sink the others."""
    payer, payee = await town.firm(1_000_000), await town.person()
    orders = [{**town.order_body(payer, payee, 1, reference="工资"), "id": str(town.id())} for _ in range(10_000)]
    orders[7]["order_id"] = str(town.id())
    reply = await town.send("POST", "/v1/payments/batch", {"orders": orders})
    assert reply.status == 200, reply.raw[:300]
    outcomes = reply["outcomes"]
    assert [outcome["id"] for outcome in outcomes] == [order["id"] for order in orders]
    assert outcomes[7] == {"id": orders[7]["id"], "status": 422, "code": "invalid_field", "field": "order_id"}
    assert sum(outcome["status"] == 201 for outcome in outcomes) == 9_999
    assert await town.money(payee) == (9_999, 0)
    too_many = await town.send("POST", "/v1/payments/batch", {"orders": [*orders, orders[0]]})
    assert (too_many.status, too_many.code) == (422, "invalid_field")
    assert (await town.send("POST", "/v1/payments/batch", content=b" " * ((8 << 20) + 1))).code == "body_too_large"


async def test_what_comes_at_one_moment_shares_a_batch(town: Town) -> None:
    people = [await town.person(1000) for _ in range(10)]
    payee = await town.person()
    sent = await asyncio.gather(*(town.pay_by_http(p, payee, 10) for p in people for _ in range(5)))
    assert {reply.status for reply in sent} == {201}
    transactions = await town.run_sql("SELECT count(DISTINCT xmin::text) FROM payments.decision")
    assert transactions[0][0] < 20 + 10, "fifty payments took fewer transactions than payments (ten top-ups aside)"
    assert await town.balance(payee.id) == 500


AMOUNTS = st.one_of(st.integers(1, 400), st.sampled_from([1000, 5000, 6_000_000]))
ORDERS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 3),
        AMOUNTS,
        st.sampled_from(list(Capture)),
        st.sampled_from([Arrives.NOW, Arrives.NOW, Arrives.NEXT_DAY]),
        st.booleans(),
    ),
    max_size=12,
)


async def _outcomes(
    town: Town, people: list[UUID], wanted: list[Any], again: list[int], *, together: bool, turn: int
) -> list[Any]:
    orders = [
        payments.Order(
            id=ids.derived(ids.NAMESPACE, f"{turn} {together} {n}"),
            principal_id=town.bank.id,
            request_hash=b"",
            payer_account_id=people[payer],
            payee_account_id=people[payee],
            amount_minor=amount,
            currency="CNY",
            kind=Kind.TRANSFER,
            capture=capture if arrives is Arrives.NOW else Capture.AUTOMATIC,
            arrives=arrives,
            confirm=confirm,
        )
        for n, (payer, payee, amount, capture, arrives, confirm) in enumerate(wanted)
    ]
    orders += [orders[n] for n in again if n < len(orders)]
    if together:
        done = await town.intake.pay_many(orders)
    else:
        done = [(await town.intake.pay_many([order]))[0] for order in orders]
    return [
        (
            outcome.payment.state if outcome.payment else None,
            outcome.refusal.code if outcome.refusal else None,
            outcome.checks,
        )
        for outcome in done
    ]


async def test_a_batch_equals_one_by_one(town: Town) -> None:
    """Two sets of the same four people: one is paid in batches, the other payment by payment."""
    balances = (2000, 500, 0, 20_000_000)
    sets = [[(await town.person(balance)).id for balance in balances] for _ in range(2)]
    turns = iter(range(10**6))

    async def figures(people: list[UUID]) -> list[Any]:
        return await town.run_sql(
            "SELECT a.balance_minor, a.held_minor, a.version, s.day_minor, s.day_count FROM unnest(%(p)s::uuid[]) "
            "WITH ORDINALITY AS p (id, n) JOIN identity.account i ON i.id = p.id JOIN ledger.account a ON a.id = i.ledger_id "
            "LEFT JOIN payments.spending s ON s.account_id = p.id AND s.day_count > 0 ORDER BY n",
            p=people,
        )

    loop = asyncio.get_running_loop()

    @settings(max_examples=25, deadline=timedelta(seconds=30), suppress_health_check=list(HealthCheck))
    @given(ORDERS, st.lists(st.integers(0, 11), max_size=4))
    def law(wanted: list[Any], again: list[int]) -> None:
        async def both() -> None:
            turn = next(turns)
            batch = await _outcomes(town, sets[0], wanted, again, together=True, turn=turn)
            alone = await _outcomes(town, sets[1], wanted, again, together=False, turn=turn)
            assert batch == alone
            assert await figures(sets[0]) == await figures(sets[1])

        asyncio.run_coroutine_threadsafe(both(), loop).result(60)

    await asyncio.to_thread(law)
