"""Every field in which the bank asks a customer for something about himself, and what for. A form that asks for more does not pass
the tests (`tests/house/test_declared_fields.py`), and his privacy page shows this list."""

from __future__ import annotations

from typing import Final

import msgspec


class Declared(msgspec.Struct, frozen=True):
    """What a field holds and why it is asked for: messages of the catalogue."""

    what: str
    why: str


_MESSAGES: Final = {
    "phone": ("Mobile number", "To send you codes and notices, and to find your account."),
    "name": ("Name", "The law asks a bank to know its customers by name."),
    "id_number": ("Identity card number", "To check your name with the identity provider. No page shows it."),
    "password": ("Log-in password", "To let nobody in but you. Only its fingerprint is kept."),
    "pin": ("Payment PIN", "To ask you before money moves. Only its fingerprint is kept."),
    "code": ("One-time code", "To see that your telephone is with you. Only its fingerprint is kept, for thirty days."),
    "reference": ("Note to the payee", "To tell the payee what a payment is for."),
    "text": ("What you write to the bank", "To answer it."),
    "card": (
        "Card number, and until when it is good",
        "To charge the card that you bind. The bank keeps a token of it.",
    ),
    "rhythm": (
        "How fast you type, if you agree",
        "To notice when somebody else uses your account. Never which keys. Kept for ninety days.",
    ),
    "journey": (
        "Which pages of the app you open, until half an hour after your visit",
        "To count where tasks are hard. Then your steps are forgotten; the counts name nobody.",
    ),
    "browser": ("Browser, and roughly from where", "To show you where you are logged in, and to notice strangers."),
}
"""By a short name."""

DECLARED: Final = {name: Declared(what, why) for name, (what, why) in _MESSAGES.items()}

FIELDS: Final = {
    "phone": "phone",
    "new_phone": "phone",
    "name": "name",
    "id_number": "id_number",
    "password": "password",
    "current": "password",
    "pin": "pin",
    "secret": "pin",
    "code": "code",
    "app_code": "code",
    "reference": "reference",
    "number": "card",
    "expires": "card",
    "rhythm": "rhythm",
    "more": "text",
    "text": "text",
}
"""Which field of a form asks for which of them."""

PLAIN: Final = frozenset(
    {
        "id", "expected", "seen", "opened", "sent", "change", "kind", "why", "state", "purpose", "version", "given",
        "device", "device_name", "jwk", "modality", "card", "instruction", "code_id", "response", "account", "merchant", "order", "to", "amount", "arrives", "method", "page", "payment", "cursor", "format", "from", "lang", "next",
        "home", "theme", "type", "language", "actions", "tip", "about", "back", "surname", "choice", "every", "starts_on", "ends_on", "tell", "ask", "agree",
        "money_in_app", "money_in_sms", "money_out_app", "money_out_sms", "help_app", "help_sms", "tips_app", "tips_sms",
        "money_in_push", "money_out_push", "security_push", "help_push", "tips_push", "endpoint", "p256dh", "auth",
        "per_payment", "per_day", "per_month", "count_per_day", "count_per_month",
    }
)  # fmt: skip
"""Fields that say nothing about a person: what he wants done, with which of his own things."""
