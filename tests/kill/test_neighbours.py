"""One thing goes wrong: only the payments concerned suffer."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tests.kill.bank import MONEY, Bank
from tests.kill.wire import ReplyDropper
from tongbao.base.ids import uuid7
from tongbao_sim.client import Client

pytestmark = pytest.mark.timeout(120)


def order(payer: str, payee: str, amount: int = 100) -> bytes:
    return f'{{"payer_account_id":"{payer}","payee_account_id":"{payee}","amount":{amount},"currency":"CNY"}}'.encode()


async def pay_all(bank: Bank, bodies: list[bytes], ids: list[str] | None = None) -> list[tuple[int, float]]:
    """All at once; the status of each and how many seconds it took."""
    names = ids or [str(uuid7(datetime.now(UTC))) for _ in bodies]

    async def one(client: Client, body: bytes, name: str) -> tuple[int, float]:
        began = time.monotonic()
        status, _ = await client.post("/v1/payments", body, name)
        return status, time.monotonic() - began

    async with Client("127.0.0.1", bank.port, bank.key, 64, timeout_s=20) as client:
        return await asyncio.gather(*(one(client, body, name) for body, name in zip(bodies, names, strict=True)))


def balance(bank: Bank, account: str) -> int:
    return bank.get(f"/v1/accounts/{account}")["balance"]


def test_a_poison_item_fails_alone(bank: Bank) -> None:
    """A trigger stands for any accident that the code did not foresee: it raises for one reference only."""
    with psycopg.connect(bank.url, autocommit=True) as connection:
        connection.execute(
            """
            CREATE FUNCTION public.poison() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.reference = 'poison' THEN RAISE EXCEPTION 'poisoned'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER poison BEFORE INSERT ON payments.payment FOR EACH ROW EXECUTE FUNCTION public.poison();
            """
        )
    try:
        payer, payee, *others = bank.accounts
        poisoned = order(payer, payee).replace(b'"currency"', b'"reference":"poison","currency"')
        bodies = [order(others[n % 20], others[20 + n % 20]) for n in range(100)]
        answers = asyncio.run(pay_all(bank, [*bodies[:50], poisoned, *bodies[50:]]))
        assert answers[50][0] == 500
        assert [status for n, (status, _) in enumerate(answers) if n != 50] == [201] * 100
    finally:
        with psycopg.connect(bank.url, autocommit=True) as connection:
            connection.execute("DROP TRIGGER poison ON payments.payment; DROP FUNCTION public.poison()")
    assert bank.proof()["holds"]


def test_a_lock_held_by_a_stranger_delays_only_its_own_account(bank: Bank) -> None:
    """Somebody holds one account for five seconds: payments of it wait or are told to come back, all others go on."""
    held, payee, *others = bank.accounts

    async def story() -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        async def everybody_else() -> list[tuple[int, float]]:
            rounds: list[tuple[int, float]] = []
            await asyncio.sleep(0.5)
            for _ in range(5):
                rounds += await pay_all(bank, [order(others[n % 20], others[20 + n % 20]) for n in range(40)])
            return rounds

        concerned, rounds = await asyncio.gather(
            pay_all(bank, [order(held, payee) for _ in range(3)]), everybody_else()
        )
        return concerned, rounds

    with psycopg.connect(bank.url) as stranger:
        stranger.execute(
            "SELECT 1 FROM ledger.account WHERE id = (SELECT ledger_id FROM identity.account WHERE id = %s) FOR UPDATE",
            [held],
        )
        concerned, rounds = asyncio.run(story())
        stranger.rollback()
    assert {status for status, _ in rounds} == {201}
    assert {status for status, _ in concerned} <= {201, 503}
    assert asyncio.run(pay_all(bank, [order(held, payee)]))[0][0] == 201
    assert bank.proof()["holds"]


def test_a_dropped_reply_to_commit_is_looked_up_not_guessed(bank: Bank) -> None:
    """The connection dies after COMMIT was sent: the payment is there once and the client is told so."""
    payer, payee = bank.accounts[5], bank.accounts[6]
    before = balance(bank, payer)
    dropper = ReplyDropper(bank.cluster)
    bank.kill("api")
    url, bank.url = bank.url, dropper.url_for(bank.url)
    try:
        with dropper:
            bank.start("api")
            dropper.drop_next_commit_reply()
            answers = asyncio.run(pay_all(bank, [order(payer, payee, 700)]))
            assert dropper.dropped == 1
            assert [status for status, _ in answers] == [201]
            bank.kill("api")
    finally:
        bank.url = url
        bank.start("api")
    assert balance(bank, payer) == before - 700
    assert bank.proof()["holds"]


def test_money_of_the_city_is_still_all_there(bank: Bank) -> None:
    with psycopg.connect(bank.url) as connection:
        row: Any = connection.execute("SELECT sum(balance_minor) FROM ledger.account WHERE gl_line = '1040'").fetchone()
    assert row[0] == -MONEY * len(bank.accounts)
