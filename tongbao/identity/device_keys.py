"""Keys of customers' own devices: the private part is made on the device and never leaves it, the bank keeps the public one."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.ids import derived
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.base.say import Lang
from tongbao.identity import passkey_store
from tongbao.identity import refusals as no
from tongbao.identity.factors import must_be_open
from tongbao.identity.model import FactorKind, Made, Proven
from tongbao.identity.passkey_model import DEVICE_SUITES, MOST_OF_A_CUSTOMER, DeviceKey, DeviceState
from tongbao.identity.tell import tell_of_factor
from tongbao.vault import PublicKey


async def add_device_key(
    tx: Tx, customer_id: UUID, jwk: dict[str, Any], *, name: str, by: Principal, at: datetime, lang: Lang = "zh"
) -> Made[DeviceKey]:
    """Binds a device to a customer by its public key; audited and told to him. The same key again is the one that he has.

    Refuses `private_key_shown`, `key_malformed`, `algorithm_refused`, `device_key_suite`, `customer_unknown`, `customer_closed`,
    `device_key_over` for one that was removed, `too_many_of_these`.
    """
    if "d" in jwk:
        raise no.PRIVATE_KEY_SHOWN()
    public = PublicKey.from_jwk(jwk)
    if public.suite.value not in DEVICE_SUITES:
        raise no.DEVICE_KEY_SUITE()
    await must_be_open(tx, customer_id, by)
    id_ = derived(customer_id, f"device key {public.kid}")
    known = (await passkey_store.device_keys(tx, [id_])).get(id_)
    if known is not None:
        if known.revoked_at is not None:
            raise no.DEVICE_KEY_OVER()
        return Made(known, replayed=True)
    if len(await passkey_store.device_keys_of(tx, [customer_id])) >= MOST_OF_A_CUSTOMER:
        raise no.TOO_MANY_OF_THESE()
    key = DeviceKey(
        id=id_,
        customer_id=customer_id,
        suite=public.suite.value,
        jwk=public.jwk,
        name=name,
        made_at=at,
        used_at=None,
        revoked_at=None,
        parsed=public,
    )
    await passkey_store.add_device_key(tx, key, public.kid)
    details = {"device_key_id": str(id_), "suite": key.suite}
    await audit.record(tx, by, "device_key.add", customer_id, at=at, details=details)
    await tell_of_factor(tx, customer_id, "set", FactorKind.DEVICE, lang=lang, at=at)
    return Made(key)


async def device_keys(tx: Tx, key_ids: Iterable[UUID]) -> dict[UUID, DeviceKey]:
    """By id, removed ones too (`revoked_at`); unknown ids are left out. Parsed, for a batch of signatures."""
    return await passkey_store.device_keys(tx, key_ids)


async def device_keys_of(tx: Tx, customer_id: UUID) -> list[DeviceKey]:
    """What he has, the oldest first."""
    return await passkey_store.device_keys_of(tx, [customer_id])


async def rename_device_key(tx: Tx, customer_id: UUID, id: UUID, name: str, *, by: Principal, at: datetime) -> None:
    """The name that it has already changes nothing. Refuses `customer_unknown`, `customer_closed`, `device_key_unknown`."""
    await must_be_open(tx, customer_id, by)
    if any((one.id, one.name) == (id, name) for one in await device_keys_of(tx, customer_id)):
        return
    if not await passkey_store.rename_device_key(tx, customer_id, id, name):
        raise no.DEVICE_KEY_UNKNOWN()
    await audit.record(tx, by, "device_key.rename", customer_id, at=at, details={"device_key_id": str(id)})


async def attest_device(
    tx: Tx, customer_id: UUID, id: UUID, state: DeviceState, *, by: Principal, at: datetime
) -> DeviceKey:
    """Notes what the app on a device says of it; audited. Rules of risk look at the worst device that is bound to a payer.

    It only becomes worse: whoever holds a broken device may say anything, and one that was set up anew has lost its key and is
    bound again. A better word changes nothing and answers what counts. Refuses as `rename_device_key`.
    """
    await must_be_open(tx, customer_id, by)
    known = await passkey_store.lock_device_key(tx, customer_id, id)
    if known is None:
        raise no.DEVICE_KEY_UNKNOWN()
    if not state.is_worse_than(known.state):
        return known
    await passkey_store.device_key_state(tx, id, state, at)
    details = {"device_key_id": str(id), "state": state.value}
    await audit.record(tx, by, "device_key.attest", customer_id, at=at, details=details)
    return msgspec.structs.replace(known, state=state)


async def remove_device_key(
    tx: Tx, customer_id: UUID, id: UUID, *, by: Principal, at: datetime, lang: Lang = "zh"
) -> None:
    """Takes it for good; audited and told to the customer. Refuses as `rename_device_key`."""
    await must_be_open(tx, customer_id, by)
    if await passkey_store.revoke_device_key(tx, customer_id, id, at) is None:
        raise no.DEVICE_KEY_UNKNOWN()
    await passkey_store.prefer_nothing_gone(tx, customer_id)
    await audit.record(tx, by, "device_key.remove", customer_id, at=at, details={"device_key_id": str(id)})
    await tell_of_factor(tx, customer_id, "remove", FactorKind.DEVICE, lang=lang, at=at)


async def check_device_signature(
    tx: Tx, customer_id: UUID, key_id: UUID, message: bytes, signature: bytes, *, at: datetime
) -> Proven | Refusal:
    """Whether this device of his has signed exactly these bytes. Answers `device_key_unknown`, `device_signature_wrong`."""
    key = (await passkey_store.device_keys(tx, [key_id])).get(key_id)
    if key is None or key.customer_id != customer_id or key.revoked_at is not None:
        return no.DEVICE_KEY_UNKNOWN()
    if not key.parsed.verify(message, signature):
        return no.DEVICE_SIGNATURE_WRONG()
    await passkey_store.device_key_used(tx, key_id, at)
    return proven_by(key, signature)


def proven_by(key: DeviceKey, signature: bytes) -> Proven:
    """What a right signature of a device shows: that it is there. Whoever holds it, holds it."""
    evidence = {
        "key_id": str(key.id),
        "suite": key.suite,
        "jwk": key.jwk,
        "signature": urlsafe_b64encode(signature).rstrip(b"=").decode(),
    }
    sorts = frozenset((FactorKind.DEVICE.sort,))
    return Proven(kind=FactorKind.DEVICE, sorts=sorts, capable=True, evidence=evidence)
