"""Two hundred at once: exactly as many tries as are allowed reach the comparison."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyotp.totp import TOTP

from tests.identity.conftest import World
from tongbao import identity
from tongbao.base import days
from tongbao.base.db import Database, Limits, Tx
from tongbao.base.embedded import TEST, Cluster
from tongbao.base.migrate import migrate
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.identity import CodePurpose, FactorKind, Guarded, tries
from tongbao.identity.model import lock_after

MANY = 200
_SEEDS = itertools.count(1)
_PATIENT = Limits(lock_ms=300_000, statement_ms=300_000, idle_ms=300_000)
HASH = identity.hash_password("271813", bytes(16))


@pytest.fixture(scope="module")
def roomy() -> Iterator[str]:
    """URL of a bank on a server that takes two hundred connections at once."""
    memory = Path("/dev/shm")
    directory = Path(tempfile.mkdtemp(prefix="tongbao-crowd-", dir=memory if memory.is_dir() else None))
    cluster = Cluster(directory, {**TEST, "max_connections": str(MANY + 20), "shared_buffers": "64MB"})
    try:
        cluster.start()
        url = cluster.ensure_database("crowd")
        migrate(url)
        asyncio.run(_found(url))
        yield url
    finally:
        cluster.stop("immediate")
        shutil.rmtree(directory, ignore_errors=True)


async def _found(url: str) -> None:
    async with Database(url, size=1) as db, db.tx() as tx:
        await days.found(tx, date(2026, 11, 23))


@pytest.fixture
async def crowd(roomy: str) -> AsyncIterator[World]:
    """The bank, with a connection for each of them; they wait for each other's locks as long as it takes."""
    async with Database(roomy, size=MANY + 4, limits=_PATIENT) as db:
        world = World(db)
        world.chance.seed(next(_SEEDS))
        yield world


async def at_once(world: World, verb: Callable[[Tx], Awaitable[Any]]) -> list[Any]:
    """What the verb answers each of two hundred transactions, all of which are open before the first one asks."""
    turn, ready = asyncio.Lock(), asyncio.Barrier(MANY)

    async def one() -> Any:
        async with AsyncExitStack() as stack:
            async with turn:  # so that nobody waits for more than one new connection
                tx = await stack.enter_async_context(world.db.tx())
            await ready.wait()
            return await verb(tx)

    return await asyncio.gather(*(one() for _ in range(MANY)))


def said(answers: list[Any]) -> Counter[str]:
    return Counter(answer.code if isinstance(answer, Refusal) else type(answer).__name__ for answer in answers)


async def test_two_hundred_tries_at_a_pin(crowd: World) -> None:
    customer = await crowd.customer()
    async with crowd.db.tx() as tx:
        await identity.set_pin(tx, customer.id, HASH, by=SYSTEM, at=crowd.at)

    async def enter(tx: Tx) -> Guarded | Refusal:
        return await identity.attempt(tx, customer.id, FactorKind.PIN, at=crowd.at)

    answers = await at_once(crowd, enter)
    assert said(answers) == {"Guarded": 5, "factor_locked": MANY - 5}
    assert {a.retry_after_s for a in answers if isinstance(a, Refusal)} == {5}
    for wait_s in (5, 10, 20):
        crowd.clock.tick(timedelta(seconds=wait_s))
        assert said(await at_once(crowd, enter)) == {"Guarded": 1, "factor_locked": MANY - 1}, "one after each wait"


async def test_two_hundred_tries_at_a_code(crowd: World) -> None:
    customer, code_id = await crowd.customer(), crowd.id()
    async with crowd.db.tx() as tx:
        sent = await identity.new_code(
            tx,
            id=code_id,
            purpose=CodePurpose.LOGIN,
            subject_id=customer.id,
            phone=f"+86139{crowd.chance.randrange(10**8):08}",
            code="314150",
            at=crowd.at,
        )
    assert sent is None

    async def guess(tx: Tx) -> Any:
        return await identity.check_code(tx, code_id, "314151", purpose=CodePurpose.LOGIN, at=crowd.at)

    assert said(await at_once(crowd, guess)) == {"code_wrong": 5, "code_locked": MANY - 5}
    async with crowd.db.tx() as tx:
        right = await identity.check_code(tx, code_id, "314150", purpose=CodePurpose.LOGIN, at=crowd.at)
    assert said([right]) == {"code_locked": 1}, "the right one comes too late"


