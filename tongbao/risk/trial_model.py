"""A rule tried over history: what is tried, how far it is, and what came of it. Amounts are integers of minor units."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from tongbao.risk.replay_model import Past
from tongbao.risk.rule_model import Action


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A condition within its scope, over the payments of some days of the bank. `version`: that of the rule it is compared with."""

    expression: str
    action: Action
    points: int
    kinds: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    first_day: date
    last_day: date
    rule_id: UUID | None = None
    name: str = ""
    version: int | None = None
    merchants: tuple[UUID, ...] = ()
    countries: tuple[str, ...] = ()


class Then(msgspec.Struct, frozen=True):
    """A payment of the past with what became of it: `is_fraud` is None where nobody has said."""

    past: Past
    day: date
    is_declined: bool
    is_fraud: bool | None


class Arm(msgspec.Struct, kw_only=True):
    """What one condition would have met. What nobody has called fraud counts as good."""

    hits: int = 0
    frauds: int = 0
    labelled: int = 0
    fraud_minor: dict[str, int] = {}
    """By currency, what was taken by frauds that it meets."""
    paid_minor: dict[str, int] = {}
    """That part of it which the bank did not decline then: what this condition would have kept."""
    annoyed: int = 0
    """Payers of good payments that it meets, each once."""
    thrown: int = 0


class Day(msgspec.Struct, kw_only=True):
    """One day of the bank: payments looked at, frauds among them, hits of the new condition and of the present one."""

    day: date
    looked: int = 0
    frauds: int = 0
    new: int = 0
    present: int = 0


class Overlap(msgspec.Struct, kw_only=True):
    """Another rule: what it met then, and what both meet."""

    rule: str
    theirs: int = 0
    both: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """`unknown`: payments that were remembered without what they themselves said, and are left out. `present`: of the rule's present version.

    `alone`: hits of the new condition that no other rule met.
    """

    looked: int
    unknown: int
    frauds: int
    labelled: int
    new: Arm
    present: Arm | None
    alone: int
    days: tuple[Day, ...]
    overlaps: tuple[Overlap, ...]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """`trouble`: `cancelled`, `too_many`, `too_long`, `gave_up` or `unsound`, where it ended without a result."""

    id: UUID
    asked_by: UUID
    asked_at: datetime
    what: Tried
    tries: int
    told_at: datetime | None
    total: int
    looked: int
    ended_at: datetime | None
    trouble: str | None
    result: Result | None

    @property
    def is_open(self) -> bool:
        return self.ended_at is None
