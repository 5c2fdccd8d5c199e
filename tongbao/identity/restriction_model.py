"""The nouns of a restriction: what the bank lets a customer pay while it looks at a risk."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tongbao.base.say import Lang
from tongbao.web import i18n

NOTHING: Final = 0
LITTLE: Final = 1
LEVEL_MESSAGES: Final = {NOTHING: "Pays nothing", LITTLE: "Pays little"}


class Restriction(msgspec.Struct, frozen=True):
    """`level`: he pays no more than customers of this level may (0: nothing). Without `until` it holds until it is lifted."""

    id: UUID
    customer_id: UUID
    level: int
    reason: str
    placed_by: UUID
    placed_at: datetime
    until: datetime | None
    ended_at: datetime | None
    ended_by: UUID | None


def restriction_word(level: int, lang: Lang) -> str:
    return i18n.say(LEVEL_MESSAGES[level], lang)
