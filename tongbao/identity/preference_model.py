"""The nouns of preferences: which home, how it looks, and the order of its short ways."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec


class Home(StrEnum):
    """The three first pages."""

    STANDARD = "standard"
    YOUNG = "young"
    """What the week cost, and whom he paid last."""
    LARGE = "large"
    """Few big buttons in large type, help always in sight."""


class Theme(StrEnum):
    LIGHT = "light"
    DARK = "dark"


class TypeSize(StrEnum):
    USUAL = "usual"
    LARGE = "large"


class Tongue(StrEnum):
    ZH = "zh"
    EN = "en"


class Action(msgspec.Struct, frozen=True):
    """A short way of the first page. `title` is a message of the catalogue."""

    name: str
    title: str
    href: str


ACTIONS: Final = (
    Action("scan", "Scan", "/me/scan"),
    Action("code", "Show my code", "/me/code"),
    Action("transfer", "Transfer", "/me/transfer"),
    Action("records", "Records", "/me/payments"),
    Action("bill", "Monthly bill", "/me/bill"),
    Action("cards", "My bank cards", "/me/cards"),
    Action("statement", "Statement", "/me/statement"),
    Action("account", "All of my account", "/me/account"),
    Action("orders", "Standing orders", "/me/orders"),
    Action("family", "Family", "/me/family"),
    Action("safety", "Safety", "/me/safety"),
    Action("help", "Help", "/me/help"),
)
"""In the order that holds until a customer sets his own. To pay is no short way: it is the first page's main action."""
_BY_NAME: Final = {action.name: action for action in ACTIONS}


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """`theme` and `language` None: as the device says. `actions`: each short way once, in the customer's order."""

    home: Home = Home.STANDARD
    theme: Theme | None = None
    type: TypeSize = TypeSize.USUAL
    language: Tongue | None = None
    actions: tuple[Action, ...] = ACTIONS
    tour_is_over: bool = False


def in_order(names: Iterable[str]) -> tuple[Action, ...]:
    """Every short way: those named first, the others behind them; names that none has are passed over."""
    named = [_BY_NAME[name] for name in dict.fromkeys(names) if name in _BY_NAME]
    return (*named, *(action for action in ACTIONS if action not in named))
