"""Trials in words: what was tried, how it stands, what came of it."""

from __future__ import annotations

from typing import Any, Final

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.risk import rule_words
from tongbao.risk.trial_model import Arm, Result, Trial
from tongbao.web import i18n

_STATE_MESSAGES: Final = {
    "waiting": "waits for a worker",
    "running": "is being tried",
    "done": "tried",
    "cancelled": "stopped before its end",
    "too_many": "not tried: more than a million payments in these days",
    "too_long": "not tried to its end: it took longer than a quarter of an hour",
    "gave_up": "not tried to its end: three workers died over it",
    "unsound": "not tried: the condition can no longer be used",
}

_FIGURE_MESSAGES: Final = {
    "hits": "Payments that it meets",
    "frauds": "Frauds among them",
    "precision": "Precision: frauds of what it meets",
    "caught": "Caught: of all known frauds",
    "taken": "Money of these frauds",
    "paid": "of it was paid out then",
    "annoyed": "Customers disturbed whose payments were good",
    "labelled": "Payments among them that somebody has judged",
}


def state_of(trial: Trial) -> str:
    if trial.ended_at is not None:
        return trial.trouble or "done"
    return "running" if trial.told_at is not None else "waiting"


def trial_state_word(state: str, lang: Lang) -> str:
    return i18n.say(_STATE_MESSAGES[state], lang)


def share(part: int, whole: int) -> str:
    """`12.3%`; nothing of nothing is a dash."""
    return f"{part * 1_000 // whole // 10}.{part * 1_000 // whole % 10}%" if whole else "–"


def _money(by_currency: dict[str, int], currency: str, lang: Lang) -> str:
    found = by_currency or {currency: 0}
    return " · ".join(say.money(found[code], code, lang) for code in sorted(found))


def tried_facts(trial: Trial, lang: Lang) -> list[tuple[str, str]]:
    """What is tried, and over which days."""
    what = trial.what
    words = [
        *(rule_words.rule_kind_word(kind, lang) for kind in what.kinds),
        *(rule_words.rule_method_word(method, lang) for method in what.methods),
        *map(str, what.merchants),
        *what.countries,
    ]
    days = f"{say.date_(what.first_day, lang)} – {say.date_(what.last_day, lang)}"
    return [
        (i18n.say("Condition", lang), what.expression),
        (i18n.say("Looks at", lang), " · ".join(words) or i18n.say("every payment", lang)),
        (i18n.say("What it does", lang), rule_words.action_word(what.action, lang)),
        (i18n.say("Points", lang), str(what.points)),
        (i18n.say("Days looked at", lang), days),
    ]


def figures(result: Result, currency: str, lang: Lang) -> list[tuple[Any, ...]]:
    """What the new condition would have met, beside the present version: (name, new, now)."""
    arms = (result.new, result.present)

    def line(name: str, of: Any) -> tuple[Any, ...]:
        return (i18n.say(_FIGURE_MESSAGES[name], lang), *(None if arm is None else of(arm) for arm in arms))

    def hits(arm: Arm) -> str:
        return f"{say.count(arm.hits, lang)} ({share(arm.hits, result.looked)})"

    return [
        line("hits", hits),
        line("frauds", lambda arm: say.count(arm.frauds, lang)),
        line("precision", lambda arm: share(arm.frauds, arm.hits if result.labelled else 0)),
        line("caught", lambda arm: share(arm.frauds, result.frauds)),
        line("taken", lambda arm: _money(arm.fraud_minor, currency, lang)),
        line("paid", lambda arm: _money(arm.paid_minor, currency, lang)),
        line("annoyed", lambda arm: say.count(arm.annoyed, lang)),
        line("labelled", lambda arm: say.count(arm.labelled, lang)),
    ]
