"""An order that its payer has signed beforehand, by a key of his device: authorised in the one request that brings it.

What is signed is the order itself, as RFC 8785 writes it, under the payment's own id: it pays once at most, whoever repeats it.
Signatures are checked before the batch's transaction, by keys that were read once: the public part never changes. Whether a key
still counts is asked inside the transaction (`authorise_store.add_signatures`).
"""

from __future__ import annotations

import asyncio
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from json.encoder import encode_basestring as quoted  # escapes what RFC 8785 escapes, and nothing else
from typing import Final
from uuid import UUID

import msgspec

from tongbao import identity
from tongbao.base.db import Database
from tongbao.base.refusal import RefusalKind
from tongbao.identity import DeviceKey, Sort
from tongbao.payments import refusals as no
from tongbao.payments.canonical import moment
from tongbao.payments.model import Order, OrderShown, OrderSignature

TYPE: Final = "tongbao.order/1"
LONGEST: Final = timedelta(minutes=15)
"""How long before its end an order may be signed."""
_MOST_KEPT: Final = 50_000
_AT_A_STRETCH: Final = 8
"""Signatures that are checked before others have their turn: a millisecond, not a whole batch."""
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def said(order: Order, signature: OrderSignature) -> bytes:
    """What a device signs: all of the order that its payer agrees to, as `canonical` would write it."""
    return (
        f'{{"amount_minor":{order.amount_minor},"arrives":"{order.arrives.value}","capture":"{order.capture.value}"'
        f',"currency":{quoted(order.currency)},"expires_at":"{moment(signature.expires_at)}"'
        f',"merchant_id":{_id(order.merchant_id)},"method":"{order.method.value}","nonce":{quoted(signature.nonce)}'
        f',"order_id":{_id(order.order_id)},"payee_account_id":{_id(order.payee_account_id)}'
        f',"payer_account_id":{_id(order.payer_account_id)},"payment_id":{_id(order.id)}'
        f',"reference":{"null" if order.reference is None else quoted(order.reference)},"type":"{TYPE}"}}'
    ).encode()


def _id(id: UUID | None) -> str:
    return f'"{id}"' if id else "null"


class _Known(msgspec.Struct, frozen=True):
    """A key as it was read, with what it shows of itself beside every signature, up to the signature."""

    key: DeviceKey
    sorts: frozenset[Sort]
    shown: bytes


class Signatures:
    """Checks what orders were signed with; one a process, so that a key is read once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[UUID, _Known] = {}

    async def check(
        self, orders: Sequence[Order], owners: Mapping[UUID, UUID], at: datetime
    ) -> dict[UUID, OrderShown | RefusalKind]:
        """By order that brings a signature: what it shows, or why it shows nothing. `owners`: whose each account is."""
        signed = [(order, order.signature) for order in orders if order.signature is not None]
        if not signed:
            return {}
        await self._know({signature.key_id for _, signature in signed})
        found: dict[UUID, OrderShown | RefusalKind] = {}
        for place, (order, signature) in enumerate(signed):
            if place % _AT_A_STRETCH == _AT_A_STRETCH - 1:
                await asyncio.sleep(0)
            found[order.id] = self._checked(order, signature, owners, at)
        return found

    async def _know(self, ids: set[UUID]) -> None:
        unknown = {id_ for id_ in ids if id_ not in self._known}
        if not unknown:
            return
        if len(self._known) > _MOST_KEPT:
            self._known.clear()
            unknown = ids
        async with self._db.read() as tx:
            found = await identity.device_keys(tx, unknown)
        self._known.update((id_, _read(key)) for id_, key in found.items() if key.revoked_at is None)

    def _checked(
        self, order: Order, signature: OrderSignature, owners: Mapping[UUID, UUID], at: datetime
    ) -> OrderShown | RefusalKind:
        if not at < signature.expires_at <= at + LONGEST:
            return no.ORDER_SIGNATURE_EXPIRED
        known = self._known.get(signature.key_id)
        if known is None or known.key.customer_id != owners.get(order.payer_account_id):
            return no.ORDER_SIGNATURE_WRONG
        text = said(order, signature)
        if not known.key.parsed.verify(text, signature.signature):
            return no.ORDER_SIGNATURE_WRONG
        evidence = b'%b,"signature":"%b","order":%b}' % (known.shown, _b64(signature.signature), text)
        return OrderShown(
            key_id=signature.key_id,
            sorts=known.sorts,
            instruction_hash=sha256(text).digest(),
            evidence=evidence.decode(),
        )


def _read(key: DeviceKey) -> _Known:
    shown = identity.proven_by(key, b"")
    said_always = {name: value for name, value in shown.evidence.items() if name != "signature"}
    return _Known(key, shown.sorts, msgspec.json.encode(said_always).removesuffix(b"}"))


def _b64(data: bytes) -> bytes:
    """As `canonical.b64`, without the detour by text."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")
