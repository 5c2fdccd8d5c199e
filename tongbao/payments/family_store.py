"""The Python that touches `payments.family` and `payments.family_ask`, which a batch writes with all else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.payments.family_model import Family, FamilyAsk

Q = sql.load("tongbao.payments", "family")


async def name_trusted(tx: Tx, new: Family) -> bool:
    rows = await tx.lock(
        Rank.IDS,
        Q["name_trusted"],
        [new.id],
        owner_id=new.owner_id,
        trusted_id=new.trusted_id,
        tell_above=new.tell_above_minor,
        ask_above=new.ask_above_minor,
        at=new.asked_at,
    )
    return bool(rows)


async def families(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Family]:
    return {row[0]: Family(*row) for row in await tx.rows(Q["families"], ids=list(ids))}


async def lock_family(tx: Tx, id: UUID) -> Family | None:
    rows = await tx.lock(Rank.IDS, Q["lock_families"], [id])
    return Family(*rows[0]) if rows else None


async def families_of(tx: Tx, customer_id: UUID, at: datetime, most: int) -> list[Family]:
    return [Family(*row) for row in await tx.rows(Q["families_of"], customer_id=customer_id, at=at, most=most)]


async def set_family(tx: Tx, changed: Family) -> None:
    await tx.run(
        Q["set_family"],
        id=changed.id,
        accepted_at=changed.accepted_at,
        ends_at=changed.ends_at,
        ended_by=changed.ended_by,
    )


async def family_asks(tx: Tx, payment_ids: Iterable[UUID]) -> dict[UUID, FamilyAsk]:
    return {row[0]: FamilyAsk(*row) for row in await tx.rows(Q["family_asks"], ids=list(payment_ids))}


async def asked_of(tx: Tx, trusted_id: UUID, at: datetime, most: int) -> list[FamilyAsk]:
    return [FamilyAsk(*row) for row in await tx.rows(Q["asked_of"], trusted_id=trusted_id, at=at, most=most)]


async def answer(tx: Tx, payment_id: UUID, *, agreed: bool, at: datetime) -> bool:
    """False where it was answered before, or is too late."""
    return bool(await tx.rows(Q["answer"], payment_id=payment_id, agreed=agreed, at=at))


async def to_tell(tx: Tx, made: Sequence[tuple[UUID, bool, datetime]]) -> list[tuple[UUID, UUID, UUID, datetime]]:
    """`made`: (payment, whether it was authorised just now, when); of each to tell: payment, owner, trusted person, when."""
    rows = await tx.rows(
        Q["to_tell"],
        payments=[payment for payment, _, _ in made],
        authorised=[is_authorised for _, is_authorised, _ in made],
        ats=[at for _, _, at in made],
    )
    return [(payment, owner, trusted, at) for payment, owner, trusted, at in rows]


async def unagreed(tx: Tx, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["unagreed"], most=most)]
