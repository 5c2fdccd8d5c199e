"""Spending limits: set by the bank for everybody of a kind or for one account, lowered by the customer, read by both."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.identity import may_see_account
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.model import AccountLimits, BankLimit, Limits

_FIELDS = ("per_payment", "per_day", "per_month", "count_per_day", "count_per_month")
"""What clients call the fields of `Limits`."""


async def bank_limits(tx: Tx) -> list[BankLimit]:
    """The bank's limits for everybody."""
    return await store.bank_limits(tx)


async def set_bank_limit(
    tx: Tx, customer_kind: str, currency: str, limits: Limits, *, by: Principal, reason: str, at: datetime
) -> BankLimit:
    """Limits of every account of a kind of customer in a currency, from the next payment on. Audited."""
    await store.set_bank_limit(tx, customer_kind, currency, limits)
    await audit.record(
        tx, by, "limits.set_bank", f"{customer_kind} {currency}", at=at, reason=reason, details=_said(limits)
    )
    return BankLimit(customer_kind, currency, limits)


async def limits_of(tx: Tx, account_id: UUID, day: date) -> AccountLimits:
    """Every limit of an account and what is used of it on `day`. Refuses `account_not_found`."""
    found = await store.limits_of(tx, account_id, day)
    if found is None:
        raise no.ACCOUNT_NOT_FOUND()
    return found


async def set_account_limit(
    tx: Tx, account_id: UUID, limits: Limits | None, *, by: Principal, reason: str, at: datetime, day: date
) -> AccountLimits:
    """The bank's limits for this account alone, in place of those for everybody; None takes them back. Audited.

    Refuses `account_not_found`. The customer's own limits stay; the lower one counts.
    """
    await limits_of(tx, account_id, day)
    if limits is None:
        await store.drop_account_limit(tx, account_id, "bank")
    else:
        await store.set_account_limit(tx, account_id, "bank", limits, at)
    details = _said(limits) if limits else {}
    await audit.record(tx, by, "limits.set_account", account_id, at=at, reason=reason, details=details)
    return await limits_of(tx, account_id, day)


async def set_own_limit(
    tx: Tx, account_id: UUID, limits: Limits, *, by: Principal, at: datetime, day: date
) -> AccountLimits:
    """The customer's own limits, in place of what they were: lower than the bank's, or raised again up to them. Audited.

    Refuses `account_not_found`, also for a customer who is not the account's owner, and `limit_above_bank`.
    """
    await may_see_account(tx, by, account_id)
    bank = (await limits_of(tx, account_id, day)).bank
    pairs = zip(_FIELDS, msgspec.structs.astuple(limits), msgspec.structs.astuple(bank), strict=True)
    for field, asked, allowed in pairs:
        if asked is not None and allowed is not None and asked > allowed:
            raise no.LIMIT_ABOVE_BANK(f"at most {allowed}", field=field)
    if limits == Limits():
        await store.drop_account_limit(tx, account_id, "customer")
    else:
        await store.set_account_limit(tx, account_id, "customer", limits, at)
    await audit.record(tx, by, "limits.set_own", account_id, at=at, details=_said(limits))
    return await limits_of(tx, account_id, day)


def _said(limits: Limits) -> dict[str, int]:
    return {name: value for name, value in msgspec.structs.asdict(limits).items() if value is not None}
