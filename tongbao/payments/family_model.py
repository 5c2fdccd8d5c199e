"""The nouns of families: whom a customer trusts to look on, and what such a person was asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

COOLING: Final = timedelta(days=1)
"""For so long a family holds on after its owner has ended it: whoever talks him into it meets the trusted person first."""


class Family(msgspec.Struct, frozen=True):
    """Amounts in minor units of CNY; `ask_above_minor` None: he is told and never asked. `ended_by`: `owner` or `trusted`."""

    id: UUID
    owner_id: UUID
    trusted_id: UUID
    tell_above_minor: int
    ask_above_minor: int | None
    asked_at: datetime
    accepted_at: datetime | None
    ends_at: datetime | None
    ended_by: str | None

    def holds(self, at: datetime) -> bool:
        return self.accepted_at is not None and (self.ends_at is None or self.ends_at > at)


class FamilyAsk(msgspec.Struct, frozen=True):
    """A payment that a trusted person is to agree to before its payer can confirm it. `agreed` None: he has said nothing yet."""

    payment_id: UUID
    family_id: UUID
    owner_id: UUID
    trusted_id: UUID
    asked_at: datetime
    due_at: datetime
    agreed: bool | None
    answered_at: datetime | None
