"""The guide to paying safely: one for everybody, with chapters for how this customer pays."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.care import tip_store as store
from tongbao.care.tip_model import Habits
from tongbao.care.tips import LARGE_MINOR

DAYS: Final = 90
_NEW_PAYEES: Final = 10
_NIGHTS: Final = 2
"""In this time; what happens once is no habit."""


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of the catalogue: `because` says why this chapter is his; `button` leads to what `LEADS_TO` names."""

    title: str
    because: str
    lines: tuple[str, ...]
    button: str


CHAPTER_MESSAGES: Final = {
    "guard": Chapter(
        title="More than a password",
        because="Because nothing but a password stands before your money.",
        lines=(
            "A passkey is your fingerprint, your face or your telephone's own lock.",
            "Whoever learns your password cannot get in without it.",
        ),
        button="Add a passkey",
    ),
    "calm": Chapter(
        title="Take your time",
        because="Because you have large type switched on.",
        lines=(
            "Nobody of the bank hurries you. You may hang up and ask your family first.",
            "Never tell anybody a code or your payment PIN, whoever calls.",
            "The button Help stands on every page. A person answers you.",
        ),
        button="Ask for help",
    ),
    "large": Chapter(
        title="Large sums",
        because="Because you sometimes pay large sums.",
        lines=(
            "Call the payee under a number that you know before you send a large sum.",
            "Let it arrive in two hours or the next day: until then you take it back by one press.",
            "Set a limit for each payment. To lower it works at once.",
        ),
        button="Set my limits",
    ),
    "night": Chapter(
        title="At night",
        because="Because you sometimes pay at night.",
        lines=(
            "Cheats call when you are tired and nobody is there to ask. What is right can wait for the morning.",
            "If something is wrong, freeze your account yourself at once: it works day and night.",
        ),
        button="Freeze my account",
    ),
    "new_payees": Chapter(
        title="People whom you pay for the first time",
        because="Because you often pay somebody new.",
        lines=(
            "Compare the name that is shown with the one that you expect. Type in the surname to have it checked.",
            "A seller who wants you to leave the platform to pay him is a cheat more often than not.",
        ),
        button="Make a transfer",
    ),
    "everybody": Chapter(
        title="For everybody",
        because="What helps everybody.",
        lines=(
            "The bank never asks for a code, a password or your payment PIN, neither by telephone nor by message.",
            "Before you confirm, read the payee's name and the amount once more.",
            "A payment that you do not know: open it in your records and press “Not my payment”.",
        ),
        button="Practise with eight cases",
    ),
}

LEADS_TO: Final = {
    "guard": "/me/safety",
    "calm": "/me/help",
    "large": "/me/safety",
    "night": "/me/safety",
    "new_payees": "/me/transfer",
    "everybody": "/me/lessons",
}


async def habits_of(tx: Tx, principal: Principal, *, zone: str, since: datetime) -> Habits:
    """One statement; `zone` says when it is night."""
    assert principal.subject_id is not None
    return await store.habits(tx, principal.subject_id, zone=zone, large_minor=LARGE_MINOR, since=since)


def chapters(habits: Habits, *, is_large_home: bool) -> list[str]:
    """Names of `CHAPTER_MESSAGES`, what is his own first."""
    his = {
        "guard": not habits.is_guarded,
        "calm": is_large_home,
        "large": habits.large > 0,
        "night": habits.at_night >= _NIGHTS,
        "new_payees": habits.payees >= _NEW_PAYEES,
        "everybody": True,
    }
    return [name for name, applies in his.items() if applies]
