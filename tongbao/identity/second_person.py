"""What a member of staff proposes and another one decides: thaws, restrictions, levels, keys, colleagues.

`KINDS` maps each kind of approval to the verb that it runs. What has a secret in it is not run: whoever proposed it draws it, once,
within a day (`draw_password`, `draw_key`), so that the second person never sees it and it lies in no proposal.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.identity import (
    keys,
    restrictions,
    staff,
    staff_app,
    staff_password,
    staff_store,
    standing,
    store,
    verification,
)
from tongbao.identity import refusals as no
from tongbao.identity.model import ApiKey, Made, NewKey, Role, Staff, Token
from tongbao.identity.staff_model import DRAWN_WITHIN

RAISE_LEVEL: Final = "identity.raise_level"
UNFREEZE_CUSTOMER: Final = "identity.unfreeze_customer"
LIFT_RESTRICTION: Final = "identity.lift_restriction"
UNFREEZE_ACCOUNT: Final = "identity.unfreeze_account"
ISSUE_KEY: Final = "identity.issue_key"
ROTATE_KEY: Final = "identity.rotate_key"
ENABLE_STAFF: Final = "identity.enable_staff"
STAFF_ROLES: Final = "identity.staff_roles"
RESET_PASSWORD: Final = "identity.reset_password"
FORGET_FACTORS: Final = "identity.forget_factors"

MAY_PROPOSE: Final = {
    RAISE_LEVEL: "customers:write",
    UNFREEZE_CUSTOMER: "customers:freeze",
    LIFT_RESTRICTION: restrictions.MAY_RESTRICT,
    UNFREEZE_ACCOUNT: "accounts:freeze",
    ISSUE_KEY: "keys:write",
    ROTATE_KEY: "keys:write",
    ENABLE_STAFF: "staff:write",
    STAFF_ROLES: "staff:write",
    RESET_PASSWORD: "staff:write",
    FORGET_FACTORS: "staff:write",
}
DRAWN: Final = frozenset({ISSUE_KEY, ROTATE_KEY, ENABLE_STAFF, RESET_PASSWORD})
"""What leaves something to be drawn by whoever proposed it."""


async def propose(
    tx: Tx, principal: Principal, kind: str, payload: Mapping[str, Any], *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files what a member of staff wants to be done, for another one. The same proposal again is the same one.

    Refuses `permission_missing` unless a person with the right asks, what `approvals.propose` refuses, and what makes no sense
    now: `customer_unknown`, `account_not_found`, `key_unknown`, `staff_unknown`, `not_yourself` and as the verb of its kind.
    """
    principal.require(MAY_PROPOSE[kind])
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people propose this, keys do not")
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=kind, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        await _SENSE[kind](tx, principal, filed.payload, at)
    return filed


Payload = Mapping[str, Any]


async def _customer_there(tx: Tx, _: Principal, payload: Payload, at: datetime) -> None:
    if not await store.customers(tx, [UUID(payload["customer_id"])]):
        raise no.CUSTOMER_UNKNOWN()


async def _level_higher(tx: Tx, _: Principal, payload: Payload, at: datetime) -> None:
    await verification.must_rise(tx, UUID(payload["customer_id"]), int(payload["level"]))


async def _restricted(tx: Tx, _: Principal, payload: Payload, at: datetime) -> None:
    await restrictions.must_be_restricted(tx, UUID(payload["customer_id"]))


async def _account_there(tx: Tx, _: Principal, payload: Payload, at: datetime) -> None:
    if not await store.accounts(tx, [UUID(payload["account_id"])]):
        raise no.ACCOUNT_NOT_FOUND()


async def _key_sound(tx: Tx, by: Principal, payload: Payload, at: datetime) -> None:
    keys.check_new_key(msgspec.convert(payload, NewKey), by, at=at)


