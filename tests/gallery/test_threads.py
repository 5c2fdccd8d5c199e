"""Bugs that were reported of others and cannot happen here: a test each, named after its thread, N-parallel where it raced.

Two intakes on pools of their own stand for two processes of the bank.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.payments.town import Town
from tongbao import identity, ledger, payments
from tongbao.base.db import Database, Tx
from tongbao.payments import Capture, Operation, Order, Outcome

N = 16


@pytest.fixture
async def two(town: Town) -> AsyncIterator[list[payments.Intake]]:
    async with Database(town.db.url, size=8, name="second process") as db:
        yield [town.intake, payments.Intake(db, town.clock, town.settings)]


def order(town: Town, payer: UUID, payee: UUID, amount: int, **more: object) -> Order:
    return Order(
        id=more.pop("id", None) or town.id(),  # type: ignore[arg-type]
        principal_id=town.bank.id,
        request_hash=b"",
        payer_account_id=payer,
        payee_account_id=payee,
        amount_minor=amount,
        currency="CNY",
        **more,  # type: ignore[arg-type]
    )


def asked(town: Town, payment_id: UUID, amount: int | None = None, **more: object) -> Operation:
    return Operation(
        id=more.pop("id", None) or town.id(),  # type: ignore[arg-type]
        payment_id=payment_id,
        principal_id=town.bank.id,
        request_hash=b"",
        amount_minor=amount,
        **more,  # type: ignore[arg-type]
    )


async def at_once(*makers: Callable[[], Awaitable[Outcome]]) -> list[Outcome]:
    return list(await asyncio.gather(*(make() for make in makers)))


def codes(outcomes: list[Outcome]) -> dict[str, int]:
    found: dict[str, int] = {}
    for outcome in outcomes:
        code = outcome.refusal.code if outcome.refusal else "ok"
        found[code] = found.get(code, 0) + 1
    return found


async def refunds_at_once(
    town: Town, two: list[payments.Intake], payment_id: UUID, amount: int, times: int
) -> dict[str, int]:
    operations = [asked(town, payment_id, amount) for _ in range(times)]
    return codes(await at_once(*(lambda n=n, o=o: two[n % 2].ask("refund", o) for n, o in enumerate(operations))))


async def test_hyperswitch_13182_two_refunds_of_60_of_a_payment_of_100(town: Town, two: list[payments.Intake]) -> None:
    payer, payee = await town.person(100), await town.person(1000)
    for _ in range(3):
        paid = (await town.pay(payer.id, payee.id, 100)).payment
        assert paid is not None
        assert await refunds_at_once(town, two, paid.id, 60, N) == {"ok": 1, "refund_exceeds_captured": N - 1}
        assert (await town.payment(paid.id))["refunded"] == 60
        await town.ask("refund", paid.id)
    assert await town.balance(payee.id) == 1000


async def test_hyperswitch_9432_negative_capture_and_over_capture(town: Town, two: list[payments.Intake]) -> None:
    payer, shop = await town.person(1000), await town.shop()
    held = await town.pay_by_http(payer, shop, 100, capture="manual")
    path = f"/v1/payments/{held['id']}/capture"
    assert (await town.post(path, {"amount": -50})).code == "amount_negative"
    assert (await town.post(path, {"amount": 101})).code == "capture_exceeds_authorised"
    operations = [asked(town, UUID(held["id"]), 30) for _ in range(N)]
    done = codes(await at_once(*(lambda n=n, o=o: two[n % 2].ask("capture", o) for n, o in enumerate(operations))))
    assert done == {"ok": 3, "capture_exceeds_authorised": N - 3}
    assert await town.money(payer) == (910, 10)


async def test_blnk_62_over_capture_of_what_is_held(town: Town, two: list[payments.Intake]) -> None:
    """The CHECK says no too, whoever writes."""
    payer, shop = await town.person(1000), await town.shop()
    held = await town.pay_by_http(payer, shop, 100, capture="manual")
    await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 90})
    with pytest.raises(psycopg.errors.CheckViolation, match="captured_at_most_authorised"):
        await town.run_sql("UPDATE payments.payment SET captured_minor = 101 WHERE id = %(i)s", i=held["id"])
    with pytest.raises(psycopg.errors.CheckViolation, match="capture_exceeds_hold"):
        await town.run_sql("UPDATE ledger.hold SET captured_minor = 101 WHERE id = %(i)s", i=held["id"])


async def test_blnk_152_a_refund_repeated_without_end(town: Town, two: list[payments.Intake]) -> None:
    payer, payee = await town.person(100), await town.person(1000)
    paid = (await town.pay(payer.id, payee.id, 100)).payment
    assert paid is not None
    same = asked(town, paid.id, 40)
    done = await at_once(*(lambda n=n: two[n % 2].ask("refund", same) for n in range(N)))
    assert codes(done) == {"ok": N}, "the same refund is the same refund"
    assert sum(outcome.replayed for outcome in done) == N - 1
    assert (await town.payment(paid.id))["refunded"] == 40
    assert await town.balance(payee.id) == 1060


async def test_blnk_374_a_409_that_undoes_the_refund(town: Town) -> None:
    payer, shop, key = await town.person(100), await town.shop(), town.id()
    paid = await town.sell(shop, payer, 100)
    path = f"/v1/payments/{paid}/refunds"
    assert (await town.post(path, {"amount": 60}, key=key)).status == 201
    assert (await town.post(path, {"amount": 60})).status == 409
    assert (await town.post(path, {"amount": 50}, key=key)).status == 409
    assert (await town.payment(paid))["refunded"] == 60
    assert await town.money(payer) == (60, 0)


async def test_blnk_181_held_money_is_not_spent(town: Town, two: list[payments.Intake]) -> None:
    payer, payee = await town.person(100), await town.person()
    orders = [
        order(town, payer.id, payee.id, 60, capture=Capture.MANUAL if n % 2 else Capture.AUTOMATIC) for n in range(N)
    ]
    done = codes(await at_once(*(lambda n=n, o=o: two[n % 2].pay(o) for n, o in enumerate(orders))))
    assert done == {"ok": 1, "insufficient_funds": N - 1}
    balance, held = await town.money(payer)
    assert balance - held == 40


async def test_blnk_182_a_refused_hold_cannot_be_captured(town: Town) -> None:
    payer, shop = await town.person(50), await town.shop()
    refused = await town.pay_by_http(payer, shop, 60, capture="manual")
    assert refused.code == "insufficient_funds"
    await town.post("/v1/topups", {"account_id": str(payer.id), "amount": 1000, "currency": "CNY"})
    late = await town.post(f"/v1/payments/{refused['payment_id']}/capture", {"amount": 60})
    assert late.code == "not_capturable"
    assert await town.money(payer) == (1050, 0)


async def test_lago_3618_credit_applied_twice_within_milliseconds(town: Town, two: list[payments.Intake]) -> None:
    payee = await town.person()
    same = order(town, payments.OUTSIDE, payee.id, 500, kind=payments.Kind.TOPUP)
    done = await at_once(*(lambda n=n: two[n % 2].pay(same) for n in range(N)))
    assert codes(done) == {"ok": N}
    assert sum(not outcome.replayed for outcome in done) == 1
    assert await town.balance(payee.id) == 500


async def test_lago_4985_two_drafts_of_one_wallet(town: Town, two: list[payments.Intake]) -> None:
    """Many payments that each would take the whole purse: one does."""
    payer, payee = await town.person(500), await town.person()
    orders = [order(town, payer.id, payee.id, 500) for _ in range(N)]
    done = codes(await at_once(*(lambda n=n, o=o: two[n % 2].pay(o) for n, o in enumerate(orders))))
    assert done == {"ok": 1, "insufficient_funds": N - 1}
    assert (await town.balance(payer.id), await town.balance(payee.id)) == (0, 500)


class LosesTheAnswer:
    """The first COMMIT goes through and its reply is lost on the way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost = 0
        flush = Tx.flush

        async def loses(tx: Tx, last: Any = None) -> Any:
            said = await flush(tx, last)
            if last == "COMMIT" and not self.lost:
                self.lost += 1
                await tx.conn.close()
                raise psycopg.OperationalError("server closed the connection unexpectedly")
            return said

        monkeypatch.setattr(Tx, "flush", loses)


