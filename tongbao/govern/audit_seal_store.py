"""The only Python that touches the seals of the audit: one small function a named statement."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.govern", "audit_seal")


class Sealed(msgspec.Struct, frozen=True):
    """A seal: up to which entry, over how many; and how many there are now, with their SHA-256."""

    through: int
    entries: int
    seal: bytes
    entries_now: int
    digest_now: bytes


async def newest_entry(tx: Tx) -> int:
    return (await tx.rows(Q["newest_entry"]))[0][0]


async def last_seal(tx: Tx) -> tuple[int, bytes] | None:
    row = await tx.row(Q["last_seal"])
    return (row[0], bytes(row[1])) if row else None


async def stretch(tx: Tx, after: int, through: int, most: int) -> tuple[int, int, bytes] | None:
    row = await tx.row(Q["stretch"], after=after, through=through, most=most)
    return (row[0], row[1], bytes(row[2])) if row and row[1] else None


async def add_seal(tx: Tx, through: int, entries: int, seal: bytes, at: datetime) -> int:
    return await tx.run(Q["add_seal"], through=through, entries=entries, seal=seal, at=at)


async def seals_after(tx: Tx, after: int, most: int) -> list[Sealed]:
    rows = await tx.rows(Q["seals_after"], after=after, most=most)
    return [Sealed(row[0], row[1], bytes(row[2]), row[3], bytes(row[4])) for row in rows]


async def seal_of(tx: Tx, through: int) -> bytes | None:
    row = await tx.row(Q["seal_of"], through=through)
    return bytes(row[0]) if row else None
