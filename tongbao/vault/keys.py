"""Keys of all kinds as files and as JSON Web Keys; what signs and what opens envelopes holds one of these.

PEM is PKCS #8 and SubjectPublicKeyInfo, nothing older: the older containers know only DES, 3DES and MD5. A private key leaves by
`write_private` alone, plain or under a passphrase, as the caller says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any, Final, NoReturn

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tongbao.vault import policy, sm2
from tongbao.vault import refusals as no

Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | sm2.PrivateKey
Public = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey | sm2.PublicKey

_PEM: Final = re.compile(
    rb"\s*-----BEGIN ((?:ENCRYPTED )?PRIVATE KEY|PUBLIC KEY)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----\s*"
)
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_AES_CBC = (bytes.fromhex("060960864801650304012a"), bytes.fromhex("0609608648016503040102"))
"""AES-256-CBC and AES-128-CBC as PBES2 names them."""
_SM2_SPKI: Final = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
_LARGEST: Final = 16_384
_SHORTEST_PASSPHRASE, _LONGEST_PASSPHRASE = 16, 1024


class Opaque:
    """What holds a private key: shows nothing, is not copied to a file or another process, equals only itself."""

    __slots__ = ("_key",)

    def __init__(self, key: Any) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def read_private(pem: bytes, passphrase: bytes | None) -> Private:
    """Refuses `key_malformed`, `algorithm_refused`. A passphrase for a file that has none is refused too."""
    label, der = _decoded(pem)
    if label == b"PUBLIC KEY" or (passphrase is not None) != label.startswith(b"ENCRYPTED"):
        raise no.KEY_MALFORMED()
    if passphrase is not None:
        _check_wrapping(der)
    try:
        key = serialization.load_pem_private_key(pem, passphrase)
    except UnsupportedAlgorithm:
        return sm2.from_pem(pem, passphrase)
    except (ValueError, TypeError):
        raise no.KEY_MALFORMED() from None
    return _permitted(key, Private)


def write_private(key: Private, passphrase: bytes | None) -> bytes:
    """PKCS #8 in PEM; with a passphrase AES-256-CBC under PBKDF2. Refuses `passphrase_weak`.

    The rounds of that PBKDF2 are the libraries' and few (2,048): let a machine make the passphrase.
    """
    if passphrase is not None and (
        not _SHORTEST_PASSPHRASE <= len(passphrase) <= _LONGEST_PASSPHRASE or b"\0" in passphrase
    ):
        raise no.PASSPHRASE_WEAK()
    if isinstance(key, sm2.PrivateKey):
        return key.to_pem(passphrase)
    wrapped = serialization.NoEncryption() if passphrase is None else serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, wrapped)


def read_public(pem: bytes) -> Public:
    """Refuses `key_malformed`, `algorithm_refused`."""
    label, der = _decoded(pem)
    if label != b"PUBLIC KEY":
        raise no.KEY_MALFORMED()
    if der.startswith(_SM2_SPKI):
        return sm2.from_point(der[len(_SM2_SPKI) :])
    try:
        key = serialization.load_der_public_key(der)
    except UnsupportedAlgorithm:
        raise no.ALGORITHM_REFUSED("a curve or kind of key that is not in use here") from None
    except ValueError:
        raise no.KEY_MALFORMED() from None
    return _permitted(key, Public)


def write_public(key: Public) -> bytes:
    """SubjectPublicKeyInfo in PEM."""
    if isinstance(key, sm2.PublicKey):
        text = base64.b64encode(_SM2_SPKI + key.point)
        lines = [text[at : at + 64] for at in range(0, len(text), 64)]
        return b"\n".join([b"-----BEGIN PUBLIC KEY-----", *lines, b"-----END PUBLIC KEY-----", b""])
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def write_jwk(key: Public) -> dict[str, str]:
    """The members that make the key (RFC 7517, RFC 7518, RFC 8037). SM2 has no registered curve name; here it is `SM2`."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": b64(key.public_bytes_raw())}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"e": b64(_number(numbers.e)), "kty": "RSA", "n": b64(_number(numbers.n))}
    if isinstance(key, sm2.PublicKey):
        crv, point = "SM2", key.point
    else:
        crv = "P-256"
        point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {"crv": crv, "kty": "EC", "x": b64(point[1:33]), "y": b64(point[33:])}


def read_jwk(jwk: dict[str, Any]) -> Public:
    """A public key; members beyond those that make it are the caller's business. Refuses `key_malformed`,
    `algorithm_refused`; a JWK that brings a private key is refused, not read."""
    if {"d", "p", "q", "k"} & jwk.keys():
        raise no.KEY_MALFORMED("a private key")
    try:
        match (jwk.get("kty"), jwk.get("crv")):
            case ("OKP", "Ed25519"):
                return ed25519.Ed25519PublicKey.from_public_bytes(unb64(jwk["x"]))
            case ("RSA", _):
                n, e = (int.from_bytes(unb64(jwk[name])) for name in ("n", "e"))
                policy.check_rsa(n.bit_length(), e)
                return rsa.RSAPublicNumbers(e, n).public_key()
            case ("EC", "P-256"):
                return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _point(jwk))
            case ("EC", "SM2"):
                return sm2.from_point(_point(jwk))
    except (KeyError, ValueError):
        raise no.KEY_MALFORMED() from None
    raise no.ALGORITHM_REFUSED("a curve or kind of key that is not in use here")


def thumbprint(key: Public) -> str:
    """The key's own name: RFC 7638 with SHA-256, 43 characters."""
    members = write_jwk(key)
    return b64(hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest())


def b64(raw: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Raises ValueError for what `b64` would have written otherwise: the same bytes have one spelling."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def _point(jwk: dict[str, Any]) -> bytes:
    x, y = unb64(jwk["x"]), unb64(jwk["y"])
    if len(x) != 32 or len(y) != 32:
        raise ValueError("a coordinate has 32 bytes")
    return b"\x04" + x + y


def _decoded(pem: bytes) -> tuple[bytes, bytes]:
    """The label and the DER of exactly one PEM block."""
    found = _PEM.fullmatch(pem) if len(pem) <= _LARGEST else None
    if found is None:
        raise no.KEY_MALFORMED()
    try:
        return found[1], base64.b64decode(b"".join(found[2].split()), validate=True)
    except binascii.Error:
        raise no.KEY_MALFORMED() from None


def _check_wrapping(der: bytes) -> None:
    """The password-based schemes before PBES2 are DES, RC2 and RC4 with MD5 or SHA-1; PBES2 itself allows 3DES."""
    head = der[:160]
    if _PBES2 not in head or not any(oid in head for oid in _AES_CBC):
        raise no.ALGORITHM_REFUSED("a key file is encrypted by PBES2 with AES-256-CBC or AES-128-CBC")


def _permitted(key: Any, kinds: Any) -> Any:
    if not isinstance(key, kinds):
        raise no.ALGORITHM_REFUSED("a kind of key that is not in use here")
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        public = key.public_key() if isinstance(key, rsa.RSAPrivateKey) else key
        policy.check_rsa(key.key_size, public.public_numbers().e)
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) and key.curve.name != "secp256r1":
        raise no.ALGORITHM_REFUSED("of these curves only P-256 is in use here")
    return key
