"""Nouns of cards of other banks."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec


class Range(msgspec.Struct, frozen=True):
    """Card numbers that begin alike, from `first` to `last` in their first digits (ISO/IEC 7812-1)."""

    first: str
    last: str
    shortest: int
    longest: int
    network: str
    issuer: str
    issuer_zh: str
    source: str

    def holds(self, number: str) -> bool:
        within = self.first <= number[: len(self.first)] <= self.last
        return within and self.shortest <= len(number) <= self.longest


class PlainCard(msgspec.Struct, frozen=True):
    """A card as its network knows it. `expires_on`: the last day of its month. Shows in no repr and so in no log."""

    number: str
    expires_on: date

    def __repr__(self) -> str:
        return "PlainCard()"


class TokenisedCard(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a card. `issuer` is empty where the ranges do not say whose it is."""

    token: UUID
    subject_id: UUID
    network: str
    issuer: str
    issuer_zh: str
    last4: str
    expires_on: date

    @property
    def masked(self) -> str:
        return f"**** {self.last4}"
