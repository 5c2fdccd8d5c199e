"""New keys while the bank runs: a new root wraps the keks again, a new kek the keys of people, a new suite the data.

Each verb does one bounded chunk and says whether there was more. Readers and writers go on meanwhile: what they hold opens until
it is replaced, and nothing is replaced that somebody else has changed in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.vault import ring, store
from tongbao.vault.bank_key import bank_key, rewrap_bank_keys
from tongbao.vault.keep import bound_datum
from tongbao.vault.kms import kms
from tongbao.vault.model import Suite
from tongbao.vault.ring import INDEX_KEY, KEK, Ring
from tongbao.vault.store import SealedDatum, WrappedKey
from tongbao.vault.suites import fresh_key

Place = tuple[UUID, str]
START: Place = (UUID(int=0), "")


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """What a chunk looked at: where it ended (None: there was no more), how many it did and how many do not open."""

    ended: Place | None
    done: int
    broken: int = 0


async def begin(tx: Tx, at: datetime) -> None:
    """Makes the first kek, the index key and the bank's own key where there are none."""
    await ring.ring(tx, at)
    await ring.index_key(tx)
    await bank_key(tx, at)


async def rotate_kek(tx: Tx, *, by: Principal, at: datetime, suite: Suite | None = None) -> int:
    """A new kek wraps from now on; its id. Its suite is the cipher of all that is sealed from then on; that of the old one unless
    told. Of two who ask at once the second gets the first one's.
    """
    old = await ring.ring(tx, at)
    if not await store.lock_kek(tx, old.kek.id):
        return (await ring.ring(tx, at)).kek.id
    new = ring.wrapped(kms(), fresh_key(suite or old.kek.suite, old.kek.id + 1), KEK)
    await store.replace_kek(tx, old.kek.id, new, at)
    await audit.record(tx, by, "vault.rotate_kek", str(new.id), at=at, details={"suite": new.suite.value})
    return new.id


async def rewrap_keks(tx: Tx, *, by: Principal, at: datetime) -> int:
    """Keks, the index key and the bank's own key that another root key wraps, wrapped by the active one; how many."""
    keeper = kms()
    active = keeper.active()
    keks = [kek for kek in await store.lock_keks(tx) if kek.root_id != active]
    await store.rewrite_keks(tx, [ring.wrapped(keeper, ring.unwrapped(kek, KEK), KEK) for kek in keks])
    index = await store.lock_index_key(tx)
    done = len(keks)
    if index is not None and index.root_id != active:
        await store.rewrite_index_key(tx, ring.wrapped(keeper, ring.unwrapped(index, INDEX_KEY), INDEX_KEY))
        done += 1
    done += await rewrap_bank_keys(tx)
    if done:
        await audit.record(tx, by, "vault.rotate_root", active, at=at, details={"keys": done})
    return done


async def rewrap_keys(tx: Tx, after: Place, *, most: int, at: datetime) -> Chunk:
    """Keys of people that a retired kek wraps, wrapped by the one that wraps now."""
    now = await ring.ring(tx, at)
    keys = await store.keys_to_rewrap(tx, after, most)
    again = [key for key in (_or_none(now, key) for key in keys) if key is not None]
    await store.rewrite_keys(tx, again)
    return Chunk(ended=_end(keys, most), done=len(again), broken=len(keys) - len(again))


def _or_none(now: Ring, key: WrappedKey) -> WrappedKey | None:
    """What does not open stays as it is: the proof names it, and the others are not kept waiting."""
    try:
        return ring.rewrapped(now, key)
    except Refusal:
        return None


async def reseal_data(tx: Tx, after: Place, *, most: int, by: Principal, at: datetime) -> Chunk:
    """Data of another suite than the kek's, sealed by a new key of each person. The old key stays for what other slices keep."""
    now = await ring.ring(tx, at)
    others = [suite for suite in Suite if suite is not now.kek.suite]
    found = await store.data_to_reseal(tx, after, others, most, by=by, at=at)
    newest = await store.newest_keys(tx, {datum.subject_id for datum, _ in found})
    outdated = [key for key in newest.values() if key.suite is not now.kek.suite and key.wrapped is not None]
    if outdated:
        await store.add_newer_keys(tx, [ring.new_key(now, key.subject_id, key.version + 1) for key in outdated], at)
        newest |= await store.newest_keys(tx, {key.subject_id for key in outdated})
    again = [new for new in (_resealed(datum, key, newest) for datum, key in found) if new is not None]
    done = await store.rewrite_data(tx, again)
    return Chunk(ended=_end([datum for datum, _ in found], most), done=done, broken=len(found) - len(again))


def _resealed(
    datum: SealedDatum, key: WrappedKey, newest: dict[UUID, WrappedKey]
) -> tuple[SealedDatum, SealedDatum] | None:
    bound = bound_datum(datum.subject_id, datum.kind)
    try:
        plain, now = ring.opened(key).open(datum.sealed, bound), ring.opened(newest[datum.subject_id])
    except Refusal:
        return None
    return datum, msgspec.structs.replace(datum, key_version=now.id, sealed=now.seal(plain, bound))


def _end(found: Sequence[SealedDatum | WrappedKey], most: int) -> Place | None:
    if len(found) < most:
        return None
    last = found[-1]
    return last.subject_id, last.kind.value if isinstance(last, SealedDatum) else str(last.version)


async def forget_keks(tx: Tx, *, before: datetime) -> int:
    """Keks that wrap nothing any more and were retired before then, when nobody may still be about to use them; how many."""
    return await store.forget_keks(tx, before)
