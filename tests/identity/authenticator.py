"""An authenticator in software: makes passkeys and signs with them as a telephone does, honestly or not."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_bytes
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fido2.cose import ES256
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

ORIGIN = "http://localhost:8080"
AAGUID = UUID("0f1e2d3c-0000-4000-8000-00000000abcd")
FLAG = AuthenticatorData.FLAG


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Maker:
    """Who builds authenticators: a root certificate, and one a model by which each says where it is from."""

    def __init__(self) -> None:
        self._root = ec.generate_private_key(ec.SECP256R1())
        self._batch = ec.generate_private_key(ec.SECP256R1())
        self.root = self._certificate("Root of a maker", "Root of a maker", self._root, ca=True)
        self.leaf = self._certificate("A batch", "Root of a maker", self._batch, ca=False)

    def _certificate(self, subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> bytes:
        def name(common: str) -> x509.Name:
            parts = ((NameOID.COUNTRY_NAME, "CN"), (NameOID.ORGANIZATION_NAME, "Maker"))
            unit = ((NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"), (NameOID.COMMON_NAME, common))
            return x509.Name([x509.NameAttribute(oid, text) for oid, text in (*parts, *unit)])

        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2050, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self._root, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )

    def sign(self, data: bytes) -> bytes:
        return self._batch.sign(data, ec.ECDSA(hashes.SHA256()))


@dataclass
class Authenticator:
    """One device with one passkey. `asks`: whether it asks its owner; `maker`: whether it says by a certificate what it is."""

    maker: Maker | None = None
    aaguid: UUID = AAGUID
    asks: bool = True
    origin: str = ORIGIN
    count: int = 0
    id: bytes = field(default_factory=lambda: token_bytes(32))
    handle: bytes = b""

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: dict[str, Any]) -> str:
        """What `navigator.credentials.create` gives, as JSON."""
        client = self._client("webauthn.create", options["challenge"])
        cose = ES256.from_cryptography_key(self._key.public_key())
        self.handle = unb64(options["user"]["id"])
        made = AttestedCredentialData.create(self.aaguid.bytes, self.id, cose)
        data = AuthenticatorData.create(
            sha256(options["rp"]["id"].encode()).digest(), self._flags() | FLAG.AT, self.count, made
        )
        statement: dict[str, Any] = {}
        if self.maker is not None:
            statement = {
                "alg": -7,
                "sig": self.maker.sign(bytes(data) + sha256(client).digest()),
                "x5c": [self.maker.leaf],
            }
        attested = AttestationObject.create("packed" if statement else "none", data, statement)
        response = {
            "clientDataJSON": b64(client),
            "attestationObject": b64(bytes(attested)),
            "transports": ["internal"],
        }
        return self._credential(response)

    def sign(self, options: dict[str, Any], **changed: str) -> str:
        """What `navigator.credentials.get` gives, as JSON. `changed`: parts that somebody put something else in for."""
        self.count += 1 if self.count else 0
        client = self._client("webauthn.get", options["challenge"])
        data = AuthenticatorData.create(sha256(options["rpId"].encode()).digest(), self._flags(), self.count)
        signature = self._key.sign(bytes(data) + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": b64(client),
            "authenticatorData": b64(bytes(data)),
            "signature": b64(signature),
            "userHandle": b64(self.handle),
        }
        return self._credential({**response, **changed})

    def _flags(self) -> int:
        return FLAG.UP | (FLAG.UV if self.asks else 0)

    def _client(self, type_: str, challenge: str) -> bytes:
        return bytes(CollectedClientData.create(type_, unb64(challenge), self.origin))

    def _credential(self, response: dict[str, Any]) -> str:
        return json.dumps({"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response})
