"""Days open and close, months get their partitions, and the calendar is believed before the weekday."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from tongbao.base import audit, calendar, days, outbox, partitions
from tongbao.base.outbox import Event
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal

if TYPE_CHECKING:
    from tongbao.base.clock import ManualClock
    from tongbao.base.db import Database

DAY = date(2026, 11, 23)
STAFF = Principal(id=uuid4(), kind=PrincipalKind.STAFF)


async def test_a_bank_is_founded_once(db: Database) -> None:
    async with db.tx() as tx:
        await days.found(tx, date(2030, 1, 1))
        assert await days.current(tx) == days.BusinessDay(DAY, DAY - timedelta(1))


async def test_a_bank_without_a_day_says_so(fresh_database: str) -> None:
    from tongbao.base.db import Database

    async with Database(fresh_database) as db, db.tx() as tx:
        with pytest.raises(Refusal, match="bank_not_founded"):
            await days.current(tx)


async def test_closing_a_day_opens_the_next_and_may_be_repeated(db: Database) -> None:
    after = days.BusinessDay(DAY + timedelta(1), DAY)
    assert await days.close(db, DAY) == after
    assert await days.close(db, DAY) == after
    with pytest.raises(Refusal, match="day_not_open"):
        await days.close(db, DAY + timedelta(5))


async def test_two_who_close_at_once_close_once(db: Database) -> None:
    assert set(await asyncio.gather(*(days.close(db, DAY) for _ in range(3)))) == {
        days.BusinessDay(DAY + timedelta(1), DAY)
    }


async def test_a_close_waits_for_transactions_that_began_before_it(db: Database) -> None:
    async with db.tx() as late:
        booked_on = (await days.current(late)).open_date
        closing = asyncio.create_task(days.close(db, DAY))
        await asyncio.sleep(0.3)
        assert not closing.done()
        async with db.tx() as tx:
            assert (await days.current(tx)).open_date == DAY + timedelta(1)
        assert (booked_on, closing.done()) == (DAY, False)
    assert (await closing).closed_through == DAY


async def test_a_transaction_that_never_ends_fails_the_close_loudly(db: Database) -> None:
    async with db.tx():
        with pytest.raises(TimeoutError, match="older than the close"):
            await days.close(db, DAY, wait_s=1)
    assert (await days.close(db, DAY)).closed_through == DAY


async def test_every_partitioned_table_takes_rows_of_three_months(db: Database, clock: ManualClock) -> None:
    def event(day: date) -> Event:
        return Event(
            event_id=uuid4(), topic="t", aggregate=uuid4(), sequence=1, at=clock.now(), booking_date=day, payload={}
        )

    async with db.tx() as tx:
        await outbox.append(tx, [event(DAY), event(date(2026, 12, 31)), event(date(2027, 1, 31))])
    async with db.tx() as tx:
        await partitions.ensure(tx, date(2027, 2, 1))
        await partitions.ensure(tx, date(2027, 2, 1))
        await outbox.append(tx, [event(date(2027, 4, 30))])
        ids = [i for (i,) in await tx.rows("SELECT id FROM base.event_view ORDER BY id")]
        assert ids == sorted(set(ids))
        assert len(ids) == 4


async def test_two_makers_of_the_same_month_do_not_collide(db: Database) -> None:
    async def make() -> None:
        async with db.tx() as tx:
            await partitions.ensure(tx, date(2031, 5, 1))

    await asyncio.gather(make(), make(), make())


async def test_the_calendar_is_believed_before_the_weekday(db: Database) -> None:
    async with db.tx() as tx:
        assert await calendar.seed(tx, [2026]) > 25
        assert await calendar.seed(tx, [2026]) == 0

        async def check(after: date, then: date) -> None:
            assert await days.next_business_day(tx, after) == then

        await check(date(2026, 9, 30), date(2026, 10, 8))
        await check(date(2026, 1, 1), date(2026, 1, 4))
        await check(date(2026, 11, 20), date(2026, 11, 23))
        await check(date(2026, 2, 13), date(2026, 2, 14))


async def test_staff_have_the_last_word_and_leave_a_trace(db: Database, clock: ManualClock) -> None:
    typhoon = date(2026, 11, 24)
    async with db.tx() as tx:
        await calendar.seed(tx, [2026])
        await calendar.edit(
            tx, STAFF, typhoon, is_business_day=False, name="台风", reason="city closed", at=clock.now()
        )
        await calendar.seed(tx, [2026])
        assert await days.next_business_day(tx, DAY) == date(2026, 11, 25)
        assert [d.source for d in await calendar.between(tx, typhoon, typhoon)] == ["staff"]
        (entry,) = await audit.trail(tx, subject="2026-11-24")
        assert (entry.action, entry.reason, entry.principal_id) == ("calendar.edit", "city closed", STAFF.id)
        await calendar.edit(tx, STAFF, typhoon, is_business_day=None, name="", reason="it turned", at=clock.now())
        assert await days.next_business_day(tx, DAY) == typhoon
        with pytest.raises(Refusal, match="calendar_needs_a_reason"):
            await calendar.edit(tx, STAFF, DAY, is_business_day=False, name="", reason=" ", at=clock.now())


async def test_where_nothing_is_known_weekdays_count_and_a_warning_is_given(db: Database) -> None:
    async with db.tx() as tx:
        with pytest.warns(UserWarning, match="no holidays are known for 2040"):
            assert await days.next_business_day(tx, date(2040, 6, 1)) == date(2040, 6, 4)


@pytest.mark.filterwarnings("error")
async def test_a_month_without_holidays_in_a_known_year_gives_no_warning(db: Database) -> None:
    async with db.tx() as tx:
        await calendar.seed(tx, [2026])
        assert await days.next_business_day(tx, date(2026, 11, 2)) == date(2026, 11, 3)


def test_china_works_to_make_up_and_later_years_fall_back_to_festivals() -> None:
    known = {d.day: d for d in calendar.known(2026)}
    assert known[date(2026, 1, 4)].is_business_day
    assert known[date(2026, 1, 4)].name == "元旦调休"
    later = calendar.known(2031)
    assert later
    assert {d.source for d in later} == {"holidays"}
    assert not any(d.is_business_day for d in later)
    assert calendar.known(2026, "XX") == []


def test_a_day_is_a_day_in_the_banks_zone() -> None:
    late = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)
    assert days.local_day(late, ZoneInfo("Asia/Shanghai")) == DAY
    assert days.local_day(late, ZoneInfo("UTC")) == DAY - timedelta(1)
