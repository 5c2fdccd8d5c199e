"""What one person proposes and another decides. The app hands in the kinds that there are and the verb of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import audit, sql
from tongbao.base.db import Rank, Tx
from tongbao.base.principal import SYSTEM, Principal, PrincipalKind
from tongbao.base.refusal import RefusalKind

Q = sql.load("tongbao.base")

APPROVAL_KIND_UNKNOWN = RefusalKind(
    "approval_kind_unknown", 422, "There is no approval of this kind.", "不存在此类审批事项。"
)
APPROVAL_NEEDS_A_REASON = RefusalKind(
    "approval_needs_a_reason", 422, "Give a reason of 3 to 2,000 characters.", "请填写 3 至 2000 字的理由。"
)
APPROVAL_ID_TAKEN = RefusalKind(
    "approval_id_taken", 409, "This id belongs to another proposal.", "该编号已用于其他审批申请。"
)
APPROVAL_UNKNOWN = RefusalKind("approval_unknown", 404, "No proposal has this id.", "未找到此审批申请。")
SECOND_PERSON_NEEDED = RefusalKind(
    "second_person_needed", 403, "A proposal is decided by another person.", "审批须由申请人以外的人员作出。"
)
APPROVAL_ALREADY_DECIDED = RefusalKind(
    "approval_already_decided", 409, "This proposal has been decided.", "该申请已有审批结论。"
)
APPROVAL_EXPIRED = RefusalKind(
    "approval_expired", 409, "This proposal was not decided in time.", "该申请已超过审批期限。"
)
TAKES_A_SECOND_PERSON = RefusalKind(
    "takes_a_second_person",
    403,
    "Staff do not do this alone, nor by the API: propose it on its page of the console, and a colleague decides.",
    "该操作须双人复核，工作人员不能单独办理，也不能通过 API 办理：请在管理后台的相应页面提交申请，由另一位同事审批。",
)
BY_KEYS_AT_ONCE: Final = (
    "Keys of the bank do this at once. A member of staff, by session, is refused `takes_a_second_person`: he proposes it on its page "
    "of the console, and a colleague decides on `/staff/approvals`."
)
"""What the documentation of a route says whose verb calls `need_second`."""

_USUAL = timedelta(days=3)
_encode = msgspec.json.Encoder(order="deterministic").encode


class ApprovalState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` names the verb that an approval runs, `payload` what that verb needs to know."""

    id: UUID
    kind: str
    payload: dict[str, Any]
    reason: str
    state: ApprovalState
    proposed_by: UUID
    proposed_at: datetime
    expires_at: datetime
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None


Kinds = Mapping[str, Callable[[Tx, Approval], Awaitable[None]]]
"""What an approval runs, in the transaction of the decision; `decided_at` is its moment, `decided_by` its principal."""


async def propose(
    tx: Tx,
    principal: Principal,
    kinds: Collection[str],
    *,
    id: UUID,
    kind: str,
    payload: Mapping[str, Any],
    reason: str,
    at: datetime,
    expires_at: datetime | None = None,
) -> Approval:
    """Files a proposal, open for three days unless said otherwise. The same proposal again is the same proposal.

    Refuses `approval_kind_unknown`, `approval_needs_a_reason`, and `approval_id_taken` for an id with another content
    or of another person.
    """
    if kind not in kinds:
        raise APPROVAL_KIND_UNKNOWN(kind, field="kind")
    if not 2 <= len(reason) <= 2000:
        raise APPROVAL_NEEDS_A_REASON(field="reason")
    body = _encode(payload).decode()
    until = at + _USUAL if expires_at is None else expires_at
    fresh = await tx.run(
        Q["propose"], id=id, kind=kind, payload=body, reason=reason, by=principal.id, at=at, expires_at=until
    )
    filed = await _locked(tx, id)
    same = (filed.proposed_by, filed.kind, filed.payload, filed.reason)
    if not fresh and same != (principal.id, kind, msgspec.json.decode(body), reason):
        raise APPROVAL_ID_TAKEN()
    if fresh:
        await audit.record(tx, principal, "approval.propose", id, at=at, reason=reason, details={"kind": kind})
    return filed


