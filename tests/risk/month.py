"""One of several processes of a bank that lives through a month in seconds: `python -m tests.risk.month URL SEED BATCHES`.

Each judges batches on what it can see, commits them, and rolls now and then; all see the others' as they come.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.risk.definitions import FEATURES
from tongbao import risk
from tongbao.base.clock import SystemClock
from tongbao.base.db import Database
from tongbao.base.ids import uuid7
from tongbao.base.principal import Principal, PrincipalKind

ANALYST = Principal(id=UUID(int=7), kind=PrincipalKind.STAFF)
FIRST = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 30


def party(kind: int, number: int) -> UUID:
    return UUID(int=kind << 64 | number)


def stands(shop: int) -> tuple[int, int]:
    """Each some ten kilometres from the one before; in millionths of a degree."""
    return 36_060_000 + shop * 70_000, 103_830_000 + shop * 80_000


def made_up(chance: random.Random, clock: SystemClock, at: datetime) -> risk.Asked:
    """Few people, so that windows fill; one shop where most of them pay, and a thief's device that many use."""
    payer = party(1, chance.randrange(25))
    shop = 0 if chance.random() < 0.5 else chance.randrange(1, 8)
    payee = (
        None if chance.random() < 0.05 else party(1, chance.randrange(25)) if chance.random() < 0.2 else party(2, shop)
    )
    return risk.Asked(
        id=uuid7(clock.now()),
        payer=payer,
        payee=payee,
        device=None if chance.random() < 0.2 else party(3, chance.randrange(25) if chance.random() < 0.8 else 99),
        amount_minor=chance.randrange(1, 50_000),
        currency="CNY",
        is_night=at.hour < 6,
        spot=stands(shop) if payee == party(2, shop) and chance.random() < 0.8 else None,
    )


async def say(db: Database, payment_id: UUID, clock: SystemClock, *, is_fraud: bool, wait_s: float) -> None:
    """An analyst labels it, now and then twice, while others judge."""
    for verdict in (is_fraud, not is_fraud) if wait_s < 0.005 else (is_fraud,):
        async with db.tx() as tx:
            said: Any = {"is_fraud": verdict, "source": risk.LabelSource.ANALYST, "reason": "seen", "by": ANALYST}
            await risk.label(tx, payment_id, id=uuid7(clock.now()), at=clock.now(), **said)
            await tx.flush()
            await asyncio.sleep(wait_s)


async def live(url: str, seed: int, batches: int) -> None:
    chance, clock = random.Random(seed), SystemClock()
    async with Database(url, size=2) as db:
        for number in range(batches):
            # Two hours ahead of the others, or behind them: clocks differ, and batches take their time.
            at = FIRST + number * timedelta(days=DAYS) / batches + timedelta(seconds=chance.randrange(7_200))
            asked = [made_up(chance, clock, at) for _ in range(chance.randrange(1, 9))]
            async with db.read() as tx:
                seen = await risk.recall(tx, asked, FEATURES, at_s=int(at.timestamp()))
            async with db.tx() as tx:
                own = {one.id: {"district": f"district {one.spot[0] % 3}"} for one in asked if one.spot}
                risk.remember(tx, asked, seen, {}, at=at, own=own)
                risk.came_to_nothing(tx, [one.id for one in asked if chance.random() < 0.2])
                await tx.flush()
                await asyncio.sleep(chance.random() / 50)  # others commit before and after
            if chance.random() < 0.5:
                await say(
                    db, chance.choice(asked).id, clock, is_fraud=chance.random() < 0.7, wait_s=chance.random() / 50
                )
            if chance.random() < 0.3:
                async with db.tx() as tx:
                    await risk.roll(tx, at=clock.now(), most=chance.randrange(1, 40))


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
