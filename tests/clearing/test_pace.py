"""Days that end before the calendar says so: because staff ask for it, or because a day lasts ten minutes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import msgspec
import pytest

from tests.merchants.market import MONDAY, SETTINGS, Market, opened
from tongbao import clearing, ledger, payments
from tongbao.base import audit, calendar, days, prove
from tongbao.base.jobs import JobContext
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.clearing import DayProgress, Phase, jobs
from tongbao.cli import prove as prove_command
from tongbao.identity import ROLE_PERMISSIONS, Role
from tongbao.payments.model import Limits

TUESDAY = MONDAY + timedelta(1)
TIMED = msgspec.structs.replace(SETTINGS, day_every_s=600)


@pytest.fixture
async def fast(fresh_database: str) -> AsyncIterator[Market]:
    """A market whose days last ten minutes."""
    async with opened(fresh_database, TIMED) as market:
        yield market


def accountant(market: Market) -> Principal:
    return Principal(id=market.id(), kind=PrincipalKind.STAFF, permissions=ROLE_PERMISSIONS[Role.ACCOUNTANT])


async def look(market: Market) -> list[date]:
    """The days that the worker ends when it looks now."""
    done = await clearing.close_when_due(market.db, market.clock, market.settings)
    return [day.day for day in done]


async def open_day(market: Market) -> date:
    async with market.db.read() as tx:
        return (await days.current(tx)).open_date


async def press(market: Market, by: Principal, day: date) -> DayProgress:
    async with market.db.tx() as tx:
        return await clearing.close_today(tx, day, by=by, at=market.at, settings=market.settings)


async def progress(market: Market, day: date) -> DayProgress:
    async with market.db.read() as tx:
        return await clearing.day_progress(tx, day, settings=market.settings)


# asked for


async def test_staff_close_the_day_before_midnight(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(10_000)
    await market.sell(shop, guest, 1280)
    assert (await progress(market, MONDAY)).phase is Phase.OPEN
    assert await look(market) == []
    mei = accountant(market)
    asked = await press(market, mei, MONDAY)
    assert (asked.phase, asked.asked_by, asked.asked_at) == (Phase.ASKED, mei.id, market.at)
    assert asked.to_do == ("expire", "close", "trial_balance", "clear", "settle")
    assert await open_day(market) == MONDAY, "asking only asks"
    assert await look(market) == [MONDAY]
    assert await open_day(market) == TUESDAY
    assert await market.balance(shop.settlement_account_id) == 1280 - shop.fee("account", 1280)
    done = await progress(market, MONDAY)
    assert (done.phase, done.to_do, [s.name for s in done.steps]) == (Phase.ENDED, (), list(asked.to_do))
    assert done.steps[3].result["movements"] == 1
    assert (await progress(market, TUESDAY)).phase is Phase.OPEN
    assert (await progress(market, TUESDAY + timedelta(1))).phase is Phase.TO_COME
    assert await look(market) == []


async def test_pressed_twice_and_by_two_people_it_is_closed_once(market: Market) -> None:
    mei, lin = accountant(market), accountant(market)
    await asyncio.gather(*(press(market, who, MONDAY) for who in (mei, lin, mei, lin)))
    assert await look(market) == [MONDAY]
    late = await press(market, lin, MONDAY)
    assert late.phase is Phase.ENDED, "a stale page closes nothing else"
    assert await look(market) == []
    assert await open_day(market) == TUESDAY
    async with market.db.read() as tx:
        entries = await audit.trail(tx, subject=str(MONDAY))
    assert [(e.action, e.principal_id) for e in entries] == [("day.close", late.asked_by)]


async def test_who_may_not_close(market: Market) -> None:
    operator = Principal(id=market.id(), kind=PrincipalKind.STAFF, permissions=ROLE_PERMISSIONS[Role.OPERATOR])
    with pytest.raises(Refusal, match="permission_missing"):
        await press(market, operator, MONDAY)


async def test_a_day_to_come_is_not_closed(market: Market) -> None:
    mei = accountant(market)
    with pytest.raises(Refusal, match="day_not_open"):
        await press(market, mei, TUESDAY)
    await press(market, mei, MONDAY)
    assert await look(market) == [MONDAY]
    with pytest.raises(Refusal, match="day_not_over"):
        await press(market, mei, TUESDAY)
    market.clock.tick(timedelta(days=1))
    assert (await press(market, mei, TUESDAY)).phase is Phase.ASKED


async def test_a_close_that_was_cut_short_is_gone_on_with(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, guest = await market.shop(), await market.person(10_000)
    await market.sell(shop, guest, 1000)
    await press(market, accountant(market), MONDAY)

    class Killed(BaseException):
        pass

    async def die(*_: object) -> dict[str, object]:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setitem(jobs.STEPS, "clear", die)
        with pytest.raises(Killed):
            await look(market)
    half = await progress(market, MONDAY)
    assert (half.phase, half.to_do) == (Phase.ENDING, ("clear", "settle"))
    assert await look(market) == [MONDAY]
    assert await market.balance(shop.settlement_account_id) == 996


async def test_a_closed_day_that_was_cut_short_is_ended_by_the_ten_minute_job_too(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where its date lies ahead of the clock and nobody asks again."""

    async def differ(*_: object) -> dict[str, object]:
        raise clearing.ClearingDiffers

    with monkeypatch.context() as patch:
        patch.setitem(jobs.STEPS, "clear", differ)
        with pytest.raises(clearing.ClearingDiffers):
            await clearing.end_of_day(market.db, market.clock, market.settings, through=MONDAY)
    done = await clearing.end_of_day(market.db, market.clock, market.settings)
    assert [(d.day, d.steps) for d in done] == [(MONDAY, ["clear", "settle"])]


