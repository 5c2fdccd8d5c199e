"""Many payments at once that each are fine and together are not: what a rule stops, and how exactly.

A limit is counted under a lock and holds to the fen (`tests/payments/test_limits.py`). A rule looks at what is committed and at what
comes before in the same batch; batches that are under way beside it are not seen.
"""

from __future__ import annotations

import asyncio

import msgspec

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_judged_payments import in_force
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import identity, payments
from tongbao.base.db import Database
from tongbao.risk.rule_model import Action

ALLOWED, TRIED = 20, 200


def intake(house: House, db: Database, in_flight: int) -> payments.Intake:
    """A process's worth, with so many batches under way at a time."""
    settings = msgspec.structs.replace(house.settings, batch_in_flight=in_flight)
    return payments.Intake(db, house.clock, settings)


async def burst(house: House, payer: identity.Account, payee: identity.Account, ways: list[payments.Intake]) -> int:
    """How many of two hundred are paid, given to these in turn at the same moment."""
    orders = [
        payments.Order(
            id=house.id(),
            principal_id=house.bank.id,
            request_hash=b"",
            payer_account_id=payer.id,
            payee_account_id=payee.id,
            amount_minor=10,
            currency="CNY",
        )
        for _ in range(TRIED)
    ]
    done = await asyncio.gather(*(ways[n % len(ways)].pay(order) for n, order in enumerate(orders)))
    refused = {outcome.refusal.code for outcome in done if outcome.refusal}
    assert refused == {"authorisation_refused"}
    return sum(outcome.refusal is None for outcome in done)


async def test_one_batch_after_the_other_stops_exactly(desk: Desk) -> None:
    house = desk.house
    await in_force(desk, expression=f"payer_count_1h > {ALLOWED}", action=Action.DENY)
    payer, payee = await house.person(100_000), await house.person()
    assert await burst(house, payer, payee, [intake(house, house.db, 1)]) == ALLOWED
    assert await house.balance(payee.id) == ALLOWED * 10
    await house.books_balance()


async def test_batches_under_way_at_once_overrun_by_no_more_than_they_are(desk: Desk) -> None:
    """Two processes with two batches each: whichever batch begins sees what has been committed, so each lets through as many as one alone."""
    house = desk.house
    await in_force(desk, expression=f"payer_count_1h > {ALLOWED}", action=Action.DENY)
    payer, payee = await house.person(100_000), await house.person()
    async with Database(house.db.url, size=8) as second:
        paid = await burst(house, payer, payee, [intake(house, house.db, 2), intake(house, second, 2)])
    assert ALLOWED <= paid <= 4 * ALLOWED
    assert await house.balance(payee.id) == paid * 10
    again = await house.pay_by_http(payer, payee, 10)
    assert again.status == 403, "whatever comes later sees all of them"
