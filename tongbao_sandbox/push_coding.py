"""What a push service and a browser know of Web Push: who vouches for a message (VAPID, RFC 8292), and how it is read (RFC 8291, RFC 8188)."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tongbao_sandbox.serving import Wrong

CURVE: Final = ec.SECP256R1()
VOUCHED_LONGEST_S: Final = 86_400
_POINT: Final = 65
_TAG: Final = 16


def web64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def plain(text: str) -> bytes:
    """Raises ValueError for what is no base64url."""
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, uncompressed."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class Keys:
    """A browser's own: a secret number on the curve, and the secret that it shares with whoever sends."""

    secret: bytes
    auth: bytes

    @classmethod
    def fresh(cls) -> Keys:
        number = ec.generate_private_key(CURVE).private_numbers().private_value
        return cls(number.to_bytes(32, "big"), secrets.token_bytes(16))

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(self.secret, "big"), CURVE)

    def shown(self) -> dict[str, str]:
        """As `PushSubscription.toJSON()` has them."""
        return {"p256dh": web64(point(self.private)), "auth": web64(self.auth)}

    def read(self, body: bytes) -> bytes | None:
        """What one record says; None where it was not written for this browser, or is none."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20:21]
        theirs, sealed = body[21 : 21 + _POINT], body[21 + _POINT :]
        if length != bytes([_POINT]) or not _TAG < len(sealed) <= size:
            return None
        own = self.private
        try:
            shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs))
            secret = _derived(shared, self.auth, b"WebPush: info\0" + point(own) + theirs, 32)
            key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
            nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
            padded = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        except (ValueError, InvalidTag):
            return None
        return padded[:-1] if padded.endswith(b"\x02") else None


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def vouched(header: str, origin: str, now: float) -> dict[str, Any]:
    """Who sends, by an `Authorization`: what it claims, and as `key` the public key that signed it. Raises Wrong: 401 for none, 403
    for one that is not good here and now.
    """
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "vapid":
        raise Wrong(401, "nobody vouches for this message")
    named = (part.strip().partition("=") for part in rest.split(","))
    parts = {name: value for name, _, value in named}
    try:
        claims = _claims(parts["t"], plain(parts["k"]))
    except (KeyError, ValueError, TypeError, AttributeError, InvalidSignature):
        raise Wrong(403, "not signed by the key that it names") from None
    if claims.get("aud") != origin:
        raise Wrong(403, f"aud is not {origin}")
    until = claims.get("exp")
    if not isinstance(until, int | float) or not now < until <= now + VOUCHED_LONGEST_S:
        raise Wrong(403, "exp is over, or more than a day ahead")
    if not str(claims.get("sub", "")).startswith(("https:", "mailto:")):
        raise Wrong(403, "sub names nobody")
    return {**claims, "key": parts["k"]}


def _claims(token: str, key: bytes) -> dict[str, Any]:
    head, said, signature = token.split(".")
    raw = plain(signature)
    if json.loads(plain(head)).get("alg") != "ES256" or len(raw) != 64:
        raise ValueError("not by ES256")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, key)
    public.verify(der, f"{head}.{said}".encode(), ec.ECDSA(hashes.SHA256()))
    return dict(json.loads(plain(said)))
