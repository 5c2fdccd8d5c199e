"""What matters, their states and what was said are called."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang
from tongbao.web import i18n

KIND_MESSAGES: Final = {
    "question": "A question",
    "not_mine": "A payment that is not mine",
    "lost": "Telephone or card lost",
    "service": "A complaint about the service",
    "call": "Please call me",
}
CHANNEL_MESSAGES: Final = {"app": "in the app", "phone": "by telephone", "branch": "at a branch"}
STATE_MESSAGES: Final = {"waiting": "the bank's turn", "answered": "answered", "closed": "finished"}
WHAT_MESSAGES: Final = {
    "asked": "Asked by the customer",
    "written": "Written by the customer",
    "answered": "Answered by the bank",
    "note": "Note for colleagues",
    "handed_over": "Handed over",
    "closed": "Finished",
}


def kind_word(kind: str, lang: Lang) -> str:
    return i18n.say(KIND_MESSAGES[kind], lang)


def channel_word(channel: str, lang: Lang) -> str:
    return i18n.say(CHANNEL_MESSAGES[channel], lang)


def state_word(state: str, lang: Lang) -> str:
    return i18n.say(STATE_MESSAGES[state], lang)


def what_word(what: str, lang: Lang) -> str:
    return i18n.say(WHAT_MESSAGES[what], lang)
