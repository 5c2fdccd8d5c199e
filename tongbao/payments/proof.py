"""The proof of what a payer agreed to: the instruction, what he showed and why he was asked, signed by the bank's own key."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.identity import Proven
from tongbao.payments import authorise_store
from tongbao.payments import refusals as no
from tongbao.payments.authorise import Asked
from tongbao.payments.authorise_store import Proof
from tongbao.payments.canonical import b64, canonical, moment
from tongbao.payments.model import Payment

TYPE: Final = "tongbao.proof/1"


def document(
    asked: Asked,
    counted: Collection[Proven],
    *,
    operation_id: UUID,
    payer_id: UUID,
    key: vault.PrivateKey,
    at: datetime,
) -> dict[str, Any]:
    """All that the proof says. Names no person but by masked names and ids."""
    challenge, instruction = asked.challenge, asked.instruction
    shown = {one.proven.kind: one for one in asked.evidence}
    return {
        "type": TYPE,
        "instruction": instruction.document,
        "instruction_sha256": instruction.digest.hex(),
        "asked": {
            "policy_version": challenge.policy_version,
            "ways": challenge.ways,
            "large": challenge.large,
            "signed": challenge.signed,
            "why": challenge.why.split(),
        },
        "evidence": [_shown(one, shown[one.kind].shown_at) for one in counted],
        "payer_id": str(payer_id),
        "confirmation_id": str(operation_id),
        "confirmed_at": moment(at),
        "bank_key": key.public().jwk,
    }


def sealed(payment_id: UUID, said: Mapping[str, Any], key: vault.PrivateKey) -> Proof:
    """A document under the bank's signature."""
    text = canonical(said)
    return Proof(payment_id=payment_id, document=text.decode(), signature=key.sign(text))


async def proof_of(tx: Tx, payment: Payment, *, at: datetime) -> Proof:
    """What a confirmation has left; of an order that came signed, that, under the bank's signature of this moment.

    Refuses `no_proof` where nobody had to agree to this payment, or nobody has yet.
    """
    found = await authorise_store.proof(tx, payment.id)
    if found is not None:
        return found
    (signed,) = [
        one for one in (await authorise_store.evidence(tx, [payment.id]))[payment.id] if "order" in one.proven.evidence
    ] or [None]
    if signed is None or not payment.authorised_minor:
        raise no.NO_PROOF()
    key = await vault.bank_key(tx, at)
    order = signed.proven.evidence["order"]
    said = {
        "type": TYPE,
        "instruction": order,
        "instruction_sha256": signed.instruction_hash.hex(),
        "asked": {"ways": 1, "large": False, "signed": True, "why": []},
        "evidence": [_shown(signed.proven, signed.shown_at)],
        "confirmation_id": order["payment_id"],
        "confirmed_at": moment(signed.shown_at),
        "bank_key": key.public().jwk,
    }
    return sealed(payment.id, said, key)


def _shown(one: Proven, shown_at: datetime) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "sorts": sorted(sort.value for sort in one.sorts),
        "capable": one.capable,
        "shown_at": moment(shown_at),
        "evidence": {name: value for name, value in one.evidence.items() if name != "order"},
    }


def as_file(proof: Proof) -> dict[str, Any]:
    """What is handed out: `tongbao verify-proof` reads it."""
    return {"proof": json.loads(proof.document), "signature": b64(proof.signature)}
