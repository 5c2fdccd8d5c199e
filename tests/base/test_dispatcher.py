"""Events reach their consumers: none lost, in order within an aggregate, and a bad one holds up nobody else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg
import pytest

from tongbao.base import audit, dispatcher, outbox, parked
from tongbao.base.dispatcher import Consumer, Dispatcher, dispatch_once
from tongbao.base.outbox import Event
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tongbao.base.clock import ManualClock
    from tongbao.base.db import Database, Tx

STAFF = Principal(id=uuid4(), kind=PrincipalKind.STAFF)


class Reader:
    """A consumer that remembers what it was given, refuses the poisoned, and counts each event once, as it should."""

    def __init__(self, name: str = "reader", topics: frozenset[str] | None = None) -> None:
        self.poison: set[UUID] = set()
        self.calls: list[list[Event]] = []
        self.taken: list[Event] = []
        self.consumer = Consumer(name=name, handle=self._handle, topics=topics)

    async def _handle(self, tx: Tx, events: Sequence[Event]) -> None:
        self.calls.append(list(events))
        for event in events:
            if event.event_id in self.poison:
                raise ValueError(f"cannot digest tb_live_{event.sequence}abcdef")
            await tx.run("INSERT INTO public.seen (event_id) VALUES (%(id)s) ON CONFLICT DO NOTHING", id=event.event_id)
        new = [e for e in events if e.event_id not in {t.event_id for t in self.taken}]
        self.taken += new

    def of(self, aggregate: UUID) -> list[int]:
        return [e.sequence for e in self.taken if e.aggregate == aggregate]


@pytest.fixture
async def reader(db: Database) -> Reader:
    async with db.tx() as tx:
        await tx.run("CREATE TABLE public.seen (event_id uuid PRIMARY KEY)")
    return Reader()


def event(aggregate: UUID, sequence: int, at: datetime, topic: str = "payment.completed") -> Event:
    return Event(
        event_id=uuid4(),
        topic=topic,
        aggregate=aggregate,
        sequence=sequence,
        at=at,
        booking_date=at.date(),
        payload={"amount_minor": 1250, "currency": "CNY"},
    )


async def write(db: Database, *events: Event) -> None:
    async with db.tx() as tx:
        await outbox.append(tx, events)


async def settle(db: Database, reader: Reader, clock: ManualClock, *, patience_s: int = 20) -> None:
    """Dispatches until there is nothing to do; a transaction anywhere in the server may hold events back."""
    quiet = 0
    for _ in range(patience_s * 50):
        quiet = 0 if await dispatch_once(db, reader.consumer, clock) else quiet + 1
        async with db.read() as tx:
            left = [lag.unread for lag in await parked.lag(tx) if lag.consumer == reader.consumer.name]
        if quiet >= 2 and left == [0]:
            return
        await asyncio.sleep(0.02 if quiet else 0)
    raise TimeoutError("the dispatcher does not come to rest")


async def states(db: Database) -> dict[UUID, str]:
    async with db.read() as tx:
        return {held.event_id: held.state for held in await parked.held_events(tx, parked_only=False)}


async def test_events_arrive_once_with_what_the_consumer_wrote(
    db: Database, reader: Reader, clock: ManualClock
) -> None:
    payment = uuid4()
    events = [event(payment, n, clock.now()) for n in range(1, 4)]
    await write(db, *events)
    await settle(db, reader, clock)
    assert reader.taken == events
    async with db.read() as tx:
        assert await tx.row("SELECT count(*) FROM public.seen") == (3,)
        assert await outbox.events_of(tx, payment) == events
    assert await dispatch_once(db, reader.consumer, clock) == 0


async def test_a_consumer_gets_its_topics_and_its_cursor_passes_the_others(
    db: Database, reader: Reader, clock: ManualClock
) -> None:
    wanted = Reader("wanted", frozenset({"refund.made"}))
    await write(db, *(event(uuid4(), 1, clock.now()) for _ in range(5)), event(uuid4(), 1, clock.now(), "refund.made"))
    await write(db, *(event(uuid4(), 1, clock.now()) for _ in range(5)))
    await settle(db, wanted, clock)
    assert [e.topic for e in wanted.taken] == ["refund.made"]
    assert wanted.taken[0].payload == {"amount_minor": 1250, "currency": "CNY"}


async def test_a_later_id_that_commits_first_does_not_lose_the_earlier_one(
    db: Database, reader: Reader, clock: ManualClock
) -> None:
    early, late = event(uuid4(), 1, clock.now()), event(uuid4(), 1, clock.now())
    async with db.tx() as slow:
        await outbox.append(slow, [early])
        await write(db, late)
        assert await dispatch_once(db, reader.consumer, clock) == 0
        assert reader.taken == []
    await settle(db, reader, clock)
    assert {e.event_id for e in reader.taken} == {early.event_id, late.event_id}


async def test_the_order_of_an_aggregate_wins_over_the_order_of_transactions(
    db: Database, reader: Reader, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second to take the aggregate's lock began first, and the page is cut between the two."""
    monkeypatch.setattr(dispatcher, "PAGE", 1)
    payment = uuid4()
    async with db.tx() as began_first:
        await write(db, event(payment, 1, clock.now()))
        await outbox.append(began_first, [event(payment, 2, clock.now())])
    await settle(db, reader, clock)
    assert reader.of(payment) == [1, 2]


