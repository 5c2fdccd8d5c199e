"""Ids that clients choose: each is claimed once, by one principal, for one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import store
from tongbao.web.body import canonical_hash
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


async def claim(
    tx: Tx, kind: str, asked: Asked, by: Principal, at: datetime, *, was: Mapping[bytes, bytes] | None = None
) -> list[Verdict]:
    """Claims the ids that are free. Of an id that comes twice in `asked`, the first is new and the second is judged by it.

    `was`: by hash, the one that a release before took of the same request.
    """
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
            verdict = _verdict(claimed.get(id_), kind, digest, by)
            if was is not None and verdict is not REPLAY:
                verdict = _verdict(claimed.get(id_), kind, was[digest], by)
            verdicts.append(verdict)
    return verdicts


async def claim_people(
    tx: Tx, kind: str, requests: Sequence[tuple[UUID, msgspec.Struct]], by: Principal, at: datetime
) -> list[Verdict]:
    """The same for requests that name people: what is kept is a keyed hash, or whoever has the table could guess the names."""
    plain = [canonical_hash(request) for _, request in requests]
    keyed = await keyed_hashes(tx, plain)
    asked = [(id_, digest) for (id_, _), digest in zip(requests, keyed, strict=True)]
    return await claim(tx, kind, asked, by, at, was=dict(zip(keyed, plain, strict=True)))


async def keyed_hashes(tx: Tx, hashes: Sequence[bytes]) -> list[bytes]:
    """HMAC-SHA256 of each under the vault's index key."""
    return await vault.fingerprint(tx, vault.Kind.SECRET, [digest.hex() for digest in hashes])


async def key_hashes(tx: Tx, ids: Iterable[UUID]) -> None:
    """Puts keyed hashes in place of those that a release before took of these people."""
    claimed = await store.claims(tx, ids)
    before = {id_: digest for id_, (_, _, digest) in claimed.items()}
    if before:
        await store.rehash_claims(tx, before, await keyed_hashes(tx, list(before.values())))


def _verdict(claimed: tuple[str, UUID, bytes] | None, kind: str, digest: bytes, by: Principal) -> Verdict:
    if claimed is None:
        return NEW
    claimed_kind, principal_id, request_hash = claimed
    if principal_id != by.id:
        return ID_TAKEN()
    return REPLAY if (claimed_kind, request_hash) == (kind, digest) else ID_REUSED()
