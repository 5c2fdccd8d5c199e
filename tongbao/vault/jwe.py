"""Encrypted messages from one party to another: JSON Web Encryption in its compact form (RFC 7516).

Two suites and nothing else: ECDH-ES+A256KW with A256GCM on P-256, and SM2 with SM4-GCM. The latter has no registered names; its
header says `SM2` (the content key as SM2Cipher of GM/T 0009) and `SM4GCM` (RFC 8998, the header as associated data). What a message
is for is authenticated as `typ`, so that one kind of message is never taken for another. An envelope hides; it does not say who
wrote it: sign what is inside.
"""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from tongbao.base.refusal import Refusal
from tongbao.vault import keys, policy, sm2, suites
from tongbao.vault import refusals as no
from tongbao.vault.model import Suite


class EnvelopeSuite(StrEnum):
    """How a message is encrypted. The value is its `alg`."""

    P256 = "ECDH-ES+A256KW"
    SM2 = "SM2"


LARGEST: Final = 49_152
"""Bytes of a message."""
_LONGEST: Final = 70_000
_ENC: Final = {EnvelopeSuite.P256: "A256GCM", EnvelopeSuite.SM2: "SM4GCM"}
_CONTENT_KEY, _NONCE, _TAG = 16, 12, 16
_REGISTRY: Final = jwe.JWERegistry(algorithms=[EnvelopeSuite.P256.value, _ENC[EnvelopeSuite.P256]])


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No `zip` (it tells lengths), no `crit`, no key from elsewhere."""

    alg: str
    enc: str
    typ: str
    kid: str | None = None
    epk: dict[str, str] | None = None


class EncryptionKey:
    """Closes envelopes that one receiver alone opens."""

    __slots__ = ("_key", "suite")

    def __init__(self, key: keys.Public) -> None:
        self.suite, self._key = _suite_of(key), key

    def encrypt(self, plain: bytes, *, kind: str) -> str:
        """A compact JWE whose `typ` is `kind`. Raises ValueError beyond `LARGEST` bytes."""
        if len(plain) > LARGEST:
            raise ValueError(f"an envelope holds {LARGEST} bytes")
        header = {"alg": self.suite.value, "enc": _ENC[self.suite], "kid": self.kid, "typ": kind}
        if not isinstance(self._key, sm2.PublicKey):
            return jwe.encrypt_compact(header, plain, _jose(self._key), registry=_REGISTRY)
        head = keys.b64(msgspec.json.encode(header))
        content_key, nonce = os.urandom(_CONTENT_KEY), os.urandom(_NONCE)
        closed = suites.encrypt(Suite.SM4_GCM, content_key, nonce, plain, head.encode())
        parts = (self._key.encrypt(content_key), nonce, closed[:-_TAG], closed[-_TAG:])
        return ".".join([head, *map(keys.b64, parts)])

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint."""
        return keys.thumbprint(self._key)

    @property
    def jwk(self) -> dict[str, str]:
        return {**keys.write_jwk(self._key), "alg": self.suite.value, "use": "enc", "kid": self.kid}

    @classmethod
    def from_jwk(cls, jwk: dict[str, Any]) -> EncryptionKey:
        """Refuses `algorithm_refused`, and `key_malformed` for a key that is meant for signing."""
        if jwk.get("alg") not in set(EnvelopeSuite):
            raise policy.refused(jwk.get("alg"))
        key = cls(keys.read_jwk(jwk))
        if jwk.get("use", "enc") != "enc" or key.suite != jwk["alg"]:
            raise no.KEY_MALFORMED("a key that signs does not encrypt")
        return key

    def to_pem(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return keys.write_public(self._key)

    @classmethod
    def from_pem(cls, pem: bytes) -> EncryptionKey:
        """Refuses `key_malformed`, `algorithm_refused`."""
        return cls(keys.read_public(pem))

    def __repr__(self) -> str:
        return f"EncryptionKey({self.suite.name}, {self.kid})"


class DecryptionKey(keys.Opaque):
    """Opens envelopes. Nothing but `to_pem` lets the key out."""

    __slots__ = ("_kid", "suite")

    def __init__(self, key: keys.Private) -> None:
        super().__init__(key)
        public = self.public()
        self.suite, self._kid = public.suite, public.kid

    def decrypt(self, envelope: str, *, kind: str) -> bytes:
        """What was put in. Refuses `algorithm_refused`, and `envelope_unreadable` for whatever else is wrong with it: altered
        anywhere, of another kind, for another key."""
        header, parts = _parts(envelope)
        _check(header, self.suite)
        try:
            said = msgspec.convert(header, _Header)
        except msgspec.ValidationError:
            raise no.ENVELOPE_UNREADABLE() from None
        if said.typ != kind or said.kid not in (None, self._kid):
            raise no.ENVELOPE_UNREADABLE()
        try:
            if isinstance(self._key, sm2.PrivateKey):
                return _open_sm4(self._key.decrypt(parts[0]), envelope.partition(".")[0].encode(), *parts[1:])
            plain = jwe.decrypt_compact(envelope, _jose(self._key), registry=_REGISTRY).plaintext
        except (JoseError, Refusal, InvalidTag, ValueError, TypeError, KeyError):
            raise no.ENVELOPE_UNREADABLE() from None
        assert plain is not None
        return plain

    def public(self) -> EncryptionKey:
        key = self._key
        return EncryptionKey(key.public() if isinstance(key, sm2.PrivateKey) else key.public_key())

    def to_pem(self, *, passphrase: bytes | None) -> bytes:
        """PKCS #8: under a passphrase, or plain where that is None. Refuses `passphrase_weak`."""
        return keys.write_private(self._key, passphrase)

    @classmethod
    def from_pem(cls, pem: bytes, *, passphrase: bytes | None) -> DecryptionKey:
        """Refuses `key_malformed`, `algorithm_refused`."""
        return cls(keys.read_private(pem, passphrase))


def generate(suite: EnvelopeSuite) -> DecryptionKey:
    """A new key by the library's own chance. SM2 may refuse `suite_unavailable`."""
    return DecryptionKey(sm2.generate() if suite is EnvelopeSuite.SM2 else ec.generate_private_key(ec.SECP256R1()))


def kid_of(envelope: str) -> str | None:
    """The key that an envelope says it is for; None where it names none. Refuses `envelope_unreadable`."""
    header, _ = _parts(envelope)
    kid = header.get("kid")
    return kid if isinstance(kid, str) else None


def _suite_of(key: keys.Public) -> EnvelopeSuite:
    if isinstance(key, sm2.PublicKey):
        return EnvelopeSuite.SM2
    if isinstance(key, ec.EllipticCurvePublicKey):
        return EnvelopeSuite.P256
    raise no.KEY_MALFORMED("envelopes are for keys on P-256 or SM2")


def _jose(key: Any) -> ECKey:
    return ECKey(key, key)


def _parts(envelope: str) -> tuple[dict[str, Any], list[bytes]]:
    """The header and the four parts after it; each has one spelling, so that no character may be changed."""
    segments = envelope.split(".") if len(envelope) <= _LONGEST else []
    try:
        head, *parts = [keys.unb64(segment) for segment in segments]
        header = msgspec.json.decode(head, type=dict[str, Any])
    except (ValueError, msgspec.MsgspecError):
        raise no.ENVELOPE_UNREADABLE() from None
    if len(parts) != 4:
        raise no.ENVELOPE_UNREADABLE()
    return header, parts


def _check(header: dict[str, Any], suite: EnvelopeSuite) -> None:
    """Looks at names before any key is touched."""
    if header.get("alg") not in set(EnvelopeSuite):
        raise policy.refused(header.get("alg"))
    if header.get("enc") not in set(_ENC.values()):
        raise policy.refused(header.get("enc"))
    if (header["alg"], header["enc"]) != (suite.value, _ENC[suite]):
        raise no.ENVELOPE_UNREADABLE()


def _open_sm4(content_key: bytes, bound: bytes, nonce: bytes, body: bytes, tag: bytes) -> bytes:
    if (len(content_key), len(nonce), len(tag)) != (_CONTENT_KEY, _NONCE, _TAG):
        raise no.ENVELOPE_UNREADABLE()
    return suites.decrypt(Suite.SM4_GCM, content_key, nonce, body + tag, bound)
