"""The figures of the policy of authorisation in words: what each bounds, and what differs between two versions."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tongbao import payments
from tongbao.base import say
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.identity import level_word
from tongbao.payments import PolicyChange, Rules
from tongbao.web import i18n

RULE_MESSAGES: Final = {
    "none_per_payment_minor": "Nothing is asked for up to",
    "none_per_day_minor": "Nothing is asked for while a day's payments come to",
    "none_from_level": "Customers below this level are always asked",
    "one_per_payment_minor": "One way is enough up to",
    "one_per_day_minor": "One way is enough while a day's payments come to",
    "large_above_minor": "A passkey must have declared its error rates above",
    "signed_above_minor": "One way must be a signature above",
    "refuse_above_minor": "Refused above",
    "odd_times": "Unusual from so many times the month's average",
    "odd_after": "The average counts from so many payments in the month",
    "night_from": "Night begins at (hour)",
    "night_until": "Night ends at (hour)",
    "changed_within_h": "A changed password or other proof is new for (hours)",
    "two_from_risk": "Two ways from this risk score",
    "refuse_from_risk": "Refused from this risk score",
}
"""By the field of `Rules`, in the order in which they are read."""

AMOUNTS: Final = tuple(name for name in RULE_MESSAGES if name.endswith("_minor"))


def shown(name: str, value: int, lang: Lang) -> str:
    """A figure as people read it."""
    if name in AMOUNTS:
        return say.money(value, "CNY", lang)
    return level_word(value, lang) if name == "none_from_level" else str(value)


def rule_words(rules: Rules, lang: Lang) -> list[tuple[str, str]]:
    """Every bound with its figure."""
    return [(i18n.say(said, lang), shown(name, getattr(rules, name), lang)) for name, said in RULE_MESSAGES.items()]


def differences(before: Rules, after: Rules, lang: Lang) -> list[tuple[str, str]]:
    """What a version changes: each bound, from what to what."""
    changed = [name for name in RULE_MESSAGES if getattr(before, name) != getattr(after, name)]
    return [
        (
            i18n.say(RULE_MESSAGES[name], lang),
            f"{shown(name, getattr(before, name), lang)} → {shown(name, getattr(after, name), lang)}",
        )
        for name in changed
    ]


async def proposed(tx: Tx, payload: dict[str, Any], lang: Lang) -> list[tuple[str, str]]:
    """What a proposal would change of the version that was in force when it was made."""
    change = msgspec.convert(payload, PolicyChange)
    (before,) = await payments.policies(tx, below=change.expected + 1, most=1)
    return differences(before.rules, change.rules, lang)
