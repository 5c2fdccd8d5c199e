"""What a payer's own app sends and sees while he authorises a payment, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from tongbao.web.body import Body

Sha256 = Annotated[
    str,
    msgspec.Meta(
        pattern="^[0-9a-f]{64}$",
        description="SHA-256, in hexadecimal.",
        examples=["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ),
]
Typed = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
ShownKind = Literal["pin", "password", "totp", "sms", "device", "passkey"]
Signature = Annotated[
    str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{60,1400}$", description="A signature in base64url, without padding.")
]


class CodeOrder(Body, frozen=True, kw_only=True):
    """`instruction`: the SHA-256 of what the payer looks at."""

    instruction: Sha256


class EvidenceOrder(Body, frozen=True, kw_only=True):
    """What a payer shows, by `kind`. `secret`: the payment PIN, the log-in password, or the code."""

    kind: ShownKind
    instruction: Sha256
    """Of what the payer looked at."""
    secret: Typed | None = None
    code_id: UUID | None = None
    """Of a code by SMS: the `Idempotency-Key` that it was asked for with."""
    key_id: UUID | None = None
    """Of a device: its key, and its `signature` over the instruction as RFC 8785 writes it."""
    signature: Signature | None = None
    assertion: dict[str, Any] | None = None
    """Of a passkey: what the browser answers to a challenge that is the SHA-256 of the instruction."""


class AuthorisationView(msgspec.Struct, frozen=True, kw_only=True):
    """What a payer is asked for, and what he agrees to. `instruction` is signed as RFC 8785 writes it."""

    payment_id: UUID
    instruction: dict[str, Any]
    instruction_sha256: str
    ways: int
    signed: bool
    large: bool
    why: list[str]
    shown: list[str]
    """Kinds of what he has shown and what still counts."""
    enough: bool
    """Whether he may confirm now."""
    methods: list[str]
    """What he may show now, his favourite first."""
    expires_at: datetime


class CodeView(msgspec.Struct, frozen=True, kw_only=True):
    code_id: UUID


class ProofView(msgspec.Struct, frozen=True, kw_only=True):
    """`signature`: the bank's, Ed25519 over the proof as RFC 8785 writes it, in base64url."""

    proof: dict[str, Any]
    signature: str


class ProofKeysView(msgspec.Struct, frozen=True, kw_only=True):
    keys: list[dict[str, str]]
