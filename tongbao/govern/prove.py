"""What must be true of those who have left, and of the audit."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

from tongbao.base.db import Tx
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.govern import audit_seals, store

INVARIANTS: Final = {
    "G1": "Of an erased person no word is kept.",
    "G2": "Whoever is noted as having left has left.",
    "G3": "Each entry of the audit says what it said when it was sealed, and none came or went.",
}

_MARK: Final = "govern.audit_seal"
_SEALS: Final = 200


async def _leavers(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        proof.rows += await store.count_leavers(tx)
        for customer_id, many in await store.erased_with_words(tx, MOST_FINDINGS):
            yield Finding(
                "G1", "govern.request", f"customer_id={customer_id}", "no words", f"{many} requests with words"
            )
        for customer_id, status in await store.leavers_still_here(tx, MOST_FINDINGS):
            yield Finding("G2", "govern.leaver", f"customer_id={customer_id}", "closed", status)


async def _audit(proof: Proof) -> AsyncIterator[Finding]:
    """In the order of the seals, each over the one before; what was once proved is looked at again by a full proof."""
    after, is_clean = await proof.mark(_MARK), True
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            seals = await audit_seals.look(tx, after, proof.step(_SEALS))
        if not seals:
            return
        for seal in seals:
            if seal.is_broken:
                is_clean = False
                place = ("base.audit", f"id={seal.begins + 1} to {seal.through}")
                yield Finding("G3", *place, f"{seal.entries} entries as they were sealed", seal.found)
        proof.rows += sum(seal.entries for seal in seals)
        proof.progress("audit", proof.rows, proof.rows)
        after = seals[-1].through
        if is_clean:
            async with proof.db.tx() as tx:
                await proof.set_mark(tx, _MARK, after)
        await proof.breathe(began_ns)


async def _restart(proof: Proof, tx: Tx) -> None:
    await proof.set_mark(tx, _MARK, 0)


_OF_LEAVERS: Final = {number: INVARIANTS[number] for number in ("G1", "G2")}

CHECKS: Final = (
    Check("people who left", _OF_LEAVERS, _leavers),
    Check("audit", {"G3": INVARIANTS["G3"]}, _audit, _restart),
)
"""What `tongbao prove` runs for govern."""
