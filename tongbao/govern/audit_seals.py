"""The audit under seal: each stretch of entries by an HMAC under a key of the vault, over the seal before.

An entry that was changed, added or taken away later does not fit its seal, and without the vault's key nobody makes another.
What that does not stop: whoever takes away the newest seals as well has those entries sealed again as they are then. The log
names each seal when it is made, and a log is kept elsewhere.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Final

import msgspec

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.govern import audit_seal_store

_MOST: Final = 1_000
_FIRST: Final = bytes(32)
"""What stands for the seal before the first one."""


class Stretch(msgspec.Struct, frozen=True):
    """What was sealed now: up to which entry, how many, and how."""

    through: int
    entries: int
    seal: bytes


class Looked(msgspec.Struct, frozen=True):
    """A seal against what stands there now: entries after `begins` up to `through`."""

    begins: int
    through: int
    entries: int
    entries_now: int
    is_broken: bool

    @property
    def found(self) -> str:
        if self.entries_now != self.entries:
            return f"{self.entries_now} entries"
        return "other entries, or another seal before"


async def newest(tx: Tx) -> int:
    """The newest entry that can be seen, 0 where there is none."""
    return await audit_seal_store.newest_entry(tx)


async def seal_next(tx: Tx, through: int, *, at: datetime) -> Stretch | None:
    """Seals the next entries, a thousand at most, none beyond `through`; None where there are none.

    The caller has seen that nobody writes an entry up to `through` any more, and is the only one who seals.
    """
    last, before = await audit_seal_store.last_seal(tx) or (0, _FIRST)
    found = await audit_seal_store.stretch(tx, last, through, _MOST)
    if found is None:
        return None
    end, entries, digest = found
    (seal,) = await vault.fingerprint(tx, vault.Kind.SECRET, [_said(end, entries, before, digest)])
    if not await audit_seal_store.add_seal(tx, end, entries, seal, at):
        return None
    return Stretch(end, entries, seal)


async def look(tx: Tx, after: int, most: int) -> list[Looked]:
    """The seals behind the one that ends at `after` (0: from the first on), each made again from what stands there now."""
    seals = await audit_seal_store.seals_after(tx, after, most)
    if not seals:
        return []
    # A seal that was there and is gone is no seal that anything fits.
    before = (await audit_seal_store.seal_of(tx, after) or b"") if after else _FIRST
    befores = [before, *(one.seal for one in seals)]
    said = [_said(one.through, one.entries_now, was, one.digest_now) for one, was in zip(seals, befores, strict=False)]
    expected = await vault.fingerprint(tx, vault.Kind.SECRET, said)
    begins = [after, *(one.through for one in seals)]
    return [
        Looked(
            begins=start,
            through=one.through,
            entries=one.entries,
            entries_now=one.entries_now,
            is_broken=one.entries != one.entries_now or not hmac.compare_digest(should, one.seal),
        )
        for one, start, should in zip(seals, begins, expected, strict=False)
    ]


def _said(through: int, entries: int, before: bytes, digest: bytes) -> str:
    return f"audit {through} {entries} {before.hex()} {digest.hex()}"
