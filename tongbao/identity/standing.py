"""Freeze, thaw and close, each with a reason, audited and (closing apart) reversible.

An account is frozen in the ledger when it, or its customer, is frozen here. A customer may have more accounts than one
transaction should lock, so freezing him is decided first and then settled account by account; until the last one is
settled, `account_view.customer_status` already says it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao import ledger
from tongbao.base import audit
from tongbao.base.approvals import Approval, need_second
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.identity import refusals as no
from tongbao.identity import store
from tongbao.identity.model import STANDING_MOVES, Account, Customer, Product, Standing
from tongbao.identity.own import may_see_account

_LEDGER_STATES: Final = {
    Standing.OPEN: ledger.State.OPEN,
    Standing.FROZEN: ledger.State.FROZEN,
    Standing.CLOSED: ledger.State.CLOSED,
}


async def freeze_account(tx: Tx, account_id: UUID, *, reason: str, by: Principal, at: datetime) -> Account:
    """A frozen account pays nothing and still receives. A customer may freeze an account of his own, which the bank thaws.

    Refuses `account_not_found`, `standing_move_refused`; a customer also `permission_missing`.
    """
    account = await may_see_account(tx, by, account_id)
    if by.kind is PrincipalKind.CUSTOMER and account.product is not Product.CURRENT:
        raise PERMISSION_MISSING("a merchant's takings and settlement are frozen by the bank alone")
    return await _move_account(tx, account_id, Standing.FROZEN, reason, by, at)


async def unfreeze_account(
    tx: Tx, account_id: UUID, *, reason: str, by: Principal, at: datetime, seconded: Approval | None = None
) -> Account:
    """Stays frozen in the ledger while its customer is. Refuses `account_not_found`, `standing_move_refused`, and staff alone
    `takes_a_second_person`.
    """
    need_second(by, seconded)
    return await _move_account(tx, account_id, Standing.OPEN, reason, by, at)


async def close_account(tx: Tx, account_id: UUID, *, reason: str, by: Principal, at: datetime) -> Account:
    """For ever. Refuses `account_not_found`, `standing_move_refused`, `customer_frozen`, the ledger's `account_not_empty`."""
    return await _move_account(tx, account_id, Standing.CLOSED, reason, by, at)


_ACTIONS: Final = {
    Standing.FROZEN: "freeze",
    Standing.OPEN: "unfreeze",
    Standing.CLOSED: "close",
}


async def _move_account(tx: Tx, account_id: UUID, to: Standing, reason: str, by: Principal, at: datetime) -> Account:
    account = await _lock_account(tx, account_id)
    if account.status is to:
        return account
    if to not in STANDING_MOVES[account.status]:
        raise no.STANDING_MOVE_REFUSED(f"from {account.status} to {to}")
    if to is Standing.CLOSED and account.customer_status is Standing.FROZEN:
        raise no.CUSTOMER_FROZEN()
    await store.set_account_status(tx, account_id, to, at)
    await audit.record(tx, by, f"account.{_ACTIONS[to]}", account_id, at=at, reason=reason)
    return await _settle(tx, account_id, at)


async def settle_account(tx: Tx, account_id: UUID, *, at: datetime) -> Account:
    """Tells the ledger how the account stands now. Does nothing where it knows."""
    await _lock_account(tx, account_id)
    return await _settle(tx, account_id, at)


async def _lock_account(tx: Tx, account_id: UUID) -> Account:
    """The customer first, so that nobody changes his standing meanwhile."""
    found = (await store.accounts(tx, [account_id])).get(account_id)
    if found is None:
        raise no.ACCOUNT_NOT_FOUND()
    await store.hold_customers(tx, [found.customer_id])
    account = await store.lock_account(tx, account_id)
    assert account is not None
    return account


async def _settle(tx: Tx, account_id: UUID, at: datetime) -> Account:
    account = (await store.accounts(tx, [account_id]))[account_id]
    await ledger.set_state(tx, account.ledger_id, _LEDGER_STATES[account.effective], at)
    return account


async def freeze_customer(
    tx: Tx, customer_id: UUID, *, reason: str, by: Principal, at: datetime
) -> tuple[Customer, list[UUID]]:
    """The frozen customer, and the accounts that are still to be settled (`settle_account`, each in a transaction).

    Refuses `customer_unknown`, `standing_move_refused`. Asked again, it names the accounts again.
    """
    customer = await _move_customer(tx, customer_id, Standing.FROZEN, reason, by, at)
    return customer, await store.account_ids_of(tx, customer_id)


async def unfreeze_customer(
    tx: Tx, customer_id: UUID, *, reason: str, by: Principal, at: datetime, seconded: Approval | None = None
) -> tuple[Customer, list[UUID]]:
    """As `freeze_customer`, and staff alone are refused `takes_a_second_person`. Accounts frozen for themselves stay frozen."""
    need_second(by, seconded)
    customer = await _move_customer(tx, customer_id, Standing.OPEN, reason, by, at)
    return customer, await store.account_ids_of(tx, customer_id)


async def close_customer(tx: Tx, customer_id: UUID, *, reason: str, by: Principal, at: datetime) -> Customer:
    """The customer leaves. Refuses `customer_unknown`, `standing_move_refused`, `customer_has_accounts`."""
    customer = await _move_customer(tx, customer_id, Standing.CLOSED, reason, by, at)
    if await store.account_ids_of(tx, customer_id):
        raise no.CUSTOMER_HAS_ACCOUNTS()
    return customer


async def _move_customer(tx: Tx, customer_id: UUID, to: Standing, reason: str, by: Principal, at: datetime) -> Customer:
    customer = await store.lock_customer(tx, customer_id)
    if customer is None:
        raise no.CUSTOMER_UNKNOWN()
    if customer.status is to:
        return customer
    if to not in STANDING_MOVES[customer.status]:
        raise no.STANDING_MOVE_REFUSED(f"from {customer.status} to {to}")
    await store.set_customer_status(tx, customer_id, to)
    await audit.record(tx, by, f"customer.{_ACTIONS[to]}", customer_id, at=at, reason=reason)
    return (await store.customers(tx, [customer_id]))[customer_id]
