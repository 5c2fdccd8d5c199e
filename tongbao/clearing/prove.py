"""What must be true of clearing, recomputed from payments and the ledger, day by day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Final

from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.prove import MOST_FINDINGS, Check, Finding, Proof
from tongbao.clearing import store
from tongbao.clearing.clear import CLEARING
from tongbao.clearing.model import Batch, Kind, Position, State

INVARIANTS: Final = {
    "C1": "The positions of a batch add up to zero.",
    "C2": "A merchant's position is the sum of what payments moved for it on that booking day.",
    "C3": "Clearing moved what a day left on the takings account, once.",
    "C4": "Settlement paid out, or collected, a position's net and its fee, once.",
    "C5": "The acquirer's clearing account holds what is cleared and not settled, less what has been advanced.",
    "C6": "An order says of its payment what the payment says of itself.",
}

_MARK: Final = "clearing.batch"
_PAGE: Final = 1000


async def _batches(proof: Proof) -> AsyncIterator[Finding]:
    """From the first day that was not proved when everything of it was settled."""
    mark = await proof.mark(_MARK)
    day, is_clean = (date.fromordinal(mark) if mark else date.min), True
    while True:
        async with proof.db.read() as tx:
            batches = await store.prove_next_batches(tx, day)
            findings = await _day(proof, tx, batches[0].booking_date, batches) if batches else []
        if not batches:
            return
        day = batches[0].booking_date
        for finding in findings:
            yield finding
        is_clean = is_clean and not findings and all(batch.settled_at for batch in batches)
        if is_clean:
            async with proof.db.tx() as tx:
                await proof.set_mark(tx, _MARK, day.toordinal())
        proof.progress("clearing batches", proof.rows, proof.rows)
        await proof.breathe()


async def _day(proof: Proof, tx: Tx, day: date, batches: list[Batch]) -> list[Finding]:
    moved = {(m.merchant_id, m.currency): m for m in await store.movements_of_day(tx, day)}
    findings: list[Finding] = []
    for batch in batches:
        total, after = 0, None
        while positions := await store.prove_positions(tx, batch.id, after, _PAGE):
            after = positions[-1].id
            total += sum(p.net_minor for p in positions)
            merchants = [p for p in positions if p.kind is Kind.MERCHANT]
            for position in merchants:
                found = moved.pop((position.participant_id, batch.currency), None)  # type: ignore[arg-type]
                expected = (
                    (found.captures_minor, found.refunds_minor, found.covered_minor, found.fees_minor)
                    if found
                    else (0,) * 4
                )
                findings += _differs("C2", position, str(expected), str(_figures(position)))
            findings += await _paid(tx, batch, merchants)
            proof.rows += len(positions)
        if total:
            findings.append(Finding("C1", "clearing.batch", f"id={batch.id}", "sum 0", f"sum {total}"))
    for (merchant, currency), _ in moved.items():
        key = f"day={day} currency={currency} merchant={merchant}"
        findings.append(Finding("C2", "clearing.position", key, "a position", "none"))
    return findings[:MOST_FINDINGS]


def _figures(position: Position) -> tuple[int, ...]:
    return (position.captures_minor, position.refunds_minor, position.covered_minor, position.fees_minor)


async def _paid(tx: Tx, batch: Batch, positions: list[Position]) -> list[Finding]:
    """What the two transfers of each position did to the clearing account."""
    cleared = {p.id: derived(p.id, "clearing") for p in positions}
    ids = [*cleared, *cleared.values()]
    effects = await store.prove_effects(tx, ids, CLEARING, batch.booking_date + timedelta(1))
    findings: list[Finding] = []
    for position in positions:
        into = 0 if position.state is State.DRAWN else position.takings_minor
        findings += _differs("C3", position, str(into), str(effects.get(cleared[position.id], 0)))
        out = position.fees_minor if position.state not in (State.DRAWN, State.CLEARED) else 0
        if position.state in (State.SETTLED, State.SUSPENSE):
            out += position.net_minor
        findings += _differs("C4", position, str(-out), str(effects.get(position.id, 0)))
    return findings


def _differs(number: str, position: Position, expected: str, found: str) -> list[Finding]:
    if expected == found:
        return []
    return [Finding(number, "clearing.position", f"id={position.id}", expected, found)]


async def _advanced(proof: Proof) -> AsyncIterator[Finding]:
    async with proof.db.read() as tx:
        for currency, expected, found in await store.prove_clearing_account(tx, CLEARING):
            yield Finding("C5", "ledger.account", f"line={CLEARING} currency={currency}", str(expected), str(found))


async def _orders(proof: Proof) -> AsyncIterator[Finding]:
    """Of orders that have followed all of their payment's events."""
    async with proof.db.read() as tx:
        for order, expected, found in await store.prove_orders(tx, MOST_FINDINGS):
            yield Finding("C6", "merchants.shop_order", f"id={order}", expected, found)


async def _restart(proof: Proof, tx: Tx) -> None:
    await proof.set_mark(tx, _MARK, 0)


CHECKS: Final = (
    Check("clearing batches", {name: INVARIANTS[name] for name in ("C1", "C2", "C3", "C4")}, _batches, _restart),
    Check("clearing account", {"C5": INVARIANTS["C5"]}, _advanced),
    Check("orders", {"C6": INVARIANTS["C6"]}, _orders),
)
"""What `tongbao prove` runs for clearing, after the ledger and payments."""
