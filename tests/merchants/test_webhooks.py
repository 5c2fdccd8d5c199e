"""Messages to shops: signed, tried again, visible, sent again by hand, and never into our own network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.merchants.market import SETTINGS, Market, opened
from tongbao import merchants
from tongbao.base.outbox import events_of
from tongbao.base.refusal import Refusal
from tongbao.merchants import DeliveryState, EndpointStatus
from tongbao.merchants.jobs import Sender
from tongbao.merchants.model import RETRY_AFTER
from tongbao.merchants.webhooks import check_url, fresh_secret, is_public, take_due


class Heard:
    def __init__(self, path: str, headers: dict[str, str], body: str) -> None:
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def message(self) -> dict[str, object]:
        return json.loads(self.body)


class Receiver:
    """A shop's own little HTTP server, which answers as it is told."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.rang = asyncio.Event()
        self.answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
        self.delay_s = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?shop=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.rang.set()
        self.heard.append(Heard(head[0].split(" ")[1], headers, body.decode()))
        await asyncio.sleep(self.delay_s)
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as receiver:
        yield receiver


@pytest.fixture
async def market(fresh_database: str) -> AsyncIterator[Market]:
    """Receivers compare a message's time with their own clock, so these stories are told in the present."""
    async with opened(fresh_database, start=datetime.now(UTC)) as market:
        yield market


@pytest.fixture
async def sender(market: Market) -> Sender:
    return Sender(market.db, market.clock, market.settings)


async def hook(
    market: Market, url: str, shop: merchants.Merchant | None = None, topics: tuple[str, ...] = merchants.TOPICS
) -> tuple[UUID, str]:
    new = merchants.NewEndpoint(id=market.id(), url=url, topics=topics, merchant_id=shop.id if shop else None)
    secret = fresh_secret(market.chance.randbytes)
    async with market.db.tx() as tx:
        await merchants.create_endpoint(tx, new, secret, by=market.bank, at=market.at, private=True)
    return new.id, secret


async def deliver(sender: Sender) -> None:
    """Until nothing more is due at this moment."""
    while await sender.turn():
        pass


async def deliveries(market: Market, endpoint_id: UUID) -> list[merchants.Delivery]:
    async with market.db.read() as tx:
        return await merchants.list_deliveries(tx, endpoint_id)


async def test_a_shop_hears_of_its_payment_and_can_trust_it(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, secret = await hook(market, receiver.url, shop)
    payment = await market.sell(shop, guest, 1250)
    await market.events()
    await deliver(sender)
    (heard,) = receiver.heard
    message = Webhook(secret).verify(heard.body, heard.headers)
    assert message["type"] == "payment.completed"
    assert message["aggregate"] == message["data"]["payment_id"] == str(payment)
    assert message["data"]["amount"] == 1250
    assert heard.path == "/hooks?shop=1"
    assert heard.headers["host"] == f"127.0.0.1:{receiver.port}"
    (delivery,) = await deliveries(market, endpoint_id)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)
    assert delivery.history[0].status == 204
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(heard.body.replace("1250", "1"), heard.headers)


async def test_only_those_concerned_hear_of_what_they_asked_for(
    market: Market, receiver: Receiver, sender: Sender
) -> None:
    shop, other, guest = await market.shop(), await market.shop("别的店"), await market.person(100_000)
    mine, _ = await hook(market, receiver.url, shop, topics=("payment.completed",))
    theirs, _ = await hook(market, receiver.url, other)
    banks, _ = await hook(market, receiver.url, None, topics=("payment.refunded",))
    payment = await market.sell(shop, guest, 1000)
    await market.ask("refund", payment, 400)
    await market.events()
    await deliver(sender)
    assert [d.topic for d in await deliveries(market, mine)] == ["payment.completed"]
    assert await deliveries(market, theirs) == []
    assert [d.topic for d in await deliveries(market, banks)] == ["payment.refunded"]


