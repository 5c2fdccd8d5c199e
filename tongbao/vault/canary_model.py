"""Nouns of canaries: made-up people of whom nobody has reason to read anything."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from tongbao.base.principal import PrincipalKind
from tongbao.vault.model import Kind


class MadeUp(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who does not exist: `phone` as E.164, `id_number` with a right check digit. Shows in no repr."""

    id: UUID
    name: str
    phone: str
    id_number: str

    def __repr__(self) -> str:
        return f"MadeUp({self.id})"


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """A planted one, without what is kept of it. One that was erased sings no more."""

    subject_id: UUID
    planted_at: datetime
    kept: bool
    readings: int
    read_at: datetime | None


class CanaryReading(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody read a canary: who, what and with which reason."""

    id: int
    subject_id: UUID
    at: datetime
    by_id: UUID
    by_kind: PrincipalKind
    kinds: list[Kind]
    reason: str


class CanaryWatch(msgspec.Struct, frozen=True, kw_only=True):
    """How many canaries there are, and how many of their readings nobody has accounted for, counted to 10,000."""

    planted: int
    open: int
