"""Nouns of cards of other banks, as their owners bind them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from tongbao.vault import PlainCard, TokenisedCard

RAIL: Final = "cards"
"""The rail over which cards are charged; the account over there is a card's token."""
MOST: Final = 10
"""Cards that a customer may have."""
TRIES: Final = 5
"""Codes that are compared for one card."""


class CardState(StrEnum):
    ASKED = "asked"
    BOUND = "bound"
    REFUSED = "refused"
    UNBOUND = "unbound"


class NewCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card as its owner types it, under an id that becomes its token. Shows in no repr and so in no log."""

    id: UUID
    number: str
    expires: str
    """MM/YY."""
    name: str
    phone: str

    def __repr__(self) -> str:
        return f"NewCard({self.id})"


class CardRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where a card stands."""

    id: UUID
    customer_id: UUID
    state: CardState
    tries: int
    asked_at: datetime
    bound_at: datetime | None
    is_default: bool


class BoundCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card as its owner sees it; `expires_on` is the last day of its month."""

    id: UUID
    state: CardState
    number: str
    """Masked: the last four digits."""
    network: str
    issuer: str
    issuer_zh: str
    expires_on: date
    is_default: bool
    asked_at: datetime
    bound_at: datetime | None

    @classmethod
    def of(cls, row: CardRow, card: TokenisedCard) -> BoundCard:
        return cls(
            id=row.id,
            state=row.state,
            number=card.masked,
            network=card.network,
            issuer=card.issuer,
            issuer_zh=card.issuer_zh,
            expires_on=card.expires_on,
            is_default=row.is_default,
            asked_at=row.asked_at,
            bound_at=row.bound_at,
        )


class Question(msgspec.Struct, frozen=True):
    """What the network is asked about a card. Shows in no repr."""

    id: UUID
    card: PlainCard
    name: str = ""
    phone: str = ""

    def __repr__(self) -> str:
        return f"Question({self.id})"
