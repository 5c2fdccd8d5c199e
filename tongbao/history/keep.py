"""Brings in everything but the transactions: clients become customers, accounts are opened, the rest is kept for later slices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from tongbao import identity
from tongbao.base import ids
from tongbao.base.db import Database, Tx
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.history import store
from tongbao.history.model import CURRENCY, LARGEST_BATCH, Account, Client
from tongbao.history.registers import Registers

_T = TypeVar("_T")

NAMESPACE = ids.derived(ids.NAMESPACE, "replay bank")
"""Of this source, not of a folder: another part of the same source speaks of the same accounts and transactions."""


def chunks(rows: Sequence[_T], size: int = LARGEST_BATCH) -> Iterator[Sequence[_T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


async def keep(
    db: Database,
    import_id: UUID,
    registers: Registers,
    *,
    at: datetime,
    zone: ZoneInfo,
    bank_code: str,
    progress: Callable[[int, int], None],
) -> dict[int, int]:
    """Every row once, in chunks of at most 500 a transaction; the ledger's number of each account of the past."""
    done = 0
    total = len(registers.clients) + len(registers.accounts)

    async def each(rows: Sequence[_T], add: Callable[[Tx, Sequence[_T]], Awaitable[None]], weight: int = 0) -> None:
        nonlocal done
        for chunk in chunks(rows):

            async def once(tx: Tx, chunk: Sequence[_T] = chunk) -> None:
                await store.not_yet_durable(tx)
                await add(tx, chunk)

            await db.retry(once)
            done += weight * len(chunk)
            progress(done, total)

    async with db.read() as tx:
        customers = await store.clients(tx)
        opened = await store.accounts(tx)
    new_clients = [client for client in registers.clients if client.id not in customers]
    new_accounts = sorted(
        (account for account in registers.accounts if account.id not in opened),
        key=lambda account: account.opened_on,
    )
    customers |= {client.id: customer_id(client.id) for client in new_clients}
    owners = {account_id: customers[client_id] for account_id, client_id in registers.owners.items()}
    done = total - len(new_clients) - len(new_accounts)

    await each(registers.districts, lambda tx, rows: store.add_districts(tx, import_id, rows))
    await each(new_clients, lambda tx, rows: _register(tx, import_id, rows, at), 1)
    await each(new_accounts, lambda tx, rows: _open(tx, import_id, rows, owners, zone, bank_code), 1)
    await each(registers.dispositions, lambda tx, rows: store.add_dispositions(tx, import_id, rows))
    await each(registers.cards, lambda tx, rows: store.add_cards(tx, import_id, rows))
    await each(registers.loans, lambda tx, rows: store.add_loans(tx, import_id, rows))
    await each(registers.orders, lambda tx, rows: store.add_standing_orders(tx, import_id, rows))
    await each(registers.rejected, lambda tx, rows: store.add_rejected(tx, import_id, rows))
    async with db.read() as tx:
        return await store.accounts(tx)


def customer_id(client_id: int) -> UUID:
    return ids.derived(NAMESPACE, f"client {client_id}")


def account_id(account_id: int) -> UUID:
    return ids.derived(NAMESPACE, f"account {account_id}")


async def _register(tx: Tx, import_id: UUID, clients: Sequence[Client], at: datetime) -> None:
    """The source names nobody, so a client's name is its number."""
    new = [
        identity.NewCustomer(id=customer_id(client.id), kind=identity.CustomerKind.PERSON, name=f"Client {client.id}")
        for client in clients
    ]
    made = _all_made(await identity.register_customers(tx, new, by=SYSTEM, at=at))
    await store.add_clients(tx, import_id, clients, [customer.id for customer in made])


async def _open(
    tx: Tx, import_id: UUID, accounts: Sequence[Account], owners: dict[int, UUID], zone: ZoneInfo, bank_code: str
) -> None:
    """Each at the first moment of its day; accounts of one day together."""
    opened: list[identity.Account] = []
    for day, of_day in groupby(accounts, key=lambda account: account.opened_on):
        new = [
            identity.NewAccount(id=account_id(account.id), customer_id=owners[account.id], currency=CURRENCY)
            for account in of_day
        ]
        at = datetime(day.year, day.month, day.day, tzinfo=zone)
        opened += _all_made(await identity.open_accounts(tx, new, by=SYSTEM, at=at, bank_code=bank_code))
    await store.add_accounts(
        tx, import_id, accounts, [account.id for account in opened], [account.ledger_id for account in opened]
    )


def _all_made(outcomes: Sequence[identity.Made[_T] | Refusal]) -> list[_T]:
    """Ids of this namespace belong to nobody else, so a refusal is an accident here and rolls the chunk back."""
    made: list[_T] = []
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            raise outcome
        made.append(outcome.thing)
    return made
