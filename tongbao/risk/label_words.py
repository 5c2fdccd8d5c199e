"""Labels in words, for pages."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang
from tongbao.web import i18n

_SOURCE_MESSAGES: Final = {
    "analyst": "an analyst",
    "customer": "the customer",
    "outcome": "how the matter ended",
}
_REASON_MESSAGES: Final = {"not_mine": "The payer says that he did not make it."}
"""What is known of a reason that no person has typed."""


def reason_word(reason: str, lang: Lang) -> str:
    return i18n.say(_REASON_MESSAGES[reason], lang) if reason in _REASON_MESSAGES else reason


def source_word(source: str, lang: Lang) -> str:
    return i18n.say(_SOURCE_MESSAGES[source], lang)


def is_fraud_word(*, is_fraud: bool, lang: Lang) -> str:
    return i18n.say("fraud", lang) if is_fraud else i18n.say("no fraud", lang)
