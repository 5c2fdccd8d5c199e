"""The proof of payments: silent after a busy day, loud about each planted corruption."""

from __future__ import annotations

import pytest

from tests.payments.town import Town
from tongbao import payments
from tongbao.base.prove import Finding, prove


async def proved(town: Town) -> list[Finding]:
    done = await prove(town.db, payments.CHECKS, town.clock)
    return [finding for one in done for finding in one.findings]


async def busy_day(town: Town) -> dict[str, str]:
    """One payment of each fate, by its name."""
    payer, payee, shop = await town.person(1_000_000), await town.person(10_000), await town.shop()
    one = {
        "transfer": await town.pay_by_http(payer, payee, 100),
        "bought": await town.pay_by_http(payer, shop, 2000),
        "held": await town.pay_by_http(payer, shop, 3000, capture="manual"),
        "captured": await town.pay_by_http(payer, shop, 4000, capture="manual"),
        "cancelled": await town.pay_by_http(payer, shop, 5000, capture="manual"),
        "part": await town.pay_by_http(payer, shop, 6000, capture="manual"),
        "asked": await town.pay_by_http(payer, payee, 700, confirm="explicit"),
        "confirmed": await town.pay_by_http(payer, payee, 800, confirm="explicit"),
        "declined": await town.pay_by_http(payee, payer, 900_000),
        "late": await town.pay_by_http(payer, payee, 900, arrives="in_two_hours"),
    }
    ids = {name: reply.body.get("id") or reply["payment_id"] for name, reply in one.items()}
    for name, path, body in (
        ("captured", "capture", {"amount": 1000}),
        ("captured", "capture", {"amount": 1500, "final": True}),
        ("captured", "refunds", {"amount": 999}),
        ("cancelled", "cancel", {}),
        ("part", "capture", {"amount": 2500}),
        ("bought", "refunds", {"amount": 2500}),
        ("bought", "refunds", {"amount": 500}),
        ("confirmed", "confirm", {}),
    ):
        await town.post(f"/v1/payments/{ids[name]}/{path}", body)
    return ids


async def test_a_busy_day_holds_and_is_proved_once(town: Town) -> None:
    await busy_day(town)
    assert await proved(town) == []
    town.later(hours=2)
    await town.intake.end_due()
    assert await proved(town) == []
    town.later(days=1)
    assert await proved(town) == []
    (first, *_) = await prove(town.db, payments.CHECKS, town.clock)
    assert first.rows == 0, "what was proved is not proved again"


CORRUPTIONS = [
    ("P1", "UPDATE payments.payment SET captured_minor = captured_minor - 1 WHERE id = %(bought)s"),
    ("P1", "UPDATE payments.payment SET state = 'completed', captured_minor = 3000 WHERE id = %(held)s"),
    ("P2", "UPDATE payments.payment SET refunded_minor = refunded_minor + 1 WHERE id = %(captured)s"),
    ("P3", "UPDATE payments.payment SET state = 'cancelled' WHERE id = %(held)s"),
    ("P3", "UPDATE ledger.hold SET left_minor = left_minor - 1 WHERE id = %(held)s"),
    ("P4", "DELETE FROM base.outbox WHERE aggregate = %(captured)s AND sequence = 2"),
    ("P4", "UPDATE payments.payment SET sequence = sequence + 1 WHERE id = %(transfer)s"),
    ("P4", "DELETE FROM base.outbox WHERE aggregate = %(declined)s"),
    ("P5", "UPDATE payments.payment SET state = 'created' WHERE id = %(transfer)s"),
    ("P5", "UPDATE payments.operation SET state = 'claimed' WHERE payment_id = %(cancelled)s"),
    ("P6", "UPDATE payments.spending SET day_minor = day_minor + 1"),
    ("P6", "UPDATE payments.spending SET day_count = day_count + 1"),
    ("P9", "UPDATE identity.customer SET level = 0"),
    ("P10", "UPDATE payments.policy SET content = content || '{\"none_per_payment_minor\": 100001}'"),
    ("P10", "UPDATE payments.policy SET reason = 'The policy that nobody approved'"),
    (
        "P10",
        "INSERT INTO payments.policy SELECT 3, content, reason, uuidv7(), uuidv7(), in_force_at, hash, hash FROM payments.policy",
    ),
    ("P7", "DELETE FROM payments.open_payment WHERE payment_id = %(asked)s"),
    ("P7", "INSERT INTO payments.open_payment VALUES (%(bought)s, 'capture', now(), now())"),
]


@pytest.mark.parametrize(
    ("invariant", "statement"), CORRUPTIONS, ids=[f"{i}-{n}" for n, (i, _) in enumerate(CORRUPTIONS)]
)
async def test_each_corruption_is_found(town: Town, invariant: str, statement: str) -> None:
    ids = await busy_day(town)
    await town.run_sql(statement, **{k: v for k, v in ids.items() if f"%({k})s" in statement})
    assert invariant in {finding.invariant for finding in await proved(town)}


async def test_an_old_payment_that_changes_is_looked_at_again(town: Town) -> None:
    ids = await busy_day(town)
    town.later(days=10)
    assert await proved(town) == []
    await town.post(f"/v1/payments/{ids['bought']}/refunds", {"amount": 10})
    await town.run_sql(
        "UPDATE payments.payment SET refunded_minor = refunded_minor + 1 WHERE id = %(bought)s", bought=ids["bought"]
    )
    assert {finding.invariant for finding in await proved(town)} == {"P2"}