async def _key_lives(tx: Tx, _: Principal, payload: Payload, at: datetime) -> None:
    key_id = UUID(payload["key_id"])
    key = (await store.keys(tx, [key_id])).get(key_id)
    if key is None:
        raise no.KEY_UNKNOWN()
    if key.is_over(at) or key.rotated_to is not None:
        raise no.KEY_OVER()


async def _colleague(tx: Tx, by: Principal, payload: Payload, at: datetime) -> None:
    await _somebody_else(tx, by, payload)


async def _shut_out(tx: Tx, by: Principal, payload: Payload, at: datetime) -> None:
    if (await _somebody_else(tx, by, payload)).status == "active":
        raise no.STAFF_ACTIVE()


_SENSE: Final = {
    RAISE_LEVEL: _level_higher,
    UNFREEZE_CUSTOMER: _customer_there,
    LIFT_RESTRICTION: _restricted,
    UNFREEZE_ACCOUNT: _account_there,
    ISSUE_KEY: _key_sound,
    ROTATE_KEY: _key_lives,
    ENABLE_STAFF: _shut_out,
    STAFF_ROLES: _colleague,
    RESET_PASSWORD: _colleague,
    FORGET_FACTORS: _colleague,
}


async def _somebody_else(tx: Tx, by: Principal, payload: Payload) -> Staff:
    staff_id = UUID(payload["staff_id"])
    if staff_id == by.id:
        raise no.NOT_YOURSELF()
    found = (await store.staff(tx, [staff_id])).get(staff_id)
    if found is None:
        raise no.STAFF_UNKNOWN()
    return found


def _done(approval: Approval) -> dict[str, Any]:
    by, at = approvals.decider(approval)
    return {"reason": approval.reason, "by": by, "at": at}


async def _raise_level(tx: Tx, approval: Approval) -> None:
    id_, level = UUID(approval.payload["customer_id"]), int(approval.payload["level"])
    await verification.raise_level(tx, id_, level, **_done(approval), seconded=approval)


async def _unfreeze_customer(tx: Tx, approval: Approval) -> None:
    """His accounts are settled after it, one by one (`accounts_to_settle`)."""
    id_ = UUID(approval.payload["customer_id"])
    await standing.unfreeze_customer(tx, id_, **_done(approval), seconded=approval)


async def _lift_restriction(tx: Tx, approval: Approval) -> None:
    id_ = UUID(approval.payload["customer_id"])
    await restrictions.lift_restriction(tx, id_, **_done(approval), seconded=approval)


async def _unfreeze_account(tx: Tx, approval: Approval) -> None:
    await standing.unfreeze_account(tx, UUID(approval.payload["account_id"]), **_done(approval), seconded=approval)


async def _agreed_key(tx: Tx, approval: Approval) -> None:
    """Agreed; whoever proposed it draws it. Refuses what cannot be made any more."""
    by, at = approvals.decider(approval)
    await _key_sound(tx, by, approval.payload, at)


async def _agreed_rotation(tx: Tx, approval: Approval) -> None:
    by, at = approvals.decider(approval)
    await _key_lives(tx, by, approval.payload, at)


async def _enable_staff(tx: Tx, approval: Approval) -> None:
    by, _ = approvals.decider(approval)
    who = await _somebody_else(tx, by, approval.payload)
    await staff.enable_staff(tx, who.id, **_done(approval), seconded=approval)


async def _staff_roles(tx: Tx, approval: Approval) -> None:
    by, _ = approvals.decider(approval)
    who = await _somebody_else(tx, by, approval.payload)
    roles = frozenset(Role(role) for role in approval.payload["roles"])
    await staff.set_roles(tx, who.id, roles, **_done(approval), seconded=approval)


async def _agreed_password(tx: Tx, approval: Approval) -> None:
    """Agreed; whoever proposed it draws it, and hands it over himself."""
    by, _ = approvals.decider(approval)
    await _somebody_else(tx, by, approval.payload)


async def _forget_factors(tx: Tx, approval: Approval) -> None:
    by, _ = approvals.decider(approval)
    who = await _somebody_else(tx, by, approval.payload)
    await staff_app.remove_app(tx, who.id, **_done(approval), seconded=approval)


