"""Names and references that are written from right to left, or that only pretend to be (Unicode Standard Annex 9).

What somebody typed never reorders what stands beside it: it is isolated, and the invisible characters that would turn text
around are left out of what is shown, so that nothing reads as what it is not. What is stored keeps them.
"""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides, isolates and their ends."""
_MOVING: Final = re.compile(
    "[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Those, and every character that is written from right to left."""
_FIRST_STRONG_ISOLATE: Final = "\u2068"
_POP_ISOLATE: Final = "\u2069"


def _moves(text: str) -> bool:
    return not text.isascii() and _MOVING.search(text) is not None


def isolated(value: object) -> str | Markup:
    """A value as an element of its own direction; markup as it is."""
    if isinstance(value, Markup):
        return value
    text = str(value)
    return Markup("<bdi>{}</bdi>").format(_TURNING.sub("", text)) if _moves(text) else escape(text)


def shown(value: object) -> object:
    """The same where no element can stand, in a sentence or an attribute: between two invisible characters."""
    if type(value) is str and _moves(value):
        return f"{_FIRST_STRONG_ISOLATE}{_TURNING.sub('', value)}{_POP_ISOLATE}"
    return value
