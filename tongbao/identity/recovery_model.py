"""The nouns of recovery: somebody has lost his password and asks to set a new one."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

CODE_LASTS: Final = timedelta(hours=1)
"""From the first form to the right code."""
RIPE_LASTS: Final = timedelta(hours=72)
"""From the end of the waiting to the new password; then it begins anew."""
WAITS: Final = timedelta(hours=24)
CAUTION: Final = timedelta(days=7)


class RecoveryStep(StrEnum):
    BEGUN = "begun"
    """The code is awaited."""
    WAITING = "waiting"
    RIPE = "ripe"
    """The new password is awaited."""
    DONE = "done"
    OVER = "over"


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """`customer_id` None: nobody is known by what was typed; whoever typed it does not learn that."""

    id: UUID
    customer_id: UUID | None
    code_id: UUID
    begun_at: datetime
    confirmed_at: datetime | None
    ripe_at: datetime | None
    ended_at: datetime | None
    outcome: str | None

    def step(self, at: datetime) -> RecoveryStep:
        if self.outcome is not None:
            return RecoveryStep.DONE if self.outcome == "done" else RecoveryStep.OVER
        if self.ripe_at is None:
            return RecoveryStep.BEGUN if at < self.begun_at + CODE_LASTS else RecoveryStep.OVER
        if at < self.ripe_at:
            return RecoveryStep.WAITING
        return RecoveryStep.RIPE if at < self.ripe_at + RIPE_LASTS else RecoveryStep.OVER
