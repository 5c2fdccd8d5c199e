"""What becomes known of a payment after it was judged. Moments are UTC."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class LabelSource(StrEnum):
    """Who says it."""

    ANALYST = "analyst"
    CUSTOMER = "customer"
    """Its payer, or its payee."""
    OUTCOME = "outcome"
    """How the matter ended: money claimed back, a conviction, what a simulated city knows of its own thieves."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """`number` counts the labels of a payment from 1; the newest counts."""

    number: int
    is_fraud: bool
    source: LabelSource
    at: datetime
    by: UUID
    reason: str