@pytest.mark.parametrize("thread", [338, 639])
async def test_killbill_338_639_outcome_unknown_then_a_second_capture(
    town: Town, monkeypatch: pytest.MonkeyPatch, thread: int
) -> None:
    """The reply to COMMIT is lost: the bank looks the id up instead of trying the payment or the capture anew."""
    payer, shop, key = await town.person(1000), await town.shop(), town.id()
    if thread == 639:
        await town.pay_by_http(payer, shop, 100, key=key, capture="manual")
    wire = LosesTheAnswer(monkeypatch)
    if thread == 639:
        reply = await town.post(f"/v1/payments/{key}/capture", {"amount": 60, "final": True})
    else:
        reply = await town.pay_by_http(payer, shop, 60, key=key)
    assert wire.lost == 1
    assert (reply.status in (200, 201), reply["state"], reply["captured"]) == (True, "completed", 60)
    assert await town.money(payer) == (940, 0)
    assert await town.balance(shop.takings_account_id) == 60


@pytest.mark.parametrize("thread", ["formance_764", "blnk_276"])
async def test_formance_764_blnk_276_hot_account(town: Town, two: list[payments.Intake], thread: str) -> None:
    """Two hundred people pay one account at once: nobody is refused for the crowd, and not a fen is lost."""
    people = [await town.person(10) for _ in range(20)]
    payee = await town.person()
    orders = [order(town, people[n % 20].id, payee.id, 1) for n in range(200)]
    if thread == "blnk_276":
        orders = [order(town, payments.OUTSIDE, payee.id, 1, kind=payments.Kind.TOPUP) for _ in range(200)]
    done = codes(await at_once(*(lambda n=n, o=o: two[n % 2].pay(o) for n, o in enumerate(orders))))
    assert done == {"ok": 200}
    assert await town.balance(payee.id) == 200


