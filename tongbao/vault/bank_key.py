"""The key by which the bank itself signs what it hands out, so that anybody can see that it comes from the bank and was not changed.

Ed25519 (RFC 8032). Its private part is sealed by a key of its own, which a root key wraps: a keeper of root keys is asked for
nothing that it does not do for the others.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import Final

from tongbao.base.db import Tx
from tongbao.vault import bank_key_store, ring
from tongbao.vault.bank_key_store import SealedBankKey
from tongbao.vault.kms import kms
from tongbao.vault.model import Suite
from tongbao.vault.refusals import KEYRING_LACKS_KEY
from tongbao.vault.signatures import PrivateKey, PublicKey, SignatureSuite, generate
from tongbao.vault.suites import bound_to, fresh_key

BANK_KEY: Final = "bank key"
_SEALED: Final = bound_to("vault.bank_key")
_MOST: Final = 4

_read: OrderedDict[bytes, PrivateKey] = OrderedDict()
"""Keys that this process has read, by their sealed bytes: reading one costs more than signing with it."""


async def bank_key(tx: Tx, at: datetime) -> PrivateKey:
    """The key that signs; made if this is the first use ever. Refuses as `seal`."""
    keeper = kms()
    found = await bank_key_store.bank_key(tx)
    if found is None:
        wrapping, key = fresh_key(Suite.AES_256_GCM, 1), generate(SignatureSuite.ED25519)
        sealed = wrapping.seal(key.to_pem(passphrase=None), _SEALED)
        stored = ring.wrapped(keeper, wrapping, BANK_KEY)
        await bank_key_store.claim_bank_key(tx, SealedBankKey(key=stored, jwk=key.public().jwk, sealed=sealed), at)
        found = await bank_key_store.bank_key(tx)
    if found is None:
        raise KEYRING_LACKS_KEY("the bank's key is gone from the database")
    key = _read.get(found.sealed)
    if key is None:
        pem = ring.unwrapped(found.key, BANK_KEY).open(found.sealed, _SEALED)
        key = _read[found.sealed] = PrivateKey.from_pem(pem, passphrase=None)
        while len(_read) > _MOST:
            _read.popitem(last=False)
    return key


async def bank_keys(tx: Tx) -> list[PublicKey]:
    """Every key that the bank has signed with, the newest first: what others check its signatures by."""
    return [PublicKey.from_jwk(jwk) for jwk in await bank_key_store.bank_keys(tx)]


async def rewrap_bank_keys(tx: Tx) -> int:
    """What another root key wraps, wrapped by the active one; how many."""
    keeper = kms()
    active = keeper.active()
    old = [key for key in await bank_key_store.lock_bank_keys(tx) if key.root_id != active]
    again = [ring.wrapped(keeper, ring.unwrapped(key, BANK_KEY), BANK_KEY) for key in old]
    await bank_key_store.rewrite_bank_keys(tx, again)
    return len(again)
