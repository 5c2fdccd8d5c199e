"""Sealing and opening: authenticated encryption of short texts and of keys, in one format.

    version 1 byte | suite 1 byte | key id 4 bytes | nonce 12 bytes | ciphertext | tag 16 bytes

What it is bound to (whose it is, what it is, where it is kept) and the head are authenticated too: bytes that were changed,
or moved to another person, kind or place, do not open.
"""

from __future__ import annotations

import hmac
import os
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongbao.vault.model import Suite
from tongbao.vault.refusals import SEAL_BROKEN

VERSION: Final = 1
SHORTEST: Final = 34
"""Bytes of a sealed text of no length."""

NUMBERS: Final = {Suite.AES_256_GCM: 1, Suite.SM4_GCM: 2}
_SUITES: Final = {number: suite for suite, number in NUMBERS.items()}
_KEY_BYTES: Final = {Suite.AES_256_GCM: 32, Suite.SM4_GCM: 16}
_HEAD, _NONCE, _TAG = 6, 12, 16


class Key:
    """A key in the clear, for one suite. `id` is what sealed bytes name it by; it never shows its bytes."""

    __slots__ = ("_aead", "_secret", "id", "suite")

    def __init__(self, suite: Suite, id: int, secret: bytes) -> None:
        if len(secret) != _KEY_BYTES[suite]:
            raise ValueError(f"a key of {suite} has {_KEY_BYTES[suite]} bytes")
        self.suite, self.id, self._secret = suite, id, secret
        # Making one costs more than using it; SM4 has none.
        self._aead = AESGCM(secret) if suite is Suite.AES_256_GCM else None

    def __repr__(self) -> str:
        return f"Key({self.suite.value}, {self.id})"

    def __reduce__(self) -> str:
        raise TypeError("a key is not written down")

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        """`plain` under this key, with a nonce of its own, bound to `bound`."""
        # A repeated nonce would give the key away, so that nobody chooses it: here chance is not handed in.
        head, nonce = head_of(self.suite, self.id), os.urandom(_NONCE)
        if self._aead is not None:
            return head + nonce + self._aead.encrypt(nonce, plain, head + bound)
        return head + nonce + encrypt(self.suite, self._secret, nonce, plain, head + bound)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """Refuses with `seal_broken` what is not exactly what `seal` gave for the same `bound`."""
        if named(sealed) != (self.suite, self.id):
            raise SEAL_BROKEN()
        head, nonce, rest = parted(sealed)
        try:
            if self._aead is not None:
                return self._aead.decrypt(nonce, rest, head + bound)
            return decrypt(self.suite, self._secret, nonce, rest, head + bound)
        except InvalidTag:
            raise SEAL_BROKEN() from None

    def wrap(self, key: Key, bound: bytes) -> bytes:
        """Another key under this one."""
        return self.seal(key._secret, bound)

    def fingerprint(self, text: bytes) -> bytes:
        """HMAC-SHA256 (RFC 2104) under this key."""
        return hmac.digest(self._secret, text, "sha256")

    def secret_for_the_keyring(self) -> bytes:
        """The bytes themselves, for the one file that holds root keys, and for a module that wraps them."""
        return self._secret

    def unwrap(self, suite: Suite, id: int, wrapped: bytes, bound: bytes) -> Key:
        """The key `id` of `suite` that was wrapped under this one."""
        return Key(suite, id, self.open(wrapped, bound))


def encrypt(suite: Suite, secret: bytes, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
    """Ciphertext and tag."""
    if suite is Suite.AES_256_GCM:
        return AESGCM(secret).encrypt(nonce, plain, bound)
    cipher = Cipher(algorithms.SM4(secret), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(bound)
    return cipher.update(plain) + cipher.finalize() + cipher.tag


def decrypt(suite: Suite, secret: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    """Raises InvalidTag where ciphertext, tag, nonce or `bound` are not those of `encrypt`."""
    if suite is Suite.AES_256_GCM:
        return AESGCM(secret).decrypt(nonce, sealed, bound)
    cipher = Cipher(algorithms.SM4(secret), modes.GCM(nonce, sealed[-_TAG:])).decryptor()
    cipher.authenticate_additional_data(bound)
    return cipher.update(sealed[:-_TAG]) + cipher.finalize()


def fresh_key(suite: Suite, id: int) -> Key:
    """A new key from the machine's own chance."""
    return Key(suite, id, os.urandom(_KEY_BYTES[suite]))


def head_of(suite: Suite, id: int) -> bytes:
    """What sealed bytes begin with."""
    return bytes([VERSION, NUMBERS[suite]]) + id.to_bytes(4)


def parted(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Head, nonce, and ciphertext with its tag."""
    return sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]


def named(sealed: bytes) -> tuple[Suite, int]:
    """Suite and key id that sealed bytes name. Refuses with `seal_broken` what was never sealed."""
    if len(sealed) < SHORTEST or sealed[0] != VERSION or sealed[1] not in _SUITES:
        raise SEAL_BROKEN()
    return _SUITES[sealed[1]], int.from_bytes(sealed[2:_HEAD])


def bound_to(*parts: str | UUID) -> bytes:
    """Where something belongs, as bytes: no two lists of parts give the same."""
    texts = [part.bytes if isinstance(part, UUID) else part.encode() for part in parts]
    return b"".join(len(text).to_bytes(4) + text for text in texts)
