"""Nouns of the vault: what is kept about a person, and with which cipher."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from tongbao.base.principal import PrincipalKind


class Kind(StrEnum):
    """Personal data by kind. A person has one of each."""

    NAME = "name"
    PHONE = "phone"
    ID_NUMBER = "id_number"
    MESSAGE = "message"
    SECRET = "secret"

    @property
    def is_found(self) -> bool:
        """Whether people are found by it: only then is a blind index kept."""
        return self in {Kind.NAME, Kind.PHONE, Kind.ID_NUMBER}


class Suite(StrEnum):
    """Ciphers with associated data: AES-256 of NIST FIPS 197, SM4 of GB/T 32907, both in GCM (NIST SP 800-38D)."""

    AES_256_GCM = "AES-256-GCM"
    SM4_GCM = "SM4-GCM"


class Datum(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about one person, in the clear. Its text shows in no repr and so in no log."""

    subject_id: UUID
    kind: Kind
    text: str

    def __repr__(self) -> str:
        return f"Datum({self.subject_id}, {self.kind.value})"


class Kek(msgspec.Struct, frozen=True, kw_only=True):
    """A key-encryption key without its bytes: `keys` are the personal keys that it wraps. Retired: it wraps no new ones."""

    id: int
    suite: Suite
    root_id: str
    made_at: datetime
    retired_at: datetime | None
    keys: int


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log: who read or erased what of whom, and why. `reseal`, `prove`: a range of everybody's."""

    id: int
    at: datetime
    verb: str
    by_id: UUID
    by_kind: PrincipalKind
    subjects: list[UUID]
    kinds: list[str]
    """Of `Kind`, or `card`; none where a rotation or a proof went through everybody."""
    reason: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the vault stands. `data` counts by suite; `left` is what re-encryption has still to do."""

    root_id: str
    keks: list[Kek]
    data: dict[str, int]
    erased: int
    left: int
