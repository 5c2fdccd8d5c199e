"""The keys in the clear: keks and the index key, which the Kms opens once in a process, and under them the keys of people.

Those are opened each time: it takes microseconds, and nothing of somebody who was erased stays behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base.db import Tx
from tongbao.vault import store
from tongbao.vault.kms import Kms, kms, unwrap
from tongbao.vault.model import Suite
from tongbao.vault.refusals import KEYRING_LACKS_KEY, SUBJECT_ERASED
from tongbao.vault.store import WrappedKek, WrappedKey
from tongbao.vault.suites import Key, bound_to, fresh_key

_FIRST_SUITE: Final = Suite.AES_256_GCM

KEK: Final = "kek"
INDEX_KEY: Final = "index key"


class Ring:
    """The kek that wraps new keys: as it is stored, and in the clear."""

    def __init__(self, kek: WrappedKek) -> None:
        self.kek = kek
        self.wrapping = unwrapped(kek, KEK)

    def __repr__(self) -> str:
        return f"Ring({self.kek.id})"


async def ring(tx: Tx, at: datetime) -> Ring:
    """The ring as it stands; made if this is the first use ever."""
    keeper = kms()
    found = await store.active_kek(tx)
    if found is None:
        await store.claim_kek(tx, wrapped(keeper, fresh_key(_FIRST_SUITE, 1), KEK), at)
        found = await store.active_kek(tx)
    if found is None:
        raise KEYRING_LACKS_KEY("the kek that wraps is gone from the database")
    return Ring(found)


async def index_key(tx: Tx) -> Key:
    """The key of the blind indexes; made if this is the first use ever."""
    keeper = kms()
    found = await store.index_key(tx)
    if found is None:
        await store.claim_index_key(tx, wrapped(keeper, fresh_key(Suite.AES_256_GCM, 1), INDEX_KEY))
        found = await store.index_key(tx)
    if found is None:
        raise KEYRING_LACKS_KEY("the index key is gone from the database")
    return unwrapped(found, INDEX_KEY)


def wrapped(keeper: Kms, key: Key, what: str) -> WrappedKek:
    """A key under the active root key."""
    root_id = keeper.active()
    return WrappedKek(id=key.id, suite=key.suite, root_id=root_id, wrapped=keeper.wrap(key, _bound(what, key.id)))


def unwrapped(kek: WrappedKek, what: str) -> Key:
    """A kek or the index key in the clear."""
    return unwrap(kek.root_id, kek.suite, kek.id, kek.wrapped, _bound(what, kek.id))


def _bound(what: str, id: int) -> bytes:
    return bound_to(what, str(id))


def opened(key: WrappedKey) -> Key:
    """A person's key in the clear. Refuses with `subject_erased` one that was destroyed."""
    if key.wrapped is None or key.kek is None:
        raise SUBJECT_ERASED()
    return unwrapped(key.kek, KEK).unwrap(key.suite, key.version, key.wrapped, _bound_key(key.subject_id))


def _bound_key(subject_id: UUID) -> bytes:
    return bound_to("subject key", subject_id)


async def keys_to_seal(tx: Tx, ring: Ring, subjects: Iterable[UUID], at: datetime) -> dict[UUID, Key]:
    """Each person's newest key, made for who has none. Refuses with `subject_erased`."""
    wanted = set(subjects)
    found = await store.newest_keys(tx, wanted)
    if without := wanted - found.keys():
        await store.add_keys(tx, [new_key(ring, subject_id, 1) for subject_id in without], at)
        found |= await store.newest_keys(tx, without)
    return {subject_id: opened(key) for subject_id, key in found.items()}


def new_key(ring: Ring, subject_id: UUID, version: int) -> WrappedKey:
    """A key for a person, of the suite of the kek: choosing that is choosing the cipher of all that is sealed from then on."""
    key = fresh_key(ring.kek.suite, version)
    return WrappedKey(
        subject_id=subject_id,
        version=version,
        suite=key.suite,
        wrapped=ring.wrapping.wrap(key, _bound_key(subject_id)),
        kek=ring.kek,
    )


def rewrapped(ring: Ring, key: WrappedKey) -> WrappedKey:
    """The same key under the kek that wraps now."""
    again = ring.wrapping.wrap(opened(key), _bound_key(key.subject_id))
    return WrappedKey(subject_id=key.subject_id, version=key.version, suite=key.suite, wrapped=again, kek=ring.kek)
