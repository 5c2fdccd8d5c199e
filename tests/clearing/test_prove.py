"""The proof holds on a bank that works, and names each thing that was bent."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.merchants.market import MONDAY, Market
from tongbao import clearing, merchants, payments
from tongbao.base.prove import prove

CHECKS = (*merchants.CHECKS, *clearing.CHECKS)


async def wrong(market: Market) -> set[str]:
    done = await prove(market.db, CHECKS, market.clock)
    return {finding.invariant for check in done for finding in check.findings}


async def a_week(market: Market) -> None:
    """Sales, orders, refunds, a debt: ended days, and an open one."""
    guest, shops = await market.person(1_000_000), [await market.shop(f"{n}号店") for n in range(3)]
    for n in range(3):
        for shop in shops:
            order = await market.order(shop, 1000 + n)
            payment = await market.sell(shop, guest, 1000 + n, order_id=order.id)
            await market.ask("refund", payment, 300)
        if n == 1:
            await market.ask("refund", payment)
        market.clock.tick(timedelta(days=1))
        await clearing.end_of_day(market.db, market.clock, market.settings)
    await market.sell(shops[0], guest, 700, method=payments.Method.CARD)
    await market.events()


async def test_a_bank_that_works_is_proved(market: Market) -> None:
    assert await wrong(market) == set()
    await a_week(market)
    assert await wrong(market) == set()
    done = await prove(market.db, CHECKS, market.clock, full=True)
    assert all(not check.findings for check in done)
    assert sum(check.rows for check in done) > 15


@pytest.mark.parametrize(
    ("invariant", "bent"),
    [
        ("C1", "UPDATE clearing.position SET net_minor = net_minor + 1 WHERE kind = 'acquirer'"),
        ("C2", "UPDATE clearing.position SET captures_minor = captures_minor + 1, fees_minor = fees_minor + 1 WHERE kind = 'merchant'"),
        ("C2", "DELETE FROM clearing.position WHERE kind = 'merchant'"),
        ("C3", "UPDATE ledger.posting p SET amount_minor = amount_minor + 1 FROM ledger.transfer t WHERE t.id = p.transfer_id AND t.kind = 'clearing'"),
        ("C4", "DELETE FROM ledger.posting p USING ledger.transfer t WHERE t.id = p.transfer_id AND t.kind = 'settlement'"),
        ("C5", "UPDATE ledger.account SET balance_minor = balance_minor + 1 WHERE gl_line = '2040'"),
        ("C6", "UPDATE merchants.shop_order SET refunded_minor = refunded_minor - 1"),
        ("M1", "UPDATE merchants.shop_order SET payment_id = (SELECT payment_id FROM merchants.shop_order LIMIT 1)"),
        ("M2", "UPDATE ledger.account SET gl_line = '2010' WHERE gl_line = '2030'"),
        ("M3", "UPDATE merchants.fee_rate SET method = 'api' WHERE method = '*'"),
        ("M4", "UPDATE merchants.delivery SET attempts = 3"),
    ],
)  # fmt: skip
async def test_what_was_bent_is_named(market: Market, invariant: str, bent: str) -> None:
    if invariant == "M4":
        new = merchants.NewEndpoint(id=market.id(), url="https://shop.example/", topics=merchants.TOPICS)
        async with market.db.tx() as tx:
            await merchants.create_endpoint(tx, new, "whsec_AAAA", by=market.bank, at=market.at, private=False)
    await a_week(market)
    with psycopg.connect(market.settings.database_url, autocommit=True) as conn:
        assert conn.execute(bent.encode()).rowcount > 0
    assert invariant in await wrong(market)


async def test_the_proof_goes_on_where_it_stopped(market: Market) -> None:
    await a_week(market)
    assert await wrong(market) == set()
    with psycopg.connect(market.settings.database_url, autocommit=True) as conn:
        conn.execute(
            "UPDATE clearing.position p SET net_minor = net_minor + 1 FROM clearing.batch b "
            "WHERE b.id = p.batch_id AND p.kind = 'acquirer' AND b.booking_date = %s",
            [MONDAY],
        )
    assert await wrong(market) == set(), "Monday was settled and proved"
    done = await prove(market.db, CHECKS, market.clock, full=True)
    assert {f.invariant for check in done for f in check.findings} == {"C1"}
