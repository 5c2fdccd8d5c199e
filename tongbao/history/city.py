"""The made-up city of a demo: with what it is founded, and who is there for the live traffic."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.history import store

_MOST = 20_000
_LEAST_MINOR, _UPTO_MINOR = 300_000, 800_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the city's history is made from; the same plan makes the same city."""

    seed: int
    people: int
    shops: int
    days: int
    payments: int
    until: date


async def begin(tx: Tx, plan: Plan, at: datetime) -> tuple[Plan, bool]:
    """The plan that counts, which is the one that was begun first, and whether its city is founded."""
    await store.begin_founding(tx, msgspec.json.encode(plan).decode(), at)
    known = await store.founding(tx)
    assert known is not None
    return msgspec.convert(known[0], Plan), known[1]


async def finish(tx: Tx, at: datetime) -> None:
    """The city is founded: from now on it lives by itself."""
    await store.finish_founding(tx, at)


async def city_file(tx: Tx, currency: str, kept: UUID | None = None) -> dict[str, Any]:
    """Accounts and merchants as the live traffic wants to know them; whoever plays a part is left alone by it.

    `kept`: an account that the traffic fills again when a visitor has spent most of it.
    """
    return {
        "currency": currency,
        "kept": [{"id": kept, "least": _LEAST_MINOR, "upto": _UPTO_MINOR}] if kept else [],
        "accounts": [
            {"id": account, "owner": owner, "balance": balance}
            for account, owner, balance in await store.city_accounts(tx, currency, _MOST)
        ],
        "merchants": [
            {"id": merchant, "name": name, "category": category, "account": takings}
            for merchant, name, category, takings in await store.city_merchants(tx, currency, _MOST)
        ],
    }
