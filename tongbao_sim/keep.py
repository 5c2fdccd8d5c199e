"""Purses that never run empty: whoever plays a part in the demo has money when a visitor spends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import time_ns

import msgspec

from tongbao_sim.asking import CannotAudit, get
from tongbao_sim.chance import Chance
from tongbao_sim.client import Client, NoAnswer, NotSent

LOOK_EVERY_S = 5


class Kept(msgspec.Struct, frozen=True):
    """An account that is topped up to `upto` when less than `least` is available on it. The traffic leaves it alone."""

    id: str
    least: int
    upto: int


class AvailableSeen(msgspec.Struct, frozen=True):
    available: int


async def keep(client: Client, kept: Iterable[Kept], currency: str, chance: Chance) -> None:
    """Looks for ever. What goes wrong is tried again at the next look."""
    kept = list(kept)
    while kept:
        for account in kept:
            try:
                await top_up(client, account, currency, chance.uuid7(time_ns() // 1_000_000))
            except (NotSent, NoAnswer, CannotAudit):
                continue
        await asyncio.sleep(LOOK_EVERY_S)


async def top_up(client: Client, account: Kept, currency: str, key: str) -> int:
    """How much was brought in, 0 where there was enough."""
    seen = await get(client, f"/v1/accounts/{account.id}", AvailableSeen)
    if seen is None or seen.available >= account.least:
        return 0
    amount = account.upto - seen.available
    body = msgspec.json.encode({"account_id": account.id, "amount": amount, "currency": currency})
    status, _ = await client.post("/v1/topups", body, key)
    return amount if status == 201 else 0
