"""The only Python that touches factors, tries at them and one-time codes: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from tongbao.base import sql
from tongbao.base.db import Rank, Tx
from tongbao.identity.model import (
    CodePurpose,
    FactorKind,
)

Q = sql.load("tongbao.identity", "factor")

Row = tuple[Any, ...]


async def lock_tries(tx: Tx, guarded: bytes, at: datetime) -> Row:
    """(in a row, shut until, tried at)."""
    return (await tx.lock(Rank.IDS, Q["lock_tries"], [guarded], at=at))[0]


async def count_try(tx: Tx, guarded: bytes, in_a_row: int, shut_until: datetime | None, at: datetime) -> None:
    await tx.run(Q["count_try"], guarded=guarded, in_a_row=in_a_row, shut_until=shut_until, at=at)


async def forgive_tries(tx: Tx, guarded: bytes) -> None:
    await tx.run(Q["forgive_tries"], guarded=guarded)


async def tries_shut(tx: Tx, guarded: Iterable[bytes]) -> dict[bytes, datetime]:
    return {bytes(row[0]): row[1] for row in await tx.rows(Q["tries_shut"], guarded=list(guarded))}


async def forget_tries(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_tries"], before=before)


async def set_factor(
    tx: Tx, customer_id: UUID, kind: FactorKind, sealed: bytes | None, used_step: int | None, at: datetime
) -> None:
    await tx.run(Q["set_factor"], customer_id=customer_id, kind=kind.value, sealed=sealed, used_step=used_step, at=at)


async def factor(tx: Tx, customer_id: UUID, kind: FactorKind) -> tuple[bytes, datetime] | None:
    """The sealed secret, and since when."""
    row = await tx.row(Q["factor"], customer_id=customer_id, kind=kind.value)
    return (bytes(row[0] or b""), row[1]) if row else None


async def factors(tx: Tx, customer_ids: Iterable[UUID]) -> list[Row]:
    """(customer, kind, set at, preferred)."""
    return await tx.rows(Q["factors"], customer_ids=list(customer_ids))


async def remove_factor(tx: Tx, customer_id: UUID, kind: FactorKind) -> bool:
    await tx.run(Q["prefer_no_factor"], customer_id=customer_id, kind=kind.value)
    return await tx.row(Q["remove_factor"], customer_id=customer_id, kind=kind.value) is not None


async def prefer_factor(tx: Tx, customer_id: UUID, kind: FactorKind) -> None:
    await tx.run(Q["prefer_factor"], customer_id=customer_id, kind=kind.value)


async def use_totp_step(tx: Tx, customer_id: UUID, step: int) -> bool:
    return await tx.row(Q["use_totp_step"], customer_id=customer_id, step=step) is not None


async def offer_totp(tx: Tx, customer_id: UUID, sealed: bytes, at: datetime) -> None:
    await tx.run(Q["offer_totp"], customer_id=customer_id, sealed=sealed, at=at)


async def totp_offer(tx: Tx, customer_id: UUID, since: datetime) -> bytes | None:
    row = await tx.row(Q["totp_offer"], customer_id=customer_id, since=since)
    return bytes(row[0]) if row else None


async def drop_totp_offer(tx: Tx, customer_id: UUID) -> None:
    await tx.run(Q["drop_totp_offer"], customer_id=customer_id)


async def forget_totp_offers(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_totp_offers"], before=before)


async def code_times(tx: Tx, phone_fingerprint: bytes, most: int) -> list[datetime]:
    return [row[0] for row in await tx.rows(Q["code_times"], phone_fingerprint=phone_fingerprint, most=most)]


async def code_asked(tx: Tx, id: UUID) -> tuple[CodePurpose, UUID, bytes] | None:
    row = await tx.row(Q["code_asked"], id=id)
    return (CodePurpose(row[0]), row[1], bytes(row[2])) if row else None


async def end_codes(tx: Tx, subject_id: UUID, purpose: CodePurpose, at: datetime) -> None:
    await tx.run(Q["end_codes"], subject_id=subject_id, purpose=purpose.value, at=at)


async def add_code(
    tx: Tx,
    id: UUID,
    purpose: CodePurpose,
    subject_id: UUID,
    phone_fingerprint: bytes,
    code_hmac: bytes,
    at: datetime,
    expires_at: datetime,
) -> None:
    await tx.run(
        Q["add_code"],
        id=id,
        purpose=purpose.value,
        subject_id=subject_id,
        phone_fingerprint=phone_fingerprint,
        code_hmac=code_hmac,
        at=at,
        expires_at=expires_at,
    )


async def lock_code(tx: Tx, id: UUID) -> Row | None:
    """(purpose, subject, phone's fingerprint, HMAC of the code, tries, expires, used)."""
    rows = await tx.lock(Rank.IDS, Q["lock_codes"], [id])
    return rows[0] if rows else None


async def count_code_try(tx: Tx, id: UUID) -> None:
    await tx.run(Q["count_code_try"], id=id)


async def code_used(tx: Tx, id: UUID, at: datetime) -> None:
    await tx.run(Q["code_used"], id=id, at=at)


async def forget_codes(tx: Tx, before: datetime) -> int:
    return await tx.run(Q["forget_codes"], before=before)


# --- levels and verification
