"""Register merchants: a firm, two accounts, the bank's fee plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tongbao import identity
from tongbao.base.countries import is_country
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.merchants import claims, store
from tongbao.merchants import refusals as no
from tongbao.merchants.model import MERCHANT_MOVES, Made, Merchant, MerchantStatus, NewMerchant, Place
from tongbao.web.body import canonical_hash


async def register_merchants(
    tx: Tx, new: Sequence[NewMerchant], *, by: Principal, at: datetime, bank_code: str
) -> list[Made[Merchant]]:
    """Registers merchants, all or none; those made before under the same id are replays.

    Refuses `id_taken`, `id_reused`, `customer_unknown`, `customer_not_a_firm`, `customer_frozen`, `customer_closed`,
    `currency_unknown`, `country_unknown`.
    """
    if not all(is_country(m.country) for m in new):
        raise no.COUNTRY_UNKNOWN(field="country")
    replayed = await claims.claim(tx, "merchant", [(m.id, canonical_hash(m)) for m in new], by, at)
    fresh = [m for m, before in zip(new, replayed, strict=True) if not before]
    if fresh:
        customers = await _customers(tx, fresh, by, at)
        takings = await _accounts(tx, fresh, customers, identity.Product.TAKINGS, by, at, bank_code)
        settlement = await _accounts(tx, fresh, customers, identity.Product.SETTLEMENT, by, at, bank_code)
        plan = (await store.plans(tx, [await store.bank_plan_id(tx)])).popitem()[1]
        made = [
            Merchant(
                id=m.id,
                name=m.name,
                category=m.category,
                customer_id=customers[m.id],
                status=MerchantStatus.OPEN,
                currency=m.currency,
                takings_account_id=takings[m.id].id,
                takings_ledger_id=takings[m.id].ledger_id,
                settlement_account_id=settlement[m.id].id,
                settlement_ledger_id=settlement[m.id].ledger_id,
                created_at=at,
                plan=plan,
                country=m.country,
                place=m.place,
            )
            for m in fresh
        ]
        await store.add_merchants(tx, made, at)
    found = await store.merchants(tx, [m.id for m in new])
    return [Made(found[m.id], before) for m, before in zip(new, replayed, strict=True)]


async def _customers(tx: Tx, new: Sequence[NewMerchant], by: Principal, at: datetime) -> dict[UUID, UUID]:
    """The firm of each merchant: the one named, or a new one of the merchant's name."""
    named = await identity.find_customers(tx, {m.customer_id for m in new if m.customer_id})
    owners: dict[UUID, UUID] = {}
    unnamed: list[identity.NewCustomer] = []
    for merchant in new:
        if merchant.customer_id is None:
            firm = identity.NewCustomer(
                id=derived(merchant.id, "customer"), kind=identity.CustomerKind.FIRM, name=merchant.name
            )
            unnamed.append(firm)
            owners[merchant.id] = firm.id
            continue
        customer = named.get(merchant.customer_id)
        if customer is not None and customer.kind is not identity.CustomerKind.FIRM:
            raise no.CUSTOMER_NOT_A_FIRM(field="customer_id")
        owners[merchant.id] = merchant.customer_id
    for outcome in await identity.register_customers(tx, unnamed, by=by, at=at):
        if isinstance(outcome, Refusal):
            raise outcome
    return owners


async def _accounts(
    tx: Tx,
    new: Sequence[NewMerchant],
    customers: dict[UUID, UUID],
    product: identity.Product,
    by: Principal,
    at: datetime,
    bank_code: str,
) -> dict[UUID, identity.Account]:
    """One account of a product for each merchant; an unknown, frozen or closed customer is refused here."""
    asked = [
        identity.NewAccount(
            id=derived(m.id, f"{product.value} account"),
            customer_id=customers[m.id],
            currency=m.currency,
            product=product,
        )
        for m in new
    ]
    outcomes = await identity.open_accounts(tx, asked, by=by, at=at, bank_code=bank_code)
    opened: dict[UUID, identity.Account] = {}
    for merchant, outcome in zip(new, outcomes, strict=True):
        if isinstance(outcome, Refusal):
            raise outcome
        opened[merchant.id] = outcome.thing
    return opened


async def set_status(tx: Tx, merchant_id: UUID, status: MerchantStatus) -> Merchant:
    """Suspends, reopens or closes a merchant: what it takes from now on. Asking for the status it has changes nothing.

    Refuses `merchant_unknown`, `merchant_move_refused`.
    """
    now = await store.lock_merchant(tx, merchant_id)
    if now is None:
        raise no.MERCHANT_UNKNOWN()
    if status is not now:
        if status not in MERCHANT_MOVES[now]:
            raise no.MERCHANT_MOVE_REFUSED(f"{now.value} to {status.value}")
        await store.set_merchant_status(tx, merchant_id, status)
    return (await store.merchants(tx, [merchant_id]))[merchant_id]


async def set_place(tx: Tx, merchant_id: UUID, place: Place | None) -> Merchant:
    """Where a merchant's shop stands from now on; None: it only sells online. What was paid there before keeps the place it had.

    Refuses `merchant_unknown`.
    """
    if await store.lock_merchant(tx, merchant_id) is None:
        raise no.MERCHANT_UNKNOWN()
    await store.set_merchant_place(tx, merchant_id, place)
    return (await store.merchants(tx, [merchant_id]))[merchant_id]
