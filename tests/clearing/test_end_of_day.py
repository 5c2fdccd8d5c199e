"""A day ends: cleared, netted, settled on the next business day, whatever comes between."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.merchants.market import MONDAY, Market
from tongbao import clearing, ledger, merchants, payments
from tongbao.base import calendar, days
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.clearing import DayEnded, State, jobs

TUESDAY, FRIDAY, SATURDAY = (MONDAY + timedelta(n) for n in (1, 4, 5))
NEXT_MONDAY = MONDAY + timedelta(7)


def morning(day: date) -> datetime:
    """Nine o'clock in Shanghai."""
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC)


async def end(market: Market, day: date) -> DayEnded:
    """Ends `day` half an hour after midnight; the clock then stands at nine on the next."""
    market.clock.set(morning(day) + timedelta(hours=15, minutes=30))
    done = await clearing.end_of_day(market.db, market.clock, market.settings)
    assert [d.day for d in done] == [day]
    market.clock.set(morning(day + timedelta(1)))
    return done[0]


class Killed(BaseException):
    """The process ends here: nobody catches this, as nobody catches SIGKILL."""


async def close_and_die(market: Market, day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of `day` gets as far as its close; the next day is open and nothing has been cleared."""

    async def die(*_: object) -> dict[str, object]:
        raise Killed

    market.clock.set(morning(day) + timedelta(hours=15, minutes=30))
    with monkeypatch.context() as patch:
        patch.setitem(jobs.STEPS, "trial_balance", die)
        with pytest.raises(Killed):
            await clearing.end_of_day(market.db, market.clock, market.settings)


async def settlements(market: Market, shop: merchants.Merchant) -> list[clearing.Settlement]:
    async with market.db.read() as tx:
        return await clearing.settlements(tx, shop.id)


async def batch_is_zero(market: Market, day: date) -> None:
    async with market.db.read() as tx:
        (batch,) = await clearing.list_batches(tx, first=day, last=day)
        positions = await clearing.positions(tx, batch.id, most=500)
    assert sum(p.net_minor for p in positions) == 0
    assert len(positions) == batch.participants + 2


async def three_bowls(market: Market) -> tuple[merchants.Merchant, int]:
    """Three bowls of noodles by QR, one of them given back: 36.00 in the till, and its fee."""
    shop, guest = await market.shop(), await market.person(100_000)
    bowls = [await market.sell(shop, guest, 1800, method=payments.Method.QR) for _ in range(3)]
    await market.ask("refund", bowls[1])
    return shop, 2 * shop.fee("qr", 1800)


async def test_a_noodle_shop_is_paid_the_next_day(market: Market) -> None:
    shop, fees = await three_bowls(market)
    assert await market.balance(shop.takings_account_id) == 3600
    async with market.db.read() as tx:
        (line,) = await clearing.takings(tx, shop.id, MONDAY)
    assert (line.captures, line.captures_minor, line.refunds_minor, line.fees_minor) == (3, 5400, 1800, fees)

    done = await end(market, MONDAY)
    assert done.open_date == TUESDAY
    assert done.results["clear"] == {"batches": 1, "merchants": 1, "movements": 4}
    assert await market.balance(shop.takings_account_id) == 0
    assert await market.balance(shop.settlement_account_id) == 3600 - fees
    assert (await market.own("4010"), await market.own("2040")) == (fees, 0)
    (paid,) = await settlements(market, shop)
    assert (paid.captures_minor, paid.refunds_minor, paid.fees_minor, paid.net_minor) == (5400, 1800, fees, 3600 - fees)
    assert (paid.state, paid.settle_on, paid.booked_on) == (State.SETTLED, TUESDAY, TUESDAY)
    await batch_is_zero(market, MONDAY)
    await market.books_balance()


async def test_a_weekend_and_a_holiday_wait_for_the_next_business_day(market: Market) -> None:
    """Friday's, Saturday's and Sunday's takings are paid on Tuesday: Monday is a holiday."""
    async with market.db.tx() as tx:
        await calendar.edit(
            tx, market.bank, NEXT_MONDAY, is_business_day=False, name="行庆", reason="founded in 1996", at=market.at
        )
    shop, guest = await market.shop(), await market.person(1_000_000)
    for n in range(4):
        await end(market, MONDAY + timedelta(n))
    for n in range(4, 7):
        await market.sell(shop, guest, 10_000)
        await end(market, MONDAY + timedelta(n))
        assert await market.balance(shop.takings_account_id) == 0, "cleared every day"
        assert await market.balance(shop.settlement_account_id) == 0
    assert await market.own("2040") == 30_000
    assert [s.state for s in await settlements(market, shop)] == [State.CLEARED] * 3
    await end(market, NEXT_MONDAY)
    assert await market.balance(shop.settlement_account_id) == 3 * (10_000 - 38)
    assert {s.booked_on for s in await settlements(market, shop)} == {NEXT_MONDAY + timedelta(1)}
    assert await market.own("2040") == 0


async def test_ending_a_day_twice_changes_nothing(market: Market) -> None:
    shop, fees = await three_bowls(market)
    await end(market, MONDAY)
    for _ in range(2):
        assert await clearing.end_of_day(market.db, market.clock, market.settings) == []
    assert await market.balance(shop.settlement_account_id) == 3600 - fees


async def test_two_ends_of_a_day_at_once(market: Market) -> None:
    shop, fees = await three_bowls(market)
    market.clock.set(morning(TUESDAY))
    await asyncio.gather(*(clearing.end_of_day(market.db, market.clock, market.settings) for _ in range(3)))
    assert await market.balance(shop.settlement_account_id) == 3600 - fees
    assert len(await settlements(market, shop)) == 1
    await market.books_balance()


async def test_who_finds_others_at_work_goes_on_behind_them(market: Market) -> None:
    """Of two ends of a day the one that comes second to the same merchants takes the next ones; it does not call it done."""
    guest = await market.person(100_000)
    for n in range(2):
        await market.sell(await market.shop(f"{n}号店"), guest, 1000)
    await days.close(market.db, MONDAY)
    async with market.db.tx() as tx:
        (batch,) = await clearing.draw_batches(tx, MONDAY, market.at)

    async def second() -> int:
        async with market.db.tx() as tx:
            return await clearing.clear(tx, batch, market.at, most=1)

    async with market.db.tx() as first:
        assert await clearing.clear(first, batch, market.at, most=1) == 1
        other = asyncio.create_task(second())
        async with market.db.read() as tx:
            while not await tx.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert await other == 1
    assert await second() == 0
    async with market.db.read() as tx:
        assert (await clearing.find_batch(tx, batch.id)).state == "cleared"


class DyingDatabase(Database):
    """Dies after so many commits."""

    commits_left = 10**9

    def tx(self):  # type: ignore[no-untyped-def, override]
        if self.commits_left == 0:
            raise Killed
        self.commits_left -= 1
        return super().tx()


async def test_killed_after_every_commit_and_run_again(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first day's end dies before its first commit, the second's after it, and so on; the next run finishes each."""
    monkeypatch.setattr(jobs, "BULK", 1)
    guest = await market.person(1_000_000)
    shops = [await market.shop(f"{n}号店") for n in range(2)]
    deaths = 0
    async with DyingDatabase(market.settings.database_url, size=8) as dying:
        while True:
            day = MONDAY + timedelta(deaths)
            for shop in shops:
                await market.sell(shop, guest, 1000)
            await market.sell(shops[0], guest, 500, capture=payments.Capture.MANUAL, hold_s=60)
            market.clock.set(morning(day) + timedelta(hours=15, minutes=30))
            dying.commits_left = deaths
            try:
                await clearing.end_of_day(dying, market.clock, market.settings)
            except Killed:
                await end(market, day)
            else:
                break
            every = [s for shop in shops for s in await settlements(market, shop)]
            waiting = [s.net_minor + s.fees_minor for s in every if s.state is State.CLEARED]
            assert await market.own("2040") == sum(waiting)
            await batch_is_zero(market, day)
            await market.books_balance()
            deaths += 1
    assert deaths > 12
    for shop in shops:
        assert await market.balance(shop.takings_account_id) == 0
        paid = [s for s in await settlements(market, shop) if s.state is State.SETTLED]
        assert await market.balance(shop.settlement_account_id) == 996 * len(paid)
    assert await market.balance(guest.id) == 1_000_000 - (deaths + 1) * 2000


async def test_a_refund_after_midnight_before_the_till_was_emptied(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next day's refund takes the day's money; clearing takes it all the same, and the next day makes it good."""
    shop, guest = await market.shop(), await market.person(100_000)
    payment = await market.sell(shop, guest, 10_000)
    await close_and_die(market, MONDAY, monkeypatch)
    await market.ask("refund", payment, 4000)
    assert await market.balance(shop.takings_account_id) == 6000
    await end(market, MONDAY)
    assert await market.balance(shop.takings_account_id) == -4000, "what Tuesday gave back"
    assert await market.balance(shop.settlement_account_id) == 10_000 - 38
    await market.sell(shop, guest, 1500)
    await end(market, TUESDAY)
    assert await market.balance(shop.takings_account_id) == 0
    fee_back = 38 * 4000 // 10_000
    assert (
        await market.balance(shop.settlement_account_id)
        == 10_000 - 38 - 4000 + 1500 - shop.fee("account", 1500) + fee_back
    )
    assert (await market.own("2040"), (await settlements(market, shop))[0].state) == (0, State.SETTLED)
    await batch_is_zero(market, TUESDAY)


async def test_a_refund_that_the_settlement_account_covers(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    payment = await market.sell(shop, guest, 10_000)
    await end(market, MONDAY)
    before = await market.balance(shop.settlement_account_id)
    await market.ask("refund", payment, 4000)
    assert await market.balance(shop.settlement_account_id) == before - 4000
    await end(market, TUESDAY)
    (tuesday, _) = await settlements(market, shop)
    assert (tuesday.refunds_minor, tuesday.covered_minor) == (4000, 4000)
    assert tuesday.net_minor == -tuesday.fees_minor == 38 * 4000 // 10_000, "its share of the fee comes back"
    assert await market.balance(shop.settlement_account_id) == before - 4000 + tuesday.net_minor
    assert await market.own("2040") == 0


async def test_a_debt_is_carried_until_there_is_money(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop has spent its money, then gives back more than it takes: the difference is owed to the next day."""
    shop, guest = await market.shop(), await market.person(100_000)
    payment = await market.sell(shop, guest, 10_000)
    await close_and_die(market, MONDAY, monkeypatch)
    await market.ask("refund", payment, 10_000)
    await end(market, MONDAY)
    owned = await market.balance(shop.settlement_account_id)
    assert (await market.pay(shop.settlement_account_id, guest.id, owned)).refusal is None
    await end(market, TUESDAY)
    (owed, _) = await settlements(market, shop)
    assert (owed.state, owed.net_minor) == (State.CARRIED, -10_000 + 38)
    assert await market.own("2040") == -10_000 + 38, "what the bank has advanced"
    await end(market, MONDAY + timedelta(2))
    assert (await settlements(market, shop))[0].carried_minor == -10_000 + 38, "also on a day without a sale"
    await market.sell(shop, guest, 30_000)
    await end(market, MONDAY + timedelta(3))
    (paid, *_) = await settlements(market, shop)
    assert (paid.carried_minor, paid.state) == (-10_000 + 38, State.SETTLED)
    assert await market.balance(shop.settlement_account_id) == 30_000 - 114 - 10_000 + 38
    assert await market.own("2040") == 0
    for n in range(4):
        await batch_is_zero(market, MONDAY + timedelta(n))
    await market.books_balance()
    async with market.db.read() as tx:
        between = (await clearing.find_settlement(tx, shop.id, owed.id)).taken_over_by
        assert between is not None
        story = await clearing.find_settlement(tx, shop.id, between.id)
    assert [s.id for s in story.took_over] == [owed.id]
    assert story.taken_over_by == paid


async def test_money_for_a_closed_account_goes_to_suspense(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    async with market.db.tx() as tx:
        await ledger.set_state(tx, shop.settlement_ledger_id, ledger.State.CLOSED, market.at)
    await market.sell(shop, guest, 10_000)
    await end(market, MONDAY)
    (waiting,) = await settlements(market, shop)
    assert waiting.state is State.SUSPENSE
    assert await market.own("2090") == 10_000 - 38
    assert await market.own("4010") == 38


async def test_a_frozen_shop_is_cleared_and_paid_all_the_same(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    await market.sell(shop, guest, 10_000)
    for account in (shop.takings_ledger_id, shop.settlement_ledger_id):
        async with market.db.tx() as tx:
            await ledger.set_state(tx, account, ledger.State.FROZEN, market.at)
    await end(market, MONDAY)
    assert await market.balance(shop.settlement_account_id) == 10_000 - 38


async def test_a_difference_between_payments_and_ledger_stops_the_day(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(100_000)
    await market.sell(shop, guest, 10_000)
    async with market.db.tx() as tx:
        cash = await ledger.own_account(tx, "1010", "CNY", market.at)
        posting = ledger.Posting(cash, shop.takings_ledger_id, 1, "CNY")
        await ledger.post(tx, [ledger.Transfer(id=market.id(), kind="planted", postings=(posting,))], market.at)
    market.clock.set(morning(TUESDAY))
    for _ in range(2):
        with pytest.raises(clearing.ClearingDiffers, match=str(shop.id)):
            await clearing.end_of_day(market.db, market.clock, market.settings)
    async with market.db.read() as tx:
        assert [s.name for s in await clearing.steps(tx, MONDAY)] == ["expire", "close", "trial_balance"]
        assert await clearing.list_batches(tx) == [], "nothing is kept"


async def test_a_day_is_not_ended_before_it_has_come(market: Market) -> None:
    with pytest.raises(Refusal, match="day_not_over"):
        await clearing.end_of_day(market.db, market.clock, market.settings, through=TUESDAY)
    assert await clearing.end_of_day(market.db, market.clock, market.settings) == [], "today is not over"
    early = await clearing.end_of_day(market.db, market.clock, market.settings, through=MONDAY)
    assert [d.day for d in early] == [MONDAY], "unless somebody says so"
    assert await clearing.end_of_day(market.db, market.clock, market.settings, through=MONDAY) == []


async def test_a_bank_that_was_away_catches_up(market: Market) -> None:
    shop, fees = await three_bowls(market)
    market.clock.set(morning(FRIDAY))
    done = await clearing.end_of_day(market.db, market.clock, market.settings)
    assert [d.day for d in done] == [MONDAY + timedelta(n) for n in range(4)]
    assert await market.balance(shop.settlement_account_id) == 3600 - fees


async def test_what_nobody_captured_in_time_ends_with_the_day(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(10_000)
    await market.sell(shop, guest, 5000, capture=payments.Capture.MANUAL, hold_s=3600)
    done = await end(market, MONDAY)
    assert done.results["expire"] == {"payments": 1}
    async with market.db.read() as tx:
        held = (await ledger.accounts(tx, [guest.ledger_id]))[guest.ledger_id].held_minor
    assert held == 0


async def test_a_shop_hears_that_it_was_paid(market: Market) -> None:
    from tongbao.base.outbox import events_of

    shop, fees = await three_bowls(market)
    await end(market, MONDAY)
    (paid,) = await settlements(market, shop)
    async with market.db.read() as tx:
        (event,) = await events_of(tx, paid.id)
    assert event.topic == "settlement.completed"
    assert event.payload["merchant_id"] == str(shop.id)
    assert (event.payload["net"], event.payload["fees"]) == (3600 - fees, fees)


async def test_a_settlement_is_its_own_merchants_alone(market: Market) -> None:
    (shop, _), other = await three_bowls(market), await market.shop()
    await end(market, MONDAY)
    (paid,) = await settlements(market, shop)
    async with market.db.read() as tx:
        assert await clearing.find_settlement(tx, shop.id, paid.id) == clearing.SettlementStory(paid, (), None)
        for merchant, settlement in ((other.id, paid.id), (shop.id, paid.batch_id), (shop.id, shop.id)):
            with pytest.raises(Refusal, match="settlement_unknown"):
                await clearing.find_settlement(tx, merchant, settlement)


async def test_a_fee_report_by_day_and_method(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(1_000_000)
    await market.sell(shop, guest, 10_000, method=payments.Method.QR)
    await market.sell(shop, guest, 20_000, method=payments.Method.CARD)
    await end(market, MONDAY)
    await market.sell(shop, guest, 10_000, method=payments.Method.QR)
    async with market.db.read() as tx:
        lines = await clearing.fee_report(tx, shop.id, MONDAY, TUESDAY)
        with pytest.raises(Refusal, match="span_too_long"):
            await clearing.fee_report(tx, shop.id, MONDAY - timedelta(366), MONDAY)
    assert [(x.booking_date, x.method, x.captures_minor, x.fees_minor) for x in lines] == [
        (MONDAY, "card", 20_000, 120),
        (MONDAY, "qr", 10_000, 30),
        (TUESDAY, "qr", 10_000, 30),
    ]
