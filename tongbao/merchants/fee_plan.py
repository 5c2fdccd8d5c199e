"""Set a fee plan: a new version for payments that are captured from now on. Old versions stay as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from tongbao.base.db import Tx
from tongbao.base.ids import NAMESPACE, derived
from tongbao.base.principal import Principal
from tongbao.merchants import refusals as no
from tongbao.merchants import store
from tongbao.merchants.fees import ANY, FeePlan, FeeRate


async def set_fee_plan(
    tx: Tx, merchant_id: UUID | None, rates: Sequence[FeeRate], *, by: Principal, at: datetime
) -> FeePlan:
    """Puts a plan in force: a merchant's own, or without a merchant the bank's, for all who have none of their own.

    The plan that is in force already makes no new version. Refuses `merchant_unknown`, `fee_plan_incomplete`,
    `fee_rate_twice`, `fee_bounds_crossed`.
    """
    keys = [(rate.method, rate.currency) for rate in rates]
    if not any(method == ANY for method, _ in keys):
        raise no.FEE_PLAN_INCOMPLETE(field="rates")
    if len(set(keys)) < len(keys):
        raise no.FEE_RATE_TWICE(field="rates")
    if any(rate.largest_minor is not None and rate.largest_minor < rate.smallest_minor for rate in rates):
        raise no.FEE_BOUNDS_CROSSED(field="rates")
    if merchant_id is None:
        await store.one_keeper_of_the_bank_plan(tx)
        now = (await store.plans(tx, [await store.bank_plan_id(tx)])).popitem()[1]
    elif await store.lock_merchant(tx, merchant_id) is None:
        raise no.MERCHANT_UNKNOWN()
    else:
        now = (await store.merchants(tx, [merchant_id]))[merchant_id].plan
    wanted = tuple(sorted(rates, key=lambda rate: (rate.method, rate.currency)))
    if now.merchant_id == merchant_id and sorted(now.rates, key=lambda r: (r.method, r.currency)) == list(wanted):
        return now
    version = 1 + await store.last_plan_version(tx, merchant_id)
    # The rates are part of the id: a version that was rolled back never shares its id with another one.
    said = sha256(msgspec.json.encode(wanted)).hexdigest()
    plan = FeePlan(
        id=derived(merchant_id or NAMESPACE, f"fee plan {version} {said}"),
        merchant_id=merchant_id,
        version=version,
        rates=wanted,
    )
    await store.add_plan(tx, plan, by.id, at)
    return plan
