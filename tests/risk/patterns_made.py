"""A past with a scheme in it: large payments at night, from a new device to a new payee, among honest ones that share each of these."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.risk.test_replay import MULES, TABLETS, Judge
from tests.risk.test_rules import Desk
from tongbao import risk
from tongbao.base import days
from tongbao.base.principal import Principal
from tongbao.risk import jobs, patterns
from tongbao.risk.catalogue import CATALOGUE
from tongbao.risk.patterns_model import Patterns, Search, Sought

BATCH = 50
SCHEME = 0.04
"""Of all payments so many are of the scheme."""


def honest(chance: random.Random) -> dict[str, Any]:
    """Each thing that the scheme does is usual for itself; all of them together are rare."""
    is_night = chance.random() < 0.25
    return {
        "amount_minor": chance.choice((1_500, 9_900, 60_000, 150_000, 250_000, 800_000)) + chance.randrange(1_000),
        "currency": "CNY",
        "kind": chance.choice(("payment", "transfer")),
        "method": chance.choice(("account", "qr", "card")),
        "hour": chance.choice((0, 1, 2, 3, 23)) if is_night else chance.randrange(7, 22),
        "is_weekend": chance.random() < 0.3,
        "is_night": is_night,
        "device_known": chance.random() > 0.2,
        "payee_known": chance.random() > 0.3,
        "account_age": chance.randrange(10**4, 10**8),
        "factors_changed": chance.choice((None, None, None, 10**6)),
        "level": chance.randrange(4),
        "payer": str(chance.choice(MULES)),
        "payee": str(chance.choice(MULES)),
        "device": str(chance.choice(TABLETS)),
    }


def schemed(chance: random.Random) -> dict[str, Any]:
    return honest(chance) | {
        "amount_minor": chance.randrange(200_000, 900_000),
        "hour": chance.choice((0, 1, 2, 3, 23)),
        "is_night": True,
        "device_known": False,
        "payee_known": False,
    }


def is_schemed(said: dict[str, Any]) -> bool:
    return said["amount_minor"] >= 200_000 and said["is_night"] and not (said["device_known"] or said["payee_known"])


def features(chance: random.Random) -> dict[str, int]:
    return {f.name: chance.choice((0, 1, 2, 3, 7, 20, 90_000)) for f in CATALOGUE if chance.random() < 0.5}


class Past:
    """Payments a minute apart by batches, frauds among them, and the searches that people ask for."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.house = desk.house
        self.analyst = desk.analyst
        self.judge = Judge(desk.house)
        self.own: dict[UUID, dict[str, Any]] = {}
        self.frauds: set[UUID] = set()

    async def live(self, seed: int, *, batches: int = 40, scheme: float = SCHEME, later: int = 0) -> None:
        """A batch a minute, the first of them `later` minutes from now."""
        chance = random.Random(seed)
        for number in range(batches):
            given = [schemed(chance) if chance.random() < scheme else honest(chance) for _ in range(BATCH)]
            before = len(self.judge.judged)
            at = self.house.at + timedelta(minutes=later + number)
            await self.judge.judge(at, *given, features=[features(chance) for _ in given])
            self.own |= dict(zip(self.judge.judged[before:], given, strict=True))

    async def label(self, *payments: UUID) -> None:
        """That they were frauds."""
        async with self.house.db.tx() as tx:
            for payment_id in payments:
                await risk.label(
                    tx,
                    payment_id,
                    id=self.house.id(),
                    is_fraud=True,
                    source=risk.LabelSource.ANALYST,
                    reason="seen",
                    by=self.analyst,
                    at=self.house.at,
                )
        self.frauds |= set(payments)

    async def what(self, *, days_: int = 30, delay: int = 0, floor: int = 50) -> Sought:
        async with self.house.db.read() as tx:
            first_day, last_day = patterns.span((await days.current(tx)).open_date, days_, delay)
        return Sought(first_day=first_day, last_day=last_day, floor=floor)

    async def ask(self, what: Sought | None = None, id_: UUID | None = None, by: Principal | None = None) -> UUID:
        id_, what = id_ or self.house.id(), what or await self.what()
        async with self.house.db.tx() as tx:
            await patterns.ask_search(tx, by or self.analyst, what, id=id_, at=self.house.clock.now())
        return id_

    async def look(self, id_: UUID) -> Search:
        async with self.house.db.read() as tx:
            return await patterns.search(tx, id_)

    async def work(self, id_: UUID) -> Search:
        """A worker runs until this search has ended."""
        stop = asyncio.Event()
        working = asyncio.create_task(jobs.keep_looking(self.house.db, self.house.clock, stop))
        try:
            for _ in range(2_400):
                if not (found := await self.look(id_)).is_open:
                    return found
                await asyncio.sleep(0.05)
            raise TimeoutError
        finally:
            stop.set()
            await working

    async def found(self, what: Sought | None = None) -> Patterns:
        search = await self.work(await self.ask(what))
        assert search.trouble is None
        assert search.result is not None
        return search.result
