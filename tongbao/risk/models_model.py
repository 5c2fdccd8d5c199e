"""The nouns of the registry of models. Moments are UTC."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from tongbao.risk.models_facts import Facts

Number = Annotated[int, msgspec.Meta(ge=1, lt=2**31)]


class Role(StrEnum):
    """What a model is there for; one without a role is a candidate."""

    CHAMPION = "champion"
    """Its score counts."""
    CHALLENGER = "challenger"
    """Its score is remembered beside the champion's, and never counts."""
    OUTLIER = "outlier"
    """Says how unlike other payments one is, learned without labels; rules may ask for it."""
    RETIRED = "retired"


class ModelChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an approval of a model is about. `expected`: the place of the newest role of all when this was proposed, 0 for none."""

    model: Number
    role: Role
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A model without its trees. `role`: None for a candidate. `size` in bytes."""

    number: int
    sha256: bytes
    size: int
    catalogue: int
    facts: Facts
    trained_until: datetime
    trained_at: datetime
    role: Role | None
    since_at: datetime | None


class RoleHeld(msgspec.Struct, frozen=True, kw_only=True):
    """What a model was there for from a moment on."""

    place: int
    model: int
    role: Role
    since_at: datetime
    reason: str
    approval_id: UUID


class Stopped(msgspec.Struct, frozen=True):
    """What two models would have stopped from a score on, of payments that both gave a score; and frauds among those."""

    score: int
    payments: int
    frauds: int
    by_one: int
    caught_by_one: int
    by_other: int
    caught_by_other: int
