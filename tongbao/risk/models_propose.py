"""What a model is there for: one person proposes it, another approves, and from then on its score counts, or no longer.

To go back is to propose the champion before: it is kept as it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.risk import models, models_store
from tongbao.risk import refusals as no
from tongbao.risk.models_model import ModelChange, Role
from tongbao.risk.models_trees import BrokenModelError
from tongbao.risk.propose_rule import MAY_WRITE

SET_MODEL: Final = "risk.model"


async def propose_model(
    tx: Tx, principal: Principal, change: ModelChange, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files a role of a model for a second person. The same proposal again is the same one.

    Refuses `permission_missing` unless a person asks, `model_unknown`, `model_changed`, `model_unchanged`, `model_broken`,
    `model_unfit`, and
    what `approvals.propose` refuses.
    """
    principal.require(MAY_WRITE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    payload = msgspec.to_builtins(change)
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=SET_MODEL, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        await _check(tx, change)
    return filed


async def _set_role(tx: Tx, approval: Approval) -> None:
    """Does what was approved; whoever had the role makes way. Refuses what `propose_model` refuses."""
    by, at = approvals.decider(approval)
    change = msgspec.convert(approval.payload, ModelChange)
    await _check(tx, change)
    before = (await models_store.in_force(tx)).get(change.role)
    held = [(change.model, change.role)]
    if before is not None and before[0] != change.model:
        held.insert(0, (before[0], Role.RETIRED))
    if not await models_store.add_roles(tx, change.expected, held, approval, by.id, at):
        raise no.MODEL_CHANGED()
    said = {"role": change.role.value, "approval": str(approval.id)}
    await audit.record(tx, by, "risk.model", str(change.model), at=at, reason=approval.reason, details=said)


async def _check(tx: Tx, change: ModelChange) -> None:
    found = await models.model(tx, change.model)
    if await models_store.newest_role(tx) != change.expected:
        raise no.MODEL_CHANGED()
    if (found.role or Role.RETIRED) is change.role:
        raise no.MODEL_UNCHANGED()
    if change.role is Role.RETIRED:
        return
    try:
        model = await models.load_model(tx, change.model)
    except BrokenModelError as error:
        raise no.MODEL_BROKEN(str(error)) from None
    if (model.kind == "isolation") != (change.role is Role.OUTLIER):
        raise no.MODEL_UNFIT(field="role")


KINDS: Final[approvals.Kinds] = {SET_MODEL: _set_role}
