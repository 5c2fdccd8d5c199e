"""Govern's nouns: what people ask about their data, and who has left."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

ANSWERED_WITHIN_DAYS: Final = 15
"""Working days for an answer to any request or complaint: the longest that the authorities accept (rules on unlawful collection of
personal information by apps, Guoxinban Mizi [2019] 191, article 6)."""

TEXT_LONGEST: Final = 1000


class RequestKind(StrEnum):
    """What a customer may ask of the bank as the one whom the data are about (PIPL, articles 44 to 50)."""

    ACCESS = "access"
    CORRECTION = "correction"
    DELETION = "deletion"
    COMPLAINT = "complaint"


class RequestState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """`due_on`: the last day for an answer. What was written is sealed, and read by `texts_of`."""

    id: UUID
    customer_id: UUID
    kind: RequestKind
    state: RequestState
    asked_at: datetime
    due_on: date
    decided_at: datetime | None
    decided_by: UUID | None

    def is_late(self, today: date) -> bool:
        return self.state is RequestState.WAITING and today > self.due_on


class Texts(msgspec.Struct, frozen=True):
    """What a customer wrote, and what he was answered; None once he is erased, or where nothing was written."""

    asked: str | None
    answer: str | None


class Leaver(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has left: what is known of him as a person goes on `erase_on`, unless a hold keeps it."""

    customer_id: UUID
    noted_at: datetime
    erase_on: date
    held_because: str | None
    erased_at: datetime | None
