"""The bank's own keys for encrypted requests: made, replaced with an overlap, opened for use, forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tongbao import vault
from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.identity import wire_store
from tongbao.identity.wire_model import EnvelopeKey
from tongbao.vault import DecryptionKey


async def make_envelope_key(
    tx: Tx, id: UUID, key: DecryptionKey, *, overlap: timedelta, by: Principal, at: datetime
) -> EnvelopeKey:
    """Takes `key` into use; those of its suite before it go on opening requests for `overlap`. The vault seals its private part."""
    public = key.public()
    sealed = await vault.seal(tx, id, key.to_pem(passphrase=None), bound=_bound(id), at=at)
    await wire_store.add_envelope_key(tx, id, public.kid, public.jwk, sealed, at)
    await wire_store.end_envelope_keys(tx, public.suite.value, id, at + overlap)
    await audit.record(tx, by, "envelope_key.make", id, at=at, details={"kid": public.kid, "suite": public.suite})
    return next(made for made in await wire_store.envelope_keys(tx, at) if made.id == id)


async def envelope_keys(tx: Tx, *, at: datetime) -> list[EnvelopeKey]:
    """Those that open requests now, newest first: encrypt to the first of the suite that you speak."""
    return await wire_store.envelope_keys(tx, at)


async def open_envelope_key(tx: Tx, kid: str, *, at: datetime) -> DecryptionKey | None:
    """The key of that thumbprint, ready to decrypt; None for one that is unknown or has ended."""
    found = await wire_store.envelope_key_shut(tx, kid, at)
    if found is None:
        return None
    id_, sealed = found
    pem = await vault.open_sealed(tx, id_, sealed, bound=_bound(id_))
    return DecryptionKey.from_pem(pem, passphrase=None)


async def forget_envelope_keys(tx: Tx, *, at: datetime) -> list[UUID]:
    """Drops the private parts of keys that have ended: what was encrypted to them is read by nobody any more."""
    return await wire_store.forget_envelope_keys(tx, at)


def _bound(id: UUID) -> str:
    return f"identity.envelope_key {id}"
