"""The nouns of another telephone number: asked for by the customer himself, or by a clerk who has seen him."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

CODE_LASTS: Final = timedelta(hours=1)
"""From the first form to the right code."""


class PhoneStep(StrEnum):
    BEGUN = "begun"
    """The code to the new number is awaited."""
    WAITING = "waiting"
    DONE = "done"
    OVER = "over"


class PhoneChange(msgspec.Struct, frozen=True, kw_only=True):
    """`is_strong`: he has shown an app or a passkey besides the password. `sealed`: the new number, until it is over."""

    id: UUID
    customer_id: UUID
    code_id: UUID
    sealed: bytes | None
    is_strong: bool
    lang: str
    begun_at: datetime
    confirmed_at: datetime | None
    ripe_at: datetime | None
    outcome: str | None

    def step(self, at: datetime) -> PhoneStep:
        if self.outcome is not None:
            return PhoneStep.DONE if self.outcome == "done" else PhoneStep.OVER
        if self.confirmed_at is not None:
            return PhoneStep.WAITING
        return PhoneStep.BEGUN if at < self.begun_at + CODE_LASTS else PhoneStep.OVER


class Document(StrEnum):
    """What a clerk looks at before he proposes another number."""

    IDENTITY_CARD = "identity_card"
    PASSPORT = "passport"
    RESIDENCE_PERMIT = "residence_permit"
    LICENCE = "licence"
    """Of a firm."""


class DocumentSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The checklist: which document, its last four places as they stand on it, and that its bearer was compared with the picture."""

    document: Document
    ends: str
    face_compared: bool


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What a second person decides. `phone_hmac`: the number by the vault's fingerprint; `masked`: as both may see it."""

    customer_id: UUID
    phone_hmac: str
    masked: str
    seen: DocumentSeen
    caution_days: int


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """An app or a passkey that waits to be taken away."""

    id: UUID
    customer_id: UUID
    kind: str
    passkey_id: UUID | None
    lang: str
    asked_at: datetime
    ripe_at: datetime
    is_over: bool