@pytest.mark.parametrize("thread", ["mojaloop_4473", "mojaloop_4021"])
async def test_mojaloop_4473_4021_deadlock_at_tiny_load(town: Town, two: list[payments.Intake], thread: str) -> None:
    """Everybody pays everybody, both ways at once; payments, captures and refunds meet on the same rows."""
    people = [await town.person(10_000) for _ in range(6)]
    pairs = [(a, b) for a in people for b in people if a is not b] * 4
    orders = [order(town, a.id, b.id, 10) for a, b in pairs]
    before = (await town.run_sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))[0][0]
    done = await at_once(*(lambda n=n, o=o: two[n % 2].pay(o) for n, o in enumerate(orders)))
    assert codes(done) == {"ok": len(orders)}
    if thread == "mojaloop_4021":
        back = [asked(town, o.id, 5) for o in orders]
        more = [order(town, a.id, b.id, 10, capture=Capture.MANUAL) for a, b in pairs]
        both = [lambda n=n, o=o: two[n % 2].ask("refund", o) for n, o in enumerate(back)]
        both += [lambda n=n, o=o: two[n % 2].pay(o) for n, o in enumerate(more)]
        assert codes(await at_once(*both)) == {"ok": 2 * len(orders)}
    await town.run_sql("SELECT pg_stat_force_next_flush()")
    after = (await town.run_sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))[0][0]
    assert after == before
    assert sum([(await town.money(one))[0] for one in people]) == 60_000


