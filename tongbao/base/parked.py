"""Events that a consumer could not take: what staff see of them and how they send them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import audit, sql
from tongbao.base.db import Tx
from tongbao.base.principal import Principal
from tongbao.base.refusal import RefusalKind

Q = sql.load("tongbao.base")

EVENT_NOT_HELD = RefusalKind(
    "event_not_held", 404, "No consumer holds an event of this id.", "没有处于暂停状态的此编号事件。"
)
RESEND_NEEDS_A_CHOICE = RefusalKind(
    "resend_needs_a_choice",
    422,
    "Say which events: ids, a moment, or all.",
    "请指定要重发的事件：编号、起始时间或全部。",
)


class HeldEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is retrying (tried again at `next_at`), waiting (behind an earlier one of its aggregate) or parked."""

    consumer: str
    event_id: UUID
    aggregate: UUID
    sequence: int
    topic: str
    at: datetime
    state: str
    attempts: int
    next_at: datetime
    error: str | None
    outbox_id: int
    payload: dict[str, Any] | None = None


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far behind a consumer is: events not yet read (counted to 100,000), since when, and how many are parked."""

    consumer: str
    unread: int
    oldest_at: datetime | None
    parked: int


async def held_events(
    tx: Tx,
    *,
    consumer: str | None = None,
    since: datetime | None = None,
    parked_only: bool = True,
    after: tuple[int, str] = (0, ""),
    most: int = 100,
) -> list[HeldEvent]:
    """A page in outbox order; the next one begins after `(outbox_id, consumer)` of the last."""
    found = await tx.rows(
        Q["parked_events"],
        consumer=consumer,
        since=since,
        parked_only=parked_only,
        after=after[0],
        after_consumer=after[1],
        most=min(most, 1000),
    )
    return [_held_event(row) for row in found]


async def held_event(tx: Tx, event_id: UUID) -> list[HeldEvent]:
    """One event, once for each consumer that holds it, with its payload. Refuses `event_not_held`."""
    found = await tx.rows(Q["one_held_event"], event_id=event_id)
    if not found:
        raise EVENT_NOT_HELD()
    return [_held_event(row) for row in found]


async def resend(
    tx: Tx,
    principal: Principal,
    *,
    at: datetime,
    event_ids: Sequence[UUID] | None = None,
    since: datetime | None = None,
    everything: bool = False,
    consumer: str | None = None,
    reason: str | None = None,
) -> int:
    """Gives held events a fresh set of tries, due now; how many. Those behind them follow in order.

    What has just been given one is on its way, and is not counted again.

    Refuses `resend_needs_a_choice` without ids, `since` or `everything`, and `event_not_held` when ids are named of
    which none is held.
    """
    if event_ids is None and since is None and not everything:
        raise RESEND_NEEDS_A_CHOICE()
    ids = None if event_ids is None else sorted(set(event_ids))
    sent = await tx.rows(Q["resend_held"], event_ids=ids, since=since, consumer=consumer, at=at)
    if not sent:
        if ids is not None and not await tx.rows(Q["held_of_these"], event_ids=ids):
            raise EVENT_NOT_HELD()
        return 0
    choice = {"consumer": consumer, "since": since, "event_ids": ids and ids[:100], "sent": len(sent)}
    await audit.record(tx, principal, "events.resend", consumer or "all", at=at, reason=reason, details=choice)
    return len(sent)


async def lag(tx: Tx) -> list[Lag]:
    """Every consumer, by name."""
    return [
        Lag(consumer=name, unread=unread, oldest_at=oldest, parked=parked)
        for name, unread, oldest, parked in await tx.rows(Q["outbox_lag"])
    ]


def _held_event(row: tuple[Any, ...]) -> HeldEvent:
    names = HeldEvent.__struct_fields__
    return HeldEvent(**dict(zip(names, row, strict=False)))