async def test_only_the_aggregate_of_a_bad_event_waits(db: Database, reader: Reader, clock: ManualClock) -> None:
    lines = [uuid4() for _ in range(30)]
    events = [event(line, n, clock.now()) for n in (1, 2, 3) for line in lines]
    bad = next(e for e in events if (e.aggregate, e.sequence) == (lines[7], 2))
    reader.poison.add(bad.event_id)
    await write(db, *events)
    await settle(db, reader, clock)
    assert all(reader.of(line) == [1, 2, 3] for line in lines if line != lines[7])
    assert reader.of(lines[7]) == [1]
    assert sorted((await states(db)).values()) == ["retrying", "waiting"]
    async with db.read() as tx:
        assert await tx.row("SELECT count(*) FROM public.seen") == (len(events) - 2,)
    assert len(reader.calls) < 20, "halving, not one by one"

    await write(db, event(lines[7], 4, clock.now()))
    await settle(db, reader, clock)
    reader.poison.clear()
    clock.tick(timedelta(seconds=2))
    await settle(db, reader, clock)
    assert reader.of(lines[7]) == [1, 2, 3, 4]
    assert await states(db) == {}


async def test_ten_failures_park_an_event_and_staff_send_it_again(
    db: Database, reader: Reader, clock: ManualClock
) -> None:
    line = uuid4()
    events = [event(line, n, clock.now()) for n in (1, 2, 3)]
    reader.poison.add(events[0].event_id)
    await write(db, *events)
    for _ in range(12):
        await settle(db, reader, clock)
        clock.tick(timedelta(minutes=6))
    tries = [call for call in reader.calls if events[0] in call and len(call) == 1]
    assert len(tries) == 10
    assert await states(db) == {
        events[0].event_id: "parked",
        events[1].event_id: "waiting",
        events[2].event_id: "waiting",
    }
    async with db.read() as tx:
        (held,) = await parked.held_event(tx, events[0].event_id)
        assert (held.attempts, held.error) == (10, "ValueError: cannot digest tb_***")
        assert held.payload == events[0].payload
        assert [lag.parked for lag in await parked.lag(tx)] == [1]

    reader.poison.clear()
    async with db.tx() as tx:
        assert await parked.resend(tx, STAFF, at=clock.now(), event_ids=[held.event_id], reason="repaired") == 1
    await settle(db, reader, clock)
    assert reader.of(line) == [1, 2, 3]
    async with db.read() as tx:
        (entry,) = await audit.trail(tx, principal_id=STAFF.id)
    assert (entry.action, entry.reason, entry.details["sent"]) == ("events.resend", "repaired", 1)


