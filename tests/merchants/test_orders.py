"""An order is paid once, by the right payment, in time; and goes where its payment goes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.merchants.market import Market
from tongbao import merchants, payments
from tongbao.base.outbox import Event, events_of
from tongbao.base.refusal import Refusal, RefusalKind
from tongbao.merchants import MerchantStatus, OrderClaim, OrderState
from tongbao.merchants import refusals as no


async def test_an_order_is_made_once_under_its_id(market: Market) -> None:
    shop = await market.shop()
    new = merchants.NewOrder(
        id=market.id(),
        merchant_id=shop.id,
        amount_minor=3200,
        currency="CNY",
        expires_at=market.at + timedelta(minutes=5),
    )
    async with market.db.tx() as tx:
        first = await merchants.create_order(tx, new, by=market.bank, at=market.at)
    later = market.later(seconds=20)
    again = merchants.NewOrder(
        id=new.id, merchant_id=shop.id, amount_minor=3200, currency="CNY", expires_at=later + timedelta(minutes=5)
    )
    async with market.db.tx() as tx:
        second = await merchants.create_order(tx, again, by=market.bank, at=later)
    assert second.replayed
    assert second.thing == first.thing


async def test_a_shop_that_takes_no_payments_makes_no_orders(market: Market) -> None:
    shop = await market.shop()
    for status, refusal in (
        (MerchantStatus.SUSPENDED, no.MERCHANT_SUSPENDED),
        (MerchantStatus.CLOSED, no.MERCHANT_CLOSED),
    ):
        async with market.db.tx() as tx:
            await merchants.set_status(tx, shop.id, status)
        with pytest.raises(Refusal) as refused:
            await market.order(shop, 100)
        assert refused.value.kind is refusal


async def test_paying_an_order_in_all_its_ways(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    order = await market.order(shop, 3200)
    payment = await market.sell(shop, guest, 3200, order_id=order.id)
    await market.events()
    paid = await market.order_now(order.id)
    assert (paid.state, paid.payment_id, paid.captured_minor) == (OrderState.PAID, payment, 3200)

    await market.ask("refund", payment, 1200)
    await market.events()
    assert (await market.order_now(order.id)).state is OrderState.PARTLY_REFUNDED
    await market.ask("refund", payment)
    await market.events()
    over = await market.order_now(order.id)
    assert (over.state, over.refunded_minor) == (OrderState.REFUNDED, 3200)


async def test_an_authorised_order_is_paid_when_it_is_captured(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    order = await market.order(shop, 5000)
    payment = await market.sell(shop, guest, 5000, order_id=order.id, capture=payments.Capture.MANUAL)
    assert (await market.order_now(order.id)).state is not OrderState.PAID, "goods stay in the shop"
    await market.events()
    assert (await market.order_now(order.id)).state is OrderState.AUTHORISED
    await market.ask("capture", payment, 2000)
    await market.events()
    part = await market.order_now(order.id)
    assert (part.state, part.captured_minor) == (OrderState.AUTHORISED, 2000)
    await market.ask("capture", payment, 3000, final=True)
    await market.events()
    assert (await market.order_now(order.id)).state is OrderState.PAID


async def test_a_cancelled_payment_gives_its_order_back(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    order = await market.order(shop, 5000)
    payment = await market.sell(shop, guest, 5000, order_id=order.id, capture=payments.Capture.MANUAL)
    await market.ask("cancel", payment)
    await market.events()
    free = await market.order_now(order.id)
    assert (free.state, free.payment_id) == (OrderState.OPEN, None)
    await market.sell(shop, guest, 5000, order_id=order.id)
    await market.events()
    assert (await market.order_now(order.id)).state is OrderState.PAID


async def test_a_declined_payment_leaves_its_order_open(market: Market) -> None:
    shop, poor, rich = await market.shop(), await market.person(10), await market.person(9000)
    order = await market.order(shop, 5000)
    assert (await market.pay(poor.id, shop, 5000, order_id=order.id)).refusal is not None
    assert (await market.order_now(order.id)).state is OrderState.OPEN
    await market.sell(shop, rich, 5000, order_id=order.id)
    await market.events()
    assert (await market.order_now(order.id)).state is OrderState.PAID, "the late word of the first changes nothing"


async def test_an_order_is_paid_once_however_many_try(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    order = await market.order(shop, 1000)
    outcomes = await asyncio.gather(*(market.pay(guest.id, shop, 1000, order_id=order.id) for _ in range(8)))
    assert sum(o.refusal is None for o in outcomes) == 1
    assert {o.refusal.code for o in outcomes if o.refusal} == {"order_not_open"}
    assert await market.balance(shop.takings_account_id) == 1000


async def test_two_payments_of_one_batch_do_not_share_an_order(market: Market) -> None:
    shop = await market.shop()
    order = await market.order(shop, 1000)
    first, second = uuid4(), uuid4()
    async with market.db.tx() as tx:
        answers = await merchants.claim_orders(
            tx, [OrderClaim(order.id, shop.id, payment, 1000, "CNY") for payment in (first, second)], market.at
        )
    assert answers == {first: None, second: no.ORDER_NOT_OPEN}
    assert (await market.order_now(order.id)).payment_id == first


async def claimed(market: Market, **differs: object) -> RefusalKind | None:
    shop = await market.shop()
    order = await market.order(shop, 1000, minutes=10)
    claim = OrderClaim(order.id, shop.id, market.id(), 1000, "CNY")._replace(**differs)
    async with market.db.tx() as tx:
        return (await merchants.claim_orders(tx, [claim], market.at))[claim.payment_id]


async def test_a_claim_must_fit_its_order(market: Market) -> None:
    assert await claimed(market) is None
    assert await claimed(market, order_id=uuid4()) is no.ORDER_UNKNOWN
    assert await claimed(market, merchant_id=uuid4()) is no.ORDER_OF_ANOTHER_MERCHANT
    assert await claimed(market, amount_minor=999) is no.ORDER_AMOUNT_DIFFERS
    assert await claimed(market, currency="USD") is no.ORDER_AMOUNT_DIFFERS


async def test_what_is_over_is_over(market: Market) -> None:
    shop = await market.shop()
    late, cancelled = await market.order(shop, 1000, minutes=1), await market.order(shop, 1000)
    async with market.db.tx() as tx:
        await merchants.cancel_order(tx, cancelled.id, market.at)
        assert (await merchants.cancel_order(tx, cancelled.id, market.at)).state is OrderState.CANCELLED
    market.later(minutes=1)
    async with market.db.tx() as tx:
        claims = [OrderClaim(o.id, shop.id, uuid4(), 1000, "CNY") for o in (late, cancelled)]
        answers = await merchants.claim_orders(tx, claims, market.at)
    assert list(answers.values()) == [no.ORDER_EXPIRED, no.ORDER_NOT_OPEN]
    async with market.db.tx() as tx:
        assert [await merchants.expire_orders(tx, market.at) for _ in range(2)] == [1, 0]
    assert (await market.order_now(late.id)).state is OrderState.EXPIRED


async def test_a_paid_order_is_not_cancelled(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(5000)
    order = await market.order(shop, 1000)
    await market.sell(shop, guest, 1000, order_id=order.id)
    with pytest.raises(Refusal, match="order_not_open"):
        async with market.db.tx() as tx:
            await merchants.cancel_order(tx, order.id, market.at)
    with pytest.raises(Refusal, match="order_unknown"):
        async with market.db.tx() as tx:
            await merchants.cancel_order(tx, uuid4(), market.at)


async def test_events_that_come_again_change_nothing(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(5000)
    order = await market.order(shop, 1000)
    payment = await market.sell(shop, guest, 1000, order_id=order.id)
    await market.ask("refund", payment, 300)
    await market.events()
    before = await market.order_now(order.id)
    async with market.db.tx() as tx:
        seen: list[Event] = await events_of(tx, payment)
        await merchants.follow_payments(tx, [*seen, *seen])
    assert await market.order_now(order.id) == before
