"""Standing orders and payments for later as their owner sees and makes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import identity, merchants
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import FactorKind
from tongbao.payments import own_store, policy_store, schedules
from tongbao.payments import refusals as no
from tongbao.payments.door import payer_of
from tongbao.payments.model import Kind, Order, Schedule, ScheduleState
from tongbao.payments.policy import needs

MOST: Final = 100
"""Of one account; a customer who has so many ends one before he makes another."""
_ALIVE: Final = (ScheduleState.ACTIVE, ScheduleState.PAUSED)


async def orders_of(tx: Tx, account_ids: Collection[UUID]) -> list[Schedule]:
    """Of these accounts: those that still pay by their next date, then those that have ended, the newest first."""
    return await own_store.orders_of(tx, account_ids, 2 * MOST)


async def own_order(tx: Tx, by: Principal, id: UUID) -> Schedule:
    """Refuses `schedule_unknown`, also for what another's account pays."""
    found = await schedules.find_schedule(tx, id)
    try:
        await identity.may_see_account(tx, by, found.payer_account_id)
    except Refusal:
        raise no.SCHEDULE_UNKNOWN() from None
    return found


def is_alive(schedule: Schedule) -> bool:
    return schedule.state in _ALIVE


def upcoming(schedule: Schedule, most: int, *, today: date) -> list[date]:
    """The dates that it pays on next, from `today` on."""
    found: list[date] = []
    day = max(schedule.next_on or today, today) - timedelta(1) if is_alive(schedule) else None
    while day is not None and len(found) < most:
        day = schedules.date_after(schedule, day)
        if day is not None:
            found.append(day)
    return found


async def payees_of(tx: Tx, found: Iterable[Schedule]) -> dict[UUID, str]:
    """By schedule, whom it pays as others may see him."""
    every = list(found)
    accounts = await identity.find_accounts(tx, {s.payee_account_id for s in every if s.payee_account_id})
    owners = await identity.find_customers(tx, {a.customer_id for a in accounts.values()})
    names = await identity.names_for_others(tx, owners.values())
    shops = await merchants.find(tx, {s.merchant_id for s in every if s.merchant_id})

    def name(one: Schedule) -> str:
        if one.merchant_id:
            return shops[one.merchant_id].name
        assert one.payee_account_id
        return names[accounts[one.payee_account_id].customer_id]

    return {one.id: name(one) for one in every}


async def secret_of(tx: Tx, customer_id: UUID) -> FactorKind | None:
    """What a customer types to agree beforehand: his payment PIN, his log-in password where he has none, None: neither."""
    has = {one.kind for one in (await identity.factors_of(tx, [customer_id]))[customer_id]}
    return next((kind for kind in (FactorKind.PIN, FactorKind.PASSWORD) if kind in has), None)


async def check_new(tx: Tx, by: Principal, new: Schedule, *, at: datetime, zone: ZoneInfo) -> None:
    """One proof agrees beforehand to what one proof would pay now: what takes two, or is refused, is not agreed to here.

    Refuses `authorisation_refused`, `order_needs_more`, `too_many_orders`.
    """
    order = Order(
        id=new.id,
        principal_id=new.principal_id,
        request_hash=new.request_hash,
        payer_account_id=new.payer_account_id,
        payee_account_id=new.payee_account_id,
        merchant_id=new.merchant_id,
        amount_minor=new.amount_minor,
        currency=new.currency,
        kind=Kind.PAYMENT if new.merchant_id else Kind.TRANSFER,
        payer_id=payer_of(by),
        device_known=by.device_id is not None,
    )
    asked = needs(*(await policy_store.situations(tx, [order], at, zone))[order.id])
    if asked.refused:
        raise no.AUTHORISATION_REFUSED()
    if asked.ways > 1 or asked.family_id is not None:
        raise no.ORDER_NEEDS_MORE(field="amount")
    if sum(is_alive(one) for one in await orders_of(tx, [new.payer_account_id])) >= MOST:
        raise no.TOO_MANY_ORDERS()
