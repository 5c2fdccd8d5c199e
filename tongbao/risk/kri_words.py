"""Indicators in words: for their pages, and for whoever decides on their limits."""

from __future__ import annotations

from typing import Final

import msgspec

from tongbao.base import say
from tongbao.base.approvals import Approval
from tongbao.base.db import Tx
from tongbao.base.say import Lang
from tongbao.risk import kri_store
from tongbao.risk.kri_model import INDICATORS, LimitChange
from tongbao.web import i18n

_NAME_MESSAGES: Final = {
    "fraud_loss": "Loss by fraud",
    "challenge_rate": "Payments asked about",
    "hold_rate": "Payments held",
    "denial_rate": "Payments refused",
    "false_alarms": "False alarms among those known",
    "not_mine": "Payments that customers say are not theirs",
    "by_fallback": "Judged without the model",
    "label_delay": "Until it is known what a payment was",
}
_STATE_MESSAGES: Final = {
    "green": "green",
    "amber": "amber",
    "red": "red",
    "unset": "no limits yet",
}
_SIGNS: Final = {"green": "ok", "amber": "warn", "red": "fail", "unset": "unset"}


def indicator_word(name: str, lang: Lang) -> str:
    return i18n.say(_NAME_MESSAGES[name], lang)


def indicator_state_word(sign: str, lang: Lang) -> str:
    """`sign`: what stands before the word, as `sign_of` gives it."""
    return i18n.say(_STATE_MESSAGES[next(state for state, other in _SIGNS.items() if other == sign)], lang)


def tightens_word(tightens: bool, lang: Lang) -> str:
    return i18n.say("the rules are tightened" if tightens else "somebody is told", lang)


def sign_of(state: str) -> str:
    return _SIGNS[state]


def value_word(name: str, value: int | None, lang: Lang) -> str:
    """With its unit: hours, or so many of 10,000."""
    if value is None:
        return "–"
    if INDICATORS[name].scale == 1:
        return i18n.say("%(n)s hours", lang, n=say.count(value, lang))
    return i18n.say("%(n)s of 10,000", lang, n=say.count(value, lang))


async def limit_facts(tx: Tx, approval: Approval, lang: Lang) -> list[tuple[str, str]]:
    """What a proposal about limits would do."""
    change = msgspec.convert(approval.payload, LimitChange)
    now = next((o for o in await kri_store.limits_of(tx, change.indicator, 50) if o.version == change.expected), None)

    def said(new: int, old: int | None) -> str:
        word = value_word(change.indicator, new, lang)
        return word if old in (None, new) else f"{value_word(change.indicator, old, lang)} → {word}"

    return [
        (i18n.say("Indicator", lang), indicator_word(change.indicator, lang)),
        (i18n.say("Amber from", lang), said(change.amber, now.amber if now else None)),
        (i18n.say("Red from", lang), said(change.red, now.red if now else None)),
        (i18n.say("Beyond red", lang), tightens_word(change.tightens, lang)),
    ]
