"""How the bank stands towards risk: as usual, or tightened, when rules act that judge in shadow otherwise."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Stance(StrEnum):
    USUAL = "usual"
    TIGHTENED = "tightened"


class StanceSet(msgspec.Struct, frozen=True, kw_only=True):
    """The stance from a change on. Set by an `indicator` with its `value`, or by people with their `reason`.

    `calm_since`: since when every indicator that tightens has been within its limits, of the newest alone.
    """

    change: int
    id: UUID
    stance: Stance
    since_at: datetime
    indicator: str | None
    value: int | None
    reason: str | None
    set_by: UUID
    approval_id: UUID | None
    calm_since: datetime | None


class Easing(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval of going back is about. `expected`: the change of the stance that was seen."""

    expected: int


class RiskWatch(msgspec.Struct, frozen=True, kw_only=True):
    """Indicators beyond a limit at present, by colour; whether the rules are tightened; and of the champion its largest PSI in thousandths
    and, of 1,000 frauds that it promised to see, how many it saw, where that is known."""

    amber: int
    red: int
    is_tightened: bool
    drift: int | None = None
    caught: int | None = None
