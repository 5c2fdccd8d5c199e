"""The only Python that asks the functions of `vault.canary` and `vault.canary_reading`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.base.principal import PrincipalKind
from tongbao.vault.canary_model import Canary, CanaryReading, CanaryWatch
from tongbao.vault.model import Kind

Q = sql.load("tongbao.vault", "canary")


async def plant(tx: Tx, subjects: Iterable[UUID], at: datetime) -> None:
    await tx.run(Q["plant_canaries"], subjects=sorted(subjects), at=at)


async def canaries(tx: Tx) -> list[Canary]:
    return [
        Canary(subject_id=row[0], planted_at=row[1], kept=row[2], readings=row[3], read_at=row[4])
        for row in await tx.rows(Q["canaries"])
    ]


async def open_readings(tx: Tx, most: int) -> list[CanaryReading]:
    return [
        CanaryReading(
            id=row[0],
            subject_id=row[1],
            at=row[2],
            by_id=row[3],
            by_kind=PrincipalKind(row[4]),
            kinds=[Kind(kind) for kind in row[5]],
            reason=row[6],
        )
        for row in await tx.rows(Q["open_canary_readings"], most=most)
    ]


async def close(tx: Tx, through: int, *, by_id: UUID, outcome: str, at: datetime) -> int:
    row = await tx.row(Q["close_canary_readings"], through=through, by_id=by_id, outcome=outcome, at=at)
    return row[0] if row else 0


async def watch(tx: Tx) -> CanaryWatch:
    row = await tx.row(Q["canary_watch"])
    assert row is not None, "counts give a row"
    return CanaryWatch(planted=row[0], open=row[1])


async def silent_readings(tx: Tx, most: int) -> list[tuple[int, UUID]]:
    """Of the log: the reading, and the canary."""
    return [(row[0], row[1]) for row in await tx.rows(Q["silent_readings"], most=most)]
