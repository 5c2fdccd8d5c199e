"""What a batch needs to know and does not lock: read before the transaction, kept for a while.

Where an account stands in the ledger never changes and is kept; a merchant's standing and fees are read again each second.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao import ledger, merchants
from tongbao.base.db import Database, Tx
from tongbao.payments import policy_store, store
from tongbao.payments import refusals as no
from tongbao.payments.judge import is_judged_by_policy
from tongbao.payments.model import OUTSIDE, Kind, Order
from tongbao.payments.policy import Policy, Situation
from tongbao.payments.refusals import CURRENCY_MISMATCH

OUTSIDE_LINE: Final = "1040"
SUSPENSE_LINE: Final = "2090"

_MERCHANT_FOR_S = 1
_MOST_KEPT = 200_000


class Facts(msgspec.Struct):
    """Accounts by public id (ledger id, currency), merchants by id, and the bank's own channel accounts by currency."""

    accounts: dict[UUID, tuple[int, str]]
    merchants: dict[UUID, merchants.Merchant]
    outside: dict[str, int]
    takings: set[UUID]
    """Accounts of merchants' takings: paid through their merchant only, so that clearing finds every movement."""
    owners: dict[UUID, UUID]
    """Whose each account is."""
    opened: dict[UUID, datetime]
    """Since when each account is there."""
    suspense: dict[str, int]
    """Where money goes that came in and cannot be credited, by currency."""

    def is_of(self, account_id: UUID, payer_id: UUID | None) -> bool:
        """Whether an account may be named by whoever asks: a customer names his own, the bank (None) any."""
        return payer_id is None or self.owners.get(account_id) == payer_id

    def payee_of(self, order: Order) -> UUID | None:
        """The account that an order pays into; None for a shop that nobody knows."""
        if order.merchant_id is None:
            return order.payee_account_id
        merchant = self.merchants.get(order.merchant_id)
        return merchant.takings_account_id if merchant else None

    def ledger_id(self, account_id: UUID, currency: str) -> int:
        """Where an account stands in the ledger. KeyError for an unknown one; refuses `currency_mismatch`."""
        if account_id == OUTSIDE:
            return self.outside[currency]
        ledger_id, kept_in = self.accounts[account_id]
        if kept_in != currency:
            raise CURRENCY_MISMATCH(f"the account is kept in {kept_in}")
        return ledger_id


class FactsReader:
    """Reads facts in set-based look-ups and keeps them for one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._accounts: dict[UUID, tuple[int, str]] = {}
        self._outside: dict[str, int] = {}
        self._merchants: dict[UUID, tuple[datetime, merchants.Merchant | None]] = {}
        self._counted: set[UUID] = set()
        self._takings: set[UUID] = set()
        self._owners: dict[UUID, UUID] = {}
        self._opened: dict[UUID, datetime] = {}
        self._suspense: dict[str, int] = {}

    async def read(self, orders: Iterable[Order], at: datetime, day: date) -> Facts:
        """All that these orders need: a look-up only for what is not known yet."""
        orders = list(orders)
        wanted = {o.payer_account_id for o in orders} | {o.payee_account_id for o in orders if o.payee_account_id}
        shops = await self._read_merchants({o.merchant_id for o in orders if o.merchant_id}, at)
        wanted |= {shop.takings_account_id for shop in shops.values()}
        spenders = {o.payer_account_id for o in orders if o.kind is not Kind.TOPUP}
        currencies = {o.currency for o in orders if o.payer_account_id == OUTSIDE}
        await self.know(wanted, spenders, currencies, at, day)
        return Facts(self._accounts, shops, self._outside, self._takings, self._owners, self._opened, self._suspense)

    async def situations(
        self, orders: Iterable[Order], at: datetime, zone: ZoneInfo
    ) -> dict[UUID, tuple[Policy, Situation]]:
        """Of those that the policy judges, by order: the policy and what is known. No statement where there are none."""
        judged = [order for order in orders if is_judged_by_policy(order)]
        if not judged:
            return {}
        async with self._db.read() as tx:
            return await policy_store.situations(tx, judged, at, zone)

    async def of_payments(
        self, accounts: set[UUID], merchant_ids: set[UUID], currencies: set[str], at: datetime, day: date
    ) -> Facts:
        """The same for payments that exist already."""
        shops = await self._read_merchants(merchant_ids, at)
        await self.know(accounts, accounts - {OUTSIDE}, currencies, at, day)
        return Facts(self._accounts, shops, self._outside, self._takings, self._owners, self._opened, self._suspense)

    async def know(
        self, accounts: set[UUID], spenders: set[UUID], currencies: set[str], at: datetime, day: date
    ) -> None:
        unknown = {i for i in accounts if i not in self._accounts and i != OUTSIDE}
        if unknown:
            if len(self._accounts) > _MOST_KEPT:
                self._accounts.clear()
                self._owners.clear()
                self._opened.clear()
                self._counted.clear()
                unknown = accounts - {OUTSIDE}
            async with self._db.read() as tx:
                found = await store.parties(tx, unknown)
            self._accounts.update((i, (where, currency)) for i, where, currency, *_ in found)
            self._takings.update(i for i, _, _, product, *_ in found if product == "takings")
            self._owners.update((i, customer_id) for i, _, _, _, customer_id, _ in found)
            self._opened.update((i, opened_at) for i, *_, opened_at in found)
        uncounted = {i for i in spenders if i not in self._counted and i in self._accounts}
        if uncounted:
            async with self._db.read() as tx:
                await store.ensure_spending(tx, uncounted, day)
            self._counted |= uncounted
        for currency in {c for c in currencies if c not in self._outside}:
            async with self._db.tx() as tx:
                account = await ledger.own_account(tx, OUTSIDE_LINE, currency, at)
                suspense = await ledger.own_account(tx, SUSPENSE_LINE, currency, at)
            self._outside[currency], self._suspense[currency] = account, suspense

    async def _read_merchants(self, ids: set[UUID], at: datetime) -> dict[UUID, merchants.Merchant]:
        stale = [
            i
            for i in ids
            if i not in self._merchants or (at - self._merchants[i][0]).total_seconds() >= _MERCHANT_FOR_S
        ]
        if stale:
            if len(self._merchants) > _MOST_KEPT:
                self._merchants.clear()
                stale = list(ids)
            async with self._db.read() as tx:
                found = await merchants.find(tx, stale)
            self._merchants.update((i, (at, found.get(i))) for i in stale)
        known = ((i, self._merchants[i][1]) for i in ids)
        return {i: shop for i, shop in known if shop is not None}


async def facts_of(tx: Tx, payment_id: UUID, at: datetime) -> Facts:
    """Where the two ends of a payment stand in the ledger, read inside the transaction that was opened. Refuses `payment_unknown`."""
    payment = (await store.payments(tx, [payment_id])).get(payment_id)
    if payment is None:
        raise no.PAYMENT_UNKNOWN()
    known: dict[UUID, tuple[int, str]] = {}
    ends = [i for i in (payment.payer_account_id, payment.payee_account_id) if i is not None and i != OUTSIDE]
    if ends:
        known = {i: (where, currency) for i, where, currency, *_ in await store.parties(tx, ends)}
    shops = await merchants.find(tx, [payment.merchant_id]) if payment.merchant_id else {}
    own = [await ledger.own_account(tx, line, payment.currency, at) for line in (OUTSIDE_LINE, SUSPENSE_LINE)]
    return Facts(
        accounts=known,
        merchants=shops,
        outside={payment.currency: own[0]},
        takings=set(),
        owners={},
        opened={},
        suspense={payment.currency: own[1]},
    )
