"""Why a model gave a score, in sentences."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from babel.dates import format_timedelta

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.risk.catalogue import NAMES, sentence
from tongbao.risk.expression_model import Sort, Unit
from tongbao.risk.models_explain import Cause
from tongbao.risk.models_facts import Spread
from tongbao.web import i18n

_ODD: Final = 80
"""Of 100 payments: beyond so many a value is said to be more, or less, than usual."""


def value_word(name: str, value: int | None, currency: str, lang: Lang) -> str | None:
    """A value as people read it: an amount, a span of time, a number, yes or no; None where nothing was known."""
    if value is None:
        return None
    kind = NAMES[name]
    if kind.sort is Sort.BOOL:
        return i18n.say("it is so", lang) if value else i18n.say("it is not so", lang)
    match kind.unit:
        case Unit.MONEY:
            return say.money(value, currency, lang)
        case Unit.SECONDS:
            return format_timedelta(timedelta(seconds=value), threshold=2, locale="zh" if lang == "zh" else "en")
        case _:
            return say.count(value, lang)


def cause_sentence(cause: Cause, currency: str, lang: Lang) -> str:
    """What it was, how much, and whether that is more or less than usual: the payments that the model learned from are."""
    what, value = sentence(cause.name, lang), value_word(cause.name, cause.value, currency, lang)
    if value is None or cause.value is None:
        return i18n.say("%(what)s: not known", lang, what=what)
    below, above = _place(cause.spread, cause.value) if NAMES[cause.name].sort is Sort.INT else (0, 0)
    if below >= _ODD:
        return i18n.say(
            "%(what)s: %(value)s, more than in %(share)s of 100 payments", lang, what=what, value=value, share=below
        )
    if above >= _ODD:
        return i18n.say(
            "%(what)s: %(value)s, less than in %(share)s of 100 payments", lang, what=what, value=value, share=above
        )
    return i18n.say("%(what)s: %(value)s", lang, what=what, value=value)


def for_and_against(causes: Sequence[Cause], currency: str, lang: Lang) -> tuple[list[str], list[str]]:
    """What spoke for fraud, and what against it."""
    said = [(cause.added > 0, cause_sentence(cause, currency, lang)) for cause in causes]
    return [text for is_for, text in said if is_for], [text for is_for, text in said if not is_for]


def _place(spread: Spread | None, value: int) -> tuple[int, int]:
    """Of 100 payments that had any value: how many surely lay below this one, and how many above."""
    if spread is None:
        return 0, 0
    present = max(1, sum(spread.shares[:-1]))
    part = bisect_right(spread.cuts, value)
    return sum(spread.shares[:part]) * 100 // present, sum(spread.shares[part + 1 : -1]) * 100 // present
