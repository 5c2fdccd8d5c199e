"""What must be true of merchants, recomputed from the ledger and from the slice's own tables."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.merchants import store

INVARIANTS: Final = {
    "M1": "A payment has claimed at most one order.",
    "M2": "A merchant's takings stand on line 2030 and its settlement account on 2020, both in its currency.",
    "M3": "Every fee plan has a rate for any other method.",
    "M4": "A delivery has as many attempts on record as it counts.",
}


async def _merchants(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        for payment, orders in await store.prove_claims(tx, MOST_FINDINGS):
            yield Finding("M1", "merchants.shop_order", f"payment_id={payment}", "1 order", f"{orders} orders")
        for merchant, account, expected, found in await store.prove_accounts(tx, MOST_FINDINGS):
            yield Finding(
                "M2", "merchants.merchant", f"id={merchant} account={account}", expected, found or "no account"
            )
        for plan in await store.prove_plans(tx, MOST_FINDINGS):
            yield Finding("M3", "merchants.fee_plan", f"id={plan}", "a rate for *", "none")
        for delivery, counted, recorded in await store.prove_deliveries(tx, MOST_FINDINGS):
            key = f"id={delivery}"
            yield Finding("M4", "merchants.delivery", key, f"{counted} attempts", f"{recorded} attempts")
        proof.rows += await store.prove_rows(tx)


CHECKS: Final = (Check("merchants", INVARIANTS, _merchants),)
"""What `tongbao prove` runs for merchants."""
