"""Tighten the rules while risk is raised, and go back to the usual ones.

An indicator that is marked so tightens by itself when it is red, and eases by itself when all of them have been within their limits for a
day. What a person tightened, and what two people eased, stays: an indicator that is still red tightens again when it is told anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.db import Tx
from tongbao.base.ids import NAMESPACE, derived
from tongbao.base.principal import PERMISSION_MISSING, SYSTEM, Principal, PrincipalKind
from tongbao.risk import models_store, rule_store, stance_store
from tongbao.risk import refusals as no
from tongbao.risk.kri_model import Measured
from tongbao.risk.propose_rule import MAY_WRITE
from tongbao.risk.stance_model import Easing, RiskWatch, Stance, StanceSet

EASE: Final = "risk.stance"
CALM: Final = timedelta(hours=24)
"""Within their limits for so long, indicators ease what one of them has tightened."""
GAP: Final = timedelta(hours=1)
"""Longer between two looks, it is not known that they were."""
_FRESH: Final = timedelta(minutes=30)
"""What was beyond a limit within so long is beyond it now: indicators are looked at every ten minutes."""
_TOLD: Final = timedelta(days=2)


async def follow(tx: Tx, measured: Sequence[Measured], told: Sequence[Measured], *, at: datetime) -> StanceSet | None:
    """What became of the stance, if anything, now that indicators were measured. `told`: those that went beyond a limit anew."""
    now = await stance_store.newest(tx)
    marked = [one for one in measured if one.limit is not None and one.limit.tightens]
    red = [one for one in marked if one.state == "red"]
    if now is None or now.stance is Stance.USUAL:
        eased_by_people = now is not None and now.approval_id is not None
        new = {one.indicator.name for one in told}
        causes = [one for one in red if one.indicator.name in new] if eased_by_people else red
        return await _by_indicator(tx, now, causes[0], Stance.TIGHTENED, at) if causes else None
    if now.indicator is None:
        return None
    # What could not be measured is not known to be calm.
    calm = not red and all(one.value is not None for one in marked)
    since = await stance_store.look(tx, now.change, at, gap_before=at - GAP, calm=calm)
    if since is None or at - since < CALM:
        return None
    cause = next(one for one in measured if one.indicator.name == now.indicator)
    return await _by_indicator(tx, now, cause, Stance.USUAL, at)


async def _by_indicator(
    tx: Tx, now: StanceSet | None, cause: Measured, stance: Stance, at: datetime
) -> StanceSet | None:
    """None where somebody else was first."""
    number = await rule_store.next_change(tx)
    if _change_of(await stance_store.newest(tx)) != _change_of(now):
        return None
    limit = cause.limit.red if cause.limit else None
    return await _set(
        tx,
        SYSTEM,
        _new(number, derived(NAMESPACE, f"risk.stance {number}"), stance, at, SYSTEM, cause=cause),
        details={"indicator": cause.indicator.name, "value": cause.value, "limit": limit},
    )


async def tighten(tx: Tx, principal: Principal, *, id: UUID, reason: str, expected: int, at: datetime) -> StanceSet:
    """At once, by one person; it lasts until two people ease it. The same id again is the same change.

    `expected`: the change of the stance that was seen, 0 for none. Refuses `permission_missing` unless a person asks, `stance_changed`,
    `stance_unchanged`.
    """
    _require_person(principal)
    if (done := await stance_store.with_id(tx, id)) is not None:
        return done
    number = await rule_store.next_change(tx)
    if (done := await stance_store.with_id(tx, id)) is not None:
        return done
    await _check(tx, expected, Stance.TIGHTENED)
    return await _set(tx, principal, _new(number, id, Stance.TIGHTENED, at, principal, reason=reason), details={})


async def propose_easing(
    tx: Tx, principal: Principal, wanted: Easing, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files for a second person that the usual rules judge again. The same proposal again is the same one.

    Refuses `permission_missing` unless a person asks, `stance_changed`, `stance_unchanged`, and what `approvals.propose` refuses.
    """
    _require_person(principal)
    payload = msgspec.to_builtins(wanted)
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=EASE, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED and filed.proposed_at == at:
        await _check(tx, wanted.expected, Stance.USUAL)
    return filed


async def _ease(tx: Tx, approval: Approval) -> None:
    """Does what was approved. Refuses what `propose_easing` refuses."""
    by, at = approvals.decider(approval)
    wanted = msgspec.convert(approval.payload, Easing)
    number = await rule_store.next_change(tx)
    await _check(tx, wanted.expected, Stance.USUAL)
    new = _new(number, approval.id, Stance.USUAL, at, by, reason=approval.reason, seconded=approval)
    await _set(tx, by, new, details={"approval": str(approval.id)}, seconded=approval)


def _require_person(principal: Principal) -> None:
    principal.require(MAY_WRITE)
    if principal.kind is not PrincipalKind.STAFF:
        raise PERMISSION_MISSING("people decide this, keys do not")


async def _check(tx: Tx, expected: int, wanted: Stance) -> None:
    now = await stance_store.newest(tx)
    if _change_of(now) != expected:
        raise no.STANCE_CHANGED()
    if (now.stance if now else Stance.USUAL) is wanted:
        raise no.STANCE_UNCHANGED()


def _change_of(now: StanceSet | None) -> int:
    return now.change if now else 0


def _new(
    change: int,
    id: UUID,
    stance: Stance,
    at: datetime,
    by: Principal,
    *,
    cause: Measured | None = None,
    reason: str | None = None,
    seconded: Approval | None = None,
) -> StanceSet:
    return StanceSet(
        change=change,
        id=id,
        stance=stance,
        since_at=at,
        indicator=cause.indicator.name if cause else None,
        value=cause.value if cause else None,
        reason=reason,
        set_by=by.id,
        approval_id=seconded.id if seconded else None,
        calm_since=None,
    )


async def _set(
    tx: Tx, by: Principal, new: StanceSet, *, details: dict[str, Any], seconded: Approval | None = None
) -> StanceSet:
    if not await stance_store.add(tx, new, seconded):
        raise no.STANCE_CHANGED()
    said = {"change": new.change, **details}
    await audit.record(tx, by, "risk.stance", new.stance.value, at=new.since_at, reason=new.reason, details=said)
    return new


async def watch(tx: Tx, *, at: datetime) -> RiskWatch:
    """What alerts look at. What nobody has measured for half an hour is beyond nothing."""
    beyond = await stance_store.beyond(tx, told_since=at - _TOLD, since=at - _FRESH)
    now = await stance_store.newest(tx)
    drift, caught = await models_store.model_health(tx, at - _FRESH)
    return RiskWatch(
        amber=beyond.get("amber", 0),
        red=beyond.get("red", 0),
        is_tightened=now is not None and now.stance is Stance.TIGHTENED,
        drift=drift,
        caught=caught,
    )


KINDS: Final[approvals.Kinds] = {EASE: _ease}
