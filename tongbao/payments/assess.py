"""What risk is told of orders before they are decided, and of those that were declined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tongbao import merchants, risk
from tongbao.base.db import Tx
from tongbao.base.ids import NAMESPACE, derived
from tongbao.payments.facts import Facts
from tongbao.payments.model import Kind, Method, Order, Outcome, State
from tongbao.payments.policy import Policy, Situation

_DAWN: Final = 6
"""Until this hour it is night."""
_SATURDAY: Final = 6
_SECOND: Final = timedelta(seconds=1)
_IN_A_SHOP: Final = (Method.QR, Method.CARD)
_JUDGED: Final = (Kind.PAYMENT, Kind.TRANSFER)


class Assessed(msgspec.Struct, frozen=True):
    """What was asked of risk, by order, what it saw, and what its rules say of each."""

    asked: Mapping[UUID, risk.Asked]
    seen: risk.Seen
    judged: Mapping[UUID, risk.Judged]
    own: Mapping[UUID, risk.Own]
    """What each order itself says."""
    under: risk.Under


def asked(orders: Sequence[Order], facts: Facts, at: datetime, zone: ZoneInfo) -> dict[UUID, risk.Asked]:
    """Payments and transfers from an account that whoever asks may name; not salaries, nor money that comes in."""
    is_night = at.astimezone(zone).hour < _DAWN
    return {
        order.id: risk.Asked(
            id=order.id,
            payer=order.payer_account_id,
            payee=facts.payee_of(order),
            device=derived(NAMESPACE, f"risk.device {order.device}") if order.device else None,
            amount_minor=order.amount_minor,
            currency=order.currency,
            is_night=is_night,
            spot=(place.latitude_e6, place.longitude_e6) if (place := _stands(order, facts)) else None,
        )
        for order in orders
        if order.kind in _JUDGED
        and order.payer_account_id in facts.accounts
        and facts.is_of(order.payer_account_id, order.payer_id)
    }


def assess(
    asked: Mapping[UUID, risk.Asked],
    seen: risk.Seen,
    rules: risk.Ruleset,
    orders: Sequence[Order],
    facts: Facts,
    known: Mapping[UUID, tuple[Policy, Situation]],
    *,
    at: datetime,
    zone: ZoneInfo,
    models: risk.Models | None = None,
) -> Assessed:
    """What the rules, and the models in force, say of the orders that risk saw."""
    judged = {order.id: order for order in orders if order.id in seen.features}
    local = at.astimezone(zone)
    says = {i: own(order, asked[i], facts, known.get(i), local) for i, order in judged.items()}
    under = rules.under()
    found = risk.judge_all(rules, models, list(says.values()), [seen.features[i] for i in says])
    return Assessed(asked, seen, dict(zip(judged, found, strict=True)), says, under)


def own(
    order: Order, asked: risk.Asked, facts: Facts, known: tuple[Policy, Situation] | None, local: datetime
) -> dict[str, int | bool | str | None]:
    """What an order itself says, by the names of the catalogue. `local`: the moment, on the bank's clocks."""
    situation = known[1] if known else None
    opened_at = facts.opened.get(order.payer_account_id)
    shop = facts.merchants.get(order.merchant_id) if order.merchant_id else None
    changed_h = situation.changed_h if situation else None
    return {
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "kind": order.kind.value,
        "method": order.method.value,
        "hour": local.hour,
        "is_weekend": local.isoweekday() >= _SATURDAY,
        "is_night": asked.is_night,
        "device_known": order.device_known if situation else None,
        "payee_known": situation.payee_known if situation else None,
        "account_age": (local - opened_at) // _SECOND if opened_at else None,
        "factors_changed": None if changed_h is None else changed_h * 3_600,
        "level": situation.level if situation else None,
        "typing_unlike": situation.typing_unlike if situation else None,
        "device_state": situation.device_state if situation else None,
        "payer": str(order.payer_account_id),
        "payee": str(asked.payee) if asked.payee else None,
        "device": str(asked.device) if asked.device else None,
        "merchant": str(order.merchant_id) if order.merchant_id else None,
        "merchant_country": shop.country if shop else None,
        "district": place.district if (place := _stands(order, facts)) else None,
    }


def _stands(order: Order, facts: Facts) -> merchants.Place | None:
    """Where the shop stands in which it is paid: whoever shows or scans a code, or holds out a card, is there."""
    shop = facts.merchants.get(order.merchant_id) if order.merchant_id else None
    return shop.place if shop and order.method in _IN_A_SHOP else None


def remember(tx: Tx, orders: Sequence[Order], assessed: Assessed, at: datetime) -> None:
    """Of new orders, before anything is locked."""
    known = [assessed.asked[order.id] for order in orders if order.id in assessed.asked]
    risk.remember(tx, known, assessed.seen, assessed.judged, at=at, own=assessed.own, under=assessed.under)


def tell_declined(tx: Tx, outcomes: Mapping[UUID, Outcome], assessed: Assessed) -> None:
    """Of new orders, when they are decided."""
    risk.came_to_nothing(
        tx, [i for i, outcome in outcomes.items() if i in assessed.seen.features and _declined(outcome)]
    )


def _declined(outcome: Outcome) -> bool:
    return outcome.payment is not None and outcome.payment.state == State.DECLINED
