"""Members of a list of words: the same however they are typed, and `*` in one stands for anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

ANYTHING: Final = "*"
MOST_ANYTHING: Final = 4
"""In one member."""
_MOST_KEPT: Final = 4_096


def normal(member: str) -> str:
    """A place or a word as lists hold it: the same however it is typed, in width, case and spaces."""
    return " ".join(unicodedata.normalize("NFKC", member).casefold().split())


class Words:
    """What `in` asks of a list of words. Few words come again and again: what was found of them is kept."""

    def __init__(self, members: Collection[str]) -> None:
        self._exact = frozenset(member for member in members if ANYTHING not in member)
        self._like = tuple(
            re.compile(".*".join(map(re.escape, member.split(ANYTHING))), re.DOTALL)
            for member in sorted(members)
            if ANYTHING in member
        )
        self._known: dict[str, bool] = {}

    def __contains__(self, said: str) -> bool:
        found = self._known.get(said)
        if found is None:
            word = normal(said)
            found = word in self._exact or any(like.fullmatch(word) for like in self._like)
            if len(self._known) < _MOST_KEPT:
                self._known[said] = found
        return found
