"""Public keys of other servers, what their API keys must show, and that a signed request is let in once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tongbao.base import audit
from tongbao.base.db import Tx
from tongbao.base.principal import PERMISSION_MISSING, Principal, Rules
from tongbao.base.refusal import Refusal
from tongbao.identity import claims, store, wire_store
from tongbao.identity import refusals as no
from tongbao.identity.model import Made
from tongbao.identity.wire_model import KeyUse, NewSigningKey, Nonce, SigningKey
from tongbao.vault import EncryptionKey, EnvelopeSuite, PublicKey
from tongbao.web.body import canonical_hash

_MOST: Final = 100
_PATIENCE: Final = timedelta(minutes=10)
"""Beyond a signature's end: another process's clock may still take it for valid."""


async def add_signing_key(tx: Tx, new: NewSigningKey, *, by: Principal, at: datetime) -> Made[SigningKey]:
    """Registers a public key: an API key's own, or any where `by` may make keys. `use` enc: answers are encrypted to it.

    Refuses `permission_missing`, `key_unknown`, `key_malformed`, `algorithm_refused`, `id_taken`, `id_reused`.
    """
    use, jwk = _read(new.jwk)
    await _check_whose(tx, new.principal_id, by)
    verdict = (await claims.claim(tx, "key", [(new.id, canonical_hash(new))], by, at))[0]
    if isinstance(verdict, Refusal):
        raise verdict
    if verdict is claims.NEW:
        await wire_store.add_signing_key(tx, new, use, jwk, by.id, at)
        details = {"principal_id": new.principal_id, "use": use, "kid": jwk["kid"]}
        await audit.record(tx, by, "signing_key.add", new.id, at=at, details=details)
    return Made((await wire_store.signing_keys(tx, [new.id]))[new.id], replayed=verdict is claims.REPLAY)


def _read(jwk: dict[str, Any]) -> tuple[KeyUse, dict[str, str]]:
    """SM2 both signs and encrypts: there `use` says which. The private part, if somebody sends it, is refused, not dropped."""
    if "d" in jwk:
        raise no.PRIVATE_KEY_SHOWN()
    if jwk.get("use") == "enc" or jwk.get("alg") == EnvelopeSuite.P256:
        return KeyUse.ENCRYPTION, EncryptionKey.from_jwk(jwk).jwk
    return KeyUse.SIGNATURE, PublicKey.from_jwk(jwk).jwk


async def _check_whose(tx: Tx, principal_id: UUID, by: Principal) -> None:
    """A principal has the id of its first key, so that is where it is looked for."""
    if by.id != principal_id and "keys:write" not in by.permissions:
        raise PERMISSION_MISSING("needs keys:write")
    if principal_id not in await store.keys(tx, [principal_id]):
        raise no.KEY_UNKNOWN()


async def revoke_signing_key(tx: Tx, id: UUID, *, by: Principal, at: datetime) -> SigningKey:
    """Ends a public key for ever; done within 2 s in every process. Refuses `signing_key_unknown`."""
    found = (await wire_store.signing_keys(tx, [id])).get(id)
    if found is None or (by.id != found.principal_id and "keys:write" not in by.permissions):
        raise no.SIGNING_KEY_UNKNOWN()
    if await wire_store.revoke_signing_key(tx, id, at):
        await audit.record(tx, by, "signing_key.revoke", id, at=at, details={"principal_id": found.principal_id})
    return (await wire_store.signing_keys(tx, [id]))[id]


async def find_signing_keys(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, SigningKey]:
    """Public keys by id, revoked ones too; unknown ids are left out."""
    return await wire_store.signing_keys(tx, ids)


async def signing_keys_of(tx: Tx, principal_id: UUID) -> list[SigningKey]:
    """The newest hundred that a principal registered, revoked ones too."""
    return await wire_store.signing_keys_of(tx, principal_id, _MOST)


async def answer_key_of(tx: Tx, principal_id: UUID) -> SigningKey | None:
    """What its answers are encrypted to: the newest."""
    return await wire_store.live_key_of(tx, principal_id, KeyUse.ENCRYPTION)


async def set_rules(tx: Tx, key_id: UUID, rules: Rules, *, by: Principal, at: datetime) -> Rules:
    """What an API key must show from now on, through all its rotations; heeded within 2 s in every process.

    Refuses `key_unknown`, `signing_key_needed`.
    """
    key = await store.lock_key(tx, key_id)
    if key is None:
        raise no.KEY_UNKNOWN()
    if rules.signature and await wire_store.live_key_of(tx, key.principal_id, KeyUse.SIGNATURE) is None:
        raise no.SIGNING_KEY_NEEDED()
    if await wire_store.rule(tx, key.principal_id) != rules:
        await wire_store.set_rule(tx, key.principal_id, rules, by.id, at)
        said = {"signature": rules.signature, "certificate": rules.certificate.hex() if rules.certificate else None}
        await audit.record(tx, by, "key.rules", key_id, at=at, details=said)
    return rules


async def rules_of(tx: Tx, principal_id: UUID) -> Rules:
    return await wire_store.rule(tx, principal_id)


async def claim_nonces(tx: Tx, nonces: Sequence[Nonce]) -> set[UUID]:
    """The claims of those that came for the first time. Of two that are the same message, one at most."""
    return await wire_store.claim_nonces(tx, nonces)


async def forget_nonces(tx: Tx, *, at: datetime, most: int) -> int:
    """Drops a bulk of nonces whose signatures are long over; how many."""
    return await wire_store.forget_nonces(tx, at - _PATIENCE, most)
