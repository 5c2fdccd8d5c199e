"""What must be true of what shops took by codes that payers showed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.payments import payer_code_store
from tongbao.payments.model import Method

INVARIANTS: Final = {
    "P17": "What a shop took by a payer's code used that code once, and was paid to that shop from the account of the code.",
}

_RANGE: Final = 5_000


async def _collections(proof: Proof) -> AsyncIterator[Finding]:
    after = UUID(int=0)
    while True:
        async with proof.db.read() as tx:
            found = await payer_code_store.collections_after(tx, after, proof.step(_RANGE))
        if not found:
            break
        for id_, *taken, merchant_id, account_id, method in found:
            # Whoever died between the code and the payment has left no payment.
            paid, expected = (merchant_id, account_id, method), (*taken, Method.QR.value)
            if method is not None and paid != expected:
                yield Finding("P17", "payments.collection", str(id_), _said(expected), _said(paid))
        proof.rows += len(found)
        proof.progress("collections by codes", proof.rows, proof.rows)
        after = found[-1][0]
        await proof.breathe()
    async with proof.db.read() as tx:
        wrong = await payer_code_store.wrong_codes(tx, MOST_FINDINGS)
    for id_, is_used, payment_id, is_same in wrong:
        taken = f"taken for {payment_id}" if payment_id else "not taken"
        whose = "" if is_same is None or is_same else ", by another payer"
        yield Finding("P17", "payments.payer_code", str(id_), taken, ("used" if is_used else "not used") + whose)


def _said(ends: tuple[object, ...]) -> str:
    merchant_id, account_id, method = ends
    return f"from {account_id} to {merchant_id} by {method}"


CHECKS: Final = (Check("collections by codes", INVARIANTS, _collections),)
