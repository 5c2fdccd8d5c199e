"""What judging a payment costs: features recalled, a model and rules asked, the judgement remembered; in batches, and of one alone.

A memory of many payments over ninety days stands in a database of its own; nothing else runs. Processor time is this process's and its database
connection's together (`/proc`, Linux), so that neighbours count less than by the clock. Garbage is collected as rarely as in a process that serves.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from uuid import UUID

from tongbao import risk
from tongbao.base import days, garbage, ids, partitions
from tongbao.base.db import Database
from tongbao.risk.catalogue import VERSION
from tongbao.risk.models_trees import UNIT, Model, Tree
from tongbao_bench import payments
from tongbao_bench.own_database import settings

REMEMBERED: Final = 200_000
DAYS: Final = 90
PAYERS, SHOPS, DEVICES = 5_000, 300, 5_500
BATCH: Final = 200
BATCHES: Final = 50
LONE: Final = 500
TREES, DEPTH = 100, 4
_OWN: Final[dict[str, int | bool | str | None]] = {
    "currency": "CNY",
    "kind": "payment",
    "method": "qr",
    "hour": 12,
    "is_weekend": False,
    "is_night": False,
    "device_known": True,
    "payee_known": True,
    "account_age": 90 * risk.DAY,
    "factors_changed": None,
    "level": 2,
}


class Spent:
    """Seconds of processor time by part, of this process and of the database's."""

    def __init__(self, backend: int) -> None:
        self._backend = Path(f"/proc/{backend}/stat")
        self._tick = os.sysconf("SC_CLK_TCK")
        self.own: dict[str, float] = {}
        self.database: dict[str, float] = {}

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        own, database = time.process_time(), self._of_backend()
        yield
        self.own[part] = self.own.get(part, 0.0) + time.process_time() - own
        self.database[part] = self.database.get(part, 0.0) + self._of_backend() - database

    def _of_backend(self) -> float:
        user, system = self._backend.read_text("ascii").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / self._tick

    def us(self, payments: int) -> dict[str, float]:
        """Microseconds a payment by part."""
        parts = {f"{part}_us": seconds for part, seconds in self.own.items()}
        parts |= {f"{part}_database_us": seconds for part, seconds in self.database.items()}
        return {name: round(seconds / payments * 1e6, 1) for name, seconds in parts.items()}


def bench(url: str, said: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """`batch_cpu_ms_per_payment`: all that a decision costs in a batch, the sum of the parts; of each part `*_us`, microseconds a payment of
    this process, and `*_database_us`, of its connection. `rule_us`: of one rule; `model_row_us`: of the model, by row. `single_*`: a lone
    decision from the question to the answer. `*_per_s`: by the clock.
    """
    return asyncio.run(_bench(url, said))


async def _bench(url: str, said: Callable[[str], None]) -> dict[str, Any]:
    chance, at = random.Random(1), datetime.now(UTC).replace(microsecond=0)
    async with Database(url, size=1) as db:
        said("filling the memory")
        await _fill(db, chance, at)
        await payments.make_rules(db, at)
        async with db.read() as tx:
            rules = await risk.RulesInForce(time.perf_counter_ns).rules(tx, at=at)
            [(backend,)] = await tx.rows("SELECT pg_backend_pid()")
        models = risk.Models({risk.ModelRole.CHAMPION: (1, _model(chance))}, ticks=time.perf_counter_ns)
        judges = Judges(rules, models)
        garbage.rarely()
        said("in batches")
        batched = await _batched(db, chance, judges, at, backend)
        said("one by one")
        lone = await _lone(db, chance, judges, at)
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "settings": settings(url),
        "remembered": REMEMBERED,
        "features": len(risk.CATALOGUE),
        "rules": len(rules),
        "trees": TREES,
        "batch": BATCH,
        **batched,
        **lone,
    }


