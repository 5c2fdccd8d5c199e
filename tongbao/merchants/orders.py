"""Make, cancel and expire orders; let payments claim them and give them back; follow what becomes of a payment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace

from tongbao.base.db import Tx
from tongbao.base.outbox import Event
from tongbao.base.principal import Principal
from tongbao.base.refusal import RefusalKind
from tongbao.merchants import claims, store
from tongbao.merchants import refusals as no
from tongbao.merchants.model import (
    ORDER_MOVES,
    Made,
    Merchant,
    MerchantStatus,
    NewOrder,
    Order,
    OrderClaim,
    OrderState,
)
from tongbao.web.body import canonical_hash

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def create_order(tx: Tx, new: NewOrder, *, by: Principal, at: datetime) -> Made[Order]:
    """Makes an order, or finds the one that was made before under the same id.

    Refuses `id_taken`, `id_reused`, `merchant_unknown`, `merchant_suspended`, `merchant_closed`, `order_currency_differs`,
    `order_expired` (it would have expired before it was made).
    """
    # Its end counts from when it was asked for, so it is not a part of what was asked for.
    asked = canonical_hash(replace(new, expires_at=_EPOCH), (new.expires_at - at).total_seconds())
    if (await claims.claim(tx, "order", [(new.id, asked)], by, at))[0]:
        return Made((await store.orders(tx, [new.id]))[new.id], replayed=True)
    merchant = (await store.merchants(tx, [new.merchant_id])).get(new.merchant_id)
    if merchant is None:
        raise no.MERCHANT_UNKNOWN(field="merchant_id")
    refused = not_taking(merchant)
    if refused is not None:
        raise refused()
    if new.currency != merchant.currency:
        raise no.ORDER_CURRENCY_DIFFERS(f"the merchant is paid in {merchant.currency}", field="currency")
    if new.expires_at <= at:
        raise no.ORDER_EXPIRED(field="expires_in_s")
    await store.add_order(tx, new, at)
    return Made((await store.orders(tx, [new.id]))[new.id])


def not_taking(merchant: Merchant) -> RefusalKind | None:
    """Why a merchant takes no payments at present, if it does not."""
    if merchant.status is MerchantStatus.SUSPENDED:
        return no.MERCHANT_SUSPENDED
    return no.MERCHANT_CLOSED if merchant.status is MerchantStatus.CLOSED else None


async def cancel_order(tx: Tx, order_id: UUID, at: datetime) -> Order:
    """Cancels an order that nobody has paid; a cancelled one stays so. Refuses `order_unknown`, `order_not_open`."""
    order = (await store.lock_orders(tx, [order_id])).get(order_id)
    if order is None:
        raise no.ORDER_UNKNOWN()
    if order.state is OrderState.CANCELLED:
        return order
    if order.state is not OrderState.OPEN:
        raise no.ORDER_NOT_OPEN(f"it is {order.state.value}")
    cancelled = replace(order, state=OrderState.CANCELLED, changed_at=at)
    await store.write_orders(tx, [cancelled], at)
    return cancelled


async def expire_orders(tx: Tx, at: datetime, *, most: int = 500) -> int:
    """Marks open orders whose time is over; how many."""
    ids = await store.expired_orders(tx, at, most)
    locked = await store.lock_orders(tx, ids) if ids else {}
    over = [
        replace(order, state=OrderState.EXPIRED)
        for order in locked.values()
        if order.state_at(at) is OrderState.EXPIRED and order.state is OrderState.OPEN
    ]
    await store.write_orders(tx, over, at)
    return len(over)


async def claim_orders(tx: Tx, wanted: Sequence[OrderClaim], at: datetime) -> dict[UUID, RefusalKind | None]:
    """Locks the orders and gives each to the first payment of the batch that may have it; by payment id why not, or None."""
    locked = await store.lock_orders(tx, {claim.order_id for claim in wanted})
    answers: dict[UUID, RefusalKind | None] = {}
    changed: dict[UUID, Order] = {}
    for claim in wanted:
        order = changed.get(claim.order_id) or locked.get(claim.order_id)
        refused = _refused(claim, order, at)
        if refused is None and order is not None and order.payment_id is None:
            changed[order.id] = replace(order, state=claim.becomes, payment_id=claim.payment_id, payment_sequence=0)
        answers[claim.payment_id] = refused
    await store.write_orders(tx, list(changed.values()), at)
    return answers


def _refused(claim: OrderClaim, order: Order | None, at: datetime) -> RefusalKind | None:
    if order is None:
        return no.ORDER_UNKNOWN
    if order.merchant_id != claim.merchant_id:
        return no.ORDER_OF_ANOTHER_MERCHANT
    if order.payment_id == claim.payment_id:
        return None
    if order.state_at(at) is OrderState.EXPIRED:
        return no.ORDER_EXPIRED
    if order.state is not OrderState.OPEN:
        return no.ORDER_NOT_OPEN
    if (order.amount_minor, order.currency) != (claim.amount_minor, claim.currency):
        return no.ORDER_AMOUNT_DIFFERS
    return None


async def release_orders(tx: Tx, order_ids: Iterable[UUID], at: datetime) -> None:
    """Gives back orders that this transaction claimed for payments which were then refused: they are open again.

    What happens to a payment later (cancelled, expired) is followed from its events, without locks in its transaction.
    """
    await store.release_orders(tx, order_ids, at)


class OrderCannotMove(Exception):
    """A payment's event would take its order where no order goes: a fault, so the event is parked for staff."""


async def follow_payments(tx: Tx, events: Sequence[Event]) -> None:
    """Brings orders to where their payments' events say they are. Events that were followed before change nothing."""
    about = [event for event in events if event.payload.get("order_id")]
    if not about:
        return
    locked = await store.lock_orders(tx, {UUID(event.payload["order_id"]) for event in about})
    changed: dict[UUID, Order] = {}
    for event in about:
        order = changed.get(id_ := UUID(event.payload["order_id"])) or locked.get(id_)
        if order is None or order.payment_id != event.aggregate or event.sequence <= order.payment_sequence:
            continue
        changed[order.id] = after_event(order, event)
    await store.write_orders(tx, list(changed.values()), max(event.at for event in about))


def after_event(order: Order, event: Event) -> Order:
    """The order as it is after an event of its payment. Pure."""
    captured, refunded = event.payload.get("captured", 0), event.payload.get("refunded", 0)
    state = order_state(event.payload["state"], captured, refunded)
    if state is not order.state and state not in ORDER_MOVES[order.state]:
        raise OrderCannotMove(f"order {order.id}: {order.state.value} to {state.value} by {event.topic}")
    if state is OrderState.OPEN:
        return replace(order, state=state, payment_id=None, payment_sequence=0, captured_minor=0, refunded_minor=0)
    return replace(
        order,
        state=state,
        captured_minor=captured,
        refunded_minor=refunded,
        payment_sequence=event.sequence,
    )


def order_state(payment_state: str, captured_minor: int, refunded_minor: int) -> OrderState:
    """Where an order is whose payment is there."""
    if refunded_minor:
        return OrderState.REFUNDED if refunded_minor >= captured_minor else OrderState.PARTLY_REFUNDED
    if payment_state == "completed":
        return OrderState.PAID
    if payment_state == "authorised":
        return OrderState.AUTHORISED
    if payment_state in ("declined", "cancelled", "expired"):
        return OrderState.PAID if captured_minor else OrderState.OPEN
    return OrderState.PAYING