async def test_resending_says_what_it_means(db: Database, reader: Reader, clock: ManualClock) -> None:
    events = [event(uuid4(), 1, clock.now()) for _ in range(3)]
    reader.poison |= {e.event_id for e in events}
    await write(db, *events)
    for _ in range(12):
        await settle(db, reader, clock)
        clock.tick(timedelta(minutes=6))
    async with db.tx() as tx:
        with pytest.raises(Refusal, match="resend_needs_a_choice"):
            await parked.resend(tx, STAFF, at=clock.now())
        with pytest.raises(Refusal, match="event_not_held"):
            await parked.resend(tx, STAFF, at=clock.now(), event_ids=[uuid4()])
        with pytest.raises(Refusal, match="event_not_held"):
            await parked.held_event(tx, uuid4())
        assert await parked.resend(tx, STAFF, at=clock.now(), since=clock.now()) == 0
        first = await parked.held_events(tx, most=2)
        rest = await parked.held_events(tx, after=(first[-1].outbox_id, first[-1].consumer))
        assert [held.event_id for held in first + rest] == [e.event_id for e in events]
        assert await parked.resend(tx, STAFF, at=clock.now(), everything=True, consumer="nobody") == 0
        assert await parked.resend(tx, STAFF, at=clock.now(), everything=True) == 3


async def test_a_bad_event_whose_forerunner_lies_beyond_the_page(
    db: Database, reader: Reader, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "PAGE", 1)
    payment, second = uuid4(), event(uuid4(), 2, clock.now())
    second = event(payment, 2, clock.now())
    reader.poison.add(second.event_id)
    async with db.tx() as began_first:
        await write(db, event(payment, 1, clock.now()))
        await outbox.append(began_first, [second])
    await settle(db, reader, clock)
    assert reader.of(payment) == [1]
    reader.poison.clear()
    clock.tick(timedelta(seconds=5))
    await settle(db, reader, clock)
    assert reader.of(payment) == [1, 2]
    assert await states(db) == {}


async def test_a_consumer_that_swallows_an_error_of_the_database_is_not_believed(
    db: Database, reader: Reader, clock: ManualClock
) -> None:
    async def careless(tx: Tx, events: Sequence[Event]) -> None:
        try:
            await tx.run("SELECT 1 / 0")
        except psycopg.Error:
            return

    await write(db, event(uuid4(), 1, clock.now()))
    reader.consumer = Consumer(name="careless", handle=careless)
    await settle(db, reader, clock)
    assert list((await states(db)).values()) == ["retrying"]


async def test_everything_that_fails_costs_one_transaction_each(
    db: Database, reader: Reader, clock: ManualClock
) -> None:
    events = [event(uuid4(), 1, clock.now()) for _ in range(100)]
    reader.poison |= {e.event_id for e in events}
    await write(db, *events)
    await settle(db, reader, clock)
    assert set((await states(db)).values()) == {"retrying"}
    assert len(reader.calls) < 120
    reader.poison.clear()
    clock.tick(timedelta(seconds=5))
    reader.calls.clear()
    await settle(db, reader, clock)
    assert len(reader.taken) == 100
    assert len(reader.calls) < 5, "held events of several aggregates are tried together"


async def test_two_dispatchers_share_the_work(db: Database, reader: Reader, clock: ManualClock) -> None:
    other = Reader("other")
    lines = [uuid4() for _ in range(40)]
    stop = asyncio.Event()
    consumers = [reader.consumer, other.consumer]
    running = [asyncio.create_task(Dispatcher(db, consumers, clock, at_once=2).run(stop)) for _ in range(2)]
    for n in range(1, 6):
        await write(db, *(event(line, n, clock.now()) for line in lines))
        await asyncio.sleep(0.02)
    for _ in range(500):
        if len(reader.taken) == len(other.taken) == 200:
            break
        await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*running)
    for who in (reader, other):
        assert all(who.of(line) == [1, 2, 3, 4, 5] for line in lines)
        assert sum(len(call) for call in who.calls) == 200, "nothing was handed over twice"


async def test_a_dispatcher_outlives_the_loss_of_its_connections(
    db: Database, reader: Reader, clock: ManualClock
) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(Dispatcher(db, [reader.consumer], clock).run(stop))
    await asyncio.sleep(0.1)
    async with await psycopg.AsyncConnection.connect(db.url, autocommit=True) as stranger:
        await stranger.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await write(db, event(uuid4(), 1, clock.now()))
    for _ in range(500):
        if reader.taken:
            break
        await asyncio.sleep(0.02)
    stop.set()
    await running
    assert len(reader.taken) == 1
