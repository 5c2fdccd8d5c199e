"""What passes between the bank and other servers: their public keys, what their API keys must show, the bank's own envelope keys."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from tongbao.vault import EncryptionKey, PublicKey


class KeyUse(StrEnum):
    SIGNATURE = "signature"
    """Requests are signed with it."""
    ENCRYPTION = "encryption"
    """Answers are encrypted to it."""


class NewSigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """`principal_id`: whose it is; an API key's, which stays the same through its rotations."""

    id: UUID
    principal_id: UUID
    jwk: dict[str, Any]
    note: str | None = None


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A public key of another server. Its `id` is the `keyid` of signatures; `suite` is the key's `alg`."""

    id: UUID
    principal_id: UUID
    use: KeyUse
    suite: str
    jwk: dict[str, str]
    note: str | None
    created_at: datetime
    revoked_at: datetime | None

    def parsed(self) -> PublicKey:
        """For checking signatures. Refuses `key_malformed` for one that encrypts."""
        return PublicKey.from_jwk(self.jwk)

    def parsed_for_answers(self) -> EncryptionKey:
        return EncryptionKey.from_jwk(self.jwk)


class EnvelopeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the bank that requests may be encrypted to, until `ends_at`; `kid` is its thumbprint (RFC 7638)."""

    id: UUID
    kid: str
    suite: str
    jwk: dict[str, str]
    made_at: datetime
    ends_at: datetime | None


class Nonce(msgspec.Struct, frozen=True, kw_only=True):
    """That a signed request is let in once. `claim` is the request's own id."""

    key_id: UUID
    nonce: str
    claim: UUID
    expires_at: datetime
