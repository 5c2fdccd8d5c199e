"""What is counted of tips and warnings, and what the bank looks at to say what helps one customer."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Counts(msgspec.Struct, frozen=True):
    """How often shown. `followed`: of a warning, paid all the same; of a tip, opened. `turned_back`: of a warning, not paid."""

    code: str
    shown: int
    followed: int
    turned_back: int
    dismissed: int


class Habits(msgspec.Struct, frozen=True):
    """Of a customer's last payments: how many, at night, large; to how many payees; whether more than a password guards him."""

    payments: int
    at_night: int
    large: int
    payees: int
    is_guarded: bool


class Awareness(StrEnum):
    """How well somebody knows the tricks, by the cases that he answered rightly."""

    NONE = "none"
    """He has not answered all cases."""
    LOW = "low"
    FAIR = "fair"
    HIGH = "high"
