"""Web Push: a message encrypted for one browser (RFC 8291, in the coding of RFC 8188), handed to that browser's push service (RFC 8030),
which knows the bank by its key (RFC 8292).
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tongbao.base import outside
from tongbao.base.settings import SettingsError
from tongbao.notices.gateways import WITHIN_S, Answer
from tongbao.notices.model import Said

SERVICES: Final = ("googleapis.com", "push.services.mozilla.com", "notify.windows.com", "push.apple.com")
"""Whose push services browsers name: nothing is sent to any other address, whatever a browser says."""
_RECORD: Final = 4096
LONGEST: Final = 3000
"""Bytes that one message may have, so that it fits into one record."""
_VOUCHED: Final = timedelta(hours=12)
_TTL_S: Final = 86_400
_CURVE: Final = ec.SECP256R1()
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_POINT: Final = 65

Chance = Callable[[int], bytes]


class Subscription(msgspec.Struct, frozen=True):
    """What a browser gives: where its push service takes messages, its public key and its secret, both in base64url."""

    endpoint: str
    p256dh: str
    auth: str

    @property
    def mark(self) -> bytes:
        """Which browser it is, without saying where."""
        return hashlib.sha256(self.endpoint.encode()).digest()


def is_usable(subscription: Subscription) -> bool:
    """Whether it names a push service that is known, and keys with which one can encrypt."""
    try:
        parts = urlsplit(subscription.endpoint)
        is_known = any(parts.hostname == name or (parts.hostname or "").endswith("." + name) for name in SERVICES)
        if parts.scheme != "https" or parts.port not in (None, 443) or parts.username or not is_known:
            return False
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, plain(subscription.p256dh))
        return len(plain(subscription.auth)) == 16
    except ValueError:
        return False


def read_key(path: str) -> ec.EllipticCurvePrivateKey:
    """The bank's key for push services, on the curve P-256 (VAPID). Raises SettingsError."""
    try:
        key = serialization.load_pem_private_key(Path(path).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"TONGBAO_PUSH_KEY: {path} holds no private key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != _CURVE.name:
        raise SettingsError(f"TONGBAO_PUSH_KEY: {path} holds no key on the curve P-256")
    return key


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half, uncompressed."""
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def web64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def plain(text: str) -> bytes:
    """Raises ValueError for what is no base64url."""
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def encrypted(text: bytes, subscription: Subscription, own: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """One record of RFC 8188 under keys of RFC 8291. `own` and `salt` (16 bytes) are fresh for each message."""
    theirs, auth, mine = plain(subscription.p256dh), plain(subscription.auth), point(own)
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, theirs))
    secret = _derived(shared, auth, b"WebPush: info\0" + theirs + mine, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + _RECORD.to_bytes(4, "big") + bytes([_POINT]) + mine
    return head + AESGCM(key).encrypt(nonce, text + b"\x02", None)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def vouched(endpoint: str, key: ec.EllipticCurvePrivateKey, contact: str, at: datetime) -> str:
    """The `Authorization` by which a push service knows who sends (RFC 8292): for its origin alone, for half a day."""
    parts = urlsplit(endpoint)
    said = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int((at + _VOUCHED).timestamp()), "sub": contact}
    head = web64(msgspec.json.encode({"typ": "JWT", "alg": "ES256"}))
    signed = f"{head}.{web64(msgspec.json.encode(said))}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"vapid t={signed}.{web64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}, k={web64(point(key))}"


_TAKEN: Final = frozenset({200, 201, 202})
_GONE: Final = frozenset({404, 410})
_REFUSED: Final = frozenset({400, 413})


class PushGateway:
    """Hands messages to the push services of browsers. `to` is a Subscription as JSON. None of them says what became of a message."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        key: ec.EllipticCurvePrivateKey,
        contact: str,
        now: Callable[[], datetime],
        chance: Chance,
        *,
        within_s: int = WITHIN_S,
    ) -> None:
        self._client, self._key, self._contact = client, key, contact
        self._now, self._chance, self._within_s = now, chance, within_s

    async def send(self, id: UUID, to: str, text: str) -> Answer:
        subscription = msgspec.json.decode(to, type=Subscription)
        once = ec.derive_private_key(1 + int.from_bytes(self._chance(40), "big") % (_ORDER - 1), _CURVE)
        headers = {
            "authorization": vouched(subscription.endpoint, self._key, self._contact, self._now()),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(_TTL_S),
            # Sent twice, it takes the place of the first one that still waits there.
            "topic": web64(id.bytes),
        }
        body = encrypted(text.encode(), subscription, once, self._chance(16))
        request = self._client.build_request("POST", subscription.endpoint, content=body, headers=headers)
        heard = await outside.ask(self._client, request, within_s=self._within_s)
        if heard.status is None:
            return Answer(Said.SILENT if heard.may_have_arrived else Said.NOT_SENT, heard.trouble)
        if heard.status in _TAKEN:
            return Answer(Said.HANDED_ON)
        if heard.status in _GONE:
            return Answer(Said.UNDELIVERED)
        return Answer(Said.REFUSED if heard.status in _REFUSED else Said.SILENT, f"status {heard.status}")

    async def ask(self, id: UUID) -> Answer:
        return Answer(Said.HANDED_ON)
