"""Requests that meet are done together; idle, one waits for nobody; a bad one suffers alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.errors import DeadlockDetected, LockNotAvailable

from tongbao.base.batch import ITEM_FAILED, Batcher, halving
from tongbao.base.db import CommitUnknown, Database
from tongbao.base.refusal import Refusal, RefusalKind

if TYPE_CHECKING:
    from collections.abc import Hashable

NOT_TODAY = RefusalKind("not_today", 409, "Not today.", "今日不可。")


class Counter:
    """Doubles numbers; `gate` holds it up, `poison` spoils it, `locked` stands for accounts that a stranger holds."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.poison: set[int] = set()
        self.locked: set[int] = set()
        self.errors: list[Exception] = []

    async def double(self, items: list[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        if self.locked.intersection(item % 10 for item in items):
            await asyncio.sleep(0.02)
            raise LockNotAvailable
        if self.poison.intersection(items):
            raise ValueError("poison")
        return [2 * item for item in items]

    async def contended(self, items: list[int]) -> set[Hashable]:
        return {item % 10 for item in items if item % 10 in self.locked}


def failed(_: int, error: Exception) -> int:
    raise ITEM_FAILED() from error


def spoiled(item: int, _: Exception) -> int:
    return -item


async def outcome(batcher: Batcher[int, int], item: int) -> int | str:
    try:
        return await batcher.submit(item)
    except Refusal as refusal:
        return refusal.code


async def test_idle_one_waits_for_nobody() -> None:
    counter = Counter()
    batcher = Batcher(counter.double, failed=failed)
    assert await batcher.submit(21) == 42
    assert counter.batches == [[21]]


async def begun(batcher: Batcher[int, int], item: int) -> asyncio.Task[int]:
    """An item whose batch has started."""
    task = asyncio.create_task(batcher.submit(item))
    await asyncio.sleep(0.005)
    return task


async def test_busy_those_who_wait_go_together() -> None:
    counter = Counter()
    counter.gate.clear()
    batcher = Batcher(counter.double, failed=failed, in_flight=2, largest=5)
    waiters = [await begun(batcher, 0)]
    waiters += [asyncio.create_task(batcher.submit(n)) for n in range(1, 12)]
    await asyncio.sleep(0.01)
    # The second batch beside the first is a full one; what is left waits for one of them to end.
    assert counter.batches == [[0], [1, 2, 3, 4, 5]]
    assert batcher.waiting == 6
    counter.gate.set()
    assert await asyncio.gather(*waiters) == [2 * n for n in range(12)]
    assert counter.batches == [[0], [1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11]]


async def test_a_few_wait_a_moment_for_the_running_batch_and_then_go_beside_it() -> None:
    counter = Counter()
    counter.gate.clear()
    batcher = Batcher(counter.double, failed=failed, in_flight=2, largest=5)
    waiters = [await begun(batcher, 0), asyncio.create_task(batcher.submit(1))]
    await asyncio.sleep(0.005)
    assert counter.batches == [[0]]
    await asyncio.sleep(0.06)
    assert counter.batches == [[0], [1]]
    counter.gate.set()
    assert await asyncio.gather(*waiters) == [0, 2]


@given(st.integers(1, 60), st.sets(st.integers(0, 59)))
def test_only_the_culprits_suffer(size: int, poison: set[int]) -> None:
    async def story() -> None:
        counter = Counter()
        counter.poison = poison
        outcomes = await halving(counter.double, list(range(size)), spoiled)
        assert outcomes == [-n if n in poison else 2 * n for n in range(size)]

    asyncio.run(story())


async def test_halving_finds_one_among_many_in_few_steps() -> None:
    counter = Counter()
    counter.poison = {137}
    await halving(counter.double, list(range(200)), spoiled)
    assert len(counter.batches) <= 2 * 8 + 1


async def test_a_deadlock_is_tried_again_before_anything_is_halved() -> None:
    counter = Counter()
    counter.errors = [DeadlockDetected()]
    assert await halving(counter.double, [1, 2], spoiled) == [2, 4]
    assert counter.batches == [[1, 2], [1, 2]]


async def test_a_lost_database_is_busy_for_all_and_never_a_guess() -> None:
    for error in (CommitUnknown(), psycopg.OperationalError("server closed the connection")):
        counter = Counter()
        counter.errors = [error, error]
        outcomes = await halving(counter.double, [1, 2, 3], spoiled)
        assert [o.code for o in outcomes if isinstance(o, Refusal)] == ["busy"] * 3
        assert len(counter.batches) == 2


async def test_a_refusal_of_the_whole_batch_is_an_answer_not_an_accident() -> None:
    counter = Counter()
    counter.errors = [NOT_TODAY() for _ in range(3)]
    outcomes = await halving(counter.double, [1, 2], spoiled)
    assert [o.code for o in outcomes if isinstance(o, Refusal)] == ["not_today"] * 2


async def test_as_many_outcomes_as_items() -> None:
    async def forgetful(items: list[int]) -> list[int]:
        return items[1:]

    assert await halving(forgetful, [1, 2], spoiled) == [-1, -2]


async def test_a_full_room_says_so_and_when_to_come_back() -> None:
    counter = Counter()
    counter.gate.clear()
    batcher = Batcher(counter.double, failed=failed, in_flight=1, room=3)
    waiters = [await begun(batcher, 0)]
    waiters += [asyncio.create_task(batcher.submit(n)) for n in range(1, 4)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal, match="overloaded") as refusal:
        await batcher.submit(9)
    assert refusal.value.retry_after_s == 1
    assert refusal.value.kind.status == 429
    counter.gate.set()
    assert await asyncio.gather(*waiters) == [0, 2, 4, 6]


async def test_a_waiter_that_leaves_does_not_take_its_item_along() -> None:
    counter = Counter()
    counter.gate.clear()
    batcher = Batcher(counter.double, failed=failed, in_flight=1)
    leaver = await begun(batcher, 1)
    stayer = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0)
    leaver.cancel()
    counter.gate.set()
    assert await stayer == 4
    assert counter.batches == [[1], [2]]


async def test_draining_answers_everyone_and_lets_nobody_in() -> None:
    counter = Counter()
    batcher = Batcher(counter.double, failed=failed, in_flight=1, largest=2)
    waiters = [asyncio.create_task(batcher.submit(n)) for n in range(7)]
    await asyncio.sleep(0)
    await batcher.drain()
    assert [w.result() for w in waiters] == [2 * n for n in range(7)]
    assert await outcome(batcher, 1) == "overloaded"


async def test_what_a_stranger_holds_goes_to_the_slow_lane_and_the_others_go_on() -> None:
    counter = Counter()
    batcher = Batcher(
        counter.double,
        failed=failed,
        keys=lambda item: (item % 10,),
        contended=counter.contended,
        in_flight=1,
    )
    counter.locked = {7}
    first = [asyncio.create_task(batcher.submit(n)) for n in range(20)]
    done, _ = await asyncio.wait([first[n] for n in range(20) if n % 10 != 7])
    assert len(done) == 18
    assert not first[7].done()
    seen = len(counter.batches)
    late = asyncio.create_task(batcher.submit(27))
    assert await batcher.submit(28) == 56
    assert all(7 not in {n % 10 for n in b} for b in counter.batches[seen:] if 28 in b), (
        "neighbours do not meet it again"
    )
    counter.locked = set()
    assert await asyncio.gather(first[7], first[17], late) == [14, 34, 54]
    assert await batcher.submit(37) == 74
    assert counter.batches[-1] == [37]


async def test_a_stranger_who_stays_makes_only_his_own_wait_in_vain() -> None:
    counter = Counter()
    batcher = Batcher(
        counter.double, failed=failed, keys=lambda item: (item % 10,), contended=counter.contended, slow_room=3
    )
    counter.locked = {7}
    outcomes = await asyncio.gather(*(outcome(batcher, n) for n in [*range(10), 17, 27, 37, 47]))
    assert outcomes[:7] == [2 * n for n in range(7)]
    assert outcomes[8:10] == [16, 18]
    assert {outcomes[7], *outcomes[10:]} == {"busy"}
    assert max(len(b) for b in counter.batches) <= 14
    counter.locked = set()
    await batcher.drain()


async def test_nobody_waits_for_ever_when_even_the_answer_fails() -> None:
    counter = Counter()
    counter.poison = {3}
    batcher = Batcher(counter.double, failed=failed)
    assert await outcome(batcher, 3) == "item_failed"
    assert await outcome(batcher, 4) == 8


async def test_a_lock_that_a_stranger_holds_in_the_real_database(db: Database) -> None:
    async with db.tx() as tx:
        await tx.run("CREATE TABLE public.purse (id int PRIMARY KEY, coins int NOT NULL)")
        await tx.run("INSERT INTO public.purse SELECT n, 0 FROM generate_series(0, 19) AS n")

    async def put(items: list[int]) -> list[int]:
        async with db.tx() as tx:
            lock = "SELECT id FROM public.purse WHERE id = ANY(%(ids)s::int[]) ORDER BY id FOR UPDATE"
            await tx.rows(lock, ids=items)
            await tx.run("UPDATE public.purse SET coins = coins + 1 WHERE id = ANY(%(ids)s::int[])", ids=items)
        return items

    async def contended(items: list[int]) -> set[Hashable]:
        async with db.tx() as tx:
            skip = "SELECT id FROM public.purse WHERE id = ANY(%(ids)s::int[]) FOR UPDATE SKIP LOCKED"
            free = await tx.rows(skip, ids=items)
        return {item for item in items if (item,) not in free}

    batcher = Batcher(put, failed=failed, keys=lambda item: (item,), contended=contended, in_flight=1)
    async with await psycopg.AsyncConnection.connect(db.url) as stranger:
        await stranger.execute("SELECT id FROM public.purse WHERE id = 5 FOR UPDATE")
        waiters = [asyncio.create_task(outcome(batcher, n)) for n in range(20)]
        done, _ = await asyncio.wait(waiters, timeout=2, return_when=asyncio.ALL_COMPLETED)
        assert {w.result() for w in done} - {"busy"} == set(range(20)) - {5}
        await stranger.rollback()
    assert await waiters[5] in {5, "busy"}
    assert await batcher.submit(5) == 5
    await batcher.drain()
