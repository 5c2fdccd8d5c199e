"""What has lain too long on lines that should run empty: suspense, clearing, money in from outside."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.ledger import store


class Aged(msgspec.Struct, frozen=True):
    """An account of such a line with money in it, and the oldest entry that nothing has been set against yet."""

    gl_line: str
    name: str
    name_zh: str
    owner: str
    ages_after_days: int
    account_id: int
    currency: str
    balance_minor: int
    transfer_id: UUID
    booking_date: date
    recorded_at: datetime
    age_days: int


async def aged(tx: Tx, day: date, *, most: int = 500) -> list[Aged]:
    """Accounts whose oldest unmatched entry on `day` is older than their line allows, oldest first.

    Movements are matched first in, first out: what is left of the balance is what came last.
    """
    return [Aged(*row) for row in await store.aged(tx, day, most)]
