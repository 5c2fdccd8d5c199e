"""Signatures: one face over the suites in which customers, partners and the bank sign.

A signature is what RFC 7518, RFC 8037 and RFC 9421 write: of fixed length, r before s, no ASN.1. ED25519 is deterministic; the others
take their chance from the library, never from the caller, since a repeated number would give the key away.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tongbao.vault import keys, policy, sm2
from tongbao.vault import refusals as no


class SignatureSuite(StrEnum):
    """What a signature is made with. The value is its name in a JSON Web Key (`alg`); SM2 has no registered one."""

    ED25519 = "EdDSA"
    """Ed25519 (RFC 8032)."""
    ES256 = "ES256"
    """ECDSA on P-256 with SHA-256 (FIPS 186-5)."""
    PS256 = "PS256"
    """RSA-PSS with SHA-256 and a salt of 32 bytes, 2048 bits and more."""
    PS512 = "PS512"
    """RSA-PSS with SHA-512 and a salt of 64 bytes: the only RSA-PSS that RFC 9421 has a name for."""
    SM2 = "SM2"
    """SM2 with SM3 (GB/T 32918.2), the signer's id 1234567812345678."""


_RSA: Final = {SignatureSuite.PS256: hashes.SHA256(), SignatureSuite.PS512: hashes.SHA512()}
_FRESH_RSA_BITS: Final = 3072
_HALF: Final = 32


class PublicKey:
    """Checks signatures of one suite. Two are equal if suite and key are."""

    __slots__ = ("_key", "suite")

    def __init__(self, suite: SignatureSuite, key: keys.Public) -> None:
        if suite not in _suites_of(key):
            raise no.KEY_MALFORMED()
        self.suite, self._key = suite, key

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key's owner signed exactly these bytes. A malformed signature is just a wrong one."""
        key = self._key
        if isinstance(key, sm2.PublicKey):
            return key.verify(message, signature)
        try:
            if isinstance(key, ed25519.Ed25519PublicKey):
                key.verify(signature, message)
            elif isinstance(key, rsa.RSAPublicKey):
                digest = _RSA[self.suite]
                key.verify(signature, message, _pss(digest), digest)
            else:
                if len(signature) != 2 * _HALF:
                    return False
                r, s = int.from_bytes(signature[:_HALF]), int.from_bytes(signature[_HALF:])
                key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def to_pem(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return keys.write_public(self._key)

    @classmethod
    def from_pem(cls, pem: bytes, suite: SignatureSuite | None = None) -> PublicKey:
        """Where a key fits two suites (RSA) and none is named, PS256. Refuses `key_malformed`, `algorithm_refused`."""
        key = keys.read_public(pem)
        return cls(suite or _suites_of(key)[0], key)

    @property
    def jwk(self) -> dict[str, str]:
        """A public JSON Web Key with `alg`, `use` and `kid`."""
        return {**keys.write_jwk(self._key), "alg": self.suite.value, "use": "sig", "kid": self.kid}

    @classmethod
    def from_jwk(cls, jwk: dict[str, Any]) -> PublicKey:
        """`alg` must name a suite. Refuses `key_malformed`, `algorithm_refused`."""
        if jwk.get("alg") not in set(SignatureSuite):
            raise policy.refused(jwk.get("alg"))
        key = cls(SignatureSuite(jwk["alg"]), keys.read_jwk(jwk))
        if jwk.get("use", "sig") != "sig":
            raise no.KEY_MALFORMED("a key that encrypts does not sign")
        return key

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint."""
        return keys.thumbprint(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and (self.suite, self.kid) == (other.suite, other.kid)

    def __hash__(self) -> int:
        return hash((self.suite, self.kid))

    def __repr__(self) -> str:
        return f"PublicKey({self.suite.name}, {self.kid})"


class PrivateKey(keys.Opaque):
    """Signs. Nothing but `to_pem` lets the key out."""

    __slots__ = ("suite",)

    def __init__(self, suite: SignatureSuite, key: keys.Private) -> None:
        super().__init__(key)
        self.suite = suite

    def sign(self, message: bytes) -> bytes:
        key = self._key
        if isinstance(key, ed25519.Ed25519PrivateKey | sm2.PrivateKey):
            return key.sign(message)
        if isinstance(key, rsa.RSAPrivateKey):
            digest = _RSA[self.suite]
            return key.sign(message, _pss(digest), digest)
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_HALF) + s.to_bytes(_HALF)

    def public(self) -> PublicKey:
        key = self._key
        return PublicKey(self.suite, key.public() if isinstance(key, sm2.PrivateKey) else key.public_key())

    def to_pem(self, *, passphrase: bytes | None) -> bytes:
        """PKCS #8: under a passphrase, or plain where that is None. Refuses `passphrase_weak`."""
        return keys.write_private(self._key, passphrase)

    @classmethod
    def from_pem(cls, pem: bytes, *, passphrase: bytes | None, suite: SignatureSuite | None = None) -> PrivateKey:
        """Where a key fits two suites (RSA) and none is named, PS256. Refuses `key_malformed`, `algorithm_refused`."""
        key = keys.read_private(pem, passphrase)
        public = key.public() if isinstance(key, sm2.PrivateKey) else key.public_key()
        found = _suites_of(public)
        if suite is not None and suite not in found:
            raise no.KEY_MALFORMED()
        return cls(suite or found[0], key)


def generate(suite: SignatureSuite) -> PrivateKey:
    """A new key by the library's own chance. RSA has 3072 bits and takes a second. SM2 may refuse `suite_unavailable`."""
    match suite:
        case SignatureSuite.ED25519:
            return PrivateKey(suite, ed25519.Ed25519PrivateKey.generate())
        case SignatureSuite.ES256:
            return PrivateKey(suite, ec.generate_private_key(ec.SECP256R1()))
        case SignatureSuite.SM2:
            return PrivateKey(suite, sm2.generate())
        case _:
            return PrivateKey(suite, rsa.generate_private_key(65537, _FRESH_RSA_BITS))


def _suites_of(key: keys.Public) -> tuple[SignatureSuite, ...]:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return (SignatureSuite.ED25519,)
    if isinstance(key, rsa.RSAPublicKey):
        return (SignatureSuite.PS256, SignatureSuite.PS512)
    if isinstance(key, sm2.PublicKey):
        return (SignatureSuite.SM2,)
    return (SignatureSuite.ES256,)


def _pss(digest: hashes.HashAlgorithm) -> padding.PSS:
    """The salt is as long as the digest, also in what is checked (RFC 7518 section 3.5)."""
    return padding.PSS(padding.MGF1(digest), digest.digest_size)
