"""A rule's next version: one person proposes it, another approves, and only then it judges."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.countries import is_country
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.risk import refusals as no
from tongbao.risk import rule_store
from tongbao.risk.expression_error import ExpressionError
from tongbao.risk.rule_model import MOST_MERCHANTS, RuleChange
from tongbao.risk.rules import check_rule

SET_RULE: Final = "risk.rule"
MAY_WRITE: Final = "risk:write"


async def propose_rule(
    tx: Tx, principal: Principal, change: RuleChange, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files a version for a second person. The same proposal again is the same one.

    Refuses `permission_missing` unless a person asks, `rule_unknown`, `rule_changed`, `rule_name_taken`, `rule_unsound`,
    `rule_scope_wrong`, `rule_period_wrong`, `rule_unchanged`, and what `approvals.propose` refuses.
    """
    principal.require(MAY_WRITE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    payload = msgspec.to_builtins(change)
    msgspec.convert(payload, RuleChange)  # what cannot be read back is not filed
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=SET_RULE, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        await _check(tx, change, at)
    return filed


async def _set_rule(tx: Tx, approval: Approval) -> None:
    """Does what was approved: from its moment on this version judges. Refuses what `propose_rule` refuses."""
    by, at = approvals.decider(approval)
    change = msgspec.convert(approval.payload, RuleChange)
    number = await rule_store.next_change(tx)
    await _check(tx, change, at)
    if change.expected == 0 and not await rule_store.add_rule(tx, change.rule_id, change.name, at):
        raise no.RULE_NAME_TAKEN(field="name")
    begins_at = max(change.says.effective_from or at, at)
    if not await rule_store.add_version(tx, change, approval, by.id, begins_at, number):
        raise no.RULE_CHANGED()
    said = {"version": change.expected + 1, "mode": change.says.mode.value, "approval": str(approval.id)}
    await audit.record(tx, by, "risk.rule", change.name, at=at, reason=approval.reason, details=said)


async def _check(tx: Tx, change: RuleChange, at: datetime) -> None:
    says = change.says
    newest = next(iter(await rule_store.newest(tx, change.rule_id)), None)
    if newest is None and change.expected:
        raise no.RULE_UNKNOWN()
    if (newest.version if newest else 0) != change.expected:
        raise no.RULE_CHANGED()
    if (newest and newest.name != change.name) or (not newest and await rule_store.named(tx, change.name)):
        raise no.RULE_NAME_TAKEN(field="name")
    try:
        check_rule(says, await rule_store.list_units(tx))
    except ExpressionError as error:
        raise no.RULE_UNSOUND(error.said("en"), field="expression") from None
    if not all(map(is_country, says.countries)) or len(says.merchants) > MOST_MERCHANTS:
        raise no.RULE_SCOPE_WRONG(field="countries")
    if says.effective_until is not None and says.effective_until <= max(says.effective_from or at, at):
        raise no.RULE_PERIOD_WRONG(field="effective_until")
    if newest is not None and msgspec.structs.replace(newest.says, effective_from=None) == msgspec.structs.replace(
        says, effective_from=None
    ):
        raise no.RULE_UNCHANGED()


KINDS: Final[approvals.Kinds] = {SET_RULE: _set_rule}
