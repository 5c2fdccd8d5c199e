"""How tasks, their steps, pages and refusals are called, for whoever looks at how the app is used."""

from __future__ import annotations

from typing import Final

from tongbao import care, govern, identity, ledger, merchants, payments
from tongbao.base.say import Lang
from tongbao.insight.model import OUTSIDE
from tongbao.web import i18n
from tongbao.web import refusals as of_the_door

TASK_MESSAGES: Final = {
    "pay": "Pay somebody",
    "transfer": "Transfer to a telephone number",
    "prove": "Confirm a payment",
    "bind_card": "Bind a card of another bank",
    "add_passkey": "Add a passkey",
    "standing_order": "Make a standing order",
    "own_limits": "Set limits of one's own",
    "ask_for_help": "Ask for help",
    "not_mine": "Report a payment as not one's own",
}

HOME_MESSAGES: Final = {
    "standard": "Usual home page",
    "young": "Home page for the young",
    "large": "Home page in large type",
}

PLACE_MESSAGES: Final = {
    "/me": "Home",
    "/me/account": "My account",
    "/me/bill": "Monthly bill",
    "/me/cards": "Cards of other banks",
    "/me/cards/new": "A new card",
    "/me/cards/{id}/code": "The code of a new card",
    "/me/cards/{id}/topup": "Top up from a card",
    "/me/code": "Payment code",
    "/me/family": "Family",
    "/me/guide": "Safety guide",
    "/me/help": "Help",
    "/me/help/{id}": "A request for help",
    "/me/lessons": "Lesson in safety",
    "/me/lessons/{number}": "A case of the lesson",
    "/me/login": "Log in",
    "/me/login/{id}": "The code to log in",
    "/me/look": "Appearance",
    "/me/notices": "Notices",
    "/me/notices/channels": "Ways of being told",
    "/me/orders": "Standing orders",
    "/me/orders/new": "A new standing order",
    "/me/orders/new/{id}": "The last look at a standing order",
    "/me/orders/{id}": "A standing order",
    "/me/pay": "Pay",
    "/me/payments": "Records",
    "/me/payments/{id}": "A payment and its result",
    "/me/payments/{id}/authorise": "Confirm a payment",
    "/me/payments/{id}/not-mine": "Not my payment",
    "/me/payments/{id}/proof": "The proof of a payment",
    "/me/payments/{id}/receipt": "Receipt",
    "/me/privacy": "Privacy",
    "/me/privacy/export": "Export of one's own data",
    "/me/recover": "Password forgotten",
    "/me/recover/phone": "Telephone lost",
    "/me/recover/phone/{id}": "A new telephone number, in steps",
    "/me/recover/{id}": "A new password, in steps",
    "/me/safety": "Safety",
    "/me/safety/devices": "Devices",
    "/me/safety/factors": "Ways of proving oneself",
    "/me/safety/others": "Log-ins elsewhere",
    "/me/safety/passkeys": "Passkeys",
    "/me/safety/passkeys/new": "A new passkey",
    "/me/safety/passkeys/{id}": "A passkey",
    "/me/safety/password": "Log-in password",
    "/me/safety/phone": "Mobile number",
    "/me/safety/pin": "Payment PIN",
    "/me/safety/recovery": "Recovery under way",
    "/me/safety/remove": "Take away a proof",
    "/me/safety/totp": "Authenticator app",
    "/me/safety/waiting": "Changes that wait",
    "/me/scan": "Scan",
    "/me/statement": "Statement",
    "/me/transfer": "Transfer",
    "/me/transfer/{id}": "The last look at a transfer",
    "/me/verification": "Verification of who one is",
}
"""Every page that a customer can look at (`tests/insight/test_words.py`)."""

FIELD_MESSAGES: Final = {"http_422": "A field was filled in wrongly."}
"""Refusals that have no code of their own: the page says beside each field what is wrong."""
METHOD_MESSAGES: Final = {"GET": "Seen", "POST": "Sent"}
OUTSIDE_MESSAGES: Final = ("Came in", "Left")

_KINDS: Final = {
    kind.code: kind
    for kinds in (
        of_the_door.ALL,
        ledger.REFUSALS,
        identity.REFUSALS,
        merchants.REFUSALS,
        payments.REFUSALS,
        care.REFUSALS,
        govern.REFUSALS,
    )
    for kind in kinds
}
"""What the pages of the app may refuse, by code."""


def task_word(name: str, lang: Lang) -> str:
    return i18n.say(TASK_MESSAGES[name], lang)


def place_word(place: str, lang: Lang, *, outside: str = OUTSIDE_MESSAGES[1]) -> str:
    """A form without a page of its own is called after the page that it stands on. `outside`: what being nowhere is called."""
    if place == OUTSIDE:
        return i18n.say(outside, lang)
    while place not in PLACE_MESSAGES and place.count("/") > 1:
        place = place.rpartition("/")[0]
    return i18n.say(PLACE_MESSAGES[place], lang) if place in PLACE_MESSAGES else place


def method_word(method: str, lang: Lang) -> str:
    return i18n.say(METHOD_MESSAGES[method], lang)


def code_word(code: str, lang: Lang) -> str:
    """What the refusal says; the code where nobody knows it any more."""
    if code in FIELD_MESSAGES:
        return i18n.say(FIELD_MESSAGES[code], lang)
    kind = _KINDS.get(code)
    return code if kind is None else kind.zh if lang == "zh" else kind.en
