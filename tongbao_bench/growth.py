"""How look-ups and proof behave as history grows: the same questions at each size, of an account with few entries and of one
with a tenth of them all.
"""

from __future__ import annotations

import os
import random
import time
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from tongbao import ledger
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.prove import prove
from tongbao_bench.history import DEEP, FIRST_DAY, PEOPLE, ROUND, History
from tongbao_bench.own_database import settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tongbao.base.db import Tx

STEPS = 8
QUESTIONS = 100


async def bench(url: str, entries: int, *, said: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Grows to about `entries` entries in eight business days, asks at each size, and proves all of it at the end."""
    history = History(url)
    await history.found()
    sizes: list[dict[str, Any]] = []
    began = time.perf_counter()
    rounds = max(STEPS, round(entries / (2 * ROUND)))
    for step in range(STEPS):
        await history.grow(rounds * (step + 1) // STEPS - rounds * step // STEPS, said)
        sizes.append(await ask(url, history))
    loaded = time.perf_counter() - began
    proofs = {kind: await proved(url, kind, said) for kind in ("from_the_beginning", "again")}
    first, last = sizes[0], sizes[-1]
    return {
        "entries": history.entries,
        "load_s": round(loaded, 1),
        "prove_s": proofs["from_the_beginning"]["seconds"],
        "prove_again_s": proofs["again"]["seconds"],
        "slope": {name: round(last[name] / first[name], 2) for name in last if name.endswith("_ms")},
        "sizes": sizes,
        "proofs": proofs,
        "settings": settings(url),
        "cores": os.cpu_count(),
    }


async def ask(url: str, history: History) -> dict[str, Any]:
    """Median milliseconds of each question at this size."""
    chance = random.Random(0)
    end = history.start() + timedelta(microseconds=100 * history.rounds * ROUND)
    deep_versions = 2 * DEEP * history.rounds

    async def page(tx: Tx) -> None:
        assert await ledger.entries(tx, history.person + chance.randrange(PEOPLE), most=50)

    async def deep_page(tx: Tx) -> None:
        assert len(await ledger.entries(tx, history.payer, below=chance.randint(51, deep_versions), most=50)) == 50

    async def deep_day(tx: Tx) -> None:
        day = FIRST_DAY + timedelta(chance.randrange((history.day - FIRST_DAY).days))
        assert await ledger.entries(tx, history.payer, first=day, last=day, most=50)

    async def balance(tx: Tx) -> None:
        at = end - chance.random() * (end - history.first_moment)
        await ledger.balance_at(tx, history.payer, at)

    async def value(tx: Tx) -> None:
        await ledger.balance_on_value_date(tx, history.payer, history.day)

    async with Database(url, limits=BULK) as db:
        return {
            "entries": history.entries,
            "page_ms": await timed(db, page),
            "deep_page_ms": await timed(db, deep_page),
            "deep_day_ms": await timed(db, deep_day),
            "deep_balance_at_ms": await timed(db, balance),
            "deep_value_date_ms": await timed(db, value),
        }


async def timed(db: Database, question: Callable[[Tx], Awaitable[None]]) -> float:
    took: list[float] = []
    async with db.read() as tx:
        for n in range(QUESTIONS + 10):
            began = time.perf_counter()
            await question(tx)
            if n >= 10:
                took.append(1000 * (time.perf_counter() - began))
    return round(median(took), 3)


async def proved(url: str, kind: str, said: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of a proof, and of each of its checks. Raises AssertionError where it does not hold."""
    async with Database(url, limits=BULK, size=4) as db:
        began = time.perf_counter()
        done = await prove(
            db, ledger.CHECKS, SystemClock(), on_progress=lambda n, a, b: said(f"proving {kind}: {n} {a:,} of {b:,}")
        )
        seconds = time.perf_counter() - began
    assert not any(check.findings for check in done), done
    return {"seconds": round(seconds, 1), "checks": {check.name: check.milliseconds for check in done}}
