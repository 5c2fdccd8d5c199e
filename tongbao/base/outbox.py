"""Facts that must leave a transaction: written beside the money, read afterwards by each consumer's own cursor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import sql
from tongbao.base.db import Tx

Q = sql.load("tongbao.base")

_encode = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to one aggregate. `sequence` is taken under its lock. Ids only, no personal data."""

    event_id: UUID
    topic: str
    aggregate: UUID
    sequence: int
    at: datetime
    booking_date: date
    payload: dict[str, Any]


async def append(tx: Tx, events: Sequence[Event]) -> None:
    """Writes `events` in one statement."""
    if events:
        tx.write(
            Q["append_events"],
            dates=[e.booking_date for e in events],
            event_ids=[e.event_id for e in events],
            topics=[e.topic for e in events],
            aggregates=[e.aggregate for e in events],
            sequences=[e.sequence for e in events],
            moments=[e.at for e in events],
            payloads=[_encode(e.payload).decode() for e in events],
        )


async def events_of(tx: Tx, aggregate: UUID) -> list[Event]:
    """What happened to one aggregate, in order; at most 1,000 events."""
    return [
        Event(event_id=i, topic=t, aggregate=aggregate, sequence=s, at=at, booking_date=day, payload=payload)
        for i, t, s, at, day, payload in await tx.rows(Q["events_of"], aggregate=aggregate)
    ]
