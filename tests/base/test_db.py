"""The one lock order, what a savepoint gives back, retries, and what is known after a COMMIT whose answer was lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
from psycopg.errors import DivisionByZero, LockNotAvailable

from tongbao.base.batch import halving
from tongbao.base.db import BULK, CommitUnknown, Database, Limits, NotCommitted, Rank, Tx, database_gone
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOCK = "SELECT id FROM public.coin WHERE id = ANY(%(keys)s::int[]) ORDER BY id FOR UPDATE"


@pytest.fixture
async def coins(db: Database) -> Database:
    async with db.tx() as tx:
        await tx.run("CREATE TABLE public.coin (id int PRIMARY KEY, face text NOT NULL)")
        await tx.run("INSERT INTO public.coin SELECT n, 'heads' FROM generate_series(1, 9) AS n")
    return db


async def faces(db: Database) -> str:
    async with db.read() as tx:
        return "".join(face[0] for _, face in await tx.rows("SELECT id, face FROM public.coin ORDER BY id"))


async def flip(tx: Tx, coin: int) -> None:
    await tx.run("UPDATE public.coin SET face = 'tails' WHERE id = %(id)s", id=coin)


async def test_locks_are_taken_in_rank_order(coins: Database) -> None:
    async with coins.tx() as tx:
        assert await tx.lock(Rank.IDS, LOCK, [3, 1]) == [(1,), (3,)]
        await tx.lock(Rank.IDS, LOCK, [2])
        await tx.lock(Rank.HOLDS, LOCK, [4])
        for lower in (Rank.IDS, Rank.PAYMENTS, Rank.HOLDS):
            with pytest.raises(AssertionError, match=f"{lower.name} after rank HOLDS"):
                await tx.lock(lower, LOCK, [5])
        assert tx.statements_since_account_lock is None
        await tx.lock(Rank.ACCOUNTS, LOCK, [5])
        await flip(tx, 5)
        assert tx.statements_since_account_lock == 1


async def test_a_savepoint_gives_back_its_locks_only_when_it_fails(coins: Database) -> None:
    async with coins.tx() as tx:
        with pytest.raises(DivisionByZero):  # noqa: PT012
            async with tx.savepoint():
                await tx.lock(Rank.ACCOUNTS, LOCK, [1])
                await flip(tx, 1)
                await tx.run("SELECT 1 / 0")
        async with tx.savepoint():
            await tx.lock(Rank.PAYMENTS, LOCK, [2])
            await flip(tx, 2)
        with pytest.raises(AssertionError):
            await tx.lock(Rank.IDS, LOCK, [1])
    assert await faces(coins) == "hthhhhhhh"


async def test_an_error_leaves_nothing_behind(coins: Database) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with coins.tx() as tx:
            await flip(tx, 1)
            raise RuntimeError
    with pytest.raises(NotCommitted):  # noqa: PT012
        async with coins.tx() as tx:
            await flip(tx, 1)
            with pytest.raises(DivisionByZero):
                await tx.run("SELECT 1 / 0")
    assert await faces(coins) == "hhhhhhhhh"


async def test_a_cancelled_transaction_is_rolled_back_and_its_connection_lives_on(coins: Database) -> None:
    async def work() -> None:
        async with coins.tx() as tx:
            await flip(tx, 1)
            await tx.run("SELECT pg_sleep(30)")

    task = asyncio.create_task(work())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await faces(coins) == "hhhhhhhhh"
    async with coins.tx() as tx:
        await flip(tx, 1)
    assert await faces(coins) == "thhhhhhhh"


async def test_a_deadlock_is_tried_again(coins: Database) -> None:
    met = asyncio.Barrier(2)
    tries = 0

    async def cross(first: int, second: int) -> None:
        waited = False

        async def work(tx: Tx) -> None:
            nonlocal tries, waited
            tries += 1
            await flip(tx, first)
            if not waited:
                waited = True
                await met.wait()
            await flip(tx, second)

        await coins.retry(work)

    await asyncio.gather(cross(1, 2), cross(2, 1))
    assert tries >= 3
    assert await faces(coins) == "tthhhhhhh"


async def test_a_lock_that_is_not_to_be_had_is_busy_in_the_end(coins: Database) -> None:
    async with (
        Database(coins.url, limits=Limits(lock_ms=50, statement_ms=2000, idle_ms=5000)) as hasty,
        coins.tx() as tx,
    ):
        await flip(tx, 1)
        with pytest.raises(Refusal, match="busy") as refusal:
            await hasty.retry(lambda other: flip(other, 1))
        assert isinstance(refusal.value.__cause__, LockNotAvailable)
        assert refusal.value.kind.retryable


async def test_dead_connections_are_given_up_before_work_is_done_on_them(coins: Database) -> None:
    async def busy() -> None:
        async with coins.read() as tx:
            await tx.run("SELECT pg_sleep(0.05)")

    await asyncio.gather(*(busy() for _ in range(4)))
    async with await psycopg.AsyncConnection.connect(coins.url, autocommit=True) as stranger:
        await stranger.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    async with coins.tx() as tx:
        await flip(tx, 1)
    assert await faces(coins) == "thhhhhhhh"


async def test_limits_are_the_pools_own(coins: Database) -> None:
    async with Database(coins.url, limits=BULK) as bulk, bulk.read() as tx:
        assert await tx.row("SELECT current_setting('lock_timeout'), current_setting('TimeZone')") == ("2s", "UTC")
    async with coins.read() as tx:
        assert await tx.row("SELECT current_setting('lock_timeout')") == ("200ms",)


async def test_a_connection_lost_while_committing_is_neither_yes_nor_no(coins: Database) -> None:
    async with coins.tx() as tx:
        await tx.run(
            "CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_sleep(5); RETURN NULL; END'"
        )
        await tx.run(
            "CREATE CONSTRAINT TRIGGER lingers AFTER UPDATE ON public.coin DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION public.linger()"
        )
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        async with coins.tx() as tx:
            row = await tx.row("SELECT pg_backend_pid()")
            assert row is not None
            await flip(tx, 1)
            pid.set_result(row[0])

    task = asyncio.create_task(work())
    backend = await pid
    await asyncio.sleep(0.2)
    async with coins.read() as tx:
        await tx.run("SELECT pg_terminate_backend(%(pid)s::int)", pid=backend)
    with pytest.raises(CommitUnknown) as unknown:
        await task
    assert database_gone(unknown.value)


@asynccontextmanager
async def line_that_drops_replies_to_commit(url: str, directory: Path, drops: list[str]) -> AsyncIterator[str]:
    """A socket in front of the server's. While `drops` is not empty, each COMMIT is carried out but never answered."""
    asked = parse_qs(urlsplit(url).query)
    number = asked["port"][0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(f"{asked['host'][0]}/.s.PGSQL.{number}")
        deaf = False

        async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, outward: bool) -> None:
            nonlocal deaf
            while data := await source.read(65536):
                if outward and drops and b"COMMIT" in data:
                    drops.pop()
                    deaf = True
                if deaf and not outward:
                    break
                target.write(data)
            writer.close()
            there[1].close()

        await asyncio.gather(carry(reader, there[1], True), carry(there[0], writer, False), return_exceptions=True)

    server = await asyncio.start_unix_server(serve, directory / f".s.PGSQL.{number}")
    try:
        database = urlsplit(url).path
        yield f"postgresql://tongbao@{database}?host={quote(str(directory), safe='')}&port={number}"
    finally:
        server.close()


async def test_after_a_dropped_reply_the_ids_are_looked_up(coins: Database, tmp_path: Path) -> None:
    drops: list[str] = []
    async with (
        line_that_drops_replies_to_commit(coins.url, tmp_path, drops) as url,
        Database(url, size=2) as far,
    ):
        drops.append("once")
        with pytest.raises(CommitUnknown):
            async with far.tx() as tx:
                await flip(tx, 1)
        assert (await faces(coins))[0] == "t"

        async def claim(ids: list[int]) -> list[str]:
            async with far.tx() as tx:
                made = await tx.rows(
                    "INSERT INTO public.coin SELECT unnest(%(ids)s::int[]), 'edge' ON CONFLICT DO NOTHING RETURNING id",
                    ids=ids,
                )
            return ["made" if (i,) in made else "found" for i in ids]

        drops.append("once more")
        assert await halving(claim, [100, 101], lambda _, error: str(error)) == ["found", "found"]
    async with coins.read() as tx:
        assert await tx.row("SELECT count(*) FROM public.coin WHERE id >= 100") == (2,)
