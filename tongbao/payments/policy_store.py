"""The Python that touches `payments.policy` and reads `payments.challenge`, which a batch writes with all else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao.base import days, sql
from tongbao.base.db import Rank, Tx
from tongbao.payments.model import Order
from tongbao.payments.policy import Challenge, Policy, Rules, Situation

Q = sql.load("tongbao.payments", "policy")

_encode = msgspec.json.Encoder(order="deterministic").encode


def policy_of(row: Sequence[Any]) -> Policy:
    version, content, reason, proposed_by, approved_by, in_force_at, previous_hash, hash_ = row
    return Policy(
        version=version,
        rules=msgspec.convert(content, Rules),
        reason=reason,
        proposed_by=proposed_by,
        approved_by=approved_by,
        in_force_at=in_force_at,
        previous_hash=bytes(previous_hash),
        hash=bytes(hash_),
    )


async def policies(tx: Tx, below: int, most: int) -> list[Policy]:
    return [policy_of(row) for row in await tx.rows(Q["policies"], below=below, most=most)]


async def policy_rows(tx: Tx, below: int, most: int) -> list[tuple[Any, ...]]:
    """The same as they lie there, for whoever proves them."""
    return await tx.rows(Q["policies"], below=below, most=most)


async def add_policy(tx: Tx, new: Policy) -> bool:
    """Whether this version is new."""
    added = await tx.lock(
        Rank.IDS,
        Q["add_policy"],
        [new.version],
        content=_encode(new.rules).decode(),
        reason=new.reason,
        proposed_by=new.proposed_by,
        approved_by=new.approved_by,
        at=new.in_force_at,
        previous_hash=new.previous_hash,
        hash=new.hash,
    )
    return bool(added)


async def situations(
    tx: Tx, orders: Sequence[Order], at: datetime, zone: ZoneInfo
) -> dict[UUID, tuple[Policy, Situation]]:
    """By order: the policy in force, and what is known about the payment and its payer."""
    rows = await tx.rows(
        Q["situations"],
        at=at,
        ids=[o.id for o in orders],
        payers=[o.payer_account_id for o in orders],
        payees=[o.payee_account_id for o in orders],
    )
    policy = policy_of(rows[0][1:9]) if rows else None
    found = {row[0]: row[9:] for row in rows}
    day, hour = days.local_day(at, zone), at.astimezone(zone).hour
    return {o.id: (policy, _situation(o, found[o.id], at, day, hour)) for o in orders if policy is not None}


def _situation(order: Order, row: Sequence[Any], at: datetime, day: date, hour: int) -> Situation:
    level, spent_on, day_minor, month, month_minor, month_count, changed_at, family_id, above, *typed, paid_before = row
    unlike, state = typed
    this_month = month == day.replace(day=1)
    return Situation(
        amount_minor=order.amount_minor,
        currency=order.currency,
        payee_known=order.merchant_id is not None or paid_before,
        device_known=order.device_known,
        level=level,
        day_minor=day_minor if spent_on == day else 0,
        month_minor=month_minor if this_month else 0,
        month_count=month_count if this_month else 0,
        hour=hour,
        changed_h=None if changed_at is None else max(0, int((at - changed_at).total_seconds()) // 3600),
        family_id=family_id,
        family_above_minor=above or 0,
        typing_unlike=unlike,
        device_state=state,
    )


async def challenges(tx: Tx, payment_ids: Iterable[UUID]) -> dict[UUID, Challenge]:
    """What the payers of these payments were asked for; payments that were not asked about are not in it."""
    rows = await tx.rows(Q["challenges"], ids=list(payment_ids))
    return {
        row[0]: Challenge(
            payment_id=row[0],
            ways=row[1],
            large=row[2],
            signed=row[3],
            policy_version=row[4],
            why=row[5],
            nonce=bytes(row[6]),
            expires_at=row[7],
        )
        for row in rows
    }
