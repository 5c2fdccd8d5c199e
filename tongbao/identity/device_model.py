"""The nouns of devices: the browsers in which a customer comes in, and how long a new one is not trusted yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

COOLS_OFF: Final = timedelta(hours=24)
"""How long a new browser is not trusted with payments, unless the setting says otherwise."""


class Seen(msgspec.Struct, frozen=True):
    """What a browser tells of itself, made coarse: `name` such as "Chrome · Android", `place` a network without its end."""

    name: str = ""
    place: str = ""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that a customer has confirmed by a code; trusted where money is paid from `trusted_from` on."""

    id: UUID
    name: str
    place: str
    known_since: datetime
    seen_at: datetime
    trusted_from: datetime
    sessions: int
    """How many are open in it."""
    here: bool = False
    """Whether whoever looks is in it."""

    def cools_off(self, at: datetime) -> bool:
        return at < self.trusted_from
