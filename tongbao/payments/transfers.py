"""Whom a customer transfers to: found by telephone number or account number, so many a day, and named as others may see him.

A number that nobody has, one of somebody who cannot be paid and one that several have are counted and answered alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import identity
from tongbao.base import days
from tongbao.base.db import Tx
from tongbao.base.refusal import Refusal
from tongbao.identity import Account, Product, Standing
from tongbao.payments import refusals as no
from tongbao.payments import transfer_store as store
from tongbao.payments.desk import ARRIVAL
from tongbao.payments.foresee import Payee, find_owner
from tongbao.payments.model import Arrives, TransferHabit

LOOKUPS_A_DAY: Final = 30
"""Payees that one customer may look up on one day."""
LASTS: Final = timedelta(days=1)
"""How long he may go on with what he found."""
_KEPT: Final = timedelta(days=2)
_ACCOUNTS: Final = 100


async def look_up(
    tx: Tx, customer_id: UUID, typed: str, *, id: UUID, arrives: Arrives, currency: str, at: datetime, day: date
) -> Payee | Refusal:
    """Counts, then finds. Under an id that names another look-up already it answers `id_reused`.

    Refuses `account_number_wrong`, which is not counted, for what is no number at all. Answers `lookups_used_up` and
    `payee_unknown`, not raised, so that they are counted.
    """
    try:
        phone = identity.read_phone(typed)
    except Refusal:
        phone = None
    if phone is None:
        try:
            found = await find_owner(tx, typed)
        except Refusal as refusal:
            if refusal.code == no.ACCOUNT_NUMBER_WRONG.code:
                raise
            found = None
    else:
        found = await _owner_of_phone(tx, phone, currency)
    if not await store.count_lookup(tx, customer_id, day, arrives, most=LOOKUPS_A_DAY):
        return no.LOOKUPS_USED_UP(field="to")
    if found is None or found.account_id is None or not await _can_receive(tx, found.account_id):
        return no.PAYEE_UNKNOWN(field="to")
    if not await store.keep_lookup(tx, id, customer_id, found.account_id, at):
        return no.ID_REUSED()
    return found


async def look_up_number(
    tx: Tx, customer_id: UUID, number: str, *, id: UUID, other_id: UUID, at: datetime, day: date
) -> tuple[UUID, Payee] | Refusal:
    """For a payment: the owner of an account number, and under which id he is kept; `other_id` where `id` names another look-up.

    Counted as `look_up` counts, but once for one payment: whom `id` has found is found again. Answers, not raised,
    `account_number_wrong`, which is not counted, `payee_unknown` and `lookups_used_up`.
    """
    known = await store.lookup(tx, id, customer_id, since=at - LASTS)
    try:
        found = await find_owner(tx, number)
    except Refusal as refusal:
        if refusal.code == no.ACCOUNT_NUMBER_WRONG.code:
            return refusal
        found = None
    if found is not None and known is not None and found.account_id == known:
        return id, found
    if not await store.count_lookup(tx, customer_id, day, None, most=LOOKUPS_A_DAY):
        return no.LOOKUPS_USED_UP(field="to")
    if found is None:
        return no.PAYEE_UNKNOWN(field="to")
    if found.account_id is None or await store.keep_lookup(tx, id, customer_id, found.account_id, at):
        return id, found
    await store.keep_lookup(tx, other_id, customer_id, found.account_id, at)
    return other_id, found


async def _owner_of_phone(tx: Tx, phone: str, currency: str) -> Payee | None:
    """By the first current account in this currency that can be paid; nobody where several have the number."""
    owners = await identity.customers_of_phone(tx, phone)
    if len(owners) != 1:
        return None
    account = next((a for a in await identity.accounts_of(tx, owners[0], most=_ACCOUNTS) if _fits(a, currency)), None)
    return await find_owner(tx, account.number) if account else None


def _fits(account: Account, currency: str) -> bool:
    is_open = account.effective is not Standing.CLOSED
    return is_open and account.product is Product.CURRENT and account.currency == currency


async def _can_receive(tx: Tx, account_id: UUID) -> bool:
    account = (await identity.find_accounts(tx, [account_id]))[account_id]
    return account.effective is not Standing.CLOSED


async def found_before(tx: Tx, id: UUID, customer_id: UUID, *, at: datetime) -> Payee:
    """Whom this customer found under this id within a day. Refuses `payee_unknown`."""
    account_id = await store.lookup(tx, id, customer_id, since=at - LASTS)
    if account_id is None:
        raise no.PAYEE_UNKNOWN(field="to")
    account = (await identity.find_accounts(tx, [account_id]))[account_id]
    return await find_owner(tx, account.number)


async def usual_arrival(tx: Tx, customer_id: UUID) -> Arrives:
    """As he chose the last time."""
    habit = await store.habit(tx, customer_id)
    return habit.arrives if habit else Arrives.NOW


async def transfer_habit(tx: Tx, customer_id: UUID) -> TransferHabit | None:
    """None for whoever has never looked anybody up."""
    return await store.habit(tx, customer_id)


async def drop_people(tx: Tx, ids: Sequence[UUID]) -> None:
    """Of people who are erased it is not kept how they transfer."""
    await store.drop_people(tx, ids)


def arrival(arrives: Arrives, at: datetime, zone: ZoneInfo) -> datetime | None:
    """When a transfer that is sent now reaches its payee; None: at once."""
    if arrives is Arrives.IN_TWO_HOURS:
        return at + ARRIVAL
    if arrives is Arrives.NEXT_DAY:
        midnight = datetime.combine(days.local_day(at, zone) + timedelta(1), datetime.min.time(), zone)
        return midnight.astimezone(at.tzinfo)
    return None


async def forget_lookups(tx: Tx, at: datetime, *, most: int) -> int:
    """Look-ups of before yesterday; how many of them there were."""
    return await store.forget_lookups(tx, at - _KEPT, most)
