"""Seal what other slices keep in tables of their own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.vault import ring, store
from tongbao.vault.kms import kms
from tongbao.vault.refusals import SEAL_BROKEN
from tongbao.vault.suites import bound_to, named


async def seal(tx: Tx, subject_id: UUID, plain: bytes, *, bound: str, at: datetime) -> bytes:
    """`plain` under the person's own key, 34 bytes longer. `bound` says where it is kept (table and what row); it opens
    nowhere else. Refuses with `subject_erased`.
    """
    keys = await ring.keys_to_seal(tx, await ring.ring(tx, at), [subject_id], at)
    return keys[subject_id].seal(plain, bound_seal(subject_id, bound))


async def seal_many(tx: Tx, plain: Mapping[UUID, tuple[bytes, str]], *, at: datetime) -> dict[UUID, bytes]:
    """As `seal`, of one thing of each of many people, with what it is bound to; as many statements as for one."""
    keys = await ring.keys_to_seal(tx, await ring.ring(tx, at), plain, at)
    return {id_: keys[id_].seal(text, bound_seal(id_, bound)) for id_, (text, bound) in plain.items()}


async def open_sealed(tx: Tx, subject_id: UUID, sealed: bytes, *, bound: str) -> bytes:
    """What `seal` was given. Refuses with `seal_broken` what was changed or moved, with `subject_erased` what is gone."""
    kms()
    suite, version = named(sealed)
    found = await store.key(tx, subject_id, version)
    if found is None or found.suite is not suite:
        raise SEAL_BROKEN()
    return ring.opened(found).open(sealed, bound_seal(subject_id, bound))


def bound_seal(subject_id: UUID, bound: str) -> bytes:
    """Where it belongs: whose it is, and in which row."""
    return bound_to("sealed for", subject_id, bound)
