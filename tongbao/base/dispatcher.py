"""Hands events to their consumers after the commit: in order within an aggregate, at least once, any number of workers.

A page of events goes to a consumer in one transaction, and its cursor moves in that same transaction: what a consumer
writes to this database happens once, what it sends elsewhere must carry the event id. A page that fails is cut in
halves, each tried in a transaction of its own (the locks of a first half must not outlive it), until the culprit
stands alone. The culprit is tried again later, ten times in all, then parked for staff (`parked.py`); only its
aggregate waits behind it.

Whoever holds a consumer's cursor row works for it: reading pages and trying held events again are never done by two.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tongbao.base import log, metrics, sql
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Rank, Tx, database_gone
from tongbao.base.outbox import Event

Q = sql.load("tongbao.base")

PAGE = 1000
TRIES = 10
_HELD_PAGE = 100
_FIRST_PAUSE_S = 1
_LONGEST_PAUSE_S = 300
_HANDLE_S = 30

logger = log.get(__name__)
_encode = msgspec.json.Encoder().encode


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """`handle(tx, events)` takes events of `topics` (all where that is None), idempotent by event id; it never commits.

    It has 30 seconds for what it is given; longer counts as a failure.
    """

    name: str
    handle: Callable[[Tx, Sequence[Event]], Awaitable[None]]
    topics: frozenset[str] | None = None


class _Row(msgspec.Struct, frozen=True):
    outbox_id: int
    event: Event


class _Split(Exception):
    """A page of `rows` failed and can be cut."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


def pause(attempts: int) -> timedelta:
    """How long an event rests after its n-th failure: 1, 2, 4 ... seconds, at most five minutes."""
    return timedelta(seconds=min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (attempts - 1)))


async def dispatch_once(db: Database, consumer: Consumer, clock: Clock) -> int:
    """Tries what is due again, then reads one page; how many events were taken or set aside. 0: nothing to do now.

    Raises what the database raises when it is gone; anything that `handle` raises is the event's own trouble.
    """
    async with db.read() as tx:
        look = await tx.row(Q["anything_for"], consumer=consumer.name, at=clock.now())
    if look is None or not look[0]:
        return 0
    return await _try_held_again(db, consumer, clock) + await _read_on(db, consumer, clock)