async def test_messages_are_put_in_order_by_their_sequence(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    await hook(market, receiver.url, shop)
    payment = await market.sell(shop, guest, 1000)
    for part in (100, 200, 300):
        await market.ask("refund", payment, part)
    await market.events()
    await deliver(sender)
    messages = sorted((h.message for h in receiver.heard), key=lambda m: m["sequence"])
    assert [m["sequence"] for m in messages] == [1, 2, 3, 4]
    assert [m["data"]["refunded"] for m in messages] == [0, 100, 300, 600]


async def test_an_event_that_comes_again_is_sent_once(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    await hook(market, receiver.url, shop)
    payment = await market.sell(shop, guest, 1000)
    async with market.db.tx() as tx:
        seen = await events_of(tx, payment)
        await merchants.queue_deliveries(tx, seen)
        await merchants.queue_deliveries(tx, seen)
    await market.events()
    await deliver(sender)
    assert len(receiver.heard) == 1


async def test_it_is_tried_for_a_day_and_then_given_up(market: Market, receiver: Receiver, sender: Sender) -> None:
    receiver.answer = b"HTTP/1.1 500 Oops\r\nconnection: close\r\ncontent-length: 4\r\n\r\noops"
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, _ = await hook(market, receiver.url, shop)
    await market.sell(shop, guest, 1250)
    await market.events()
    began = market.at
    await deliver(sender)
    for pause in RETRY_AFTER:
        market.clock.tick(pause - timedelta(seconds=1))
        count = len(receiver.heard)
        await deliver(sender)
        assert len(receiver.heard) == count, "not before its time"
        market.clock.tick(timedelta(seconds=2))
        await deliver(sender)
        assert len(receiver.heard) == count + 1
    assert timedelta(hours=23) < market.at - began < timedelta(hours=25)
    (delivery,) = await deliveries(market, endpoint_id)
    assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, 11)
    assert [(a.number, a.status, a.answer) for a in delivery.history] == [(n, 500, "oops") for n in range(1, 12)]
    assert len({h.headers["webhook-id"] for h in receiver.heard}) == 1, "every try is the same message"


async def test_what_failed_can_be_sent_again(market: Market, receiver: Receiver, sender: Sender) -> None:
    receiver.answer = b"HTTP/1.1 503 Busy\r\nconnection: close\r\n\r\n"
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, secret = await hook(market, receiver.url, shop)
    await market.sell(shop, guest, 1250)
    await market.events()
    await deliver(sender)
    (delivery,) = await deliveries(market, endpoint_id)
    assert delivery.state is DeliveryState.PENDING
    receiver.answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    async with market.db.tx() as tx:
        await merchants.resend(tx, delivery.id, market.at)
    await deliver(sender)
    (delivery,) = await deliveries(market, endpoint_id)
    assert (delivery.state, [a.status for a in delivery.history]) == (DeliveryState.DELIVERED, [503, 200])
    async with market.db.tx() as tx:
        await merchants.resend(tx, delivery.id, market.at)
    await deliver(sender)
    assert len(receiver.heard) == 3, "also what was delivered"
    Webhook(secret).verify(receiver.heard[-1].body, receiver.heard[-1].headers)


async def failed_with(market: Market, sender: Sender, url: str) -> str | None:
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, _ = await hook(market, url, shop)
    await market.sell(shop, guest, 1250)
    await market.events()
    await deliver(sender)
    (delivery,) = await deliveries(market, endpoint_id)
    assert delivery.state is DeliveryState.PENDING
    (attempt,) = delivery.history
    return attempt.error or str(attempt.status)


async def test_a_receiver_that_nobody_can_reach(market: Market, sender: Sender) -> None:
    assert "ConnectError" in str(await failed_with(market, sender, "http://127.0.0.1:1/"))


async def test_redirects_are_not_followed(market: Market, receiver: Receiver, sender: Sender) -> None:
    async with listening() as elsewhere:
        location = f"location: {elsewhere.url}".encode()
        receiver.answer = b"HTTP/1.1 307 Go\r\nconnection: close\r\ncontent-length: 0\r\n" + location + b"\r\n\r\n"
        assert await failed_with(market, sender, receiver.url) == "307"
        assert elsewhere.heard == []


async def test_a_receiver_that_never_answers(
    market: Market, receiver: Receiver, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tongbao.merchants.jobs.WITHIN_S", 0)
    receiver.delay_s = 30
    assert "no answer within" in str(await failed_with(market, sender, receiver.url))


async def test_a_receiver_that_never_stops_talking(market: Market, receiver: Receiver, sender: Sender) -> None:
    receiver.answer = b"HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n" + b"\x00la" * 100_000
    await failed_with(market, sender, receiver.url)
    async with market.db.read() as tx:
        (endpoint,) = await merchants.list_endpoints(tx)
    (delivery,) = await deliveries(market, endpoint.id)
    assert len(delivery.history[0].answer or "") == 1024


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.8", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "0.0.0.0", "2130706433"],
)
async def test_our_own_network_is_out_of_reach(market: Market, receiver: Receiver, host: str) -> None:
    """Even where the address was taken while private ones were allowed, or its name leads elsewhere now."""
    strict = Sender(market.db, market.clock, msgspec.structs.replace(SETTINGS, webhook_private=False))
    error = await failed_with(market, strict, f"https://{host}:{receiver.port}/")
    assert error is not None
    assert "PrivateAddress" in error or "webhook_url_refused" in error
    assert receiver.heard == []


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "https://user:secret@shop.example/",
        "https://shop.example/#part",
        "https://10.1.2.3/",
        "https://[fe80::1]/",
        "https://[64:ff9b::10.0.0.1]/",
        "https:///nowhere",
        "ftp://shop.example/",
        "https://shop.example:99999/",
        "https://shop.example/ 空格",
    ],
)
def test_addresses_that_are_not_taken(url: str) -> None:
    with pytest.raises(Refusal, match="webhook_url_refused"):
        check_url(url, private=False)