async def test_two_hundred_with_the_right_code(crowd: World) -> None:
    customer, code_id = await crowd.customer(), crowd.id()
    async with crowd.db.tx() as tx:
        await identity.new_code(
            tx,
            id=code_id,
            purpose=CodePurpose.PAY,
            subject_id=customer.id,
            phone=f"+86137{crowd.chance.randrange(10**8):08}",
            code="314150",
            at=crowd.at,
        )

    async def enter(tx: Tx) -> Any:
        return await identity.check_code(tx, code_id, "314150", purpose=CodePurpose.PAY, at=crowd.at)

    assert said(await at_once(crowd, enter)) == {"Checked": 1, "code_used": MANY - 1}


async def test_two_hundred_ask_for_a_code_for_one_telephone(crowd: World) -> None:
    phone = f"+86136{crowd.chance.randrange(10**8):08}"

    async def ask(tx: Tx) -> Any:
        return await identity.new_code(
            tx,
            id=crowd.id(),
            purpose=CodePurpose.REGISTER,
            subject_id=crowd.id(),
            phone=phone,
            code="314150",
            at=crowd.at,
        )

    answers = await at_once(crowd, ask)
    assert said(answers) == {"NoneType": 1, "code_too_soon": MANY - 1}
    assert {a.retry_after_s for a in answers if isinstance(a, Refusal)} == {60}


async def test_two_hundred_tries_at_an_authenticator_app(crowd: World) -> None:
    customer, seed = await crowd.customer(), identity.fresh_seed(crowd.chance.randbytes)
    app = TOTP(seed)
    async with crowd.db.tx() as tx:
        await identity.begin_totp(tx, customer.id, seed, by=SYSTEM, at=crowd.at)
        assert await identity.confirm_totp(tx, customer.id, app.at(crowd.at), by=SYSTEM, at=crowd.at) is None
    crowd.clock.tick(timedelta(seconds=60))
    right = app.at(crowd.at)
    wrong = f"{(int(right) + 1) % 10**6:06}"

    async def enter(tx: Tx, code: str) -> Any:
        return await identity.check_totp(tx, customer.id, code, at=crowd.at)

    guesses = await at_once(crowd, lambda tx: enter(tx, wrong))
    assert said(guesses) == {"factor_wrong": 5, "factor_locked": MANY - 5}
    crowd.clock.tick(timedelta(seconds=5))
    answers = said(await at_once(crowd, lambda tx: enter(tx, app.at(crowd.at))))
    assert answers == {"NoneType": 1, "code_used": 5, "factor_locked": MANY - 6}, (
        "one is let in; the others were too late"
    )


async def test_waits_grow_to_an_hour_and_a_quiet_day_forgives(world: World) -> None:
    guarded = tries.guarding("test", world.id().hex)
    waits = []
    for _ in range(18):
        async with world.db.tx() as tx:
            assert isinstance(await tries.take(tx, guarded, at=world.at), int)
        async with world.db.tx() as tx:
            shut = await tries.take(tx, guarded, at=world.at)
            if isinstance(shut, tries.Shut):
                waits.append(shut.retry_after_s)
                world.clock.tick(timedelta(seconds=shut.retry_after_s))
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 3600
    world.clock.tick(timedelta(days=1))
    async with world.db.tx() as tx:
        assert await tries.take(tx, guarded, at=world.at) == 1


async def test_a_wait_is_said_in_whole_seconds_and_never_too_short(world: World) -> None:
    guarded = tries.guarding("test", world.id().hex)
    for _ in range(5):
        async with world.db.tx() as tx:
            await tries.take(tx, guarded, at=world.at)
    world.clock.tick(timedelta(milliseconds=4200))
    async with world.db.tx() as tx:
        assert await tries.take(tx, guarded, at=world.at) == tries.Shut(1)


async def test_a_try_that_was_given_up_before_its_commit_was_none(world: World) -> None:
    guarded = tries.guarding("test", world.id().hex)
    with suppress(asyncio.CancelledError):
        async with world.db.tx() as tx:
            await tries.take(tx, guarded, at=world.at)
            raise asyncio.CancelledError
    async with world.db.tx() as tx:
        assert await tries.take(tx, guarded, at=world.at) == 1


def test_what_is_guarded_cannot_be_mistaken_for_something_else() -> None:
    assert tries.guarding("a", "bc") != tries.guarding("ab", "c")


@pytest.mark.parametrize(
    ("number", "wait_s"), [(1, None), (4, None), (5, 5), (6, 10), (14, 2560), (15, 3600), (10**6, 3600)]
)
def test_how_long_a_wait_is(number: int, wait_s: int | None) -> None:
    assert lock_after(number) == (None if wait_s is None else timedelta(seconds=wait_s))