async def decide(
    tx: Tx,
    principal: Principal,
    kinds: Kinds,
    *,
    id: UUID,
    state: ApprovalState,
    at: datetime,
    reason: str | None = None,
) -> Approval:
    """Approves, and then runs the kind's verb in this transaction, or rejects. The same decision again changes nothing.

    Refuses `approval_unknown`, `approval_already_decided`, `approval_expired`, `second_person_needed`,
    `approval_kind_unknown`, and whatever the verb refuses: then the proposal stays open.
    """
    if state not in (ApprovalState.APPROVED, ApprovalState.REJECTED):
        raise ValueError(f"a decision is approved or rejected, not {state}")
    filed = await _locked(tx, id)
    if (filed.state, filed.decided_by) == (state, principal.id):
        return filed
    if filed.state in (ApprovalState.APPROVED, ApprovalState.REJECTED):
        raise APPROVAL_ALREADY_DECIDED(filed.state.value)
    if filed.state is ApprovalState.EXPIRED or filed.expires_at <= at:
        raise APPROVAL_EXPIRED()
    if filed.proposed_by == principal.id:
        raise SECOND_PERSON_NEEDED()
    if filed.kind not in kinds:
        raise APPROVAL_KIND_UNKNOWN(filed.kind)
    await tx.run(Q["decide"], id=id, state=state.value, by=principal.id, at=at, reason=reason)
    await audit.record(tx, principal, f"approval.{state.value}", id, at=at, reason=reason, details={"kind": filed.kind})
    decided = msgspec.structs.replace(
        filed, state=state, decided_by=principal.id, decided_at=at, decision_reason=reason
    )
    if state is ApprovalState.APPROVED:
        await kinds[filed.kind](tx, decided)
    return decided


def need_second(by: Principal, seconded: Approval | None) -> None:
    """For a verb that no member of staff runs alone: `seconded` is what a second person approved.

    Refuses `takes_a_second_person`. Keys act for systems of the bank, which have their own four eyes.
    """
    if by.kind is PrincipalKind.STAFF:
        if seconded is None:
            raise TAKES_A_SECOND_PERSON()
        decider(seconded)


def decider(approval: Approval, *permissions: str) -> tuple[Principal, datetime]:
    """Who decided, with the rights that its verb asks for, and when.

    Refuses `takes_a_second_person` unless it is approved, and by somebody else: no verb of `Kinds` runs on less.
    """
    who, at = approval.decided_by, approval.decided_at
    if approval.state is not ApprovalState.APPROVED or who is None or at is None or who == approval.proposed_by:
        raise TAKES_A_SECOND_PERSON()
    return Principal(id=who, kind=PrincipalKind.STAFF, permissions=frozenset(permissions)), at


async def approval(tx: Tx, id: UUID) -> Approval:
    """A proposal, whatever has become of it, held until this transaction ends. Refuses `approval_unknown`."""
    return await _locked(tx, id)


async def expire_due(tx: Tx, *, at: datetime) -> int:
    """Closes what nobody decided in time; how many."""
    found = await tx.rows(Q["expire_approvals"], at=at)
    for (late,) in found:
        await audit.record(tx, SYSTEM, "approval.expire", late, at=at)
    return len(found)


async def approvals(
    tx: Tx,
    *,
    state: ApprovalState | None = None,
    kind: str | None = None,
    after: UUID | None = None,
    most: int = 100,
) -> list[Approval]:
    """A page by id; the next one comes `after` the last id."""
    found = await tx.rows(
        Q["approvals"], state=None if state is None else state.value, kind=kind, after=after, most=min(most, 1000)
    )
    return [_approval(row) for row in found]


async def _locked(tx: Tx, id: UUID) -> Approval:
    found = await tx.lock(Rank.IDS, Q["lock_approval"], [id])
    if not found:
        raise APPROVAL_UNKNOWN()
    return _approval(found[0])


def _approval(row: tuple[Any, ...]) -> Approval:
    values = dict(zip(Approval.__struct_fields__, row, strict=True))
    return Approval(**{**values, "state": ApprovalState(values["state"])})
