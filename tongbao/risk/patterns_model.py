"""A search for patterns among known frauds: what is looked for, how far it is, and what came of it. Amounts are integers of minor units."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a pattern. `sign`: `>=` or `<` a number, `=` a text or a truth, `null` where what it names is missing."""

    name: str
    sign: str
    value: int | bool | str | None = None
    currency: str | None = None
    """Of an amount."""


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """The payments of some days of the bank. `floor`: frauds of 100 payments that a pattern must meet to be shown."""

    first_day: date
    last_day: date
    floor: int


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """What a pattern meets of some payments. `honest`: where one in so many was looked at, each is counted so many times."""

    frauds: int
    honest: int


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions that frauds share. `found`: on the older payments, by which it was found; `later`: on the newer ones.

    Of the frauds that it meets on the newer payments: `known` are met by rules in force (whose names are `rules`) already; `fraud_minor`
    is their money by currency, `paid_minor` what the bank did not decline of it; `examples` are the newest of them.
    """

    conditions: tuple[Condition, ...]
    expression: str
    found: Met
    later: Met
    known: int
    rules: tuple[str, ...]
    fraud_minor: dict[str, int]
    paid_minor: dict[str, int]
    examples: tuple[UUID, ...]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Payments one after the other in time, the first and the last of them."""

    first_at: datetime
    last_at: datetime
    frauds: int
    honest: int


class Patterns(msgspec.Struct, frozen=True, kw_only=True):
    """`every`: of the payments that nobody called fraud one in so many was looked at. `together`: frauds of the newer payments that any pattern meets.

    `rejected`: patterns that the newer payments did not bear out.
    """

    every: int
    older: Part
    newer: Part
    patterns: tuple[Pattern, ...]
    together: int
    rejected: int


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """`trouble`: `cancelled`, `too_few`, `too_many`, `too_long` or `gave_up`, where it ended without a result."""

    id: UUID
    asked_by: UUID
    asked_at: datetime
    what: Sought
    tries: int
    told_at: datetime | None
    total: int
    looked: int
    found: int
    ended_at: datetime | None
    trouble: str | None
    result: Patterns | None

    @property
    def is_open(self) -> bool:
        return self.ended_at is None