def test_addresses_that_are_taken() -> None:
    check_url("https://shop.example:8443/hooks?a=b", private=False)
    check_url("https://93.184.216.34/", private=False)
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


async def test_an_endpoint_that_says_gone_is_switched_off(market: Market, receiver: Receiver, sender: Sender) -> None:
    receiver.answer = b"HTTP/1.1 410 Gone\r\nconnection: close\r\n\r\n"
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, _ = await hook(market, receiver.url, shop)
    await market.sell(shop, guest, 1250)
    await market.events()
    await deliver(sender)
    async with market.db.tx() as tx:
        off = await merchants.find_endpoint(tx, endpoint_id)
        assert off is not None
        assert (off.status, off.disabled_because) == (EndpointStatus.DISABLED, "it answered 410 Gone")
        (delivery,) = await merchants.list_deliveries(tx, endpoint_id)
        with pytest.raises(Refusal, match="webhook_off"):
            await merchants.resend(tx, delivery.id, market.at)
        on = await merchants.enable_endpoint(tx, endpoint_id)
        assert on.status is EndpointStatus.ACTIVE


async def test_an_endpoint_that_takes_nothing_for_a_day_is_switched_off(
    market: Market, receiver: Receiver, sender: Sender
) -> None:
    receiver.answer = b"HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n"
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, _ = await hook(market, receiver.url, shop)
    await market.sell(shop, guest, 100)
    await market.events()
    await deliver(sender)
    market.later(hours=25)
    await deliver(sender)
    async with market.db.read() as tx:
        off = await merchants.find_endpoint(tx, endpoint_id)
    assert off is not None
    assert off.status is EndpointStatus.DISABLED
    assert {d.state for d in await deliveries(market, endpoint_id)} == {DeliveryState.FAILED}


async def test_two_senders_do_not_send_the_same_twice(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    await hook(market, receiver.url, shop)
    for _ in range(20):
        await market.sell(shop, guest, 100)
    await market.events()
    other = Sender(market.db, market.clock, market.settings)
    await asyncio.gather(deliver(sender), deliver(other))
    assert len(receiver.heard) == len({h.headers["webhook-id"] for h in receiver.heard}) == 20


async def test_a_sender_that_died_leaves_its_parcels_to_others(
    market: Market, receiver: Receiver, sender: Sender
) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    await hook(market, receiver.url, shop)
    await market.sell(shop, guest, 100)
    await market.events()
    async with market.db.tx() as tx:
        assert len(await take_due(tx, market.id(), market.at)) == 1
    await deliver(sender)
    assert receiver.heard == [], "somebody has it"
    market.later(minutes=2)
    await deliver(sender)
    assert len(receiver.heard) == 1


async def test_a_slow_receiver_keeps_nobody_waiting(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, quick, guest = await market.shop(), await market.shop("快店"), await market.person(100_000)
    async with listening() as slow:
        slow.delay_s = 2
        await hook(market, slow.url, shop)
        await hook(market, receiver.url, quick)
        for _ in range(70):
            await market.sell(shop, guest, 100)
        await market.sell(quick, guest, 100)
        await market.events()
        await sender.turn()
        await sender.turn()
        assert len(receiver.heard) == 1
        assert len(slow.heard) <= 8


async def test_a_deleted_webhook_hears_nothing_more(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, _ = await hook(market, receiver.url, shop)
    await market.sell(shop, guest, 100)
    await market.events()
    async with market.db.tx() as tx:
        await merchants.delete_endpoint(tx, endpoint_id, market.at)
    await market.sell(shop, guest, 100)
    await market.events()
    await deliver(sender)
    assert receiver.heard == []
    async with market.db.read() as tx:
        assert await merchants.find_endpoint(tx, endpoint_id) is None


async def test_old_deliveries_are_forgotten(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    endpoint_id, _ = await hook(market, receiver.url, shop)
    await market.sell(shop, guest, 100)
    await market.events()
    await deliver(sender)
    market.later(days=89)
    async with market.db.tx() as tx:
        assert await merchants.forget_deliveries(tx, market.at) == 0
        assert await merchants.forget_deliveries(tx, market.later(days=2)) == 1
    assert await deliveries(market, endpoint_id) == []


async def test_the_worker_sends_until_it_is_stopped(market: Market, receiver: Receiver, sender: Sender) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    await hook(market, receiver.url, shop)
    stop = asyncio.Event()
    worker = asyncio.create_task(merchants.send_webhooks(market.db, market.clock, market.settings, stop))
    await market.sell(shop, guest, 100)
    await market.events()
    await asyncio.wait_for(receiver.rang.wait(), 5)
    stop.set()
    await asyncio.wait_for(worker, 5)
    assert len(receiver.heard) == 1
