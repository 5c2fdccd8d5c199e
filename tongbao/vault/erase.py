"""Erase a person: without the key nobody opens what was sealed under it, here, in other tables or in a dump."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.vault import ring, store
from tongbao.vault.refusals import READING_NEEDS_A_REASON


async def erase(tx: Tx, subject_id: UUID, *, by: Principal, reason: str, at: datetime) -> None:
    """Destroys the person's keys and data. Nothing is kept or sealed for this id ever after; a second time does nothing more."""
    if not reason.strip():
        raise READING_NEEDS_A_REASON(field="reason")
    if not await store.lock_keys(tx, subject_id):
        # The key of somebody of whom nothing is known: what stays of it says no to whoever comes late.
        await store.add_keys(tx, [ring.new_key(await ring.ring(tx, at), subject_id, 1)], at)
        await store.lock_keys(tx, subject_id)
    await store.erase(tx, subject_id, by=by, reason=reason.strip(), at=at)
