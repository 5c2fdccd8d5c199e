"""A decision as it is remembered, and as it comes out when it is made again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from tongbao.risk.catalogue import names_of
from tongbao.risk.model import Own
from tongbao.risk.ruleset import COLUMNS, Judged, Under


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What was remembered of a payment. `own` and `under` are None of payments that are older than they are remembered."""

    id: UUID
    at: datetime
    payer: UUID
    payee: UUID | None
    device: UUID | None
    amount_minor: int
    currency: str
    is_night: bool
    catalogue: int
    features: list[int | None]
    own: Own | None
    under: Under | None
    said: Judged

    def values(self) -> dict[str, int | bool | str | None]:
        """By the names of the catalogue. What it did not know then is missing."""
        return {
            **dict(zip(names_of(self.catalogue), self.features, strict=True)),
            **(self.own or {}),
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "is_night": self.is_night,
            "payer": str(self.payer),
            "payee": str(self.payee) if self.payee else None,
            "device": str(self.device) if self.device else None,
        }

    def row(self) -> tuple[int | bool | str | None, ...]:
        """What rules judge."""
        values = self.values()
        return tuple(values.get(name) for name in COLUMNS)


class Replayed(msgspec.Struct, frozen=True):
    """A decision made again. `again` is None where it cannot be: `unsound` names rules that can no longer be compiled."""

    id: UUID
    then: Judged
    again: Judged | None
    unsound: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """The same rules in the same versions, the same action, the same points."""
        return self.again == self.then
