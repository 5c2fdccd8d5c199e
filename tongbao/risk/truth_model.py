"""What a simulated city says of its own payments, and how the bank's judgement stands against it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

What = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z_]{2,19}$")]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that is fraud: of what kind, when it was made, and from when on somebody knows it; None: nobody ever finds out."""

    payment_id: UUID
    what: What
    at: datetime
    known_at: datetime | None = None


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """Frauds of one kind: how many; of these not simply let pass, or declined; minor units of those that went through; and of how many a
    model said something, and how many it gave an even chance or more of being fraud."""

    what: str
    frauds: int
    caught: int
    missed_minor: int
    scored: int
    scored_high: int
