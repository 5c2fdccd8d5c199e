"""What must be true of payments, recomputed from the ledger, the operations and the outbox, in ranges of payments."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base import days, settings
from tongbao.base.db import Tx
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.payments import store

INVARIANTS: Final = {
    "P1": "What a payment says was captured is what its transfers moved from payer to payee.",
    "P2": "What a payment says was refunded is what its refunds moved back.",
    "P3": "An authorised payment's hold has left what was authorised and not captured; any other's has nothing left.",
    "P4": "A payment's events are numbered without a gap, up to its sequence.",
    "P5": "A claimed payment or operation is decided in the transaction that claimed it.",
    "P6": "An account's counters of the day are what its payments of the day used of its limits.",
    "P7": "What waits for somebody or something is in the list of open payments, and nothing else is.",
}

_RANGE: Final = 5_000
_MARK: Final = "payments.payment"
_OPERATED: Final = "payments.operation"
_LATE: Final = timedelta(minutes=1)
"""A payment that came this long ago is visible to everybody."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LAST_ID: Final = UUID(int=2**128 - 1)


async def _new(proof: Proof) -> AsyncIterator[Finding]:
    """In the order in which they came, each once; what came in the last minute again the next time."""
    through = proof.clock.now() - _LATE
    mark = await proof.mark(_MARK)
    place = (_EPOCH + mark * _MICROSECOND, _LAST_ID)
    is_clean = True
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            found = await store.payments_after(tx, place, proof.step(_RANGE))
            if not found:
                break
            for finding in await _wrong(proof, tx, [id_ for _, id_ in found]):
                is_clean = False
                yield finding
        place = found[-1]
        if is_clean:
            # A range may have ended in the middle of a moment.
            await _advance(proof, mark, min(place[0] - _MICROSECOND, through))
        await proof.breathe(began_ns)
    if is_clean:
        await _advance(proof, mark, through)


async def _advance(proof: Proof, mark: int, moment: datetime) -> None:
    async with proof.db.tx() as tx:
        await proof.set_mark(tx, _MARK, max(mark, (moment - _EPOCH) // _MICROSECOND))


async def _operated(proof: Proof) -> AsyncIterator[Finding]:
    """Payments of which something was asked since the last proof, however old they are."""
    mark = await proof.mark(_OPERATED)
    # What was still under way when its day was closed lies on the day before.
    since = date.fromordinal(max(mark - 1, 1))
    async with proof.db.read() as tx:
        today = await store.open_day(tx)
    after, is_clean = UUID(int=0), True
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            ids = await store.operated_since(tx, since, after, proof.step(_RANGE))
            if not ids:
                break
            for finding in await _wrong(proof, tx, ids):
                is_clean = False
                yield finding
        after = ids[-1]
        await proof.breathe(began_ns)
    if is_clean:
        async with proof.db.tx() as tx:
            await proof.set_mark(tx, _OPERATED, today.toordinal())


async def _wrong(proof: Proof, tx: Tx, ids: Sequence[UUID]) -> list[Finding]:
    found = await store.wrong_payments(tx, ids, MOST_FINDINGS)
    proof.rows += len(ids)
    proof.progress("payments", proof.rows, proof.rows)
    return [Finding(what, "payments.payment", str(key), expected, now) for what, key, expected, now in found]


async def _open(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        found = await store.wrongly_open(tx, MOST_FINDINGS)
    for payment_id, state in found:
        yield Finding("P7", "payments.open_payment", str(payment_id), "waits", state)


async def _restart(proof: Proof, tx: Tx) -> None:
    await proof.set_mark(tx, _MARK, 0)
    await proof.set_mark(tx, _OPERATED, 0)


async def _counted(proof: Proof) -> AsyncIterator[Finding]:
    zone = settings.load().zone
    day = days.local_day(proof.clock.now(), zone)
    midnight, next_midnight, since = (
        datetime.combine(day + timedelta(n), datetime.min.time(), zone).astimezone(UTC) for n in (0, 1, -1)
    )
    async with proof.db.read() as tx:
        found = await store.wrong_counters(tx, day, midnight, next_midnight, since, MOST_FINDINGS)
    for account_id, expected, now in found:
        yield Finding("P6", "payments.spending", str(account_id), expected, now)


_MOVED: Final = {name: INVARIANTS[name] for name in ("P1", "P2", "P3", "P4", "P5", "P7")}

CHECKS: Final = (
    Check("payments", _MOVED, _new, _restart),
    Check("payments that changed", _MOVED, _operated),
    Check("open payments", {"P7": INVARIANTS["P7"]}, _open),
    Check("spending counters", {"P6": INVARIANTS["P6"]}, _counted),
)
