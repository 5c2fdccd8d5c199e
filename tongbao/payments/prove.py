"""What must be true of payments, recomputed from the ledger, the operations and the outbox, in ranges of payments."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tongbao import vault
from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.payments import (
    authorise_store,
    card_store,
    policy,
    policy_store,
    prove_collections,
    prove_trail,
    store,
    trail_store,
    verify,
)
from tongbao.payments.canonical import b64
from tongbao.payments.card_model import RAIL
from tongbao.payments.facts import OUTSIDE_LINE

INVARIANTS: Final = {
    "P1": "What a payment says was captured is what its transfers moved from payer to payee.",
    "P2": "What a payment says was refunded is what its refunds moved back.",
    "P3": "An authorised or held payment's hold has left what was authorised and not captured; any other's has nothing left.",
    "P4": "A payment's events are numbered without a gap, up to its sequence.",
    "P5": "A claimed payment or operation is decided in the transaction that claimed it.",
    "P6": "An account's counters of the day are what its payments of the day used of its limits.",
    "P7": "What waits for somebody or something is in the list of open payments, and nothing else is.",
    "P8": "What waits for a rail, or for a card to be given its money back, has a time at which it is asked next; no other has.",
    "P9": "Nobody pays more on a day than the level allows at which the bank knows him.",
    "P10": "The versions of the policy of authorisation are as they were approved, without a gap, each sealed over the one before.",
    "P11": "What a payer had to agree to went on with a proof, signed by the bank's key, of this amount to this payee.",
    "P12": "Each yes of the card network is booked once, for the amount that was asked, or taken back once; nothing else is booked.",
}

_RANGE: Final = 5_000
_PROOFS: Final = 1_000
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
    of_cards = await card_store.wrong_card_payments(tx, ids, RAIL, OUTSIDE_LINE, MOST_FINDINGS)
    found += [("P12", key, expected, now) for key, expected, now in of_cards]
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
    zone = proof.zone
    day = days.local_day(proof.clock.now(), zone)
    midnight, next_midnight, since = (
        datetime.combine(day + timedelta(n), datetime.min.time(), zone).astimezone(UTC) for n in (0, 1, -1)
    )
    async with proof.db.read() as tx:
        found = await store.wrong_counters(tx, day, midnight, next_midnight, since, MOST_FINDINGS)
    for account_id, expected, now in found:
        yield Finding("P6", "payments.spending", str(account_id), expected, now)


async def _within_level(proof: Proof) -> AsyncIterator[Finding]:
    """Levels only rise, so that what was allowed in the morning still is. Of customers without a bound nothing is read."""
    day = days.local_day(proof.clock.now(), proof.zone)
    async with proof.db.read() as tx:
        found = await store.over_their_level(tx, day, MOST_FINDINGS)
    for account_id, bound, paid in found:
        yield Finding("P9", "payments.spending", str(account_id), f"at most {bound}", str(paid))


async def _policies(proof: Proof) -> AsyncIterator[Finding]:
    """From the newest down: what each row says is what was sealed, and what it calls the one before is there."""
    async with proof.db.read() as tx:
        rows = await policy_store.policy_rows(tx, 2**31 - 1, 10_000)
        unsaid = await trail_store.wrong_policies(tx, MOST_FINDINGS)
    for version, said, found in unsaid:
        yield Finding("P10", "payments.policy", str(version), said, found)
    proof.rows += len(rows)
    before = {row[0]: bytes(row[7]) for row in rows}
    for version, content, reason, proposed_by, approved_by, at, previous, hash_ in rows:
        sealed = policy.seal(
            version=version,
            content=content,
            reason=reason,
            proposed_by=proposed_by,
            approved_by=approved_by,
            in_force_at=at,
            previous_hash=bytes(previous),
        )
        expected = before.get(version - 1, policy.GENESIS if version == 1 else b"")
        for should, now in ((sealed, hash_), (expected, previous)):
            if should != bytes(now):
                yield Finding("P10", "payments.policy", str(version), should.hex() or "a version before", now.hex())


async def _proofs(proof: Proof) -> AsyncIterator[Finding]:
    after = UUID(int=0)
    async with proof.db.read() as tx:
        kids = {key.kid for key in await vault.bank_keys(tx)}
        missing = await authorise_store.without_proof(tx, MOST_FINDINGS)
    for payment_id in missing:
        yield Finding("P11", "payments.challenge", str(payment_id), "a proof", "none")
    while True:
        began_ns = time.monotonic_ns()
        async with proof.db.read() as tx:
            found = await authorise_store.proofs_after(tx, after, proof.step(_PROOFS))
        if not found:
            return
        wrong = [(one.payment_id, said) for one, row in found if (said := _untrue(one, row, kids))]
        for payment_id, said in wrong[:MOST_FINDINGS]:
            yield Finding("P11", "payments.proof", str(payment_id), "what was agreed to and paid", said)
        proof.rows += len(found)
        proof.progress("proofs", proof.rows, proof.rows)
        after = found[-1][0].payment_id
        await proof.breathe(began_ns)


def _untrue(one: authorise_store.Proof, row: tuple[Any, ...], kids: Collection[str]) -> str | None:
    file = {"proof": json.loads(one.document), "signature": b64(one.signature)}
    try:
        found = verify.verify(json.dumps(file).encode())
    except verify.Wrong as wrong:
        return str(wrong)
    amount, currency, merchant_id = row
    said = found.instruction
    agreed = (said["payment_id"], said["amount_minor"], said["currency"], said["merchant_id"])
    if agreed != (str(one.payment_id), amount, currency, str(merchant_id) if merchant_id else None):
        return "another amount or payee"
    return None if found.bank_kid in kids else "a key that is not the bank's"


_MOVED: Final = {name: INVARIANTS[name] for name in ("P1", "P2", "P3", "P4", "P5", "P7", "P8", "P12")}

CHECKS: Final = (
    Check("payments", _MOVED, _new, _restart),
    Check("payments that changed", _MOVED, _operated),
    Check("open payments", {"P7": INVARIANTS["P7"]}, _open),
    Check("spending counters", {"P6": INVARIANTS["P6"]}, _counted),
    Check("levels of payers", {"P9": INVARIANTS["P9"]}, _within_level),
    Check("policies of authorisation", {"P10": INVARIANTS["P10"]}, _policies),
    Check("proofs of payers", {"P11": INVARIANTS["P11"]}, _proofs),
    *prove_trail.CHECKS,
    *prove_collections.CHECKS,
)