async def _fill(db: Database, chance: random.Random, at: datetime) -> None:
    """Payments of ninety days, a batch at a time, each remembered without features and rolled."""
    async with db.tx() as tx:
        await days.found(tx, at.date())
        for month in {(at - timedelta(days=n)).date().replace(day=1) for n in range(DAYS + 1)}:
            await partitions.ensure(tx, month)
    unknown = (None,) * len(risk.CATALOGUE)
    for number in range(REMEMBERED // 500):
        then = at - timedelta(days=DAYS) * (1 - number / (REMEMBERED // 500))
        some = [_made_up(chance, then) for _ in range(500)]
        seen = risk.Seen("1:1:", 1, {one.id: unknown for one in some})
        async with db.tx() as tx:
            risk.remember(tx, some, seen, {}, at=then)
    while await _rolled(db, at):
        pass
    async with db.tx() as tx:
        await tx.conn.execute("ANALYZE")


async def _rolled(db: Database, at: datetime) -> bool:
    async with db.tx() as tx:
        return bool(await risk.roll(tx, at=at))


def _party(kind: int, number: int) -> UUID:
    return ids.derived(ids.NAMESPACE, f"bench risk {kind} {number}")


_PARTIES: Final = {
    kind: [_party(kind, number) for number in range(count)] for kind, count in ((1, PAYERS), (2, SHOPS), (3, DEVICES))
}


def _made_up(chance: random.Random, at: datetime) -> risk.Asked:
    """A few shops take much of the trade, some kilometres from one another."""
    shop = int(chance.paretovariate(0.7)) % SHOPS
    return risk.Asked(
        id=ids.uuid7(at),
        payer=_PARTIES[1][chance.randrange(PAYERS)],
        payee=_PARTIES[2][shop],
        device=_PARTIES[3][chance.randrange(DEVICES)],
        amount_minor=chance.randrange(100, 50_000),
        currency="CNY",
        is_night=at.hour < 6,
        spot=(36_000_000 + shop % 30 * 10_000, 103_800_000 + shop // 30 * 10_000),
    )


class Judges:
    """Rules and a model, asked as a payment's batch asks them."""

    def __init__(self, rules: risk.Ruleset, models: risk.Models) -> None:
        self.rules, self.models = rules, models

    def judge(self, asked: list[risk.Asked], seen: risk.Seen) -> dict[UUID, risk.Judged]:
        features = [seen.features[one.id] for one in asked]
        judged = risk.judge_all(self.rules, self.models, [_says(one) for one in asked], features)
        return dict(zip([one.id for one in asked], judged, strict=True))

    def rows(self, asked: list[risk.Asked], seen: risk.Seen) -> list[Any]:
        return [risk.row(_says(one), seen.features[one.id]) for one in asked]


def _says(one: risk.Asked) -> dict[str, int | bool | str | None]:
    return _OWN | {
        "amount_minor": one.amount_minor,
        "payer": str(one.payer),
        "payee": str(one.payee),
        "device": str(one.device),
    }


def _model(chance: random.Random) -> Model:
    """Full trees over all features, cut at random: what a model of this size costs, whatever it has learned."""
    names = tuple(feature.name for feature in risk.CATALOGUE)
    inner = 2**DEPTH - 1
    every = range(2 * inner + 1)
    trees = tuple(
        Tree(
            inputs=tuple(chance.randrange(len(names)) if n < inner else 0 for n in every),
            cuts=tuple(chance.choice((1, 3, 10, 100, 10_000, 1_000_000)) if n < inner else 0 for n in every),
            below=tuple(2 * n + 1 if n < inner else 0 for n in every),
            above=tuple(2 * n + 2 if n < inner else 0 for n in every),
            missing_below=tuple(chance.random() < 0.5 for _ in every),
            values=tuple(0 if n < inner else chance.randrange(-UNIT // 10, UNIT // 10) for n in every),
            covers=tuple(1 for _ in every),
        )
        for _ in range(TREES)
    )
    return Model(
        catalogue=VERSION, inputs=names, base=-4 * UNIT, trees=trees, scores=tuple(range(-50 * UNIT, 50 * UNIT, UNIT))
    )


async def _batched(db: Database, chance: random.Random, judges: Judges, at: datetime, backend: int) -> dict[str, Any]:
    """`spent` adds up to a whole decision; what rules and model take is measured once more, each `alone`."""
    spent, alone, seconds = Spent(backend), Spent(backend), list[float]()
    for number in range(-5, BATCHES):
        if number == 0:
            spent, alone, seconds = Spent(backend), Spent(backend), []
        now = at + timedelta(seconds=number + 10)
        asked = [_made_up(chance, now) for _ in range(BATCH)]
        began = time.perf_counter()
        with spent.on("recall"):
            async with db.read() as tx:
                seen = await risk.recall(tx, asked, risk.CATALOGUE, at_s=int(now.timestamp()))
        with spent.on("judge"):
            judged = judges.judge(asked, seen)
        seconds.append(time.perf_counter() - began)
        with spent.on("remember"):
            async with db.tx() as tx:
                risk.remember(tx, asked, seen, judged, at=now)
        rows = judges.rows(asked, seen)
        with alone.on("model"):
            judges.models.score_all(rows)
        with alone.on("rules"):
            judges.rules.judge_all(rows)
    parts, each = spent.us(BATCH * BATCHES), alone.us(BATCH * BATCHES)
    return {
        "decisions_per_s": round(BATCH / median(seconds)),
        "batch_p50_ms": round(median(seconds) * 1e3, 2),
        "batch_p99_ms": round(quantiles(seconds, n=100)[98] * 1e3, 2),
        "batch_cpu_ms_per_payment": round(sum(parts.values()) / 1e3, 4),
        "rule_us": round(each["rules_us"] / len(judges.rules), 4),
        "model_row_us": each["model_us"],
        **parts,
    }


async def _lone(db: Database, chance: random.Random, judges: Judges, at: datetime) -> dict[str, Any]:
    taken: list[float] = []
    for number in range(LONE):
        now = at + timedelta(seconds=120 + number)
        asked = [_made_up(chance, now)]
        began = time.perf_counter()
        async with db.read() as tx:
            seen = await risk.recall(tx, asked, risk.CATALOGUE, at_s=int(now.timestamp()))
        judges.judge(asked, seen)
        taken.append(time.perf_counter() - began)
    return {
        "single_per_s": round(1 / median(taken)),
        "single_p50_ms": round(median(taken) * 1e3, 3),
        "single_p99_ms": round(quantiles(taken, n=100)[98] * 1e3, 3),
    }
