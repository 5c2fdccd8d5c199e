"""What must be true of payments, recomputed from the ledger, the operations and the outbox, in ranges of payments."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao.base import days
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
_LATE: Final = timedelta(minutes=1)
"""A payment that came this long ago is visible to everybody."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


async def _new(proof: Proof) -> AsyncIterator[Finding]:
    """In the order in which they came, each once; what came in the last minute again the next time."""
    through = proof.clock.now() - _LATE
    place = (_EPOCH + await proof.mark(_MARK) * _MICROSECOND, UUID(int=0))
    is_clean = True
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            found = await store.payments_after(tx, place, proof.step(_RANGE))
            if not found:
                return
            for finding in await _wrong(proof, tx, [id_ for _, id_ in found]):
                is_clean = False
                yield finding
        place = found[-1]
        if is_clean:
            async with proof.db.tx() as tx:
                await proof.set_mark(tx, _MARK, (min(place[0], through) - _EPOCH) // _MICROSECOND)
        await proof.breathe(began_ns)


async def _operated(proof: Proof) -> AsyncIterator[Finding]:
    """Payments of which something was asked since the last proof, however old they are."""
    since = (_EPOCH + await proof.mark(_OPERATED) * _MICROSECOND).date() - timedelta(days=2)
    today = proof.clock.now()
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
            await proof.set_mark(tx, _OPERATED, (today - _EPOCH) // _MICROSECOND)


_OPERATED: Final = "payments.operation"


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


def checks(zone: ZoneInfo) -> tuple[Check, ...]:
    """The checks of a bank whose days of limits are those of `zone`."""

    async def counted(proof: Proof) -> AsyncIterator[Finding]:
        day = days.local_day(proof.clock.now(), zone)
        midnights = [
            datetime.combine(day + timedelta(n), datetime.min.time(), zone).astimezone(UTC) for n in (0, 1, -1)
        ]
        async with proof.db.read() as tx:
            found = await store.wrong_counters(tx, day, *midnights, MOST_FINDINGS)
        for account_id, expected, now in found:
            yield Finding("P6", "payments.spending", str(account_id), expected, now)

    moved = {name: INVARIANTS[name] for name in ("P1", "P2", "P3", "P4", "P5", "P7")}
    return (
        Check("payments", moved, _new, _restart),
        Check("payments that changed", moved, _operated),
        Check("open payments", {"P7": INVARIANTS["P7"]}, _open),
        Check("spending counters", {"P6": INVARIANTS["P6"]}, counted),
    )