# timed


async def test_a_day_lasts_ten_minutes(fast: Market) -> None:
    shop, guest = await fast.shop(), await fast.person(1_000_000)
    assert await look(fast) == [], "its time begins when the worker first sees it"
    assert (await progress(fast, MONDAY)).closes_at == fast.at + timedelta(minutes=10)
    fast.later(minutes=9, seconds=59)
    assert await look(fast) == []
    paid = 0
    for n in range(9):
        day = MONDAY + timedelta(n)
        await fast.sell(shop, guest, 1000)
        fast.later(seconds=1)
        assert await look(fast) == [day]
        assert await open_day(fast) == day + timedelta(1)
        async with fast.db.read() as tx:
            paid = sum(s.net_minor for s in await clearing.settlements(tx, shop.id) if s.state == "settled")
        fast.later(minutes=9, seconds=59)
        assert await look(fast) == []
    # The second Tuesday is open: nine days' takings are paid, a weekend's on its Monday.
    assert paid == 9 * 996
    assert await fast.balance(shop.settlement_account_id) == 9 * 996
    assert fast.at.date() == MONDAY, "nine business days within two hours"
    await fast.books_balance()


async def test_the_calendar_does_not_end_a_timed_day(fast: Market) -> None:
    await look(fast)
    fast.clock.tick(timedelta(days=3))
    assert await clearing.end_of_day(fast.db, fast.clock, fast.settings) == []
    assert await look(fast) == [MONDAY]
    assert await look(fast) == [], "and the next one has its full time"


async def test_staff_may_close_a_timed_day_early_and_the_next_has_its_full_time(fast: Market) -> None:
    await look(fast)
    mei = accountant(fast)
    for n in range(3):
        fast.later(minutes=2)
        day = MONDAY + timedelta(n)
        assert (await press(fast, mei, day)).phase is Phase.ASKED, "whatever the calendar says"
        assert await look(fast) == [day]
        assert (await progress(fast, day + timedelta(1))).closes_at == fast.at + timedelta(minutes=10)


async def test_a_bank_that_stood_still_gives_its_day_the_full_time_again(fast: Market) -> None:
    await look(fast)
    fast.clock.tick(timedelta(hours=8))
    async with fast.db.tx() as tx:
        await clearing.time_anew(tx, fast.at)
    assert await look(fast) == []
    fast.later(minutes=10)
    assert await look(fast) == [MONDAY]


