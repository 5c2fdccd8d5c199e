"""Limits: the bank's, lowered by the customer, never passed by anybody at any time."""

from __future__ import annotations

import asyncio

from tests.payments.town import Town
from tongbao import payments
from tongbao.base import audit
from tongbao.base.db import Database


async def test_a_customer_sets_500_yuan_a_day_and_501_is_refused_with_the_reason(town: Town) -> None:
    payer, payee = await town.person(200_000), await town.person()
    shown = await town.put(f"/v1/accounts/{payer.id}/limits", {"per_day": 50_000})
    assert (shown["limits"]["per_day"], shown["bank"]["per_day"], shown["own"]["per_day"]) == (
        50_000,
        20_000_000,
        50_000,
    )
    refused = await town.pay_by_http(payer, payee, 50_100)
    assert (refused.status, refused.code) == (402, "over_day_limit")
    assert refused["title_zh"] == "超过当日累计限额。"
    assert refused["checks"][-1] == {"check": "limit_per_day", "passed": False, "value": 50_100, "bound": 50_000}
    assert (await town.pay_by_http(payer, payee, 50_000)).status == 201
    used = await town.get(f"/v1/accounts/{payer.id}/limits")
    assert used["amount_today"] == {"used": 50_000, "left": 0}
    assert used["count_today"] == {"used": 1, "left": 499}
    town.later(days=1)
    tomorrow = await town.get(f"/v1/accounts/{payer.id}/limits")
    assert tomorrow["amount_today"] == {"used": 0, "left": 50_000}
    assert tomorrow["amount_this_month"]["used"] == 50_000


async def test_a_customer_goes_up_again_to_the_banks_limit_and_not_beyond(town: Town) -> None:
    payer = await town.person()
    path = f"/v1/accounts/{payer.id}/limits"
    assert (await town.put(path, {"per_payment": 1}))["limits"]["per_payment"] == 1
    assert (await town.put(path, {"per_payment": 5_000_000}))["limits"]["per_payment"] == 5_000_000
    above = await town.put(path, {"count_per_day": 501})
    assert (above.status, above.code, above["field"]) == (422, "limit_above_bank", "count_per_day")
    assert (await town.put(path, {}))["own"]["per_payment"] is None


async def test_the_bank_sets_limits_for_all_and_for_one(town: Town) -> None:
    one, other, payee = await town.person(1000), await town.person(1000), await town.person()
    body = {"per_payment": 300, "reason": "a quiet month"}
    assert (await town.put("/v1/limits/person/CNY", body))["limits"]["per_payment"] == 300
    assert (await town.pay_by_http(other, payee, 301)).code == "over_payment_limit"
    mine = await town.put(f"/v1/accounts/{one.id}/bank-limits", {"per_payment": 900, "reason": "known for years"})
    assert (mine["limits"]["per_payment"], mine["of_this_account"]) == (900, True)
    assert (await town.pay_by_http(one, payee, 900)).status == 201
    back = await town.send("POST", f"/v1/accounts/{one.id}/bank-limits/drop", {"reason": "no longer"})
    assert (back["limits"]["per_payment"], back["of_this_account"]) == (300, False)
    listed = await town.get("/v1/limits")
    assert {(row["customer_kind"], row["currency"]) for row in listed.body} == {("firm", "CNY"), ("person", "CNY")}
    async with town.db.read() as tx:
        done = [(entry.action, entry.reason) for entry in await audit.trail(tx)]
    assert ("limits.set_bank", "a quiet month") in done
    assert ("limits.set_account", "known for years") in done


async def test_money_that_was_let_go_may_be_spent_again_the_same_day(town: Town) -> None:
    payer, shop = await town.person(1000), await town.shop()
    await town.put(f"/v1/accounts/{payer.id}/limits", {"per_day": 500, "count_per_day": 1})
    held = await town.pay_by_http(payer, shop, 500, capture="manual")
    await town.post(f"/v1/payments/{held['id']}/cancel", {})
    assert (await town.pay_by_http(payer, shop, 500)).status == 201


async def test_two_hundred_at_once_never_pass_a_limit(town: Town) -> None:
    """Four processes' worth of intakes, two hundred payments of 10, a day's limit of 500."""
    payer, payee = await town.person(100_000), await town.person()
    await town.put(f"/v1/accounts/{payer.id}/limits", {"per_day": 500})
    async with Database(town.db.url, size=8) as second:
        intakes = [payments.Intake(db, town.clock, town.settings) for db in (town.db, second, town.db, second)]
        orders = [
            payments.Order(
                id=town.id(),
                principal_id=town.bank.id,
                request_hash=b"",
                payer_account_id=payer.id,
                payee_account_id=payee.id,
                amount_minor=10,
                currency="CNY",
            )
            for _ in range(200)
        ]
        done = await asyncio.gather(*(intakes[n % 4].pay(order) for n, order in enumerate(orders)))
    paid = [outcome for outcome in done if outcome.refusal is None]
    assert len(paid) == 50
    assert {outcome.refusal.code for outcome in done if outcome.refusal} == {"over_day_limit"}
    assert await town.balance(payee.id) == 500
