"""How a customer types: how long from one press to the next and how long keys are held, in milliseconds. Never which keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from tongbao.web.body import Body

MOST: Final = 64
MOST_OF_SECRETS: Final = 8
LONGEST_MS: Final = 10_000
KEPT: Final = timedelta(days=90)
MOST_A_DAY: Final = 200
"""Measurements of one customer in 24 hours; what comes after them is not kept."""


class Typed(StrEnum):
    """What a form asks for that was typed in."""

    LOG_IN = "log_in"
    PASSWORD = "password"
    PIN = "pin"
    AMOUNT = "amount"


Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_MS)]
Measured = Annotated[tuple[Milliseconds, ...], msgspec.Meta(max_length=MOST)]


class Typing(Body, frozen=True):
    """What the page measured of one form, in the order of the presses."""

    id: UUID
    form: Typed
    intervals: Annotated[tuple[Milliseconds, ...], msgspec.Meta(min_length=1, max_length=MOST)]
    holds: Measured = ()

    def kept(self, ms: Sequence[int]) -> list[int]:
        """What may be kept. From the pauses between the keys of a secret, in their order, it can be guessed in fewer tries (Song, Wagner
        and Tian, USENIX Security 2001), and their number is its length: so a few, sorted.
        """
        return list(ms) if self.form is Typed.AMOUNT else sorted(ms[:MOST_OF_SECRETS])


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement as it is kept. `device_id`: the browser, where it was known and past its cool-off."""

    id: UUID
    form: Typed
    intervals: tuple[int, ...]
    holds: tuple[int, ...]
    device_id: UUID | None
    recorded_at: datetime
    unlike: int | None = None
    """How unlike the habit that he had then, as in `rhythm_habit`."""
