"""The nouns of what risk remembers. Amounts are integers of minor units, moments whole seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.risk.feature import Entity
from tongbao.risk.ruleset import Hit
from tongbao.risk.travel import Spot

Key = tuple[int, UUID, UUID]
"""Kind of entity (as in risk.total), whose, and with whom."""

Own = Mapping[str, int | bool | str | None]
"""What a payment itself says, by the names of the catalogue."""

TotalKey = tuple[int, UUID, UUID, int]
"""Kind of entity, whose, with whom, and which hour since 1970."""
Counts = list[int]
"""Payments and minor units: of all, of those at night, of those declined."""

EVER: Final = 2**31 - 1
"""An hour that never comes."""
NOBODY: Final = UUID(int=0)
KINDS: Final = {Entity.PAYER: 1, Entity.PAYEE: 2, Entity.DEVICE: 3, Entity.PAIR: 4, Entity.RECEIVED: 2}
"""Kinds of entities, as in risk.total."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that is to be judged: ids of its parties, never their names."""

    id: UUID
    payer: UUID
    payee: UUID | None
    device: UUID | None
    amount_minor: int
    currency: str
    is_night: bool = False
    spot: Spot | None = None
    """Where the shop stands in which it is paid."""


class Known(msgspec.Struct):
    """What is remembered of one entity."""

    lately: list[Counts]
    """Of its newest payments, those since each of the exact moments that were asked for."""
    totals: list[Counts]
    """Running totals before each of its hours that were asked for, the last of which lies behind all."""
    first_s: int | None
    last_s: int | None
    met_by_one: list[int]
    met_by_other: list[int]
    frauds: list[int]
    """Of a payee: payments to it that are known as fraud, in each of the windows that were asked for."""
    spot: Spot | None = None
    """Of a payer: where it last paid in a shop, and when."""
    spot_s: int = 0


class Recalled(msgspec.Struct):
    """What one snapshot showed: which, how far totals went in it, who is remembered already, and what is known, in the order of the keys."""

    as_of: str
    rolled_to: int
    already: set[UUID]
    known: list[Known]


class Seen(msgspec.Struct, frozen=True):
    """Features of payments by id, and the snapshot that they were made in. None of a payment that is remembered already."""

    as_of: str
    rolled_to: int
    features: dict[UUID, tuple[int | None, ...]]


class Assessment(msgspec.Struct, frozen=True):
    """What is remembered of a payment; `features` in the order of that version of the catalogue."""

    id: UUID
    at: datetime
    payer: UUID
    payee: UUID | None
    device: UUID | None
    amount_minor: int
    currency: str
    is_declined: bool
    catalogue: int
    features: list[int | None]
    action: str
    points: int
    hits: tuple[Hit, ...]
    """Rules that it met, those in shadow too."""
