"""What runs later: the caller of rails, and thin calls of verbs. Each may be run again at any time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tongbao.base import days, sender
from tongbao.base.clock import Clock
from tongbao.base.db import Database, Tx
from tongbao.base.dispatcher import Consumer
from tongbao.base.jobs import Job, JobContext
from tongbao.base.settings import Settings
from tongbao.payments import cards, family, payer_codes, payroll, rail_calls, rails, schedules, told, transfers, ways
from tongbao.payments.asking import ask_rail, take_answers
from tongbao.payments.intake import Intake
from tongbao.payments.model import RailCall, RailParcel

_AT_ONCE_EACH: Final = 16
"""Questions under way at one rail, so that a slow one keeps nobody else waiting."""
_BULK: Final = 500


class Caller(sender.Sender[RailParcel, RailCall]):
    """Asks rails for what is due, and takes the answers."""

    stumbled = "rails_stumbled"

    def __init__(self, db: Database, clock: Clock, settings: Settings, connected: rails.Rails) -> None:
        super().__init__(db, clock)
        self._ways = connected
        self._intake = Intake(db, clock, settings)

    async def take(self, lease: UUID, at: datetime) -> Sequence[RailParcel]:
        busy = Counter(parcel.rail for parcel in self.flying)
        room = {rail: _AT_ONCE_EACH - busy[rail] for rail in self._ways if busy[rail] < _AT_ONCE_EACH}
        if not room:
            return ()
        async with self._db.tx() as tx:
            return await rail_calls.take_due(tx, room, lease, at)

    async def send(self, parcel: RailParcel, at: datetime) -> RailCall:
        return await ask_rail(self._ways[parcel.rail], parcel, at)

    async def record(self, answers: Sequence[tuple[RailParcel, RailCall]]) -> None:
        await take_answers(self._db, self._intake, answers)


async def call_rails(db: Database, clock: Clock, settings: Settings, stop: asyncio.Event) -> None:
    """The worker's part: asks rails until `stop`, if the settings name any. Run as many workers as you like."""
    if not ways.names(settings):
        await stop.wait()
        return
    async with ways.connected(db, clock.now, settings) as connected:
        await Caller(db, clock, settings, connected).run(stop)


def _intake(context: JobContext) -> Intake:
    return Intake(context.db, context.clock, context.settings)


async def _end_due(context: JobContext) -> None:
    await _intake(context).end_due()


async def _run_due(context: JobContext) -> None:
    at = context.clock.now()
    today = days.local_day(at, context.settings.zone)
    await schedules.run_due(context.db, _intake(context), today=today, at=at)


async def _go_on_with_payrolls(context: JobContext) -> None:
    async with context.db.read() as tx:
        waiting = await payroll.running_payrolls(tx)
    intake = _intake(context)
    for id_ in waiting:
        await payroll.run_payroll(context.db, intake, id_, context.clock.now())


async def _forget_rail_calls(context: JobContext) -> None:
    async def forget(tx: Tx) -> int:
        return await rail_calls.forget_calls(tx, context.clock.now(), most=_BULK)

    while await context.db.retry(forget) == _BULK:
        pass


async def _give_up_cards(context: JobContext) -> None:
    async def give_up(tx: Tx) -> int:
        return await cards.give_up_cards(tx, context.clock.now(), most=_BULK)

    while await context.db.retry(give_up) == _BULK:
        pass


async def _forget_lookups(context: JobContext) -> None:
    async def forget(tx: Tx) -> int:
        return await transfers.forget_lookups(tx, context.clock.now(), most=_BULK)

    while await context.db.retry(forget) == _BULK:
        pass


CONSUMERS = (
    Consumer(name="payments.family", handle=family.follow_payments, topics=family.TOPICS),
    Consumer(name="payments.told", handle=told.tell_people, topics=told.TOPICS),
)


async def _forget_payer_codes(context: JobContext) -> None:
    async def forget(tx: Tx) -> int:
        return await payer_codes.forget_payer_codes(tx, context.clock.now(), most=_BULK)

    while await context.db.retry(forget) >= _BULK:
        pass


JOBS = (
    Job(name="payments.end_due", cron="* * * * *", run=_end_due),
    Job(name="payments.run_schedules", cron="*/5 * * * *", run=_run_due),
    Job(name="payments.go_on_with_payrolls", cron="* * * * *", run=_go_on_with_payrolls),
    Job(name="payments.give_up_cards", cron="17 * * * *", run=_give_up_cards),
    Job(name="payments.forget_rail_calls", cron="23 19 * * *", run=_forget_rail_calls),
    Job(name="payments.forget_lookups", cron="41 19 * * *", run=_forget_lookups),
    Job(name="payments.forget_payer_codes", cron="43 * * * *", run=_forget_payer_codes),
)
