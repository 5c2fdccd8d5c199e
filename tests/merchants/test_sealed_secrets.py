"""The secrets of webhooks: sealed, opened to sign, moved from the clear; one that does not open keeps nobody else waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from standardwebhooks import Webhook

from tests.merchants.test_webhooks import deliver, deliveries, hook, market, receiver, sender
from tongbao import merchants
from tongbao.base.jobs import JobContext
from tongbao.base.settings import Settings
from tongbao.merchants.jobs import JOBS

if TYPE_CHECKING:
    from uuid import UUID

    from tests.merchants.market import Market
    from tests.merchants.test_webhooks import Receiver
    from tongbao.merchants.jobs import Sender

__all__ = ["market", "receiver", "sender"]


async def stored(market: Market, endpoint_id: UUID) -> tuple[str | None, bytes | None]:
    query = "SELECT secret, sealed_secret FROM merchants.endpoint WHERE id = %(id)s"
    async with market.db.read() as tx:
        ((secret, sealed),) = await tx.rows(query, id=endpoint_id)
    return secret, sealed


async def as_before(market: Market, endpoint_id: UUID, secret: str) -> None:
    """As a release wrote it that kept it in the clear."""
    query = "UPDATE merchants.endpoint SET secret = %(secret)s, sealed_secret = NULL WHERE id = %(id)s"
    async with market.db.tx() as tx:
        await tx.run(query, id=endpoint_id, secret=secret)


async def move(market: Market) -> None:
    (job,) = (one for one in JOBS if one.name == "merchants.seal_secrets")
    await job.run(JobContext(market.db, market.clock, Settings(keyring="this process has one")))


async def sold(market: Market, shop: merchants.Merchant, sender: Sender) -> None:
    await market.sell(shop, await market.person(100_000), 1250)
    await market.events()
    await deliver(sender)


async def test_a_secret_is_sealed_and_signs(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop = await market.shop()
    id_, secret = await hook(market, receiver.url, shop)
    clear, sealed = await stored(market, id_)
    assert clear is None
    assert sealed is not None
    assert secret.encode() not in bytes(sealed)
    await sold(market, shop, sender)
    (heard,) = receiver.heard
    assert Webhook(secret).verify(heard.body, heard.headers)["type"] == "payment.completed"
    async with market.db.tx() as tx:
        await merchants.delete_endpoint(tx, id_, market.at)
    assert await stored(market, id_) == (None, None)


async def test_one_of_before_signs_is_moved_and_signs_again(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop = await market.shop()
    id_, secret = await hook(market, receiver.url, shop)
    gone, _ = await hook(market, receiver.url, shop)
    async with market.db.tx() as tx:
        await merchants.delete_endpoint(tx, gone, market.at)
    await as_before(market, id_, secret)
    await as_before(market, gone, "")
    await sold(market, shop, sender)
    await move(market)
    clear, sealed = await stored(market, id_)
    assert (clear, sealed is not None) == (None, True)
    assert await stored(market, gone) == (None, None), "of a deleted one nothing is kept"
    await sold(market, shop, sender)
    assert len(receiver.heard) == 2
    for heard in receiver.heard:
        assert Webhook(secret).verify(heard.body, heard.headers)["type"] == "payment.completed"


async def test_one_that_was_bent_signs_nothing_and_hinders_nobody(
    market: Market, receiver: Receiver, sender: Sender
) -> None:
    shop = await market.shop()
    bent, _ = await hook(market, receiver.url, shop)
    whole, secret = await hook(market, receiver.url, shop)
    async with market.db.tx() as tx:
        await tx.run(
            "UPDATE merchants.endpoint SET sealed_secret ="
            " (SELECT sealed_secret FROM merchants.endpoint WHERE id = %(whole)s) WHERE id = %(bent)s",
            whole=whole,
            bent=bent,
        )
    await sold(market, shop, sender)
    (heard,) = receiver.heard
    assert Webhook(secret).verify(heard.body, heard.headers)["type"] == "payment.completed"
    ((bent_one,), (whole_one,)) = await deliveries(market, bent), await deliveries(market, whole)
    assert (whole_one.state, bent_one.state) == (merchants.DeliveryState.DELIVERED, merchants.DeliveryState.PENDING)
    assert bent_one.history[0].error is not None
    assert "secret" in bent_one.history[0].error.lower(), "it says so"
