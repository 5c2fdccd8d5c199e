"""Limits of an indicator: one person proposes them, another approves, and from then on they say what is amber and red."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.risk import kri_store
from tongbao.risk import refusals as no
from tongbao.risk.kri_model import INDICATORS, LimitChange
from tongbao.risk.propose_rule import MAY_WRITE

SET_LIMIT: Final = "risk.limit"


async def propose_limit(
    tx: Tx, principal: Principal, change: LimitChange, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files limits for a second person. The same proposal again is the same one.

    Refuses `permission_missing` unless a person asks, `indicator_unknown`, `limit_unsound`, `limit_changed`, `limit_unchanged`, and what
    `approvals.propose` refuses.
    """
    principal.require(MAY_WRITE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    payload = msgspec.to_builtins(change)
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=SET_LIMIT, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        await _check(tx, change)
    return filed


async def _set_limit(tx: Tx, approval: Approval) -> None:
    """Does what was approved. Refuses what `propose_limit` refuses."""
    by, at = approvals.decider(approval)
    change = msgspec.convert(approval.payload, LimitChange)
    await _check(tx, change)
    if not await kri_store.add_limit(tx, change, approval, by.id, at):
        raise no.LIMIT_CHANGED()
    said = {
        "version": change.expected + 1,
        "amber": change.amber,
        "red": change.red,
        "tightens": change.tightens,
        "approval": str(approval.id),
    }
    await audit.record(tx, by, "risk.limit", change.indicator, at=at, reason=approval.reason, details=said)


async def _check(tx: Tx, change: LimitChange) -> None:
    if change.indicator not in INDICATORS:
        raise no.INDICATOR_UNKNOWN()
    if not 1 <= change.amber <= change.red:
        raise no.LIMIT_UNSOUND(field="red")
    now = (await kri_store.limits(tx)).get(change.indicator)
    if (now.version if now else 0) != change.expected:
        raise no.LIMIT_CHANGED()
    if now is not None and (now.amber, now.red, now.tightens) == (change.amber, change.red, change.tightens):
        raise no.LIMIT_UNCHANGED()


KINDS: Final[approvals.Kinds] = {SET_LIMIT: _set_limit}
