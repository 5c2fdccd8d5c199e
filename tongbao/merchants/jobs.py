"""What runs later: events that orders and webhooks follow, the sender of webhooks, housekeeping. Thin calls of verbs."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import httpx
from standardwebhooks import Webhook

from tongbao import vault
from tongbao.base import log, sender
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.dispatcher import Consumer
from tongbao.base.jobs import Job, JobContext
from tongbao.base.settings import Settings
from tongbao.merchants import orders, webhooks
from tongbao.merchants.model import TOPICS, Attempt, Parcel

WITHIN_S = 10
"""What one try may take: name, connection, answer."""
ANSWER_LARGEST = 1024
_AT_ONCE = 64
_AT_ONCE_EACH = 8
_BULK = 500
_SEALED_AT_ONCE = 50

CONSUMERS = (
    Consumer(
        name="merchants.orders",
        handle=orders.follow_payments,
        topics=frozenset(topic for topic in TOPICS if topic.startswith("payment.")),
    ),
    Consumer(name="merchants.webhooks", handle=webhooks.queue_deliveries, topics=frozenset(TOPICS)),
)


class PrivateAddress(Exception):
    """The name of a webhook leads into a network that no receiver of payments lives in."""


class Sender(sender.Sender[Parcel, Attempt]):
    """Sends webhooks."""

    stumbled = "webhooks_stumbled"

    def __init__(self, db: Database, clock: Clock, settings: Settings) -> None:
        super().__init__(db, clock)
        self._private = settings.webhook_private
        # A kept connection is found again by its address alone, so it could carry one receiver's message over a channel
        # whose certificate was checked for another: each message has a connection of its own.
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(WITHIN_S),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def run(self, stop: asyncio.Event) -> None:
        try:
            await super().run(stop)
        finally:
            await self._client.aclose()

    async def take(self, lease: UUID, at: datetime) -> Sequence[Parcel]:
        room = _AT_ONCE - self.waiting
        if room <= 0:
            return ()
        busy = Counter(parcel.endpoint_id for parcel in self.flying)
        full = [endpoint_id for endpoint_id, count in busy.items() if count >= _AT_ONCE_EACH]
        async with self._db.tx() as tx:
            return await webhooks.take_due(tx, lease, at, most=room, each=_AT_ONCE_EACH, not_to=full)

    async def record(self, answers: Sequence[tuple[Parcel, Attempt]]) -> None:
        async def record(tx: Tx) -> None:
            await webhooks.record(tx, answers)

        await self._db.retry(record)

    async def send(self, parcel: Parcel, at: datetime) -> Attempt:
        loop = asyncio.get_running_loop()
        started = loop.time()
        status = error = answer = None
        try:
            async with asyncio.timeout(WITHIN_S):
                status, answer = await self._send(parcel)
        except TimeoutError:
            error = f"no answer within {WITHIN_S} s"
        except Exception as failure:
            # Whatever a receiver's name, address or answer can do to us is that delivery's trouble and nobody else's.
            error = log.redacted(f"{type(failure).__name__}: {failure}")[:500].replace("\x00", "")
        return Attempt(
            number=parcel.attempts + 1,
            at=at,
            duration_ms=int((loop.time() - started) * 1000),
            status=status,
            error=error,
            answer=answer,
        )

    async def _send(self, parcel: Parcel) -> tuple[int, str]:
        parts = urlsplit(parcel.url)
        webhooks.check_url(parcel.url, private=self._private)
        host = parts.hostname or ""
        address = await self._resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
        netloc = f"[{address}]" if ":" in address else address
        if parts.port:
            netloc += f":{parts.port}"
        # The very address that was checked is the one that is connected to: a name may lead elsewhere the next moment.
        request = self._client.build_request(
            "POST",
            urlunsplit((parts.scheme, netloc, parts.path or "/", parts.query, "")),
            content=parcel.body.encode(),
            headers={**self._headers(parcel), "host": parts.netloc},
            extensions={"sni_hostname": host},
        )
        response = await self._client.send(request, stream=True)
        try:
            return response.status_code, await _beginning(response)
        finally:
            await response.aclose()

    def _headers(self, parcel: Parcel) -> dict[str, str]:
        at, message_id = self._clock.now(), str(parcel.event_id)
        return {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "Tongbao-Webhooks",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(parcel.secret).sign(message_id, at, parcel.body),
        }

    async def _resolve(self, host: str, port: int) -> str:
        """The address to connect to. One private address among several refuses all: the resolver's owner would choose."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
        if not addresses:
            raise OSError(f"{host} leads nowhere")
        if not self._private and not all(map(webhooks.is_public, addresses)):
            raise PrivateAddress(f"{host} does not lead to a public address")
        return addresses[0]


async def _beginning(response: httpx.Response) -> str:
    """What the receiver said, up to a bound; the rest is never read."""
    said = b""
    async for part in response.aiter_raw():
        said += part
        if len(said) >= ANSWER_LARGEST:
            break
    return said[:ANSWER_LARGEST].decode("utf-8", "replace").replace("\x00", "\ufffd")


async def send_webhooks(db: Database, clock: Clock, settings: Settings, stop: asyncio.Event) -> None:
    """The worker's part: sends webhooks until `stop`. Run as many workers as you like."""
    await Sender(db, clock, settings).run(stop)


async def _in_chunks(db: Database, verb: Callable[[Tx], Awaitable[int]], chunk: int) -> None:
    while await db.retry(verb) == chunk:
        pass


async def _expire_orders(context: JobContext) -> None:
    async def expire(tx: Tx) -> int:
        return await orders.expire_orders(tx, context.clock.now(), most=_BULK)

    await _in_chunks(context.db, expire, _BULK)


async def _forget_deliveries(context: JobContext) -> None:
    async def forget(tx: Tx) -> int:
        return await webhooks.forget_deliveries(tx, context.clock.now(), most=_BULK)

    await _in_chunks(context.db, forget, _BULK)


async def _seal_secrets(context: JobContext) -> None:
    if not vault.is_open(context.settings):
        return
    after: UUID | None = UUID(int=0)
    while after is not None:

        async def one(tx: Tx, place: UUID = after) -> UUID | None:
            return await webhooks.seal_secrets(tx, after=place, most=_SEALED_AT_ONCE, at=context.clock.now())

        after = await context.db.retry(one)


JOBS = (
    Job(name="merchants.expire_orders", cron="* * * * *", run=_expire_orders),
    Job(name="merchants.forget_deliveries", cron="17 19 * * *", run=_forget_deliveries),
    Job(name="merchants.seal_secrets", cron="27 * * * *", run=_seal_secrets),
)

__all__ = ["CONSUMERS", "JOBS", "Sender", "send_webhooks"]