async def test_tigerbeetle_2955_a_limit_is_held_by_the_ledger(town: Town, two: list[payments.Intake]) -> None:
    """A credit line is a floor below zero: no crowd passes it, and no statement either."""
    payer, payee = await town.person(), await town.person()
    async with town.db.tx() as tx:
        await ledger.set_floor(tx, payer.ledger_id, -100, town.at)
    orders = [order(town, payer.id, payee.id, 30) for _ in range(N)]
    done = codes(await at_once(*(lambda n=n, o=o: two[n % 2].pay(o) for n, o in enumerate(orders))))
    assert done == {"ok": 3, "insufficient_funds": N - 3}
    with pytest.raises(psycopg.errors.CheckViolation, match="insufficient_funds"):
        await town.run_sql("UPDATE ledger.account SET balance_minor = -101 WHERE id = %(i)s", i=payer.ledger_id)


async def entries(town: Town, account: identity.Account) -> list[tuple[int, int]]:
    async with town.db.read() as tx:
        found = await ledger.entries(tx, account.ledger_id)
    return [(entry.amount_minor, entry.balance_minor) for entry in found[::-1]]


async def test_tigerbeetle_27_balances_come_with_the_posting(town: Town) -> None:
    payer, payee = await town.person(1000), await town.person()
    for amount in (100, 200, 300):
        await town.pay(payer.id, payee.id, amount)
    assert await entries(town, payer) == [(1000, 1000), (-100, 900), (-200, 700), (-300, 400)]
    assert await entries(town, payee) == [(100, 100), (200, 300), (300, 600)]


@pytest.mark.parametrize("thread", ["formance_1416", "tigerbeetle_28"])
async def test_formance_1416_tigerbeetle_28_balance_at_a_point_in_time(town: Town, thread: str) -> None:
    payer, payee = await town.person(1000), await town.person()
    seen = []
    for amount in (100, 200, 300):
        town.later(hours=1)
        await town.pay(payer.id, payee.id, amount)
        seen.append((town.at, await town.balance(payee.id)))
    town.later(days=3)
    await town.pay(payee.id, payer.id, 600)
    async with town.db.read() as tx:
        assert [await ledger.balance_at(tx, payee.ledger_id, at) for at, _ in seen] == [balance for _, balance in seen]


@pytest.mark.parametrize("thread", ["hyperswitch_3359", "hyperswitch_10072"])
async def test_hyperswitch_3359_10072_reports_are_in_the_open_product(town: Town, thread: str) -> None:
    """Whatever moved a merchant's money is a row that sums up to its account; every payment can be exported."""
    payer, shop = await town.person(10_000), await town.shop()
    paid = await town.sell(shop, payer, 1000)
    await town.post(f"/v1/payments/{paid}/refunds", {"amount": 300})
    rows = await town.run_sql(
        "SELECT sum(amount_minor) FROM payments.merchant_movement_view WHERE merchant_id = %(m)s", m=shop.id
    )
    assert rows[0][0] == await town.balance(shop.takings_account_id) == 700
    exported = await town.get(f"/v1/payments?merchant_id={shop.id}&format=csv")
    assert str(paid) in exported.body


async def test_dfxswiss_3638_everybody_gets_a_decision(town: Town) -> None:
    """Whatever is asked ends in a state or a refusal; nothing stays claimed."""
    payer, payee = await town.person(1000), await town.person()
    frozen = await town.person(1000)
    async with town.db.tx() as tx:
        await identity.freeze_account(tx, frozen.id, reason="court order", by=town.bank, at=town.at)
    for body in (
        town.order_body(payer, payee, 1),
        town.order_body(payer, payee, 1, confirm="explicit"),
        town.order_body(payer, payee, 1, capture="manual"),
        town.order_body(payer, payee, 10**9),
        town.order_body(frozen, payee, 1),
        {**town.order_body(payer, payee, 1), "payer_account_id": str(town.id())},
    ):
        await town.post("/v1/payments", body)
    assert await town.run_sql("SELECT id FROM payments.payment WHERE state = 'created'") == []
    assert await town.run_sql("SELECT payment_id FROM payments.decision WHERE checks = '[]'") == []
    town.later(days=30)
    await town.intake.end_due()
    waiting = await town.run_sql("SELECT id FROM payments.payment WHERE state IN ('challenged', 'authorised', 'held')")
    assert waiting == []
