"""Bound what a customer pays while the bank looks at a risk: one person at once, two people to lift it.

He still receives, and sees his money. Payments look at it under the lock of his counters, so that it holds from the next one on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tongbao.base import audit
from tongbao.base.approvals import Approval, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import SYSTEM, Principal
from tongbao.base.say import Lang
from tongbao.identity import refusals as no
from tongbao.identity import restriction_store, store
from tongbao.identity.model import Standing
from tongbao.identity.preferences import preferences_of
from tongbao.identity.restriction_model import LITTLE, NOTHING, Restriction
from tongbao.identity.tell import tell_customer
from tongbao.web import i18n

MAY_RESTRICT: Final = "customers:freeze"
LONGEST: Final = timedelta(days=365)
_HISTORY: Final = 50
TOLD_MESSAGES: Final = {
    NOTHING: "The bank has paused payments from your accounts while it looks at a risk. Your money is safe. If you have a question, ask for help in the app.",
    LITTLE: "The bank has lowered what you can pay while it looks at a risk. Your money is safe. If you have a question, ask for help in the app.",
}


async def restrict(
    tx: Tx, customer_id: UUID, level: int, *, id: UUID, reason: str, until: datetime | None, by: Principal, at: datetime
) -> Restriction:
    """From now on he pays no more than `level` may, 0 nothing; it takes the place of one that held. The same id again is the same one.

    Refuses `permission_missing`, `customer_unknown`, `customer_closed`, `restriction_too_long`, and `restriction_looser`: what holds
    already is lifted by two people, and not by putting a looser one in its place.
    """
    by.require(MAY_RESTRICT)
    customer = await store.lock_customer(tx, customer_id)
    if customer is None:
        raise no.CUSTOMER_UNKNOWN()
    if (known := await restriction_store.restriction(tx, id)) is not None:
        return known
    if customer.status is Standing.CLOSED:
        raise no.CUSTOMER_CLOSED()
    if until is not None and not at < until <= at + LONGEST:
        raise no.RESTRICTION_TOO_LONG(field="days")
    held = await restriction_store.restriction_of(tx, customer_id)
    if held is not None:
        if level > held.level or _ends_sooner(until, held.until):
            raise no.RESTRICTION_LOOSER()
        await restriction_store.end_restriction(tx, customer_id, by=by.id, at=at)
    await restriction_store.add_restriction(tx, id, customer_id, level, reason, until, by=by.id, at=at)
    details = {"level": level, "restriction_id": str(id), "until": until.isoformat() if until else None}
    await audit.record(tx, by, "customer.restrict", customer_id, at=at, reason=reason, details=details)
    await _tell(tx, customer_id, level, id, at)
    made = await restriction_store.restriction(tx, id)
    assert made is not None
    return made


def _ends_sooner(until: datetime | None, held: datetime | None) -> bool:
    return until is not None and (held is None or until < held)


async def _tell(tx: Tx, customer_id: UUID, level: int, id: UUID, at: datetime) -> None:
    """In the language that he has chosen, Chinese where he has not."""
    chosen = (await preferences_of(tx, customer_id)).language
    lang: Lang = "en" if chosen is not None and chosen.value == "en" else "zh"
    text = i18n.say(TOLD_MESSAGES[level], lang)
    await tell_customer(tx, customer_id, text, about=f"restriction {id}", at=at, path="/me/help")


async def must_be_restricted(tx: Tx, customer_id: UUID) -> None:
    """Refuses `customer_unknown`, `not_restricted`."""
    if not await store.customers(tx, [customer_id]):
        raise no.CUSTOMER_UNKNOWN()
    if await restriction_store.restriction_of(tx, customer_id) is None:
        raise no.NOT_RESTRICTED()


async def lift_restriction(
    tx: Tx, customer_id: UUID, *, reason: str, by: Principal, at: datetime, seconded: Approval | None = None
) -> None:
    """He pays as before. Refuses as `must_be_restricted`, and staff alone `takes_a_second_person`."""
    need_second(by, seconded)
    await store.lock_customer(tx, customer_id)
    await must_be_restricted(tx, customer_id)
    await _end(tx, customer_id, reason, by, at)


async def end_due_restriction(tx: Tx, customer_id: UUID, *, at: datetime) -> bool:
    """Ends one whose time is over; whether there was one."""
    await store.lock_customer(tx, customer_id)
    held = await restriction_store.restriction_of(tx, customer_id)
    if held is None or held.until is None or held.until > at:
        return False
    await _end(tx, customer_id, "its time is over", SYSTEM, at)
    return True


async def _end(tx: Tx, customer_id: UUID, reason: str, by: Principal, at: datetime) -> None:
    await restriction_store.end_restriction(tx, customer_id, by=by.id, at=at)
    await audit.record(tx, by, "customer.unrestrict", customer_id, at=at, reason=reason)


async def due_restrictions(tx: Tx, *, at: datetime, most: int) -> list[UUID]:
    return await restriction_store.due_restrictions(tx, at, most)


async def restriction_of(tx: Tx, customer_id: UUID) -> Restriction | None:
    """What holds for him now."""
    return await restriction_store.restriction_of(tx, customer_id)


async def restriction_history(tx: Tx, customer_id: UUID) -> list[Restriction]:
    """Newest first; fifty at most."""
    return await restriction_store.restriction_history(tx, customer_id, _HISTORY)


async def restrictions_in_force(tx: Tx, *, before: tuple[datetime, UUID] | None = None, most: int) -> list[Restriction]:
    """Those that hold, newest first."""
    return await restriction_store.restrictions(tx, before, most)
