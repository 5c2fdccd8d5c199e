"""Who comes into a list that rules look things up in, and who goes out: proposed by one person, approved by another."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.risk import refusals as no
from tongbao.risk import rule_store
from tongbao.risk.expression_model import Unit
from tongbao.risk.list_words import ANYTHING, MOST_ANYTHING, normal
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.rule_model import LIST_UNITS, MOST_MEMBERS, ListChange

SET_LIST: Final = "risk.list"
_LONGEST: Final = 200


async def propose_list(
    tx: Tx, principal: Principal, change: ListChange, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files who comes and goes for a second person. The same proposal again is the same one.

    Refuses `permission_missing` unless a person asks, `list_unit_fixed`, `list_member_wrong`, `list_period_wrong`,
    `list_unchanged`, and what `approvals.propose` refuses.
    """
    principal.require(MAY_WRITE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")
    normalised = msgspec.structs.replace(
        change, come=_members(change.unit, change.come), go=_members(change.unit, change.go)
    )
    payload = msgspec.to_builtins(normalised)
    msgspec.convert(payload, ListChange)  # what cannot be read back is not filed
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=SET_LIST, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        known = (await rule_store.list_units(tx)).get(change.name)
        if known is not None and known is not change.unit:
            raise no.LIST_UNIT_FIXED(field="unit")
        _check(normalised, at)
    return filed


async def _set_list(tx: Tx, approval: Approval) -> None:
    """Does what was approved, at once. Refuses what `propose_list` refuses."""
    by, at = approvals.decider(approval)
    change = msgspec.convert(approval.payload, ListChange)
    _check(change, at)
    number = await rule_store.next_change(tx)
    if await rule_store.claim_list(tx, change, at) is not change.unit:
        raise no.LIST_UNIT_FIXED(field="unit")
    await rule_store.set_members(tx, change, approval.id, at, number)
    said = {"come": len(change.come), "go": len(change.go), "approval": str(approval.id)}
    await audit.record(tx, by, "risk.list", change.name, at=at, reason=approval.reason, details=said)


def _members(unit: Unit, typed: tuple[str, ...]) -> tuple[str, ...]:
    """As they are held, each once. Refuses `list_member_wrong`."""
    if len(typed) > MOST_MEMBERS or unit not in LIST_UNITS:
        raise no.LIST_MEMBER_WRONG()
    return tuple(dict.fromkeys(_member(unit, one) for one in typed))


def _member(unit: Unit, typed: str) -> str:
    if unit in (Unit.ACCOUNT, Unit.DEVICE):
        try:
            return str(UUID(typed))
        except ValueError:
            raise no.LIST_MEMBER_WRONG() from None
    said = normal(typed)
    if (
        not said.strip(f"{ANYTHING} ")
        or said.count(ANYTHING) > MOST_ANYTHING
        or len(said) > _LONGEST
        or not said.isprintable()
    ):
        raise no.LIST_MEMBER_WRONG()
    return said


def _check(change: ListChange, at: datetime) -> None:
    if change.until is not None and change.until <= at:
        raise no.LIST_PERIOD_WRONG(field="until")
    if not (change.come or change.go):
        raise no.LIST_UNCHANGED()


KINDS: Final[approvals.Kinds] = {SET_LIST: _set_list}
