"""Which passwords and PINs of customers are refused: those that somebody who guesses would try first.

Passwords as NIST SP 800-63B (section 3.1.1) has them: length counts, no rule about kinds of characters, a list of common ones, and
nothing of what is known about the customer. What is refused is said, never why exactly, and never the password.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

from tongbao.identity import refusals as no

_SHORTEST, _LONGEST = 8, 256
_PIN_LENGTH = 6
_LONGEST_PATTERN = 4
_LEFT_OVER = 4
"""So many characters around what is known of a customer make a password of their own."""
_RUNS: Final = tuple(
    run + run[::-1]
    for run in (
        "01234567890",
        "abcdefghijklmnopqrstuvwxyz",
        "qwertyuiopasdfghjklzxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    )
)
_OWN_WORDS: Final = ("tongbao", "通宝银行")
_FAVOURITE_PINS: Final = (
    "147258 258369 147369 369258 258147 159753 159357 357159 753951 951753 123654 123789 789456 789123 321654 456123 "
    "789632 147896 123698 456852 520131 521131 131452 131420 201314 520530 168888 188888 166888 518888 112358 314159 "
    "141592 271828 142857 102030 100200 123450 987650 696969 101010 778899"
)
"""Patterns of the keypad, numbers that sound like words of love or luck in Chinese, constants."""


def check_customer_password(password: str, *, about: Iterable[str] = ()) -> None:
    """Refuses `password_short`, `password_common`. `about`: what is known of the customer: telephone number, name, identity number."""
    text = unicodedata.normalize("NFKC", password).casefold()
    # One character may become eighteen by NFKC (U+FDFA): what was typed is counted too.
    if not min(len(text), len(password)) >= _SHORTEST or len(text) > _LONGEST:
        raise no.PASSWORD_SHORT(field="password")
    known = [*_OWN_WORDS, *(word for one in about for word in _spellings(one))]
    if (
        text in common_passwords()
        or any(text[size:] == text[:-size] for size in range(1, _LONGEST_PATTERN + 1))
        or any(text in run for run in _RUNS)
        or any(word in text and len(text) - len(word) < _LEFT_OVER for word in known)
    ):
        raise no.PASSWORD_COMMON(field="password")


def _spellings(known: str) -> list[str]:
    """A number with and without its country code, and the end of it; a name with and without spaces."""
    folded = unicodedata.normalize("NFKC", known).casefold().strip()
    digits = "".join(c for c in folded if c.isdigit())
    spelled = {folded, folded.replace(" ", ""), digits, digits[-11:], digits[-8:]}
    return [word for word in spelled if len(word) >= _LEFT_OVER]


@cache
def common_passwords() -> frozenset[str]:
    """Passwords of 8 characters or more that are known to be common, in lower case."""
    lines = files("tongbao.identity").joinpath("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def check_pin(pin: str, *, about: Iterable[str] = (), birthday: date | None = None) -> None:
    """Refuses `pin_form`, `pin_weak`. `about` as for a password: no six digits in a row of a telephone or identity number."""
    if len(pin) != _PIN_LENGTH or not (pin.isascii() and pin.isdigit()):
        raise no.PIN_FORM(field="pin")
    if (
        pin in _FAVOURITE_PINS
        or _is_regular(pin)
        or any(pin in "".join(c for c in known if c.isdigit()) for known in about)
        or (birthday is not None and pin in _datings(birthday))
    ):
        raise no.PIN_WEAK(field="pin")


def _is_regular(pin: str) -> bool:
    """123456, 135791, 111111; 121212, 123123; 112233; 123321; 100100."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    pairs = pin[::2] == pin[1::2]
    return (
        len(steps) == 1 or len(set(pin)) <= 2 or pin[:3] == pin[3:] or pin == pin[:2] * 3 or pairs or pin == pin[::-1]
    )


def _datings(day: date) -> set[str]:
    """The ways in which people write a date with six digits."""
    return {day.strftime(form) for form in ("%y%m%d", "%m%d%y", "%d%m%y", "%Y%m", "%m%Y")}
