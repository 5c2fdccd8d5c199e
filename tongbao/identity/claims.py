"""Ids that clients choose: each is claimed once, by one principal, for one request."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import store
from tongbao.web.refusals import ID_REUSED, ID_TAKEN

Asked = Sequence[tuple[UUID, bytes]]
"""Ids with the hashes of what is asked for under them."""

Verdict = bool | Refusal
"""True: the same was asked before; False: it is new; else why not."""

NEW: Final = False
REPLAY: Final = True


async def known(tx: Tx, kind: str, asked: Asked, by: Principal) -> list[Verdict]:
    """How each id stands, without claiming any."""
    claimed = await store.claims(tx, {id_ for id_, _ in asked})
    return [_verdict(claimed.get(id_), kind, digest, by) for id_, digest in asked]


async def claim(tx: Tx, kind: str, asked: Asked, by: Principal, at: datetime) -> list[Verdict]:
    """Claims the ids that are free. Of an id that comes twice in `asked`, the first is new and the second is judged by it."""
    first: dict[UUID, bytes] = {}
    for id_, digest in asked:
        first.setdefault(id_, digest)
    fresh = await store.claim_ids(tx, kind, sorted(first.items()), by.id, at)
    claimed = await store.claims(tx, [id_ for id_ in first if id_ not in fresh])
    verdicts: list[Verdict] = []
    for id_, digest in asked:
        if id_ in fresh:
            fresh.remove(id_)
            claimed[id_] = (kind, by.id, digest)
            verdicts.append(NEW)
        else:
            verdicts.append(_verdict(claimed.get(id_), kind, digest, by))
    return verdicts


def _verdict(claimed: tuple[str, UUID, bytes] | None, kind: str, digest: bytes, by: Principal) -> Verdict:
    if claimed is None:
        return NEW
    claimed_kind, principal_id, request_hash = claimed
    if principal_id != by.id:
        return ID_TAKEN()
    return REPLAY if (claimed_kind, request_hash) == (kind, digest) else ID_REUSED()
