"""Who has left: when what is known of him as a person goes, what holds that back, and the going itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import identity, payments
from tongbao.base import approvals, audit, days
from tongbao.base.approvals import Approval, ApprovalState, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM, Principal
from tongbao.govern import refusals as no
from tongbao.govern import store
from tongbao.govern.model import Leaver
from tongbao.govern.requests import MAY_ANSWER, MAY_READ

LIFT: Final = "govern.lift_hold"
_REASON = "the time for which the law keeps it is over"


async def note_leavers(tx: Tx, *, at: datetime, zone: ZoneInfo, keep_years: int, most: int) -> int:
    """Takes note of customers who were closed since the last time; how many. Run again, it finds only new ones."""
    today = days.local_day(at, zone)
    return await store.note_leavers(tx, years_on(today, keep_years), at, most)


def years_on(day: date, years: int) -> date:
    """The same day so many years later; the 29th of February becomes the 1st of March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


async def erase_due(tx: Tx, *, at: datetime, zone: ZoneInfo, most: int) -> int:
    """Erases people whose day has come and whom nothing holds; how many."""
    due = await store.leavers_due(tx, days.local_day(at, zone), most)
    ready = [one.customer_id for one in await store.lock_leavers(tx, due) if not (one.held_because or one.erased_at)]
    if ready:
        await identity.erase_people(tx, ready, reason=_REASON, by=SYSTEM, at=at)
        await payments.drop_people(tx, ready)
        await store.leaver_erased(tx, ready, at)
    return len(due)


async def hold(tx: Tx, principal: Principal, customer_id: UUID, *, reason: str, at: datetime) -> Leaver:
    """A court or an authority wants it kept: nothing is erased until the hold is lifted.

    Refuses `permission_missing`, `leaver_unknown`, `already_erased`.
    """
    return await _set_hold(tx, principal, customer_id, reason, "privacy.hold", reason, at)


async def lift_hold(
    tx: Tx, principal: Principal, customer_id: UUID, *, reason: str, at: datetime, seconded: Approval | None = None
) -> Leaver:
    """Lets the timer run again; a day that is past is heeded at the next turn. Refuses as `hold`, and staff alone
    `takes_a_second_person`.
    """
    need_second(principal, seconded)
    return await _set_hold(tx, principal, customer_id, None, "privacy.lift_hold", reason, at)


async def propose_lift(
    tx: Tx, principal: Principal, customer_id: UUID, *, id: UUID, reason: str, at: datetime
) -> Approval:
    """Files the lifting of a hold for a second person.

    Refuses `permission_missing`, `leaver_unknown`, `already_erased`, and what `approvals.propose` refuses.
    """
    principal.require(MAY_ANSWER)
    payload = {"customer_id": str(customer_id)}
    filed = await approvals.propose(tx, principal, KINDS, id=id, kind=LIFT, payload=payload, reason=reason, at=at)
    if filed.state is ApprovalState.PROPOSED:
        await _leaver(tx, customer_id)
    return filed


async def _lift(tx: Tx, approval: Approval) -> None:
    by, at = approvals.decider(approval, MAY_ANSWER)
    customer_id = UUID(approval.payload["customer_id"])
    await lift_hold(tx, by, customer_id, reason=approval.reason, at=at, seconded=approval)


KINDS: Final[approvals.Kinds] = {LIFT: _lift}


async def _leaver(tx: Tx, customer_id: UUID) -> Leaver:
    found = await store.lock_leavers(tx, [customer_id])
    if not found:
        raise no.LEAVER_UNKNOWN()
    if found[0].erased_at is not None:
        raise no.ALREADY_ERASED()
    return found[0]


async def _set_hold(
    tx: Tx, principal: Principal, customer_id: UUID, because: str | None, action: str, reason: str, at: datetime
) -> Leaver:
    principal.require(MAY_ANSWER)
    found = await _leaver(tx, customer_id)
    if (found.held_because is None) != (because is None):
        await store.hold_leaver(tx, customer_id, because)
        await audit.record(tx, principal, action, customer_id, at=at, reason=reason)
    return (await store.lock_leavers(tx, [customer_id]))[0]


async def list_leavers(tx: Tx, principal: Principal, *, after: tuple[date, UUID] | None, most: int) -> list[Leaver]:
    """A page of those who have left and are not erased, the next one first. Refuses `permission_missing`."""
    principal.require(MAY_READ)
    return await store.leavers(tx, after or (date.min, UUID(int=0)), most)
