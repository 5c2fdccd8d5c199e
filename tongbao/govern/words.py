"""What requests and their states are called."""

from __future__ import annotations

from typing import Final

from tongbao.base.say import Lang
from tongbao.web import i18n

KIND_MESSAGES: Final = {
    "access": "What the bank knows about me",
    "correction": "Something is wrong and should be corrected",
    "deletion": "Delete what the bank knows about me",
    "complaint": "A complaint about privacy",
}
STATE_MESSAGES: Final = {
    "waiting": "being worked on",
    "done": "done",
    "refused": "refused",
    "withdrawn": "withdrawn",
}


def kind_word(kind: str, lang: Lang) -> str:
    return i18n.say(KIND_MESSAGES[kind], lang)


def state_word(state: str, lang: Lang) -> str:
    return i18n.say(STATE_MESSAGES[state], lang)
