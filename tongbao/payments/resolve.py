"""A payment that waits for a rail, decided by two people: one has found out what happened, another approves.

`kinds` maps the kind of approval to the verb that it runs; the app hands it to `approvals.decide`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.desk import Desk
from tongbao.payments.facts import facts_of
from tongbao.payments.model import NO_HOLDS, Check, Operation, Payment
from tongbao.payments.operate import Moved, operate
from tongbao.payments.rail_answered import decline, take_in, waits

RESOLVE: Final = "payments.resolve"
MAY_RESOLVE: Final = "payments:resolve"


class Resolution(StrEnum):
    """What two people found out: the money was sent, or it was not."""

    COMPLETED = "completed"
    DECLINED = "declined"


class _Payload(msgspec.Struct, frozen=True):
    payment_id: UUID
    outcome: Resolution


async def propose_resolution(
    tx: Tx, principal: Principal, payment_id: UUID, outcome: Resolution, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files what one person has found out, for a second person. `id` becomes the operation's when it is approved.

    Refuses `permission_missing` unless a person asks, `payment_unknown`, `not_waiting_for_rail`, and what
    `approvals.propose` refuses.
    """
    principal.require(MAY_RESOLVE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    payload = msgspec.to_builtins(_Payload(payment_id, outcome))
    filed = await approvals.propose(
        tx, principal, {RESOLVE}, id=id, kind=RESOLVE, payload=payload, reason=reason, at=at
    )
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        payment = (await store.payments(tx, [payment_id])).get(payment_id)
        if payment is None:
            raise no.PAYMENT_UNKNOWN()
        if not waits(payment):
            raise no.NOT_WAITING_FOR_RAIL()
    return filed


async def resolve(tx: Tx, approval: Approval, *, zone: ZoneInfo) -> None:
    """Does what was approved: credits the payment, or declines it. `zone`: the bank's, of its days.

    Refuses what `propose_resolution` refuses.
    """
    by, at = approvals.decider(approval)
    found = msgspec.convert(approval.payload, _Payload)

    def decide(desk: Desk, payment: Payment, operation: Operation, checks: list[Check]) -> Moved:
        if not waits(payment):
            raise no.NOT_WAITING_FOR_RAIL()
        if found.outcome is Resolution.COMPLETED:
            return take_in(desk, payment, operation, checks)
        return decline(desk, payment, operation, no.RESOLVED_AS_DECLINED)

    operation = Operation(
        id=approval.id,
        payment_id=found.payment_id,
        principal_id=by.id,
        request_hash=b"",
        reason=approval.reason,
    )
    (outcome,) = await operate(
        tx,
        "resolve",
        [operation],
        decide,
        await facts_of(tx, found.payment_id, at),
        suspense=True,
        at=at,
        zone=zone,
        holds_for=NO_HOLDS,
    )
    if outcome.refusal is not None:
        raise outcome.refusal


def kinds(zone: ZoneInfo) -> approvals.Kinds:
    """What an approval runs, in the zone of the bank's days."""
    return {RESOLVE: partial(resolve, zone=zone)}
