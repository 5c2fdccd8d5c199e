"""What notices say of money, and what their kinds and ways are called."""

from __future__ import annotations

from typing import Final

from tongbao.base import say
from tongbao.base.say import Lang
from tongbao.notices.inbox_model import Kind, Way, What
from tongbao.web import i18n

WHAT_MESSAGES: Final = {
    What.PAID: "You paid %(amount)s.",
    What.RECEIVED: "%(amount)s came in.",
    What.SALARY: "Your salary of %(amount)s came in.",
    What.REFUNDED: "%(amount)s came back to you.",
    What.ON_ITS_WAY: "Your transfer of %(amount)s is on its way. Until it arrives you can take it back.",
    What.ARRIVED: "Your transfer of %(amount)s has arrived.",
    What.SET_ASIDE: "%(amount)s is set aside for a payment.",
    What.CALLED_BACK: "Your transfer of %(amount)s was cancelled. Nothing was paid.",
    What.FREED: "A payment of %(amount)s was cancelled. The money is free again.",
}
KIND_MESSAGES: Final = {
    Kind.MONEY_IN: "Money in",
    Kind.MONEY_OUT: "Money out",
    Kind.SECURITY: "Security",
    Kind.HELP: "Answers to your questions",
    Kind.TIPS: "Tips",
}
WAY_MESSAGES: Final = {Way.APP: "In the app", Way.SMS: "SMS", Way.PUSH: "Push"}


def sentence(what: What, amount_minor: int, currency: str, lang: Lang) -> str:
    return i18n.say(WHAT_MESSAGES[what], lang, amount=say.money(amount_minor, currency, lang))


def kind_word(kind: Kind, lang: Lang) -> str:
    return i18n.say(KIND_MESSAGES[kind], lang)


def way_word(way: Way, lang: Lang) -> str:
    return i18n.say(WAY_MESSAGES[way], lang)
