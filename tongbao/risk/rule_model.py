"""Rules and lists: what a version says, and what is proposed about them. Moments are UTC; points count towards the score."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from tongbao.risk.expression_model import Unit

LIST_UNITS: Final = (Unit.ACCOUNT, Unit.DEVICE, Unit.PLAIN)
KINDS: Final = ("payment", "transfer")
METHODS: Final = ("account", "qr", "card", "api")
MOST_MEMBERS: Final = 500
"""Of one proposal."""
MOST_MERCHANTS: Final = 100
MOST_COUNTRIES: Final = 50
"""That one rule names."""

RuleName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{3,39}$")]
Said = Annotated[str, msgspec.Meta(max_length=300)]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
Word = Annotated[str, msgspec.Meta(pattern="^[a-z]{1,20}$")]


class Action(StrEnum):
    """What a rule that is met asks for, the mildest first."""

    APPROVE = "approve"
    CHALLENGE = "challenge"
    HOLD = "hold"
    DENY = "deny"


SEVERITY: Final = {action: place for place, action in enumerate(Action)}


class Mode(StrEnum):
    LIVE = "live"
    SHADOW = "shadow"
    """Is judged and remembered, and never acts."""
    RAISED = "raised"
    """Acts while the bank's stance is tightened, and is in shadow otherwise; judges as one of those two."""
    OFF = "off"


class RuleSays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version says. `why`: to staff; `told`: to the customer, who reads a general sentence where it is empty."""

    expression: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    action: Action
    points: Annotated[int, msgspec.Meta(ge=0, le=100)]
    mode: Mode
    kinds: tuple[Word, ...] = ()
    methods: tuple[Word, ...] = ()
    effective_from: datetime | None = None
    """None, or before it is approved: from the approval on."""
    effective_until: datetime | None = None
    why_en: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]
    why_zh: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]
    told_en: Said = ""
    told_zh: Said = ""
    merchants: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=100)] = ()
    countries: Annotated[tuple[Country, ...], msgspec.Meta(max_length=50)] = ()
    """Of the merchant. What goes to no merchant has none, and does not meet a rule that names some."""


class RuleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an approval of a rule is about. `expected`: its newest version when this was proposed, 0 for a new rule."""

    rule_id: UUID
    name: RuleName
    expected: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    says: RuleSays


class RuleVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a rule, never changed."""

    rule_id: UUID
    name: str
    version: int
    says: RuleSays
    begins_at: datetime
    reason: str
    proposed_by: UUID
    approved_by: UUID
    approval_id: UUID

    def state(self, at: datetime) -> str:
        """`live`, `shadow`, `raised`, `off`, or where it is neither: `waiting` for its moment, or `ended`."""
        if at < self.begins_at:
            return "waiting"
        until = self.says.effective_until
        return "ended" if until is not None and until <= at else self.says.mode.value


class Hits(msgspec.Struct, frozen=True):
    """Payments that met a rule on the open day of the bank, and in its last 7 and 30 days."""

    day: int
    week: int
    month: int

    def __add__(self, other: Hits) -> Hits:
        return Hits(self.day + other.day, self.week + other.week, self.month + other.month)


class ListChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an approval of a list is about: who comes in, until when, and who goes out. A list that is new is made."""

    name: RuleName
    unit: Unit
    come: tuple[str, ...] = ()
    until: datetime | None = None
    go: tuple[str, ...] = ()


class RuleList(msgspec.Struct, frozen=True, kw_only=True):
    """`members`: how many stand in it now."""

    name: str
    unit: Unit
    members: int
    made_at: datetime


class Member(msgspec.Struct, frozen=True, kw_only=True):
    member: str
    since_at: datetime
    until_at: datetime | None
    approval_id: UUID
