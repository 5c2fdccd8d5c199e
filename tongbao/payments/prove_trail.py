"""What must be true of what payers and the bank agreed to: each row says what the audit says was last done to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.payments import family_store, trail_store
from tongbao.payments.bodies import ScheduleOrder
from tongbao.payments.model import Every, ScheduleState
from tongbao.payments.trail_store import ScheduleSaid
from tongbao.web.body import canonical_hash

INVARIANTS: Final = {
    "P13": "A standing order is what its payer asked for, and goes on only while he lets it.",
    "P14": "An account's own limits are those that were last set for it.",
    "P15": "A card that is bound was bound by its customer, and not taken away since.",
    "P16": "What a trusted person was to agree to went on only with his yes.",
}

_RANGE: Final = 1_000
_FIRST: Final = UUID(int=0)


async def _schedules(proof: Proof) -> AsyncIterator[Finding]:
    after = _FIRST
    while True:
        async with proof.db.read() as tx:
            found = await trail_store.schedules_said(tx, after, proof.step(_RANGE))
        if not found:
            return
        wrong = [(one.id, *said) for one in found if (said := _untrue(one))]
        for id_, expected, now in wrong[:MOST_FINDINGS]:
            yield Finding("P13", "payments.schedule", f"id={id_}", expected, now)
        proof.rows += len(found)
        proof.progress("standing orders", proof.rows, proof.rows)
        after = found[-1].id
        await proof.breathe()


def _untrue(one: ScheduleSaid) -> tuple[str, str] | None:
    """What it should be and what it is. Whoever edits the order and its hash is found by the hash in the audit."""
    order = ScheduleOrder(
        payer_account_id=one.payer_account_id,
        amount=one.amount_minor,
        currency=one.currency,
        every=Every(one.every),
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        payee_account_id=one.payee_account_id,
        merchant_id=one.merchant_id,
        reference=one.reference,
    )
    if one.made_by is None:
        return "an entry of the audit", "none"
    if one.made_by != one.principal_id:
        return f"of {one.made_by}", f"of {one.principal_id}"
    if canonical_hash(order) != one.request_hash or (one.request and one.request != one.request_hash.hex()):
        return "what was asked for", "another order"
    moved = (one.moved or "schedule.active").removeprefix("schedule.")
    allowed = {moved} if moved != ScheduleState.ACTIVE else {ScheduleState.ACTIVE, ScheduleState.ENDED}
    return None if one.state in allowed else (moved, one.state)


async def _limits(proof: Proof) -> AsyncIterator[Finding]:
    after = _FIRST
    while True:
        async with proof.db.read() as tx:
            ids = await trail_store.accounts_after(tx, after, proof.step(_RANGE))
            wrong = await trail_store.wrong_limits(tx, ids, MOST_FINDINGS) if ids else []
        if not ids:
            return
        for id_, set_by, expected, found in wrong:
            yield Finding("P14", "payments.account_limit", f"account_id={id_} set_by={set_by}", expected, found)
        proof.rows += len(ids)
        proof.progress("limits", proof.rows, proof.rows)
        after = ids[-1]
        await proof.breathe()


async def _cards(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        for id_, found in await trail_store.wrong_cards(tx, MOST_FINDINGS):
            yield Finding("P15", "payments.card", f"id={id_}", "bound by its customer", found)


async def _families(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        for id_ in await family_store.unagreed(tx, MOST_FINDINGS):
            yield Finding("P16", "payments.family_ask", f"payment_id={id_}", "agreed to", "not agreed to")


CHECKS: Final = (
    Check("standing orders", {"P13": INVARIANTS["P13"]}, _schedules),
    Check("limits of accounts", {"P14": INVARIANTS["P14"]}, _limits),
    Check("bound cards", {"P15": INVARIANTS["P15"]}, _cards),
    Check("trusted people", {"P16": INVARIANTS["P16"]}, _families),
)
"""What `tongbao prove` runs of what the audit says."""
