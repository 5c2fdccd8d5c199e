"""Open what other slices keep in tables of their own, for many at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.vault import ring, store
from tongbao.vault.kms import kms
from tongbao.vault.seal import bound_seal
from tongbao.vault.suites import named


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What `seal` gave for somebody and a place."""

    subject_id: UUID
    sealed: bytes
    bound: str


async def open_all(tx: Tx, things: Sequence[Sealed]) -> list[bytes | None]:
    """Each in the clear, in order, by one statement; None for what was changed or moved, or whose key was destroyed.

    One that does not open is no reason for the others to wait.
    """
    if not things:
        return []
    kms()
    keys = await store.keys_named(tx, {(thing.subject_id, _version(thing.sealed)) for thing in things})
    return [_opened(keys.get((thing.subject_id, _version(thing.sealed))), thing) for thing in things]


def _version(sealed: bytes) -> int:
    try:
        return named(sealed)[1]
    except Refusal:
        return 0


def _opened(key: store.WrappedKey | None, thing: Sealed) -> bytes | None:
    if key is None:
        return None
    try:
        return ring.opened(key).open(thing.sealed, bound_seal(thing.subject_id, thing.bound))
    except Refusal:
        return None
