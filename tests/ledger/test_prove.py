"""A ledger that has lived holds; each planted corruption is found, by its number and by its row."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.ledger.bank import DAY, Bank, check
from tongbao import ledger
from tongbao.base import days
from tongbao.base.clock import SystemClock
from tongbao.base.db import Database
from tongbao.base.prove import Finding, ProofRuns, prove

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tongbao.base.embedded import Cluster

PEOPLE = [f"p{n}" for n in range(8)]


async def live(bank: Bank) -> None:
    """Two closed days and an open one: people who pay each other, holds, a group limit, force, a reversal, value dates."""
    chance = Random(5)
    (group,) = await bank.open("group", gl_line="9010", floor_minor=-400)
    await bank.open(*PEOPLE)
    await bank.open("line1", "line2", floor_minor=-300, controls=(group,))
    await bank.open("usd", "position_usd", currency="USD", floor_minor=None)
    await bank.fund(**dict.fromkeys(PEOPLE, 500))
    for _ in range(2):
        await _day(bank, chance)
        await bank.close_day()
    await _day(bank, chance)


async def _day(bank: Bank, chance: Random) -> None:
    for _ in range(6):
        items: list[ledger.Item] = []
        for _ in range(10):
            a, b = chance.sample([*PEOPLE, "line1", "line2"], 2)
            items.append(bank.transfer((a, b, chance.randint(1, 90))))
        a, b, c = chance.sample(PEOPLE, 3)
        hold = bank.hold(a, 40)
        items += [
            hold,
            bank.transfer((a, b, 10), hold=hold.id, final=False),
            bank.transfer((a, b, 5), (b, c, 2), (c, a, 1), forced=ledger.Forced.FEE),
            bank.hold("line1", 3),
        ]
        await bank.do(*items)
    dollars = ledger.Posting(bank["position_usd"], bank["usd"], 7, "USD", DAY - timedelta(2))
    late = bank.transfer(("p0", "p1", 1), forced=ledger.Forced.CORRECTION)
    await check(bank, (ledger.Transfer(id=bank.id(), kind="exchange", postings=(dollars,)), "posted"), (late, "posted"))
    async with bank.db.tx() as tx:
        await ledger.reverse(tx, late.id, id=bank.id(), at=bank.at, reason="a mistake", forced=ledger.Forced.CORRECTION)
        # The floor of an account that has money set aside moves up.
    async with bank.db.tx() as tx:
        await ledger.set_floor(tx, bank["line1"], -250, bank.at)


@pytest.fixture(scope="module")
async def life(cluster: Cluster, template: str) -> AsyncIterator[Bank]:
    """A bank that has lived, to be copied."""
    url = await asyncio.to_thread(_database, cluster, "tongbao_lived", template)
    async with Database(url, size=4) as db:
        async with db.tx() as tx:
            await days.found(tx, DAY)
        bank = Bank(db)
        await live(bank)
    yield bank
    await asyncio.to_thread(_drop, cluster, "tongbao_lived")


@pytest.fixture
async def lived(cluster: Cluster, life: Bank) -> AsyncIterator[Bank]:
    """A copy of it for one test."""
    url = await asyncio.to_thread(_database, cluster, "tongbao_lived_copy", "tongbao_lived")
    async with Database(url, size=4) as db:
        bank = Bank(db)
        bank.names, bank.at = dict(life.names), life.at
        bank.bits = Random(11).getrandbits
        yield bank
    await asyncio.to_thread(_drop, cluster, "tongbao_lived_copy")


def _database(cluster: Cluster, name: str, template: str) -> str:
    name, template = _mine(name), template if template == "tongbao_template" else _mine(template)
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return cluster.url(name)


def _drop(cluster: Cluster, name: str) -> None:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
        conn.execute(f"DROP DATABASE {_mine(name)} WITH (FORCE)".encode())


def _mine(name: str) -> str:
    return f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


async def proof(bank: Bank, *, full: bool = False) -> list[Finding]:
    done = await prove(bank.db, ledger.CHECKS, SystemClock(), full=full)
    return [finding for one in done for finding in one.findings]


async def corrupt(bank: Bank, *statements: str) -> None:
    async with bank.db.tx() as tx:
        for statement in statements:
            assert await tx.run(statement.encode()) != 0  # type: ignore[arg-type]


async def rows_of(bank: Bank, query: str) -> list[tuple]:
    async with bank.db.read() as tx:
        return await tx.rows(query.encode())  # type: ignore[arg-type]


async def test_a_lived_in_ledger_holds_and_goes_on_from_where_it_was_proved(lived: Bank) -> None:
    assert await proof(lived) == []
    done = await prove(lived.db, ledger.CHECKS, SystemClock())
    assert {one.name: one.rows for one in done if one.name in ("entries", "transfers")} == {
        "entries": 0,
        "transfers": 0,
    }
    await _day(lived, Random(6))
    await lived.close_day()
    assert await proof(lived) == []
    assert await proof(lived, full=True) == []


async def test_an_empty_ledger_holds(bank: Bank) -> None:
    assert await proof(bank) == []


async def test_proof_beside_traffic_holds(lived: Bank) -> None:
    traffic = asyncio.create_task(_traffic(lived))
    for _ in range(4):
        assert await proof(lived) == []
        assert await proof(lived, full=True) == []
    traffic.cancel()


async def _traffic(bank: Bank) -> None:
    while True:
        await bank.do(
            *(bank.transfer(("p0", "p1", 1)) for _ in range(20)), *(bank.transfer(("p1", "p0", 1)) for _ in "ab")
        )


async def test_two_proofs_do_not_run_at_once(bank: Bank) -> None:
    async with bank.db.read() as tx:
        await tx.rows("SELECT pg_try_advisory_lock(hashtext('tongbao prove'))")
        with pytest.raises(ProofRuns):
            await proof(bank)
        await tx.rows("SELECT pg_advisory_unlock(hashtext('tongbao prove'))")


LAST = "id = (SELECT max(id) FROM ledger.posting WHERE currency = 'CNY')"
FIFTH = "id = (SELECT id FROM ledger.posting ORDER BY id OFFSET 4 LIMIT 1)"

CORRUPTIONS = {
    "a changed amount": ("L2", f"UPDATE ledger.posting SET amount_minor = amount_minor + 1 WHERE {FIFTH}"),
    "a changed balance after": ("L2", f"UPDATE ledger.posting SET credit_balance = credit_balance - 1 WHERE {FIFTH}"),
    "the last balance after": ("L2", f"UPDATE ledger.posting SET debit_balance = debit_balance - 1 WHERE {LAST}"),
    "a missing posting": ("L1", f"DELETE FROM ledger.posting WHERE {FIFTH}"),
    "the last posting gone": ("L5", f"DELETE FROM ledger.posting WHERE {LAST}"),
    "a swapped version": ("L1", f"UPDATE ledger.posting SET debit_version = debit_version + 10000 WHERE {FIFTH}"),
    "a posting turned round": ("L1", f"UPDATE ledger.posting SET debit = credit, credit = debit WHERE {FIFTH}"),
    "a posting on nobody": ("L3", f"UPDATE ledger.posting SET credit = 999999999 WHERE {FIFTH}"),
    "a wrong currency": ("L3", f"UPDATE ledger.posting SET currency = 'USD' WHERE {FIFTH}"),
    "another day": (
        "L4",
        "UPDATE ledger.transfer SET booking_date = booking_date + 1 "
        f"WHERE id = (SELECT transfer_id FROM ledger.posting WHERE {FIFTH})",
    ),
    "a posting without its transfer": (
        "L4", f"DELETE FROM ledger.transfer WHERE id = (SELECT transfer_id FROM ledger.posting WHERE {FIFTH})",
    ),
    "a transfer without postings": (
        "L5",
        "INSERT INTO ledger.transfer (id, kind, booking_date, recorded_at, postings) "
        "SELECT gen_random_uuid(), 'payment', booking_date, recorded_at, 1 FROM ledger.transfer LIMIT 1",
    ),
    "a transfer that says it had one more": (
        "L5",
        "UPDATE ledger.transfer SET postings = postings + 1 "
        f"WHERE id = (SELECT transfer_id FROM ledger.posting WHERE {FIFTH})",
    ),
    "a stored version": ("L6", "UPDATE ledger.account SET version = version + 1 WHERE id = (SELECT min(id) + 1 FROM ledger.account)"),
    "a stored balance": (
        "L7", "UPDATE ledger.account SET balance_minor = balance_minor + 1 WHERE id = (SELECT min(id) + 1 FROM ledger.account)",
    ),
    "held money": (
        "L8", "UPDATE ledger.account SET held_minor = held_minor + 1, excess_minor = greatest(0, floor_minor - balance_minor + held_minor + 1) "
        "WHERE id = (SELECT min(id) + 1 FROM ledger.account)",
    ),
    "a hold": ("L8", "DELETE FROM ledger.hold WHERE id = (SELECT id FROM ledger.hold WHERE left_minor > 0 LIMIT 1)"),
    "a hold on nobody": ("L8", "UPDATE ledger.hold SET account_id = 999999999 WHERE id = (SELECT id FROM ledger.hold LIMIT 1)"),
    "a control account": ("L9", "UPDATE ledger.account SET balance_minor = balance_minor + 1 WHERE gl_line = '9010'"),
    "too much excess": ("L10", "UPDATE ledger.account SET excess_minor = excess_minor + 1 WHERE id = (SELECT min(id) + 1 FROM ledger.account)"),
    "money out of nothing": (
        "L11", "UPDATE ledger.account SET balance_minor = balance_minor + 1 WHERE gl_line = '1010'",
    ),
    "a closed trial balance": (
        "L13", "UPDATE ledger.trial_balance SET debits_minor = debits_minor + 1 WHERE gl_line = '2010' AND currency = 'CNY' "
        "AND booking_date = (SELECT min(booking_date) FROM ledger.trial_balance)",
    ),
    "a line of a trial balance": (
        "L13", "DELETE FROM ledger.trial_balance WHERE currency = 'USD' AND gl_line = '2010' "
        "AND booking_date = (SELECT max(booking_date) FROM ledger.trial_balance)",
    ),
    "a value-dated sum": (
        "L14", "UPDATE ledger.day_balance SET credits_minor = credits_minor + 1 WHERE (account_id, value_date) = "
        "(SELECT account_id, value_date FROM ledger.day_balance ORDER BY 1 DESC, 2 LIMIT 1)",
    ),
    "an index on a balance": ("L15", "CREATE INDEX by_balance ON ledger.account (balance_minor)"),
}  # fmt: skip


@pytest.mark.parametrize("what", CORRUPTIONS)
async def test_finds(lived: Bank, what: str) -> None:
    number, statement = CORRUPTIONS[what]
    fifth = (await rows_of(lived, f"SELECT id, transfer_id, debit, credit FROM ledger.posting WHERE {FIFTH}"))[0]
    await corrupt(lived, statement)
    found = await proof(lived)
    assert number in {finding.invariant for finding in found}, found
    if FIFTH in statement:
        keys = " ".join(f"{finding.key} {finding.expected}" for finding in found)
        assert str(fifth[0]) in keys or str(fifth[1]) in keys or f"account={fifth[2]} " in keys, found
    assert await proof(lived) == found or number == "L15", "what is wrong is found again"


async def test_finds_a_posting_that_was_slipped_into_a_closed_day(lived: Bank) -> None:
    await corrupt(
        lived,
        f"UPDATE ledger.transfer SET booking_date = '{DAY}' WHERE id = (SELECT transfer_id FROM ledger.posting WHERE {LAST})",
        f"UPDATE ledger.posting SET booking_date = '{DAY}' WHERE {LAST}",
    )
    assert {finding.invariant for finding in await proof(lived)} >= {"L12"}


async def test_finds_sums_that_stand_on_the_wrong_accounts(lived: Bank) -> None:
    (first, _), (second, _) = await rows_of(
        lived,
        "SELECT account_id, credits_minor FROM ledger.day_balance WHERE value_date = "
        f"'{DAY}' AND account_id IN ({lived['p0']}, {lived['p1']}) ORDER BY 1",
    )
    await corrupt(
        lived,
        f"UPDATE ledger.day_balance SET credits_minor = credits_minor + 1 WHERE value_date = '{DAY}' AND account_id = {first}",
        f"UPDATE ledger.day_balance SET credits_minor = credits_minor - 1 WHERE value_date = '{DAY}' AND account_id = {second}",
    )
    found = await proof(lived)
    assert [finding.invariant for finding in found] == ["L14", "L14"]
    assert [f"account_id={a} value_date={DAY}" for a in (first, second)] == [finding.key for finding in found]


async def test_an_old_row_that_changes_after_it_was_proved_is_found_by_a_full_proof(lived: Bank) -> None:
    assert await proof(lived) == []
    await corrupt(lived, CORRUPTIONS["a changed amount"][1])
    assert await proof(lived) == []
    assert {finding.invariant for finding in await proof(lived, full=True)} >= {"L2"}


async def test_a_transaction_that_is_late_is_not_stepped_over(lived: Bank) -> None:
    async with lived.db.tx() as slow:
        await ledger.post(slow, [lived.transfer(("p0", "p1", 1), forced=ledger.Forced.FEE)], lived.at)
        await lived.do(lived.transfer(("p2", "p3", 1)))
        proving = asyncio.create_task(proof(lived))
        await asyncio.sleep(0.5)
        assert not proving.done()
    assert await proving == []
    assert await days.close(lived.db, (await _open(lived)))
    assert await proof(lived) == []


async def _open(bank: Bank) -> object:
    async with bank.db.read() as tx:
        return (await days.current(tx)).open_date
