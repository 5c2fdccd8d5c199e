"""How rails and methods do: what the board, staff and `tongbao doctor` show, from what was asked and paid of late."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from tongbao.base.db import Tx
from tongbao.payments import store
from tongbao.payments.model import Method

MINUTES: Final = timedelta(minutes=5)
_HOUR: Final = timedelta(hours=1)
_SLOW_MS: Final = 2_000
_SLOW_SHARE: Final = 10
"""Slow where more than a tenth of what was asked got no answer."""


class RailState(StrEnum):
    """`slow`: answers take over two seconds, or some do not come. `down`: left alone because none came."""

    UP = "up"
    SLOW = "slow"
    DOWN = "down"
    UNUSED = "unused"


class RailCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a rail was asked in a span of time. What is neither accepted, declined nor unanswered it had never seen."""

    asked: int
    accepted: int
    declined: int
    unanswered: int


class RailHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A rail now. `p50_ms`, `p95_ms`: how long answers of the last five minutes took; null where there was none.

    `waiting`: payments that have no answer yet, the oldest since `oldest_waiting_at`. `down_until`: when it is tried next.
    """

    name: str
    state: RailState
    five_minutes: RailCounts
    hour: RailCounts
    p50_ms: int | None
    p95_ms: int | None
    last_answer_at: datetime | None
    waiting: int
    oldest_waiting_at: datetime | None
    failing: int
    failing_since: datetime | None
    down_until: datetime | None


class MethodHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What became of payments by one method in the last minutes. What neither went through nor was declined waits."""

    method: str
    payments: int
    went_through: int
    declined: int
    newest_at: datetime | None


async def rail_health(tx: Tx, names: Iterable[str], at: datetime) -> list[RailHealth]:
    """Every rail of `names` (those that the settings name), and every other that payments still wait for; by name."""
    rows = await store.rail_health(tx, names, minutes_ago=at - MINUTES, hour_ago=at - _HOUR)
    return [_health(row) for row in rows]


def _health(row: tuple[Any, ...]) -> RailHealth:
    counts = [
        RailCounts(asked=asked, accepted=accepted, declined=declined, unanswered=unanswered)
        for asked, accepted, declined, unanswered in (row[1:5], row[7:11])
    ]
    p50_ms, p95_ms = row[5:7]
    last_answer_at, waiting, oldest_at, failing, failing_since, open_until = row[11:]
    return RailHealth(
        name=row[0],
        state=_state(counts[0], counts[1], p95_ms, open_until),
        five_minutes=counts[0],
        hour=counts[1],
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        last_answer_at=last_answer_at,
        waiting=waiting,
        oldest_waiting_at=oldest_at,
        failing=failing,
        failing_since=failing_since,
        down_until=open_until,
    )


def _state(minutes: RailCounts, hour: RailCounts, p95_ms: int | None, open_until: datetime | None) -> RailState:
    if open_until is not None:
        return RailState.DOWN
    if hour.asked == 0:
        return RailState.UNUSED
    is_slow = p95_ms is not None and p95_ms >= _SLOW_MS
    return RailState.SLOW if is_slow or minutes.unanswered * _SLOW_SHARE > minutes.asked else RailState.UP


async def method_health(tx: Tx, at: datetime) -> list[MethodHealth]:
    """Every method, whether it was used in the last five minutes or not."""
    found = {row[0]: row[1:] for row in await store.method_health(tx, at - MINUTES)}
    return [
        MethodHealth(method=method, payments=n, went_through=through, declined=declined, newest_at=newest)
        for method in map(str, Method)
        for n, through, declined, newest in [found.get(method, (0, 0, 0, None))]
    ]
