"""Endpoints and what is on its way to them. Messages follow Standard Webhooks; nothing here touches the network."""

from __future__ import annotations

import ipaddress
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from tongbao import vault
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.outbox import Event
from tongbao.base.principal import Principal
from tongbao.merchants import claims, store
from tongbao.merchants import refusals as no
from tongbao.merchants.model import (
    DISABLE_AFTER,
    RETRY_AFTER,
    TOPICS,
    Attempt,
    Delivery,
    DeliveryState,
    Endpoint,
    Made,
    NewEndpoint,
    Parcel,
)
from tongbao.web.body import canonical_hash

TRIES = len(RETRY_AFTER) + 1
_LEASE = timedelta(seconds=60)
_KEPT = timedelta(days=90)

_encode = msgspec.json.Encoder().encode


def fresh_secret(chance: Callable[[int], bytes]) -> str:
    """`whsec_` and 32 bytes of chance in base64, as Standard Webhooks has it."""
    return "whsec_" + b64encode(chance(32)).decode()


def check_url(url: str, *, private: bool) -> None:
    """Refuses `webhook_url_refused` for what no receiver of payments should be. Where a name leads is checked at each send."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise no.WEBHOOK_URL_REFUSED(field="url") from None
    schemes = ("https", "http") if private else ("https",)
    if parts.scheme not in schemes or not host or port == 0 or parts.username is not None or parts.fragment:
        raise no.WEBHOOK_URL_REFUSED(field="url")
    if len(url) > 2000 or not url.isascii() or not url.isprintable() or " " in url:
        raise no.WEBHOOK_URL_REFUSED("use the encoded form of the address", field="url")
    if not private and _is_literal(host) and not is_public(host):
        raise no.WEBHOOK_URL_REFUSED("the address is not public", field="url")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether an IP address can be anybody's but ours: not loopback, private, link-local, multicast or reserved.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo, NAT64) is judged by what it carries.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or ip.teredo or ip.sixtofour:
            return False
        ip = ip.ipv4_mapped or ip
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


async def create_endpoint(
    tx: Tx, new: NewEndpoint, secret: str, *, by: Principal, at: datetime, private: bool
) -> Made[Endpoint]:
    """Makes an endpoint that signs with `secret`; one that was made before keeps its own.

    Refuses `id_taken`, `id_reused`, `merchant_unknown`, `webhook_url_refused`, `webhook_topic_unknown`.
    """
    check_url(new.url, private=private)
    for topic in new.topics:
        if topic not in TOPICS:
            raise no.WEBHOOK_TOPIC_UNKNOWN(topic, field="topics")
    replayed = (await claims.claim(tx, "webhook", [(new.id, canonical_hash(new))], by, at))[0]
    if not replayed:
        if new.merchant_id is not None and not await store.merchants(tx, [new.merchant_id]):
            raise no.MERCHANT_UNKNOWN(field="merchant_id")
        # Under a key of its own: an endpoint may be the bank's, which is nobody.
        sealed = await vault.seal(tx, new.id, secret.encode(), bound=_bound(new.id), at=at)
        await store.add_endpoint(tx, new, sealed, at)
    made = await store.endpoint(tx, new.id, deleted_too=True)
    assert made is not None
    return Made(made, replayed)


async def delete_endpoint(tx: Tx, id: UUID, at: datetime) -> None:
    """Nothing more is sent; its deliveries can still be looked at. Refuses `webhook_unknown`."""
    await _known(tx, id)
    await store.end_endpoint(tx, id, at)
    await store.drop_pending(tx, id)


async def enable_endpoint(tx: Tx, id: UUID) -> Endpoint:
    """Switches an endpoint on again; what failed meanwhile can be sent again one by one. Refuses `webhook_unknown`."""
    await _known(tx, id)
    await store.enable_endpoint(tx, id)
    return await _known(tx, id)


async def _known(tx: Tx, id: UUID) -> Endpoint:
    endpoint = await store.endpoint(tx, id)
    if endpoint is None:
        raise no.WEBHOOK_UNKNOWN()
    return endpoint


async def queue_deliveries(tx: Tx, events: Sequence[Event]) -> None:
    """A delivery for each event and endpoint that asked for it. An event that comes again adds nothing."""
    merchants = {UUID(m) for event in events if (m := event.payload.get("merchant_id"))}
    endpoints = await store.listening_endpoints(tx, merchants)
    rows: list[tuple[Any, ...]] = []
    for event in events:
        whose = event.payload.get("merchant_id")
        hears = [
            id_
            for id_, merchant_id, topics in endpoints
            if event.topic in topics and (merchant_id is None or (whose and merchant_id == UUID(whose)))
        ]
        body = message(event) if hears else ""
        rows += [
            (
                derived(event.event_id, f"delivery to {id_}"),
                id_,
                event.event_id,
                event.topic,
                event.aggregate,
                event.sequence,
                body,
                event.at,
            )
            for id_ in hears
        ]
    await store.add_deliveries(tx, rows, TRIES)


def message(event: Event) -> str:
    """The body, as Standard Webhooks has it. `sequence` orders the messages about one `aggregate`."""
    return _encode(
        {
            "type": event.topic,
            "id": event.event_id,
            "timestamp": event.at,
            "aggregate": event.aggregate,
            "sequence": event.sequence,
            "data": event.payload,
        }
    ).decode()


async def take_due(
    tx: Tx, lease: UUID, at: datetime, *, most: int = 64, each: int = 8, not_to: Sequence[UUID] = ()
) -> list[Parcel]:
    """Leases what is due to one sender for a minute, at most `each` an endpoint, so that a slow one keeps nobody waiting."""
    leased = await store.lease_deliveries(
        tx, lease=lease, at=at, until=at + _LEASE, most=most, each=each, not_to=list(not_to)
    )
    parcels = [parcel for parcel, _ in leased]
    sealed = {parcel.endpoint_id: secret for parcel, secret in leased if secret is not None}
    things = [vault.Sealed(subject_id=id_, sealed=secret, bound=_bound(id_)) for id_, secret in sealed.items()]
    opened = dict(zip(sealed, await vault.open_all(tx, things), strict=True))
    return [
        msgspec.structs.replace(parcel, secret=(opened[parcel.endpoint_id] or b"").decode())
        if parcel.endpoint_id in opened
        else parcel
        for parcel in parcels
    ]


def _bound(endpoint_id: UUID) -> str:
    return f"merchants.endpoint {endpoint_id} secret"


async def seal_secrets(tx: Tx, *, after: UUID, most: int, at: datetime) -> UUID | None:
    """Seals secrets of some endpoints that still stand in the clear; the last id looked at, None where there was none."""
    ids = await store.unsealed_endpoints(tx, after, most)
    if not ids:
        return None
    sealed: dict[UUID, bytes | None] = {}
    # One by one, once in the life of a bank: each has a key of its own.
    for id_, secret in (await store.lock_unsealed_endpoints(tx, ids)).items():
        sealed[id_] = await vault.seal(tx, id_, secret.encode(), bound=_bound(id_), at=at) if secret else None
    await store.secrets_sealed(tx, sealed)
    return ids[-1]


async def record(tx: Tx, tries: Sequence[tuple[Parcel, Attempt]]) -> None:
    """Writes down what came of tries. A try whose lease was over by then is left out: somebody else has that delivery."""
    locked = await store.lock_deliveries(tx, [parcel.id for parcel, _ in tries])
    attempts: list[tuple[UUID, Attempt]] = []
    rows: list[tuple[Any, ...]] = []
    took: set[UUID] = set()
    failed: set[UUID] = set()
    gone: set[UUID] = set()
    for parcel, attempt in tries:
        found = locked.get(parcel.id)
        if found is None or found[1] != parcel.lease:
            continue
        done, left = found[2] + 1, max(0, found[3] - 1)
        ended = attempt.at + timedelta(milliseconds=attempt.duration_ms)
        attempts.append((parcel.id, msgspec.structs.replace(attempt, number=done)))
        if attempt.succeeded:
            took.add(parcel.endpoint_id)
            rows.append((parcel.id, DeliveryState.DELIVERED.value, done, left, None, ended))
            continue
        failed.add(parcel.endpoint_id)
        if attempt.status == 410:
            gone.add(parcel.endpoint_id)
        over = left == 0 or attempt.status == 410
        state = DeliveryState.FAILED if over else DeliveryState.PENDING
        next_at = None if over else ended + RETRY_AFTER[TRIES - 1 - left]
        rows.append((parcel.id, state.value, done, left, next_at, None))
    if not rows:
        return
    await store.add_attempts(tx, attempts)
    await store.write_deliveries(tx, rows)
    await _judge_endpoints(tx, took, failed - took, gone, attempts[-1][1].at)


async def _judge_endpoints(tx: Tx, took: set[UUID], failed: set[UUID], gone: set[UUID], at: datetime) -> None:
    if took:
        await store.endpoints_took(tx, took)
    if not failed:
        return
    await store.endpoints_failed(tx, failed, at)
    off = await store.disable_endpoints(tx, gone, "it answered 410 Gone", at) if gone else []
    off += await store.disable_endpoints(
        tx, failed, "it has taken nothing for a day", at, failing_before=at - DISABLE_AFTER
    )
    for endpoint_id in off:
        await store.drop_pending(tx, endpoint_id)


async def resend(tx: Tx, delivery_id: UUID, at: datetime) -> Delivery:
    """Sends a delivery again, now, with a fresh set of tries; its attempts stay on record.

    Refuses `delivery_unknown`, `webhook_unknown` for an endpoint that was deleted, `webhook_off`.
    """
    delivery = await store.lock_delivery(tx, delivery_id)
    if delivery is None:
        raise no.DELIVERY_UNKNOWN()
    endpoint = await _known(tx, delivery.endpoint_id)
    if endpoint.disabled_at is not None:
        raise no.WEBHOOK_OFF()
    await store.resend_delivery(tx, delivery_id, TRIES, at)
    return msgspec.structs.replace(delivery, state=DeliveryState.PENDING, next_at=at, delivered_at=None)


async def forget_deliveries(tx: Tx, at: datetime, *, most: int = 1000) -> int:
    """Deletes what ended and is older than 90 days; how many."""
    return await store.forget_deliveries(tx, at - _KEPT, most)
