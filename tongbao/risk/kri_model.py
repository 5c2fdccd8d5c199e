"""Key indicators of risk: what each one is made of, its limits, what went beyond them. More is worse for all of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

State = Literal["green", "amber", "red", "unset"]


class Day(msgspec.Struct, frozen=True):
    """What a day of the calendar gave. Amounts in minor units; what labels say counts on the day on which it was said."""

    day: date
    judged: int
    asked: int
    held: int
    denied: int
    by_fallback: int
    volume_minor: int
    lost_minor: int
    stopped: int
    false_alarms: int
    labelled: int
    delay_hours: int
    not_mine: int


class Indicator(msgspec.Struct, frozen=True):
    """`part` of `whole`, times `scale`: 10,000 for shares, 1 where the unit is hours."""

    name: str
    part: Callable[[Day], int]
    whole: Callable[[Day], int]
    scale: int = 10_000

    def value(self, days: list[Day]) -> int | None:
        """Of several days together, rounded to the nearest; None where there was nothing to measure."""
        whole = sum(self.whole(day) for day in days)
        return (sum(self.part(day) for day in days) * self.scale * 2 + whole) // (whole * 2) if whole else None


INDICATORS: Final = {
    one.name: one
    for one in (
        Indicator("fraud_loss", lambda d: d.lost_minor, lambda d: d.volume_minor),
        Indicator("challenge_rate", lambda d: d.asked, lambda d: d.judged),
        Indicator("hold_rate", lambda d: d.held, lambda d: d.judged),
        Indicator("denial_rate", lambda d: d.denied, lambda d: d.judged),
        Indicator("false_alarms", lambda d: d.false_alarms, lambda d: d.stopped),
        Indicator("not_mine", lambda d: d.not_mine, lambda d: d.judged),
        Indicator("by_fallback", lambda d: d.by_fallback, lambda d: d.judged),
        Indicator("label_delay", lambda d: d.delay_hours, lambda d: d.labelled, scale=1),
    )
}


class Limit(msgspec.Struct, frozen=True):
    """From which value on an indicator is amber, from which red; whether the stance is tightened while it is red."""

    indicator: str
    version: int
    amber: int
    red: int
    since_at: datetime
    reason: str
    approval_id: UUID
    tightens: bool = False


class LimitChange(msgspec.Struct, frozen=True, kw_only=True):
    """The next limits of an indicator. `expected`: the version that was seen, 0 for none."""

    indicator: str
    expected: int
    amber: int
    red: int
    tightens: bool = False


class Breach(msgspec.Struct, frozen=True):
    indicator: str
    day: date
    state: str
    value: int
    version: int
    told_at: datetime


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator now: of the last seven days together, and day by day."""

    indicator: Indicator
    value: int | None
    days: list[tuple[date, int | None]]
    limit: Limit | None

    @property
    def state(self) -> State:
        if self.limit is None or self.value is None:
            return "unset" if self.limit is None else "green"
        return "red" if self.value >= self.limit.red else "amber" if self.value >= self.limit.amber else "green"
