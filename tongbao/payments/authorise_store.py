"""The Python that touches `payments.evidence` and `payments.proof`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from tongbao.base import sql
from tongbao.base.db import Tx
from tongbao.identity import FactorKind, Proven, Sort
from tongbao.payments.model import OrderShown

Q = sql.load("tongbao.payments", "authorise")


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a payer has shown for one payment, and for which instruction, by its SHA-256."""

    payment_id: UUID
    proven: Proven
    instruction_hash: bytes
    shown_at: datetime


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What was agreed to: a canonical document and the bank's signature over its bytes."""

    payment_id: UUID
    document: str
    signature: bytes


async def evidence(tx: Tx, payment_ids: Iterable[UUID]) -> dict[UUID, list[Evidence]]:
    found: dict[UUID, list[Evidence]] = {id_: [] for id_ in payment_ids}
    for payment_id, kind, sorts, capable, hash_, shown_at, said in await tx.rows(Q["evidence"], ids=list(found)):
        proven = Proven(
            kind=FactorKind(kind), sorts=frozenset(Sort(sort) for sort in sorts), capable=capable, evidence=said
        )
        found[payment_id].append(
            Evidence(payment_id=payment_id, proven=proven, instruction_hash=bytes(hash_), shown_at=shown_at)
        )
    return found


async def add_evidence(tx: Tx, new: Evidence) -> None:
    await tx.run(
        Q["add_evidence"],
        payment_id=new.payment_id,
        kind=new.proven.kind.value,
        sorts=sorted(sort.value for sort in new.proven.sorts),
        capable=new.proven.capable,
        instruction_hash=new.instruction_hash,
        at=new.shown_at,
        evidence=Jsonb(new.proven.evidence),
    )


async def add_proofs(tx: Tx, proofs: Sequence[Proof], at: datetime) -> None:
    await tx.run(
        Q["add_proofs"],
        ids=[proof.payment_id for proof in proofs],
        documents=[proof.document for proof in proofs],
        signatures=[proof.signature for proof in proofs],
        at=at,
    )


async def proof(tx: Tx, payment_id: UUID) -> Proof | None:
    row = await tx.row(Q["proof"], payment_id=payment_id)
    return Proof(payment_id=payment_id, document=row[0], signature=bytes(row[1])) if row else None


async def proofs_after(tx: Tx, after: UUID, most: int) -> list[tuple[Proof, tuple[Any, ...]]]:
    """Beside each: amount, currency and merchant as the payment's row has them."""
    rows = await tx.rows(Q["proofs_after"], after=after, most=most)
    return [(Proof(payment_id=row[0], document=row[1], signature=bytes(row[2])), tuple(row[3:])) for row in rows]


async def without_proof(tx: Tx, most: int) -> list[UUID]:
    return [row[0] for row in await tx.rows(Q["without_proof"], most=most)]


async def add_signatures(tx: Tx, shown: Sequence[tuple[UUID, OrderShown]], at: datetime) -> set[UUID]:
    """Of orders that were claimed just now, each with what it was signed with; those whose keys count at this moment."""
    rows = await tx.rows(
        Q["add_signatures"],
        ids=[id_ for id_, _ in shown],
        keys=[one.key_id for _, one in shown],
        hashes=[one.instruction_hash for _, one in shown],
        evidence=[one.evidence for _, one in shown],
        at=at,
    )
    return {row[0] for row in rows}