async def _read_on(db: Database, consumer: Consumer, clock: Clock) -> int:
    """One page where all goes well; shorter ones around a culprit, and longer ones again behind it."""
    total, most, suspects = 0, PAGE, 0
    while total < PAGE:
        try:
            rows, culprit = await _page(db, consumer, clock.now(), most)
        except _Split as split:
            most, suspects = max(1, split.rows // 2), split.rows
            continue
        total += rows
        if rows < most:
            break
        suspects = 0 if culprit else max(0, suspects - rows)
        most = 1 if culprit else max(1, suspects // 2) if suspects else min(PAGE, most * 2)
    return total


async def _page(db: Database, consumer: Consumer, at: datetime, most: int) -> tuple[int, bool]:
    """Up to `most` rows in one transaction; how many were passed, and whether one was set aside as a culprit."""
    async with db.tx() as tx:
        place = await _lock_cursor(tx, consumer, at)
        if place is None:
            return 0, False
        topics = None if consumer.topics is None else sorted(consumer.topics)
        found = await tx.rows(Q["events_after"], xid=place[0], id=place[1], most=most, topics=topics)
        if not found:
            return 0, False
        xid, rows = found[-1][8:10]
        page = [_row(row[:8]) for row in found if row[10]]
        if rows == most and page:
            page += await _earlier(tx, page, xid, found[-1][0], topics)
        held = await _held(tx, consumer, page)
        behind = [row for row in page if row.event.aggregate in held]
        free = _in_order([row for row in page if row.event.aggregate not in held])
        culprit = await _hand_over(tx, consumer, free, at, rows)
        await _hold(tx, consumer, behind, at, state="waiting")
        await tx.run(Q["move_cursor"], consumer=consumer.name, xid=xid, id=found[-1][0], at=at)
    return rows, culprit


async def _lock_cursor(tx: Tx, consumer: Consumer, at: datetime) -> tuple[int, int] | None:
    """Where the consumer stands; None while another worker is at it."""
    found = await tx.lock(Rank.IDS, Q["lock_cursor"], [consumer.name])
    if found:
        return found[0][0], found[0][1]
    return (0, 0) if await tx.run(Q["start_cursor"], consumer=consumer.name, at=at) else None


async def _earlier(tx: Tx, page: list[_Row], xid: int, last_id: int, topics: list[str] | None) -> list[_Row]:
    """Beyond the cut there may be events that belong before some of the page. They come again, which does no harm."""
    last = {row.event.aggregate: row for row in sorted(page, key=lambda row: (row.event.sequence, row.outbox_id))}
    found = await tx.rows(
        Q["earlier_events_of"],
        aggregates=list(last),
        sequences=[row.event.sequence for row in last.values()],
        ids=[row.outbox_id for row in last.values()],
        xid=xid,
        id=last_id,
        topics=topics,
    )
    return [_row(row) for row in found]


async def _held(tx: Tx, consumer: Consumer, page: list[_Row]) -> set[UUID]:
    aggregates = sorted({row.event.aggregate for row in page})
    if not aggregates:
        return set()
    found = await tx.rows(Q["held_aggregates"], consumer=consumer.name, aggregates=aggregates)
    return {aggregate for (aggregate,) in found}


async def _hand_over(tx: Tx, consumer: Consumer, free: list[_Row], at: datetime, rows: int) -> bool:
    """Whether what was handed over had to be set aside. Raises _Split while there is something to cut."""
    error = await _attempt(tx, consumer, [row.event for row in free])
    if error is None:
        return False
    if rows > 1 and len(free) > 1:
        raise _Split(rows)
    # More than one: an event and earlier ones of its aggregate. They are handed over again one by one, in order.
    alone = len(free) == 1
    first_at = at + pause(1) if alone else at
    await _hold(tx, consumer, free[:1], first_at, state="retrying", attempts=int(alone), error=_said(error))
    await _hold(tx, consumer, free[1:], at, state="waiting")
    return True


async def _attempt(tx: Tx, consumer: Consumer, events: list[Event]) -> Exception | None:
    """What went wrong, with everything that `handle` wrote undone; a lost database is raised."""
    if not events:
        return None
    try:
        async with tx.savepoint(), asyncio.timeout(_HANDLE_S):
            await consumer.handle(tx, events)
    except Exception as error:
        if tx.conn.closed or database_gone(error):
            raise
        metrics.EVENTS.labels(consumer.name, "failed").inc(len(events))
        return error
    metrics.EVENTS.labels(consumer.name, "taken").inc(len(events))
    return None


async def _hold(
    tx: Tx, consumer: Consumer, rows: list[_Row], next_at: datetime, *, state: str, attempts: int = 0, error: str = ""
) -> None:
    if not rows:
        return
    events = [row.event for row in rows]
    await tx.run(
        Q["hold_events"],
        consumer=consumer.name,
        event_ids=[e.event_id for e in events],
        ids=[row.outbox_id for row in rows],
        aggregates=[e.aggregate for e in events],
        sequences=[e.sequence for e in events],
        topics=[e.topic for e in events],
        moments=[e.at for e in events],
        dates=[e.booking_date for e in events],
        payloads=[_encode(e.payload).decode() for e in events],
        states=[state] * len(rows),
        attempts=[attempts] * len(rows),
        errors=[error] * len(rows),
        next_at=next_at,
    )


async def _try_held_again(db: Database, consumer: Consumer, clock: Clock) -> int:
    """A page of due events at once, each of another aggregate; where that fails, one at a time."""
    total, most = 0, _HELD_PAGE
    while total < _HELD_PAGE:
        try:
            tried = await _held_page(db, consumer, clock.now(), most)
        except _Split:
            most = 1
            continue
        total += tried
        if tried < most:
            break
    return total


async def _held_page(db: Database, consumer: Consumer, at: datetime, most: int) -> int:
    async with db.tx() as tx:
        if await _lock_cursor(tx, consumer, at) is None:
            return 0
        due = await tx.rows(Q["due_held_events"], consumer=consumer.name, at=at, most=most)
        rows = [_row(row[:8]) for row in due]
        error = await _attempt(tx, consumer, [row.event for row in _in_order(rows)])
        if error is not None and len(rows) > 1:
            raise _Split(len(rows))
        if error is not None:
            attempts = due[0][8] + 1
            state = "parked" if attempts >= TRIES else "retrying"
            if state == "parked":
                event = rows[0].event
                logger.error("event_parked", consumer=consumer.name, event_id=str(event.event_id), topic=event.topic)
            await tx.run(
                Q["held_failed"],
                consumer=consumer.name,
                event_id=rows[0].event.event_id,
                attempts=attempts,
                next_at=at + pause(attempts),
                error=_said(error),
                state=state,
            )
        elif rows:
            ids = [row.event.event_id for row in rows]
            await tx.run(Q["held_done"], consumer=consumer.name, event_ids=ids, at=at)
    return len(rows)


def _row(row: tuple[Any, ...]) -> _Row:
    outbox_id, event_id, topic, aggregate, sequence, at, day, payload = row
    event = Event(
        event_id=event_id,
        topic=topic,
        aggregate=aggregate,
        sequence=sequence,
        at=at,
        booking_date=day,
        payload=payload,
    )
    return _Row(outbox_id, event)


def _in_order(rows: list[_Row]) -> list[_Row]:
    """By time of writing; where that contradicts an aggregate's own sequence, the sequence wins."""
    by_id = sorted(rows, key=lambda row: row.outbox_id)
    lines: dict[UUID, list[_Row]] = defaultdict(list)
    for row in by_id:
        lines[row.event.aggregate].append(row)
    turns = {
        key: iter(sorted(line, key=lambda row: (row.event.sequence, row.outbox_id))) for key, line in lines.items()
    }
    return [next(turns[row.event.aggregate]) for row in by_id]


def _said(error: BaseException) -> str:
    """The kind of error and its sentence, without secrets and not without end: staff read it."""
    return log.redacted(f"{type(error).__name__}: {error}")[:1000]


class Dispatcher:
    """Serves several consumers from one process; run as many of them as you like."""

    def __init__(
        self,
        db: Database,
        consumers: Sequence[Consumer],
        clock: Clock,
        *,
        at_once: int = 4,
        shortest_ms: int = 20,
        longest_ms: int = 500,
        drain_s: int = 10,
    ) -> None:
        """`at_once` consumers work at a time, a connection each; pauses grow from `shortest_ms` to `longest_ms`."""
        names = [consumer.name for consumer in consumers]
        if len(names) != len(set(names)):
            raise ValueError(f"two consumers of one name: {sorted(names)}")
        self._db = db
        self._consumers = consumers
        self._clock = clock
        self._turns = asyncio.Semaphore(at_once)
        self._shortest_ms = shortest_ms
        self._longest_ms = longest_ms
        self._drain_s = drain_s

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, then on until nothing is left or `drain_s` is over. Outlives the loss of the database."""
        serving = [asyncio.create_task(self._serve(consumer, stop), name=consumer.name) for consumer in self._consumers]
        stopped = asyncio.create_task(stop.wait())
        try:
            await stopped
            _, late = await asyncio.wait(serving, timeout=self._drain_s) if serving else (set(), set())
            for task in late:
                logger.warning("dispatcher_not_drained", task=task.get_name())
        finally:
            for task in (*serving, stopped):
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, consumer: Consumer, stop: asyncio.Event) -> None:
        rest_ms = self._shortest_ms
        while True:
            try:
                async with self._turns:
                    taken = await dispatch_once(self._db, consumer, self._clock)
                rest_ms = 0 if taken else max(self._shortest_ms, min(self._longest_ms, rest_ms * 2))
            except Exception as error:
                taken, rest_ms = 0, min(5_000, max(self._longest_ms, rest_ms * 2))
                logger.warning("dispatcher_stumbled", consumer=consumer.name, error=_said(error))
            if stop.is_set() and not taken:
                return
            if taken:
                continue
            await _rest(stop, timedelta(milliseconds=rest_ms))


async def _rest(stop: asyncio.Event, pause: timedelta) -> None:
    """Sleeps, but wakes up to stop."""
    try:
        await asyncio.wait_for(stop.wait(), pause.total_seconds())
    except TimeoutError:
        return
