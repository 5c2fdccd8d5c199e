"""Days, value dates, statements: what the books said when, and what a close makes final."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.ledger.bank import DAY, check
from tongbao import ledger
from tongbao.base import days

if TYPE_CHECKING:
    from tests.ledger.bank import Bank


async def test_a_balance_at_any_moment_by_record(bank: Bank) -> None:
    await bank.open("ann", "bob")
    started = bank.at
    await bank.fund(ann=1000)
    moments = []
    for amount in range(1, 24):
        await check(bank, (bank.transfer(("ann", "bob", amount)), "posted"))
        moments.append((bank.at, 1000 - sum(range(amount + 1))))
    async with bank.db.read() as tx:
        assert await ledger.balance_at(tx, bank["ann"], started) == 0
        for at, balance in moments:
            assert await ledger.balance_at(tx, bank["ann"], at) == balance
            assert await ledger.balance_at(tx, bank["ann"], at + timedelta(microseconds=1)) == balance
        assert await ledger.balance_at(tx, 2**62, bank.at) == 0


async def test_a_balance_by_value_date_before_during_and_after_the_close(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=1000)
    earlier = ledger.Posting(bank["ann"], bank["bob"], 30, "CNY", DAY - timedelta(10))
    later = ledger.Posting(bank["ann"], bank["bob"], 40, "CNY", DAY + timedelta(2))
    for posting in (earlier, later):
        transfer = ledger.Transfer(id=bank.id(), kind="payment", postings=(posting,))
        await check(bank, (transfer, "posted"))
    expected = {-11: 0, -10: 30, 0: 30, 1: 30, 2: 70}

    async def balances() -> dict[int, int]:
        async with bank.db.read() as tx:
            return {n: await ledger.balance_on_value_date(tx, bank["bob"], DAY + timedelta(n)) for n in expected}

    assert await balances() == expected
    now = await days.close(bank.db, DAY)
    assert await balances() == expected, "closed, not yet summed"
    async with bank.db.tx() as tx:
        assert await ledger.close_day(tx, DAY, bank.at)
    assert await balances() == expected
    await check(bank, (bank.transfer(("ann", "bob", 5)), "posted"))
    assert await balances() == expected | {now.open_date.day - DAY.day: 35, 2: 75}


async def test_a_statement_opens_where_the_last_one_closed(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    await check(bank, (bank.transfer(("ann", "bob", 10)), "posted"))
    second = await bank.close_day()
    third = await bank.close_day()
    await check(bank, (bank.transfer(("ann", "bob", 20)), "posted"), (bank.transfer(("bob", "ann", 5)), "posted"))

    async def story(first: object, last: object, **what: int) -> tuple:
        async with bank.db.read() as tx:
            s = await ledger.statement(tx, bank["ann"], first, last, **what)
        assert s.opening_minor + sum(e.amount_minor for e in s.entries) == s.closing_minor
        return s.opening_minor, [e.amount_minor for e in s.entries], s.closing_minor, s.complete

    assert await story(DAY, DAY) == (0, [100, -10], 90, True)
    assert await story(second, second) == (90, [], 90, True)
    assert await story(third, third, most=2) == (90, [-20, 5], 75, True)
    assert await story(DAY, third, most=3) == (100, [-10, -20, 5], 75, False)
    assert await story(DAY - timedelta(9), DAY - timedelta(1)) == (0, [], 0, True)


async def test_entries_come_in_pages_newest_first(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    await check(bank, *((bank.transfer(("ann", "bob", n)), "posted") for n in range(1, 8)))
    seen: list[int] = []
    below = None
    while True:
        async with bank.db.read() as tx:
            page = await ledger.entries(tx, bank["bob"], below=below, most=3)
        if not page:
            break
        seen += [entry.amount_minor for entry in page]
        below = page[-1].version
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_a_day_is_closed_once_and_in_turn(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    with pytest.raises(ledger.DayOutOfTurn):
        async with bank.db.tx() as tx:
            await ledger.close_day(tx, DAY, bank.at)
    second = (await days.close(bank.db, DAY)).open_date
    await days.close(bank.db, second)
    with pytest.raises(ledger.DayOutOfTurn):
        async with bank.db.tx() as tx:
            await ledger.close_day(tx, second, bank.at)

    async def close() -> bool:
        async with bank.db.tx() as tx:
            return await ledger.close_day(tx, DAY, bank.at)

    assert sorted(await asyncio.gather(*(close() for _ in range(3)))) == [False, False, True]
    async with bank.db.read() as tx:
        books = {(row[1], row[5]): row[8:11] for row in await ledger.closed_trial_balance(tx, DAY)}
    assert books == {("1010", "CNY"): (100, 0, -100), ("2010", "CNY"): (0, 100, 100)}


async def test_what_is_posted_after_the_close_goes_to_the_next_day(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    tomorrow = await bank.close_day()
    await check(bank, (bank.transfer(("ann", "bob", 10)), "posted"))
    async with bank.db.read() as tx:
        entry = (await ledger.entries(tx, bank["bob"]))[0]
    assert (entry.booking_date, entry.value_date) == (tomorrow, tomorrow)


async def test_who_waited_for_a_lock_over_the_close_books_on_the_new_day(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    async with bank.db.tx() as holder:
        await ledger.lock(holder, accounts=[bank["bob"]], at=bank.at)
        waiting = asyncio.create_task(bank.do(bank.transfer(("ann", "bob", 10))))
        await asyncio.sleep(0.05)
        async with bank.db.tx() as tx:
            await tx.run(
                "UPDATE base.business_day SET closed_through = open_date, open_date = open_date + 1 WHERE true"
            )
    assert await waiting == ["posted"]
    async with bank.db.read() as tx:
        entry = (await ledger.entries(tx, bank["bob"]))[0]
    assert entry.booking_date == DAY + timedelta(1)


async def test_a_close_waits_for_whoever_may_still_book(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    async with bank.db.tx() as tx:
        book = await ledger.lock(tx, accounts=[bank["ann"], bank["bob"]], at=bank.at)
        closing = asyncio.create_task(days.close(bank.db, DAY))
        await asyncio.sleep(0.15)
        assert not closing.done()
        assert isinstance(book.apply(bank.transfer(("ann", "bob", 10))), ledger.Posted)
        await book.write(tx)
    await closing
    async with bank.db.tx() as tx:
        await ledger.close_day(tx, DAY, bank.at)
        books = {row[1]: row[10] for row in await ledger.closed_trial_balance(tx, DAY)}
    assert books == {"1010": -100, "2010": 100}
    async with bank.db.read() as tx:
        assert (await ledger.entries(tx, bank["bob"]))[0].booking_date == DAY