async def test_holidays_are_known_however_far_days_run_ahead(fast: Market) -> None:
    await look(fast)
    async with fast.db.tx() as tx:
        await calendar.seed(tx, [2026])
        await calendar.edit(
            tx, fast.bank, date(2026, 12, 31), is_business_day=False, name="行庆", reason="a feast", at=fast.at
        )
    while await open_day(fast) < date(2027, 11, 15):
        fast.later(minutes=10)
        await look(fast)
    async with fast.db.read() as tx:
        known = {day.day: day for day in await calendar.between(tx, date(2026, 1, 1), date(2028, 12, 31))}
    assert {day.year for day in known} == {2026, 2027, 2028}
    assert known[date(2026, 12, 31)].source == "staff", "whose word is never seeded over"


async def test_limits_keep_to_the_clock(fast: Market) -> None:
    """Three business days in one morning: the day of a limit is still that of the calendar."""
    shop, guest = await fast.shop(), await fast.person(100_000)
    owner = Principal(id=guest.customer_id, kind=PrincipalKind.CUSTOMER, subject_id=guest.customer_id)
    async with fast.db.tx() as tx:
        await payments.set_own_limit(tx, guest.id, Limits(per_day_minor=2500), by=owner, at=fast.at, day=MONDAY)
    await look(fast)
    for _ in range(2):
        await fast.sell(shop, guest, 1000)
        fast.later(minutes=10)
        assert len(await look(fast)) == 1
    refused = await fast.pay(guest.id, shop, 1000)
    assert refused.refusal is not None
    assert refused.refusal.code == "over_day_limit"


async def test_books_that_run_ahead_of_the_clock_are_proved_and_shown(fast: Market) -> None:
    """Payments, refunds over the change of day, holds: everything between days that end every ten minutes."""
    shop, guest = await fast.shop(), await fast.person(100_000)
    await look(fast)
    earlier = None
    for _ in range(4):
        paid = await fast.sell(shop, guest, 1000)
        held = await fast.sell(shop, guest, 700, capture=payments.Capture.MANUAL)
        if earlier is not None:
            assert (await fast.ask("refund", earlier[0], 400)).refusal is None
            assert (await fast.ask("capture", earlier[1], 500, final=True)).refusal is None
        earlier = paid, held
        done = await prove.prove(fast.db, prove_command.CHECKS, fast.clock)
        assert [finding for check in done for finding in check.findings] == []
        fast.later(minutes=10)
        assert len(await look(fast)) == 1
    open_date = await open_day(fast)
    assert open_date == MONDAY + timedelta(4)
    for full in (False, True):
        done = await prove.prove(fast.db, prove_command.CHECKS, fast.clock, full=full)
        assert [finding for check in done for finding in check.findings] == []
    async with fast.db.read() as tx:
        found = await ledger.statement(tx, guest.ledger_id, MONDAY, open_date)
        summed = await ledger.closed_trial_balance(tx, open_date)
    assert {line[0] for line in summed} == {MONDAY + timedelta(3)}
    assert {e.booking_date for e in found.entries} == {MONDAY + timedelta(n) for n in range(4)}
    assert {days.local_day(e.recorded_at, fast.settings.zone) for e in found.entries} == {MONDAY}


# the worker


async def test_the_worker_looks_by_itself(market: Market) -> None:
    stop = asyncio.Event()
    worker = asyncio.create_task(jobs.watch_days(JobContext(market.db, market.clock, market.settings), stop))
    await press(market, accountant(market), MONDAY)
    for _ in range(1200):
        if (await progress(market, MONDAY)).phase is Phase.ENDED:
            break
        await asyncio.sleep(0.05)
    stop.set()
    await worker
    assert await open_day(market) == TUESDAY


async def test_the_worker_outlives_a_failure(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_AFTER_A_FAILURE_S", 0)
    failed = 0
    step = jobs.STEPS["clear"]

    async def differ(*given: object) -> dict[str, object]:
        nonlocal failed
        failed += 1
        if failed < 3:
            raise clearing.ClearingDiffers
        return await step(*given)  # type: ignore[arg-type]

    monkeypatch.setitem(jobs.STEPS, "clear", differ)
    stop = asyncio.Event()
    worker = asyncio.create_task(jobs.watch_days(JobContext(market.db, market.clock, market.settings), stop))
    await press(market, accountant(market), MONDAY)
    for _ in range(1200):
        if (await progress(market, MONDAY)).phase is Phase.ENDED:
            break
        await asyncio.sleep(0.05)
    stop.set()
    await worker
    assert (failed, await open_day(market)) == (3, TUESDAY)