KINDS: Final[approvals.Kinds] = {
    RAISE_LEVEL: _raise_level,
    UNFREEZE_CUSTOMER: _unfreeze_customer,
    LIFT_RESTRICTION: _lift_restriction,
    UNFREEZE_ACCOUNT: _unfreeze_account,
    ISSUE_KEY: _agreed_key,
    ROTATE_KEY: _agreed_rotation,
    ENABLE_STAFF: _enable_staff,
    STAFF_ROLES: _staff_roles,
    RESET_PASSWORD: _agreed_password,
    FORGET_FACTORS: _forget_factors,
}


async def accounts_to_settle(tx: Tx, approval: Approval) -> list[UUID]:
    """Accounts whose standing in the ledger is still to be told after this was approved (`settle_account`, one by one)."""
    if approval.kind != UNFREEZE_CUSTOMER or approval.state is not ApprovalState.APPROVED:
        return []
    return await store.account_ids_of(tx, UUID(approval.payload["customer_id"]))


async def _drawn(tx: Tx, by: Principal, id: UUID, kinds: frozenset[str], at: datetime) -> Approval:
    """What two people agreed to, for whoever proposed it, within a day. Refuses `nothing_to_draw`."""
    found = await approvals.approval(tx, id)
    if found.kind not in kinds or found.proposed_by != by.id or found.state is not ApprovalState.APPROVED:
        raise no.NOTHING_TO_DRAW()
    if found.decided_at is None or found.decided_at + DRAWN_WITHIN <= at:
        raise no.NOTHING_TO_DRAW()
    return found


async def draw_password(tx: Tx, by: Principal, approval_id: UUID, password_hash: str, *, at: datetime) -> UUID:
    """Gives the one-time password that was agreed to, once; whose it is. Refuses `approval_unknown`, `nothing_to_draw`."""
    agreed = await _drawn(tx, by, approval_id, frozenset({ENABLE_STAFF, RESET_PASSWORD}), at)
    staff_id = UUID(agreed.payload["staff_id"])
    who = await store.lock_staff(tx, staff_id)
    stored = await staff_store.staff_password(tx, staff_id)
    assert agreed.decided_at is not None
    # One that was set since, by drawing or by its holder, is not replaced on the strength of what was agreed before.
    if who is None or who.status != "active" or stored is None or stored.set_at > agreed.decided_at:
        raise no.NOTHING_TO_DRAW()
    if stored.set_at == agreed.decided_at and stored.hash != staff.NO_PASSWORD:
        raise no.NOTHING_TO_DRAW()
    await staff_password.give_password(tx, staff_id, password_hash, reason=agreed.reason, by=by, at=at, seconded=agreed)
    return staff_id


async def draw_key(
    tx: Tx, by: Principal, approval_id: UUID, token_of: Mapping[str, Token], *, at: datetime
) -> Made[ApiKey]:
    """Makes the key that was agreed to, once; drawn again it comes without its secret. `token_of`: a fresh token for each kind.

    Refuses `approval_unknown`, `nothing_to_draw`, and as `issue_key` and `rotate_key`.
    """
    agreed = await _drawn(tx, by, approval_id, frozenset({ISSUE_KEY, ROTATE_KEY}), at)
    if agreed.kind == ISSUE_KEY:
        new = msgspec.structs.replace(msgspec.convert(agreed.payload, NewKey), id=agreed.id)
        return await keys.issue_key(tx, new, token_of[new.kind], by=by, at=at, seconded=agreed)
    key_id = UUID(agreed.payload["key_id"])
    old = (await store.keys(tx, [key_id]))[key_id]
    overlap = timedelta(seconds=int(agreed.payload["overlap_s"]))
    token = token_of[old.kind]
    return await keys.rotate_key(
        tx, key_id, new_id=agreed.id, token=token, overlap=overlap, by=by, at=at, seconded=agreed
    )
