"""What customers agree to, and which wording they have read."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tongbao.base.say import Lang


class Purpose(StrEnum):
    """What the bank does with personal data only for whoever agrees. What a contract or a law asks for is no purpose of these."""

    SUGGESTIONS = "suggestions"
    """Offer the shops that somebody has paid lately."""
    TYPING = "typing"
    """Measure how somebody types (`rhythm.py`)."""


class Consent(msgspec.Struct, frozen=True):
    """A purpose in one wording, and the answer to that wording; `given` is None where nobody has answered yet."""

    purpose: str
    version: int
    en: str
    zh: str
    given: bool | None
    answered_at: datetime | None

    def wording(self, lang: Lang) -> str:
        return self.zh if lang == "zh" else self.en
