"""Look at merchants, plans, orders, webhooks and deliveries. No locks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.merchants import store
from tongbao.merchants.fees import FeePlan
from tongbao.merchants.model import Delivery, DeliveryState, Endpoint, Merchant, Order, OrderState, WebhookBacklog


async def find(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Merchant]:
    """Merchants by id, each ready to compute its fees; unknown ids are left out."""
    return await store.merchants(tx, ids)


async def shop_of_takings(tx: Tx, account_id: UUID) -> Merchant | None:
    """The shop whose takings an account keeps."""
    id_ = await store.merchant_of_takings(tx, account_id)
    return (await store.merchants(tx, [id_])).get(id_) if id_ else None


async def list_merchants(
    tx: Tx, *, after: UUID | None = None, customer_id: UUID | None = None, only: UUID | None = None, most: int = 50
) -> list[Merchant]:
    """Merchants in the order of their ids, from behind `after`."""
    ids = await store.merchant_ids(tx, after=after, customer_id=customer_id, only=only, most=most)
    found = await store.merchants(tx, ids) if ids else {}
    return [found[id_] for id_ in ids]


async def bank_fee_plan(tx: Tx) -> FeePlan:
    """The plan of all who have none of their own."""
    return (await store.plans(tx, [await store.bank_plan_id(tx)])).popitem()[1]


async def fee_plan_at(tx: Tx, merchant_id: UUID, at: datetime) -> FeePlan:
    """The plan that held for a merchant at a moment."""
    return await store.plan_in_force(tx, merchant_id, at)


async def find_orders(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Order]:
    """Orders by id; unknown ids are left out."""
    return await store.orders(tx, ids)


async def list_orders(
    tx: Tx,
    *,
    merchant_id: UUID | None = None,
    below: UUID | None = None,
    state: OrderState | None = None,
    most: int = 50,
) -> list[Order]:
    """Orders by id, newest first, from below `below`."""
    return await store.orders_of(tx, merchant_id=merchant_id, below=below, state=state, most=most)


async def find_endpoint(tx: Tx, id: UUID) -> Endpoint | None:
    return await store.endpoint(tx, id)


async def list_endpoints(
    tx: Tx, *, merchant_id: UUID | None = None, after: UUID | None = None, most: int = 50
) -> list[Endpoint]:
    """Endpoints in the order of their ids; deleted ones are left out."""
    return await store.endpoints_of(tx, merchant_id=merchant_id, after=after, most=most)


async def list_deliveries(
    tx: Tx,
    endpoint_id: UUID,
    *,
    state: DeliveryState | None = None,
    before: datetime | None = None,
    before_id: UUID | None = None,
    most: int = 50,
) -> list[Delivery]:
    """An endpoint's deliveries with every try, newest first."""
    found = await store.deliveries_of(tx, endpoint_id, state=state, before=before, before_id=before_id, most=most)
    tries = await store.attempts_of(tx, [d.id for d in found]) if found else {}
    return [msgspec.structs.replace(d, history=tuple(tries.get(d.id, ()))) for d in found]


async def deliveries_about(tx: Tx, aggregates: Iterable[UUID], *, most: int = 100) -> list[Delivery]:
    """What was told about payments or orders, with every try, oldest first."""
    found = await store.deliveries_about(tx, aggregates, most)
    tries = await store.attempts_of(tx, [d.id for d in found]) if found else {}
    return [msgspec.structs.replace(d, history=tuple(tries.get(d.id, ()))) for d in found]


async def find_delivery(tx: Tx, id: UUID) -> Delivery | None:
    """One delivery with every try."""
    found = await store.delivery(tx, id)
    if found is None:
        return None
    tries = await store.attempts_of(tx, [id])
    return msgspec.structs.replace(found, history=tuple(tries.get(id, ())))


async def webhook_backlog(tx: Tx, at: datetime) -> WebhookBacklog:
    """How webhooks stand in the whole bank at `at`."""
    return await store.webhook_backlog(tx, at)


async def subject_known(tx: Tx, kind: str, subject_id: UUID) -> bool:
    """Whether a key of `kind` may act for `subject_id`: there are merchants; partners come later."""
    return kind == "merchant" and bool(await store.merchants(tx, [subject_id]))
