"""How customers type, measured where they agree, kept for ninety days, and gone at once when they do not agree any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.identity import consents, rhythm_store
from tongbao.identity.consent_model import Purpose
from tongbao.identity.rhythm_habit import NEWEST, unlike
from tongbao.identity.rhythm_model import KEPT, MOST_A_DAY, Rhythm, Typing


async def is_measured(tx: Tx, customer_id: UUID) -> bool:
    """Whether his pages measure."""
    return customer_id in await consents.may_use(tx, [customer_id], Purpose.TYPING)


async def is_measured_here(tx: Tx, browser_hash: bytes) -> bool:
    """Whether the log-in measures in this browser: somebody is known in it, and whoever is has agreed."""
    return await rhythm_store.all_agree_here(tx, browser_hash, Purpose.TYPING.value)


async def keep_rhythm(tx: Tx, customer_id: UUID, typing: Typing, *, device_id: UUID | None, at: datetime) -> bool:
    """False where nothing was kept: he does not agree, it was kept before, or it is one too many of this day."""
    if not await rhythm_store.share_customer(tx, customer_id):
        return False
    if not await is_measured(tx, customer_id):
        return False
    habit = await rhythm_store.habit(tx, customer_id, typing.form, at - KEPT, NEWEST)
    new = Rhythm(
        id=typing.id,
        form=typing.form,
        intervals=tuple(typing.kept(typing.intervals)),
        holds=tuple(typing.kept(typing.holds)),
        device_id=device_id,
        recorded_at=at,
    )
    new = msgspec.structs.replace(new, unlike=unlike(new, habit))
    return await rhythm_store.add_rhythm(tx, customer_id, new, since=at - timedelta(days=1), most_a_day=MOST_A_DAY)


async def rhythm_of(tx: Tx, customer_id: UUID, since: datetime, most: int) -> list[Rhythm]:
    """How he has typed since a moment, newest first, for whoever judges risk; nothing of whoever does not agree now."""
    if not await is_measured(tx, customer_id):
        return []
    return await rhythm_store.rhythms(tx, customer_id, since, most)


async def rhythms_kept(tx: Tx, customer_id: UUID, *, at: datetime, most: int) -> list[Rhythm]:
    """What is kept of him, for himself, whatever he agrees to; newest first."""
    return await rhythm_store.rhythms(tx, customer_id, at - KEPT, most)


async def count_rhythms(tx: Tx, customer_id: UUID) -> int:
    """How many measurements are kept of him."""
    return await rhythm_store.count_rhythms(tx, customer_id)


async def forget_rhythms(tx: Tx, *, at: datetime, most: int) -> int:
    """Deletes what is ninety days old; how many rows went."""
    return await rhythm_store.forget_rhythms(tx, at - KEPT, most)
