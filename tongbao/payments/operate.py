"""The common way of everything that is asked of a payment after it was submitted: claim, lock, decide one by one, write.

Each verb hands in its own decision: `decide(desk, payment, operation, checks) -> Moved`, which refuses or acts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.payments import desk as desks
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.facts import Facts
from tongbao.payments.model import OUTSIDE, Check, HoldsFor, Operation, Outcome, Payment, Scope, State
from tongbao.payments.view import view


class Moved(msgspec.Struct, frozen=True):
    """What an operation moved between payer and payee, what covered it from elsewhere, and the change of the fee."""

    amount_minor: int = 0
    covered_minor: int = 0
    fee_minor: int = 0


Decide = Callable[[desks.Desk, Payment, Operation, list[Check]], Moved]
Look = Callable[[Tx, Mapping[UUID, Payment]], Awaitable[None]]
"""What a verb reads under the locks of its payments, before any account is locked."""


async def operate(
    tx: Tx,
    kind: str,
    operations: Sequence[Operation],
    decide: Decide,
    facts: Facts,
    *,
    at: datetime,
    zone: ZoneInfo,
    holds_for: HoldsFor,
    suspense: bool = False,
    look: Look | None = None,
) -> list[Outcome]:
    """One outcome an operation, in order; refusals are remembered and ids seen before answer what they answered first.

    `suspense`: the decision may have to put money there. `look`: reads what the decision needs beside that.
    """
    first = {operation.id: place for place, operation in reversed(list(enumerate(operations)))}
    once = [operation for place, operation in enumerate(operations) if place == first[operation.id]]
    fresh = await store.claim_operations(tx, kind, sorted(once, key=lambda o: o.id), at)
    outcomes = await _replays(tx, kind, [o for o in once if o.id not in fresh])
    ours = [o for o in once if o.id in fresh]
    if ours:
        more: Any = {"suspense": suspense, "look": look}
        desk, payments = await _lock(tx, ours, fresh, facts, **more, at=at, zone=zone, holds_for=holds_for)
        for operation in ours:
            outcomes[operation.id] = _decide_one(desk, payments, operation, decide)
        desk.writes.payments = [p for p in payments.values() if p.id in {o.payment_id for o in ours}]
        await desk.write(tx)
    return [
        outcomes[o.id] if place == first[o.id] else _again(o, operations[first[o.id]], outcomes[o.id])
        for place, o in enumerate(operations)
    ]


async def _lock(
    tx: Tx,
    operations: Sequence[Operation],
    stopped: Mapping[UUID, Scope | None],
    facts: Facts,
    *,
    suspense: bool,
    look: Look | None,
    at: datetime,
    zone: ZoneInfo,
    holds_for: HoldsFor,
) -> tuple[desks.Desk, dict[UUID, Payment]]:
    payments = await store.lock_payments(tx, {o.payment_id for o in operations})
    if look is not None:
        await look(tx, payments)
    accounts: set[int] = set()
    for payment in payments.values():
        ends = [payment.payer_account_id, payment.payee_account_id]
        accounts |= {facts.accounts[i][0] for i in ends if i in facts.accounts}
        if payment.payer_account_id == OUTSIDE or payment.rail is not None:
            accounts.add(facts.outside[payment.currency])
            if suspense:
                accounts.add(facts.suspense[payment.currency])
        merchant = facts.merchants.get(payment.merchant_id) if payment.merchant_id else None
        if merchant:
            accounts.add(merchant.settlement_ledger_id)
    desk = await desks.lock(
        tx,
        facts,
        spenders={p.payer_account_id for p in payments.values() if p.payer_account_id != OUTSIDE},
        accounts=accounts,
        holds={p.id for p in payments.values() if p.state in (State.AUTHORISED, State.HELD)},
        stopped=stopped,
        at=at,
        zone=zone,
        holds_for=holds_for,
    )
    return desk, payments


def _decide_one(desk: desks.Desk, payments: dict[UUID, Payment], operation: Operation, decide: Decide) -> Outcome:
    payment = payments.get(operation.payment_id)
    checks: list[Check] = [Check("authentication", True)]
    try:
        if payment is None or not _may_ask(desk, payment, operation):
            payment = None
            raise no.PAYMENT_UNKNOWN()
        moved = decide(desk, payment, operation, checks)
    except Refusal as refusal:
        refused = no.BY_CODE[refusal.code]()
        answer = _answer(payment, checks)
        desk.writes.operations.append((operation.id, "refused", refused.code, 0, 0, 0, answer))
        return Outcome(payment, tuple(checks), refused, answer=answer)
    answer = _answer(payment, checks)
    desk.writes.operations.append(
        (operation.id, "done", None, moved.amount_minor, moved.covered_minor, moved.fee_minor, answer)
    )
    return Outcome(payment, tuple(checks), answer=answer)


def _may_ask(desk: desks.Desk, payment: Payment, operation: Operation) -> bool:
    """A merchant asks about payments to itself, a customer about payments from an account of his own."""
    if operation.payer_id is not None and payment.refusal == no.PAYER_UNKNOWN.code:
        return False  # somebody else named his account and was refused: he never sees it
    return operation.merchant_id in (None, payment.merchant_id) and desk.facts.is_of(
        payment.payer_account_id, operation.payer_id
    )


def _answer(payment: Payment | None, checks: list[Check]) -> dict[str, Any] | None:
    return None if payment is None else msgspec.to_builtins(view(payment, tuple(checks)))


async def _replays(tx: Tx, kind: str, operations: Sequence[Operation]) -> dict[UUID, Outcome]:
    found = await store.operations(tx, [o.id for o in operations]) if operations else {}
    outcomes: dict[UUID, Outcome] = {}
    for operation in operations:
        _, payment_id, seen_kind, principal, seen_hash, _, refusal, answer = found[operation.id]
        if principal != operation.principal_id:
            outcomes[operation.id] = Outcome(None, refusal=no.ID_TAKEN())
        elif (seen_kind, payment_id, seen_hash) != (kind, operation.payment_id, operation.request_hash):
            outcomes[operation.id] = Outcome(None, refusal=no.ID_REUSED())
        else:
            refused = no.BY_CODE[refusal]() if refusal else None
            outcomes[operation.id] = Outcome(None, refusal=refused, replayed=True, answer=answer)
    return outcomes


def _again(operation: Operation, first: Operation, outcome: Outcome) -> Outcome:
    if operation.principal_id != first.principal_id:
        return Outcome(None, refusal=no.ID_TAKEN())
    if (operation.payment_id, operation.request_hash) != (first.payment_id, first.request_hash):
        return Outcome(None, refusal=no.ID_REUSED())
    return Outcome(outcome.payment, outcome.checks, outcome.refusal, replayed=True, answer=outcome.answer)
