"""Payments for later and standing orders: kept here, paid on their day by a job that may be run again at any time.

A payment's id is derived from the schedule, the date that is due and the day for which the try was planned: nothing is paid
twice, whoever is killed in between. What fails is tried again the next day, three times; then staff and customer are told by
an event, and the schedule goes on with its next date.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from tongbao import merchants
from tongbao.base import audit, outbox
from tongbao.base.db import Database, Tx
from tongbao.base.ids import derived
from tongbao.base.outbox import Event
from tongbao.base.principal import Principal
from tongbao.payments import refusals as no
from tongbao.payments import store
from tongbao.payments.intake import BULK, Intake
from tongbao.payments.model import (
    SCHEDULE_MOVES,
    Every,
    Kind,
    Order,
    Outcome,
    Schedule,
    ScheduleRun,
    ScheduleState,
)

MOST_FAILURES: Final = 3


def date_after(schedule: Schedule, day: date) -> date | None:
    """The first date of a schedule after `day`, or None where it has ended.

    Months are counted from the first date, so the 31st comes back after a shorter month.
    """
    start = schedule.starts_on
    if day < start:
        found = start
    elif schedule.every == Every.ONCE:
        return None
    elif schedule.every in (Every.DAY, Every.WEEK):
        step = 1 if schedule.every == Every.DAY else 7
        found = start + timedelta(((day - start).days // step + 1) * step)
    else:
        months = (day.year - start.year) * 12 + day.month - start.month
        found = _month_on(start, months)
        if found <= day:
            found = _month_on(start, months + 1)
    return None if schedule.ends_on is not None and found > schedule.ends_on else found


def _month_on(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


async def create_schedule(tx: Tx, new: Schedule, *, by: Principal, today: date, at: datetime) -> tuple[Schedule, bool]:
    """Keeps a schedule; and whether it was there before.

    Refuses `id_taken`, `id_reused`, `schedule_in_the_past`, `schedule_has_no_date`, `payer_unknown`, `payee_unknown`,
    `merchant_unknown`, `currency_mismatch`.
    """
    old = (await store.schedules(tx, [new.id])).get(new.id)
    if old is None:
        if new.starts_on < today:
            raise no.SCHEDULE_IN_THE_PAST(field="starts_on")
        if new.ends_on is not None and new.ends_on < new.starts_on:
            raise no.SCHEDULE_HAS_NO_DATE(field="ends_on")
        await _check_ends(tx, new)
        if await store.claim_schedule(tx, new):
            await audit.record(tx, by, "schedule.create", new.id, at=at, details={"request": new.request_hash.hex()})
            return new, False
        old = (await store.schedules(tx, [new.id]))[new.id]
    if old.principal_id != new.principal_id:
        raise no.ID_TAKEN()
    if old.request_hash != new.request_hash:
        raise no.ID_REUSED()
    return old, True


async def _check_ends(tx: Tx, new: Schedule) -> None:
    payee = new.payee_account_id
    if new.merchant_id is not None:
        merchant = (await merchants.find(tx, [new.merchant_id])).get(new.merchant_id)
        if merchant is None:
            raise no.MERCHANT_UNKNOWN(field="merchant_id")
        payee = merchant.takings_account_id
    found = await store.parties(tx, [i for i in (new.payer_account_id, payee) if i])
    known = {i: currency for i, _, currency, *_ in found}
    takings = {i for i, _, _, product, *_ in found if product == "takings"}
    if new.payer_account_id not in known or new.payer_account_id in takings:
        raise no.PAYER_UNKNOWN(field="payer_account_id")
    if payee not in known or (payee in takings and new.merchant_id is None):
        raise no.PAYEE_UNKNOWN(field="payee_account_id")
    if payee == new.payer_account_id:
        raise no.ACCOUNTS_MUST_BE_DIFFERENT(field="payee_account_id")
    if set(known.values()) != {new.currency}:
        raise no.CURRENCY_MISMATCH(field="currency")


async def find_schedule(tx: Tx, id: UUID) -> Schedule:
    """Refuses `schedule_unknown`."""
    found = (await store.schedules(tx, [id])).get(id)
    if found is None:
        raise no.SCHEDULE_UNKNOWN()
    return found


async def move_schedule(
    tx: Tx, id: UUID, state: ScheduleState, *, by: Principal, today: date, at: datetime
) -> Schedule:
    """Pauses, resumes or cancels. Dates that passed during a pause are not made up for. The state it has: no change.

    Refuses `schedule_unknown`, `schedule_over`.
    """
    schedule = (await store.lock_schedules(tx, [id])).get(id)
    if schedule is None:
        raise no.SCHEDULE_UNKNOWN()
    if schedule.state == state:
        return schedule
    if state not in SCHEDULE_MOVES[ScheduleState(schedule.state)]:
        raise no.SCHEDULE_OVER()
    moved = replace(schedule, state=state.value)
    if state is ScheduleState.CANCELLED:
        moved = replace(moved, next_on=None, try_on=None)
    elif state is ScheduleState.ACTIVE and schedule.next_on is not None and schedule.next_on < today:
        moved = _onward(moved, today - timedelta(1))
    await store.set_schedules(tx, [moved])
    await audit.record(tx, by, f"schedule.{state.value}", id, at=at)
    return moved


async def schedules_of(tx: Tx, account_id: UUID, *, after: UUID | None = None, most: int = 50) -> list[Schedule]:
    """Schedules that an account pays, by id."""
    return await store.schedules_of(tx, account_id, after, most)


async def schedule_runs(
    tx: Tx, id: UUID, *, before: tuple[date, date] = (date.max, date.max), most: int = 50
) -> list[ScheduleRun]:
    """Every try of a schedule, newest first. Refuses `schedule_unknown`."""
    await find_schedule(tx, id)
    return await store.schedule_runs(tx, id, before, most)


async def run_due(db: Database, intake: Intake, *, today: date, at: datetime) -> int:
    """Pays what is due today or was due before; how many payments were made or refused. Owns its transactions: an edge."""
    tried = 0
    place = (date.min, UUID(int=0))
    while True:
        async with db.read() as tx:
            due = await store.due_schedules(tx, today, place, BULK)
        if not due:
            return tried
        assert due[-1].try_on is not None
        place = due[-1].try_on, due[-1].id
        outcomes = await intake.pay_many([_order(schedule) for schedule in due])
        # What the bank was too busy for leaves no trace and is tried by the next run.
        ended = [
            (schedule, outcome)
            for schedule, outcome in zip(due, outcomes, strict=True)
            if not (outcome.refusal is not None and outcome.refusal.kind.retryable)
        ]
        if ended:
            async with db.tx() as tx:
                await _record(tx, ended, today=today, at=at)
        tried += len(ended)


def _order(schedule: Schedule) -> Order:
    return Order(
        id=_payment_id(schedule),
        principal_id=schedule.principal_id,
        request_hash=sha256(schedule.request_hash + f"{schedule.next_on} {schedule.try_on}".encode()).digest(),
        payer_account_id=schedule.payer_account_id,
        payee_account_id=schedule.payee_account_id,
        merchant_id=schedule.merchant_id,
        amount_minor=schedule.amount_minor,
        currency=schedule.currency,
        kind=Kind.PAYMENT if schedule.merchant_id else Kind.TRANSFER,
        reference=schedule.reference,
        agreed=True,
    )


def _payment_id(schedule: Schedule) -> UUID:
    """Of this try, whenever it is made: whoever was killed before he had noted it goes on with it the next day."""
    return derived(schedule.id, f"{schedule.next_on} {schedule.try_on}")


async def _record(tx: Tx, ended: Sequence[tuple[Schedule, Outcome]], *, today: date, at: datetime) -> None:
    """Moves each schedule on, unless somebody else has done so already or it was stopped meanwhile."""
    now = await store.lock_schedules(tx, [schedule.id for schedule, _ in ended])
    changed: list[Schedule] = []
    events: list[Event] = []
    booking_date = await store.open_day(tx)
    for seen, outcome in ended:
        schedule = now[seen.id]
        if (schedule.next_on, schedule.try_on) != (seen.next_on, seen.try_on):
            continue
        schedule = _after(schedule, outcome, today)
        if outcome.refusal is not None and schedule.failures == 0:
            schedule = replace(schedule, sequence=schedule.sequence + 1)
            events.append(_failed_for_good(seen, schedule, outcome, at, booking_date))
        changed.append(schedule)
    await store.set_schedules(tx, changed)
    await store.add_schedule_runs(tx, [(schedule.id, _run(schedule, o, today, at)) for schedule, o in ended], at)
    await outbox.append(tx, events)


def _after(schedule: Schedule, outcome: Outcome, today: date) -> Schedule:
    assert schedule.next_on is not None
    if outcome.refusal is not None and schedule.failures < MOST_FAILURES:
        return replace(schedule, failures=schedule.failures + 1, try_on=today + timedelta(1))
    return _onward(replace(schedule, failures=0), schedule.next_on)


def _onward(schedule: Schedule, after: date) -> Schedule:
    following = date_after(schedule, after)
    if following is not None:
        return replace(schedule, next_on=following, try_on=following, failures=0)
    ended = schedule.state if schedule.state == ScheduleState.CANCELLED else ScheduleState.ENDED.value
    return replace(schedule, next_on=None, try_on=None, failures=0, state=ended)


def _run(schedule: Schedule, outcome: Outcome, today: date, at: datetime) -> ScheduleRun:
    assert schedule.next_on is not None
    refusal = outcome.refusal
    state = "declined" if refusal else outcome.payment.state if outcome.payment else "completed"
    return ScheduleRun(schedule.next_on, today, _payment_id(schedule), state, refusal.code if refusal else None, at)


def _failed_for_good(seen: Schedule, schedule: Schedule, outcome: Outcome, at: datetime, day: date) -> Event:
    assert outcome.refusal is not None
    return Event(
        event_id=derived(schedule.id, f"event {schedule.sequence}"),
        topic="schedule.failed",
        aggregate=schedule.id,
        sequence=schedule.sequence,
        at=at,
        booking_date=day,
        payload={
            "schedule_id": schedule.id,
            "payer_account_id": schedule.payer_account_id,
            "due_on": seen.next_on,
            "next_on": schedule.next_on,
            "amount": schedule.amount_minor,
            "currency": schedule.currency,
            "code": outcome.refusal.code,
        },
    )
