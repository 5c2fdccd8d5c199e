"""Payments that risk has held: a person lets them go on, when another approves, or refuses them. Nobody decides: the payer has his money back.

`kinds` maps the kind of approval to the verb that it runs; the app hands it to `approvals.decide`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.cancel import let_go
from tongbao.payments.capture import take
from tongbao.payments.desk import Desk
from tongbao.payments.facts import Facts, facts_of
from tongbao.payments.model import NO_HOLDS, Arrives, Capture, Check, HoldsFor, Operation, Outcome, Payment, State
from tongbao.payments.operate import Moved, operate

RELEASE: Final = "payments.release"
MAY_DECIDE: Final = "risk:write"


class _Payload(msgspec.Struct, frozen=True):
    payment_id: UUID


async def propose_release(
    tx: Tx, principal: Principal, payment_id: UUID, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files that a held payment is to go on, for a second person. `id` becomes the operation's when it is approved.

    Refuses `permission_missing` unless a person asks, `payment_unknown`, `not_held`, and what `approvals.propose` refuses.
    """
    principal.require(MAY_DECIDE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    payload = msgspec.to_builtins(_Payload(payment_id))
    filed = await approvals.propose(
        tx, principal, {RELEASE}, id=id, kind=RELEASE, payload=payload, reason=reason, at=at
    )
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        payment = (await store.payments(tx, [payment_id])).get(payment_id)
        if payment is None:
            raise no.PAYMENT_UNKNOWN()
        if payment.state != State.HELD:
            raise no.NOT_HELD()
    return filed


async def release(tx: Tx, approval: Approval, *, zone: ZoneInfo) -> None:
    """Lets go on what was approved. Refuses `payment_unknown`, `not_held`, and what `submit` refuses for switches and accounts."""
    by, at = approvals.decider(approval)
    found = msgspec.convert(approval.payload, _Payload)
    operation = Operation(
        id=approval.id, payment_id=found.payment_id, principal_id=by.id, request_hash=b"", reason=approval.reason
    )
    facts = await facts_of(tx, found.payment_id, at)
    (outcome,) = await operate(tx, "release", [operation], _release, facts, at=at, zone=zone, holds_for=NO_HOLDS)
    if outcome.refusal is not None:
        raise outcome.refusal


def _release(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    _is_held(desk, payment)
    desk.check_switches(operation.id, checks)
    desk.check_accounts(payment, checks)
    if payment.rail is not None:
        desk.ask_outside_now(payment, checks)
        desk.tell(payment.state, payment, operation_id=operation.id)
        return Moved()
    if payment.capture == Capture.MANUAL or payment.arrives != Arrives.NOW:
        desk.go_on_later(payment)
        desk.tell(payment.state, payment, operation_id=operation.id)
        return Moved()
    return take(desk, payment, operation, checks)


async def take_held(
    tx: Tx, principal: Principal, payment_id: UUID, *, to: UUID | None, seen: UUID | None, at: datetime
) -> None:
    """Takes a held payment upon oneself, or hands it back (`to` None). `seen`: with whom it was, for who decided by it.

    Refuses `permission_missing`, `payment_unknown`, `not_held`, `held_by_another`.
    """
    principal.require(MAY_DECIDE)
    payment = (await store.payments(tx, [payment_id])).get(payment_id)
    if payment is None:
        raise no.PAYMENT_UNKNOWN()
    if payment.state != State.HELD:
        raise no.NOT_HELD()
    if not await store.take_held(tx, payment_id, to=to, seen=seen):
        raise no.HELD_BY_ANOTHER()
    await audit.record(tx, principal, "payments.take_held" if to else "payments.hand_back_held", payment_id, at=at)


async def refuse_held(
    tx: Tx, principal: Principal, payment_id: UUID, *, id: UUID, reason: str, at: datetime, zone: ZoneInfo
) -> None:
    """One person refuses; the money goes back to where it was. The same `id` again changes nothing.

    Refuses `permission_missing` unless a person asks, `payment_unknown`, `not_held`.
    """
    principal.require(MAY_DECIDE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    operation = Operation(
        id=id,
        payment_id=payment_id,
        principal_id=principal.id,
        request_hash=sha256(reason.encode()).digest(),
        reason=reason,
    )
    (outcome,) = await refuse(tx, [operation], await facts_of(tx, payment_id, at), at=at, zone=zone, holds_for=NO_HOLDS)
    if outcome.refusal is not None:
        raise outcome.refusal
    if not outcome.replayed:
        await audit.record(tx, principal, "payments.refuse_held", payment_id, at=at, reason=reason)


async def refuse(
    tx: Tx, operations: Sequence[Operation], facts: Facts, *, at: datetime, zone: ZoneInfo, holds_for: HoldsFor
) -> list[Outcome]:
    """Ends held payments: the money that was set aside is the payer's again. Refuses `payment_unknown`, `not_held`."""
    return await operate(tx, "refuse", operations, _refuse, facts, at=at, zone=zone, holds_for=holds_for)


def _refuse(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
    _is_held(desk, payment)
    let_go(desk, payment, State.DECLINED)
    payment.refusal = no.AUTHORISATION_REFUSED.code
    desk.tell(payment.state, payment, operation_id=operation.id)
    return Moved()


def _is_held(desk: Desk, payment: Payment) -> None:
    if payment.state != State.HELD or payment.due_at is None or desk.at >= payment.due_at:
        raise no.NOT_HELD()


def kinds(zone: ZoneInfo) -> approvals.Kinds:
    """What an approval runs, in the zone of the bank's days."""
    return {RELEASE: partial(release, zone=zone)}
