"""A proof that somebody asks for: one at a time, watched while it runs, and gone on with by whoever comes next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.console.house import House, opened
from tongbao import console, ledger
from tongbao.base import proofs, prove
from tongbao.base.db import Database
from tongbao.base.jobs import JobContext
from tongbao.base.proofs import ProofRun
from tongbao.console.jobs import prove_when_asked


@pytest.fixture
async def house(fresh_database: str) -> AsyncIterator[House]:
    async with opened(fresh_database) as house:
        ann, bob = await house.person(10_000), await house.person(10_000)
        for _ in range(4):
            await house.pay(ann.id, bob.id, 100)
        yield house


async def ask(house: House, id: UUID | None = None, *, is_full: bool = False) -> ProofRun:
    async with house.db.tx() as tx:
        return await proofs.ask(tx, house.bank, id=id or house.id(), is_full=is_full, at=house.at)


async def run(house: House) -> ProofRun | None:
    return await proofs.run_asked(house.db, console.CHECKS, house.clock, ledger.proved_postings)


async def test_it_says_what_holds_and_how_much_of_it(house: House) -> None:
    assert await run(house) is None, "nobody has asked"
    asked = await ask(house)
    assert asked.is_open
    done = await run(house)
    assert done is not None
    assert (done.id, done.holds, done.found, done.trouble) == (asked.id, True, 0, None)
    assert done.postings == 6, "two top-ups and four payments"
    assert {number for check in done.checks for number in check.invariants} == {
        number for check in console.CHECKS for number in check.invariants
    }
    assert done.rows > 6
    assert await run(house) is None


async def test_asked_twice_it_is_one_proof(house: House) -> None:
    first = await ask(house)
    assert (await ask(house)).id == first.id, "one is open, and that is the answer"
    assert (await ask(house, first.id)).id == first.id
    await run(house)
    assert (await ask(house, first.id)).ended_at is not None, "the form sent again asks for nothing new"
    second = await ask(house)
    assert second.id != first.id
    assert [subject for subject, _ in await house.audited("books.prove")] == [str(first.id), str(second.id)]


async def test_the_next_one_looks_at_what_is_new_and_one_from_the_beginning_at_all(house: House) -> None:
    await ask(house)
    first = await run(house)
    await ask(house)
    second = await run(house)
    await ask(house, is_full=True)
    third = await run(house)
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.checks[0].rows == third.checks[0].rows == 12
    assert second.checks[0].rows == 0
    assert first.postings == second.postings == third.postings == 6


async def test_what_is_wrong_is_named(house: House) -> None:
    await house.run_sql("UPDATE ledger.account SET balance_minor = balance_minor + 1 WHERE gl_line = '2010'")
    await ask(house)
    done = await run(house)
    assert done is not None
    assert not done.holds
    assert {finding.invariant for finding in done.findings} == {"L7", "L11"}
    assert done.found == len(done.findings) == 3


async def test_while_another_proof_is_at_work_it_waits(house: House) -> None:
    asked = await ask(house)
    async with Database(house.db.url, size=1) as other, other.read() as tx:
        assert await tx.rows(prove.Q["only_prover"]) == [(True,)]
        assert await run(house) is None
        async with house.db.read() as mine:
            waiting = await proofs.newest(mine)
        assert waiting is not None
        assert (waiting.id, waiting.began_at, waiting.is_open) == (asked.id, None, True)
        await tx.rows(prove.Q["proof_over"])
    done = await run(house)
    assert done is not None
    assert done.holds


async def test_what_cannot_be_proved_is_said_and_the_next_one_can_be_asked_for(house: House) -> None:
    await house.run_sql("ALTER TABLE merchants.fee_rate RENAME TO gone")
    asked = await ask(house)
    done = await run(house)
    assert done is not None
    assert not done.holds
    assert not done.is_open
    assert done.trouble is not None
    assert "fee_rate" in done.trouble
    assert done.checks[0].name == "entries", "what was proved before stays proved"
    assert (await ask(house)).id != asked.id


async def test_a_worker_proves_what_is_asked_for_and_ends_when_told(house: House) -> None:
    context, stop = JobContext(house.db, house.clock, house.settings), asyncio.Event()
    worker = asyncio.create_task(prove_when_asked(context, stop))
    now = asked = await ask(house)
    for _ in range(1200):
        async with house.db.read() as tx:
            now = await proofs.newest(tx, asked.id) or asked
        if not now.is_open:
            break
        await asyncio.sleep(0.05)
    assert now.holds
    stop.set()
    await worker


async def test_a_proof_that_was_cut_short_is_gone_on_with(house: House) -> None:
    asked = await ask(house)
    async with Database(house.db.url, size=1) as other, other.tx() as tx:
        # Somebody's transaction keeps the proof from its end: it waits for whoever may still write.
        await tx.rows("SELECT pg_current_xact_id()")
        cut = asyncio.create_task(run(house))
        while True:
            async with house.db.read() as mine:
                now = await proofs.newest(mine, asked.id)
            assert now is not None
            if now.began_at is not None:
                break
            await asyncio.sleep(0.05)
        assert now.check_name == "entries"
        cut.cancel()
        assert isinstance((await asyncio.gather(cut, return_exceptions=True))[0], asyncio.CancelledError)
    done = await run(house)
    assert done is not None
    assert (done.id, done.holds, done.postings) == (asked.id, True, 6)
