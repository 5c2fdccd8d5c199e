"""The versions of the policy of authorisation: which is in force, and how two people make the next one.

`KINDS` maps the kind of approval to the verb that it runs; the app hands it to `approvals.propose` and `decide`.
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
from tongbao.payments import policy_store
from tongbao.payments import refusals as no
from tongbao.payments.policy import Policy, Rules, is_sound, seal

SET_POLICY: Final = "payments.policy"
MAY_SET_POLICY: Final = "limits:write"
_NEWEST: Final = 2**31 - 1


class PolicyChange(msgspec.Struct, frozen=True):
    """What an approval of this kind is about: the version that was in force when it was proposed, and what shall be."""

    expected: int
    rules: Rules


async def policy_in_force(tx: Tx) -> Policy:
    """The newest version."""
    return (await policy_store.policies(tx, _NEWEST, 1))[0]


async def policies(tx: Tx, *, below: int | None = None, most: int = 50) -> list[Policy]:
    """Versions, newest first, from below one on."""
    return await policy_store.policies(tx, _NEWEST if below is None else below, min(most, 1_000))


async def propose_policy(
    tx: Tx, principal: Principal, change: PolicyChange, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files what one person wants to be asked of payers, for a second person. The same proposal again is the same one.

    Refuses `permission_missing` unless a person asks, `policy_unsound`, `policy_unchanged`, `policy_changed`, and what
    `approvals.propose` refuses.
    """
    principal.require(MAY_SET_POLICY)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    payload = msgspec.to_builtins(change)
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=SET_POLICY, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        _check(change, await policy_in_force(tx))
    return filed


async def _set_policy(tx: Tx, approval: Approval) -> None:
    """Does what was approved: from the next batch on this version judges. Refuses what `propose_policy` refuses."""
    by, at = approvals.decider(approval)
    change = msgspec.convert(approval.payload, PolicyChange)
    before = await policy_in_force(tx)
    _check(change, before)
    version = before.version + 1
    hash_ = seal(
        version=version,
        content=msgspec.to_builtins(change.rules),
        reason=approval.reason,
        proposed_by=approval.proposed_by,
        approved_by=by.id,
        in_force_at=at,
        previous_hash=before.hash,
    )
    new = Policy(
        version=version,
        rules=change.rules,
        reason=approval.reason,
        proposed_by=approval.proposed_by,
        approved_by=by.id,
        in_force_at=at,
        previous_hash=before.hash,
        hash=hash_,
    )
    if not await policy_store.add_policy(tx, new):
        raise no.POLICY_CHANGED()
    said = {"version": version, "hash": hash_.hex(), "approval": str(approval.id)}
    await audit.record(tx, by, "policy.set", f"policy {version}", at=at, details=said)


def _check(change: PolicyChange, now: Policy) -> None:
    if change.expected != now.version:
        raise no.POLICY_CHANGED(f"version {now.version} is in force")
    if not is_sound(change.rules):
        raise no.POLICY_UNSOUND()
    if change.rules == now.rules:
        raise no.POLICY_UNCHANGED()


KINDS: Final[approvals.Kinds] = {SET_POLICY: _set_policy}
