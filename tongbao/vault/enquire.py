"""How the vault stands, and who has looked into it."""

from __future__ import annotations

from uuid import UUID

from tongbao.base.db import Tx
from tongbao.vault import store
from tongbao.vault.kms import kms
from tongbao.vault.model import Reading, Status


async def status(tx: Tx) -> Status:
    """Keys and counts; nothing in the clear."""
    active, keks, data = kms().active(), await store.keks(tx), await store.count_data(tx)
    wrapping = next((kek for kek in keks if kek.retired_at is None), None)
    left = sum(kek.keys for kek in keks if kek is not wrapping)
    left += sum(many for suite, many in data.items() if wrapping is not None and suite != wrapping.suite)
    left += sum(kek.root_id != active for kek in keks)
    return Status(root_id=active, keks=keks, data=data, erased=await store.count_erased(tx), left=left)


async def readings(
    tx: Tx,
    *,
    subject_id: UUID | None = None,
    by_id: UUID | None = None,
    below: int | None = None,
    in_bulk: bool = False,
    most: int = 100,
) -> list[Reading]:
    """A page of the log, newest first: what was read of one person, or by one reader. The next page is `below` the last id.

    `in_bulk`: instead, what rotations and proofs went through.
    """
    return await store.readings(tx, subject_id=subject_id, by_id=by_id, below=below, in_bulk=in_bulk, most=most)
