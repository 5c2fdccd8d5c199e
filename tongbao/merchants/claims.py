"""Ids that clients choose: each is claimed once, by one principal, for one request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.merchants import store
from tongbao.web.refusals import ID_REUSED, ID_TAKEN


async def claim(tx: Tx, kind: str, asked: Sequence[tuple[UUID, bytes]], by: Principal, at: datetime) -> list[bool]:
    """For each id with the hash of its request: True where the same was asked before, False where it is new.

    Refuses `id_taken` (another principal's) and `id_reused` (another request), and then nothing of it stands.
    """
    fresh = await store.claim_ids(tx, kind, sorted(dict(asked).items()), by.id, at)
    before = await store.claims(tx, [id_ for id_, _ in asked if id_ not in fresh])
    replayed = []
    for id_, digest in asked:
        if id_ in fresh:
            fresh.remove(id_)
            before[id_] = (kind, by.id, digest)
            replayed.append(False)
            continue
        _, principal_id, _ = before[id_]
        if principal_id != by.id:
            raise ID_TAKEN()
        if before[id_] != (kind, by.id, digest):
            raise ID_REUSED()
        replayed.append(True)
    return replayed
