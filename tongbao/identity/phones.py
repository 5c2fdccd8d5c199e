"""Telephone numbers as people type them, and as others may see them."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from tongbao.identity import refusals as no

_BETWEEN: Final = dict.fromkeys(map(ord, " \t-‐‑‒–—―()./"))
_MOBILE: Final = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})", re.ASCII)
"""Of mainland China, where everybody leaves the country's code out."""
_ABROAD: Final = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})", re.ASCII)
_ENDS: Final = 4


def read_phone(typed: str) -> str:
    """The number as E.164, such as +8613800138000. Refuses `phone_malformed`."""
    plain = unicodedata.normalize("NFKC", typed).translate(_BETWEEN)
    if found := _MOBILE.fullmatch(plain):
        return f"+86{found[1]}"
    found = _ABROAD.fullmatch(plain)
    if found is None or found[1].startswith("86"):
        raise no.PHONE_MALFORMED(field="phone")
    return f"+{found[1]}"


def masked_phone(phone: str) -> str:
    """138 **** 8000, or +44 **** 0958, not broken across lines: enough for its owner to see a wrong digit at either end."""
    if phone.startswith("+86"):
        return f"{phone[3:6]}\u00a0****\u00a0{phone[-_ENDS:]}"
    return f"{phone[:3]}\u00a0****\u00a0{phone[-_ENDS:]}"
