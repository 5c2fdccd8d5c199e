"""What must be true of payments, recomputed from the ledger, the operations and the outbox, in ranges of payments."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.payments import store

INVARIANTS: Final = {
    "PAY-1": "What a payment says was captured is what its transfers moved from payer to payee.",
    "PAY-2": "What a payment says was refunded is what its refunds moved back.",
    "PAY-3": "An authorised payment's hold has left what was authorised and not yet captured; any other's has nothing left.",
    "PAY-4": "A payment's events are numbered from 1 without a gap, up to its sequence.",
    "PAY-5": "A claimed payment or operation is decided within the minute.",
    "PAY-6": "An account's counters are what its payments used of this day's and this month's limits.",
    "PAY-7": "What waits for somebody is in the list of open payments, and nothing else is.",
}

_RANGE: Final = 20_000
_LATE: Final = timedelta(minutes=1)
_MARK: Final = "payments.moved"
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND: Final = timedelta(microseconds=1)


async def _moved(proof: Proof) -> AsyncIterator[Finding]:
    """Ranges of payments in the order in which they came. What may still change is looked at again the next time."""
    start = await proof.mark(_MARK)
    before = _EPOCH + start * _MICROSECOND
    place = (before, UUID(int=0))
    clean = True
    settled_through = before
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            last = await store.end_of_range(tx, place, proof.step(_RANGE))
            if last is None:
                break
            found = await store.wrong_payments(tx, place, last[:2], MOST_FINDINGS)
        for invariant, payment_id, expected, is_now in found:
            clean = False
            yield Finding(invariant, "payments.payment", str(payment_id), str(expected), str(is_now))
        place = last[:2]
        proof.rows += last[2]
        proof.progress("payments", proof.rows, proof.rows)
        if clean:
            settled_through = place[0]
        await proof.breathe(began_ns)
    oldest_open = await _oldest_open(proof)
    if clean:
        through = min(settled_through, oldest_open or settled_through) - _LATE
        async with proof.db.tx() as tx:
            await proof.set_mark(tx, _MARK, max(start, (through - _EPOCH) // _MICROSECOND))


async def _oldest_open(proof: Proof) -> datetime | None:
    async with proof.db.read() as tx:
        return await store.oldest_open(tx)


async def _decided(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        found = await store.undecided(tx, proof.clock.now() - _LATE, MOST_FINDINGS)
    for table, id_, since in found:
        yield Finding("PAY-5", table, str(id_), "decided", f"claimed at {since}")


async def _counted(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        found = await store.wrong_counters(tx, MOST_FINDINGS)
    for account_id, expected, is_now in found:
        yield Finding("PAY-6", "payments.spending", str(account_id), expected, is_now)


async def _waiting(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        found = await store.wrongly_open(tx, MOST_FINDINGS)
    for payment_id, state in found:
        yield Finding("PAY-7", "payments.open_payment", str(payment_id), "waits", state)


def _of(*names: str) -> dict[str, str]:
    return {name: INVARIANTS[name] for name in names}


CHECKS: Final = (
    Check("payments: moved money", _of("PAY-1", "PAY-2", "PAY-3", "PAY-4"), _moved),
    Check("payments: decided", _of("PAY-5"), _decided),
    Check("payments: counters", _of("PAY-6"), _counted),
    Check("payments: waiting", _of("PAY-7"), _waiting),
)
