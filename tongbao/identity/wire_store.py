"""The only Python that touches what passes between servers: one small function a named statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.base.principal import Rules
from tongbao.identity.wire_model import EnvelopeKey, KeyUse, NewSigningKey, Nonce, SigningKey

Q = sql.load("tongbao.identity", "wire")

Row = tuple[Any, ...]


def _signing_key(row: Row) -> SigningKey:
    id_, principal_id, use, suite, jwk, note, created_at, revoked_at = row
    return SigningKey(
        id=id_,
        principal_id=principal_id,
        use=KeyUse(use),
        suite=suite,
        jwk=jwk,
        note=note,
        created_at=created_at,
        revoked_at=revoked_at,
    )


async def add_signing_key(tx: Tx, new: NewSigningKey, use: KeyUse, jwk: dict[str, str], by: UUID, at: datetime) -> None:
    await tx.run(
        Q["add_signing_key"],
        id=new.id,
        principal_id=new.principal_id,
        use=use.value,
        suite=jwk["alg"],
        jwk=Jsonb(jwk),
        note=new.note,
        at=at,
        by=by,
    )


async def signing_keys(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, SigningKey]:
    return {row[0]: _signing_key(row) for row in await tx.rows(Q["signing_keys"], ids=list(ids))}


async def signing_keys_of(tx: Tx, principal_id: UUID, most: int) -> list[SigningKey]:
    return [_signing_key(row) for row in await tx.rows(Q["signing_keys_of"], principal_id=principal_id, most=most)]


async def live_key_of(tx: Tx, principal_id: UUID, use: KeyUse) -> SigningKey | None:
    row = await tx.row(Q["live_key_of"], principal_id=principal_id, use=use.value)
    return _signing_key(row) if row else None


async def revoke_signing_key(tx: Tx, id: UUID, at: datetime) -> bool:
    return await tx.row(Q["revoke_signing_key"], id=id, at=at) is not None


async def set_rule(tx: Tx, principal_id: UUID, rules: Rules, by: UUID, at: datetime) -> None:
    shown = {"signature_required": rules.signature, "certificate": rules.certificate}
    await tx.run(Q["set_rule"], principal_id=principal_id, **shown, at=at, by=by)


async def rule(tx: Tx, principal_id: UUID) -> Rules:
    row = await tx.row(Q["rule"], principal_id=principal_id)
    return Rules(signature=row[0], certificate=row[1]) if row else Rules()


async def claim_nonces(tx: Tx, nonces: Sequence[Nonce]) -> set[UUID]:
    """The claims of those that are the first."""
    rows = await tx.rows(
        Q["claim_nonces"],
        key_ids=[n.key_id for n in nonces],
        nonces=[n.nonce for n in nonces],
        claims=[n.claim for n in nonces],
        ends=[n.expires_at for n in nonces],
    )
    return {row[0] for row in rows}


async def forget_nonces(tx: Tx, before: datetime, most: int) -> int:
    return len(await tx.rows(Q["forget_nonces"], before=before, most=most))


async def add_envelope_key(tx: Tx, id: UUID, kid: str, jwk: dict[str, str], sealed: bytes, at: datetime) -> None:
    await tx.run(Q["add_envelope_key"], id=id, kid=kid, suite=jwk["alg"], jwk=Jsonb(jwk), sealed=sealed, at=at)


async def end_envelope_keys(tx: Tx, suite: str, but: UUID, ends_at: datetime) -> None:
    await tx.run(Q["end_envelope_keys"], suite=suite, but=but, ends_at=ends_at)


async def envelope_keys(tx: Tx, at: datetime) -> list[EnvelopeKey]:
    names = ("id", "kid", "suite", "jwk", "made_at", "ends_at")
    return [EnvelopeKey(**dict(zip(names, row, strict=True))) for row in await tx.rows(Q["envelope_keys"], at=at)]


async def envelope_key_shut(tx: Tx, kid: str, at: datetime) -> tuple[UUID, bytes] | None:
    row = await tx.row(Q["envelope_key_shut"], kid=kid, at=at)
    return (row[0], row[1]) if row else None


async def forget_envelope_keys(tx: Tx, at: datetime) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["forget_envelope_keys"], at=at)]
