"""Searches for patterns in words: how one stands, what its conditions say, what each pattern meets."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.risk import rule_words
from tongbao.risk.catalogue import NAMES, sentence
from tongbao.risk.expression_model import Unit
from tongbao.risk.patterns_model import Condition, Part, Pattern, Search
from tongbao.risk.trial_words import share
from tongbao.web import i18n

_STATE_MESSAGES: Final = {
    "waiting": "waits for a worker",
    "running": "is being looked for",
    "done": "looked for",
    "cancelled": "stopped before its end",
    "too_few": "not looked for: too few known frauds in these days",
    "too_many": "not looked for: more than a million payments, or 10,000 frauds, in these days",
    "too_long": "not looked for to its end: it took longer than a quarter of an hour",
    "gave_up": "not looked for to its end: three workers died over it",
}
_SIGN_MESSAGES: Final = {
    ">=": "%(what)s: %(value)s or more",
    "<": "%(what)s: less than %(value)s",
    "=": "%(what)s: %(value)s",
    "null": "%(what)s: missing",
}
_TRUTH_MESSAGES: Final = {True: "true", False: "false"}
_SPAN_MESSAGES: Final = (
    (86_400, "1 day", "%(n)s days"),
    (3_600, "1 hour", "%(n)s hours"),
    (60, "1 minute", "%(n)s minutes"),
)
_LONGEST: Final = 300
"""Letters of a rule's reason."""


def search_state(search: Search) -> str:
    if search.ended_at is not None:
        return search.trouble or "done"
    return "running" if search.told_at is not None else "waiting"


def search_state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES[state], lang)


def condition_words(one: Condition, lang: Lang) -> str:
    """What one condition says."""
    return i18n.say(_SIGN_MESSAGES[one.sign], lang, what=sentence(one.name, lang), value=_value(one, lang))


def pattern_words(pattern: Pattern, lang: Lang) -> str:
    """All that its frauds share."""
    return ("；" if lang == "zh" else "; ").join(condition_words(one, lang) for one in pattern.conditions)


def _value(one: Condition, lang: Lang) -> str:
    if isinstance(one.value, bool):
        return i18n.say(_TRUTH_MESSAGES[one.value], lang)
    if isinstance(one.value, str):
        words = {"kind": rule_words.rule_kind_word, "method": rule_words.rule_method_word}.get(one.name)
        return words(one.value, lang) if words else one.value
    if one.value is None:
        return ""
    if one.currency:
        return say.money(one.value, one.currency, lang)
    return _span(one.value, lang) if NAMES[one.name].unit is Unit.SECONDS else say.count(one.value, lang)


def _span(seconds: int, lang: Lang) -> str:
    unit, single, many = next(one for one in _SPAN_MESSAGES if seconds % one[0] == 0)
    return i18n.say(single, lang) if seconds == unit else i18n.say(many, lang, n=seconds // unit)


def money_words(by_currency: dict[str, int], currency: str, lang: Lang) -> str:
    found = by_currency or {currency: 0}
    return " · ".join(say.money(found[code], code, lang) for code in sorted(found))


def pattern_facts(pattern: Pattern, newer: Part, currency: str, lang: Lang) -> list[tuple[str, str]]:
    """What it meets: on the payments by which it was found, and on those that came after."""
    found, later = pattern.found, pattern.later

    def met(frauds: int, honest: int) -> str:
        return i18n.say(
            "%(frauds)s frauds, %(honest)s other payments (%(share)s frauds)",
            lang,
            frauds=say.count(frauds, lang),
            honest=say.count(honest, lang),
            share=share(frauds, frauds + honest),
        )

    return [
        (i18n.say("Among the newer payments", lang), met(later.frauds, later.honest)),
        (i18n.say("Among the older payments, by which it was found", lang), met(found.frauds, found.honest)),
        (i18n.say("Share of the newer frauds", lang), share(later.frauds, newer.frauds)),
        (i18n.say("Money of these frauds", lang), money_words(pattern.fraud_minor, currency, lang)),
        (i18n.say("of it was paid out then", lang), money_words(pattern.paid_minor, currency, lang)),
        (i18n.say("Met by rules in force already", lang), _known(pattern, lang)),
    ]


def _known(pattern: Pattern, lang: Lang) -> str:
    whole = f"{say.count(pattern.known, lang)} ({share(pattern.known, pattern.later.frauds)})"
    return " · ".join((whole, *pattern.rules))


def part_words(part: Part, zone: ZoneInfo, lang: Lang) -> str:
    """Between which moments, and of how many payments."""
    return i18n.say(
        "%(first)s – %(last)s: %(frauds)s frauds, %(honest)s other payments",
        lang,
        first=say.moment(part.first_at, zone, lang),
        last=say.moment(part.last_at, zone, lang),
        frauds=say.count(part.frauds, lang),
        honest=say.count(part.honest, lang),
    )


def proposed(pattern: Pattern, newer: Part, lang: Lang) -> dict[str, Any]:
    """What stands in the form of a rule that is made of it: in shadow, with its reasons."""
    return {
        "expression": pattern.expression,
        "action": "challenge",
        "mode": "shadow",
        "points": 20,
        "why_en": pattern_words(pattern, "en")[:_LONGEST],
        "why_zh": pattern_words(pattern, "zh")[:_LONGEST],
        "reason": i18n.say(
            "A pattern of known frauds: on newer payments it met %(frauds)s of %(of)s frauds and %(honest)s other payments.",
            lang,
            frauds=say.count(pattern.later.frauds, lang),
            of=say.count(newer.frauds, lang),
            honest=say.count(pattern.later.honest, lang),
        ),
    }
