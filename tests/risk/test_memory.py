"""What risk remembers of payers, shops and telephones, and that it is the same however many processes ask and tell."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.risk import month, naive
from tests.risk.definitions import FEATURES, named
from tests.risk.rolled import roll_all
from tongbao import risk
from tongbao.base import days
from tongbao.base.db import Database
from tongbao.risk import DAY, HOUR, MINUTE, Edge, Entity, Feature, Filter, Measure
from tongbao.risk.forget import forget_totals
from tongbao.risk.travel import metres

NOON = datetime(2026, 6, 15, 12, 30, tzinfo=UTC)
LI, WANG = month.party(1, 1), month.party(1, 2)
NOODLES, TEA = month.party(2, 1), month.party(2, 2)
PHONE = month.party(3, 1)


@pytest.fixture
async def db(fresh_database: str) -> AsyncIterator[Database]:
    async with Database(fresh_database) as db:
        async with db.tx() as tx:
            await days.found(tx, month.FIRST.date())
        yield db


class Memory:
    """Payments one after the other, each judged on what was there and then remembered."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.told = 0

    def asked(self, payer: UUID, payee: UUID | None, amount_minor: int, device: UUID | None = None) -> risk.Asked:
        self.told += 1
        return risk.Asked(
            id=UUID(int=self.told), payer=payer, payee=payee, device=device, amount_minor=amount_minor, currency="CNY"
        )

    async def judge(
        self, *features: Feature, at: datetime, of: list[risk.Asked], declined: bool = False, roll: bool = True
    ) -> list[tuple[int | None, ...]]:
        async with self.db.read() as tx:
            seen = await risk.recall(tx, of, features, at_s=int(at.timestamp()))
        async with self.db.tx() as tx:
            risk.remember(tx, of, seen, {}, at=at)
            risk.came_to_nothing(tx, [one.id for one in of if declined])
        if roll:
            await self.roll()
        return [seen.features[one.id] for one in of]

    async def roll(self) -> None:
        await roll_all(self.db, at=NOON)


@pytest.fixture
def memory(db: Database) -> Memory:
    return Memory(db)


async def test_the_third_payment_within_a_minute_is_counted_as_the_third(memory: Memory) -> None:
    burst = named(Entity.PAYER, Measure.COUNT, MINUTE)
    for second, wanted in ((0, 1), (20, 2), (59, 3), (60, 3), (200, 1)):
        at = NOON + timedelta(seconds=second)
        ((counted,),) = await memory.judge(burst, at=at, of=[memory.asked(LI, NOODLES, 1_280)], roll=False)
        assert counted == wanted, second


async def test_a_payment_sees_those_before_it_in_its_batch(memory: Memory) -> None:
    counted = named(Entity.PAYER, Measure.COUNT, DAY)
    spent = named(Entity.PAYER, Measure.SUM, HOUR)
    shops = named(Entity.PAYER, Measure.DISTINCT, DAY, of=Entity.PAYEE)
    orders = [memory.asked(LI, shop, 100) for shop in (NOODLES, TEA, NOODLES)]
    assert await memory.judge(counted, spent, shops, at=NOON, of=orders) == [(1, 100, 1), (2, 200, 2), (3, 300, 2)]
    assert await memory.judge(counted, spent, shops, at=NOON, of=[memory.asked(LI, TEA, 5)]) == [(4, 305, 2)]


async def test_a_payment_that_is_sent_again_counts_once(memory: Memory) -> None:
    counted = named(Entity.PAYER, Measure.COUNT, HOUR)
    once, other = memory.asked(LI, NOODLES, 100), memory.asked(LI, TEA, 100)
    assert await memory.judge(counted, at=NOON, of=[once]) == [(1,)]
    async with memory.db.read() as tx:
        seen = await risk.recall(tx, [once, other, other], [counted], at_s=int(NOON.timestamp()))
    assert seen.features == {other.id: (2,)}
    async with memory.db.tx() as tx:
        risk.remember(tx, [once, other], seen, {}, at=NOON)
    assert await memory.judge(counted, at=NOON, of=[memory.asked(LI, NOODLES, 100)]) == [(3,)]


async def test_how_much_more_than_usual(memory: Memory) -> None:
    """Twenty yuan a day for ten days, then two hundred: ten times as much."""
    ratio = named(Entity.PAYER, Measure.RATIO, 30 * DAY)
    mean = named(Entity.PAYER, Measure.MEAN, 30 * DAY)
    for day in range(10):
        await memory.judge(ratio, at=NOON - timedelta(days=10 - day), of=[memory.asked(LI, NOODLES, 2_000)])
    assert await memory.judge(ratio, mean, at=NOON, of=[memory.asked(LI, TEA, 20_000)]) == [(10_000, 40_000 // 11)]
    assert await memory.judge(ratio, at=NOON, of=[memory.asked(WANG, TEA, 20_000)]) == [(0,)]


async def test_a_window_by_the_hour_takes_in_the_full_hour(memory: Memory) -> None:
    a_day = named(Entity.PAYER, Measure.COUNT, DAY)
    for minutes in (-DAY // 60 - 31, -DAY // 60 - 29):  # 11:59 and 12:01 of the day before
        await memory.judge(a_day, at=NOON + timedelta(minutes=minutes), of=[memory.asked(LI, NOODLES, 100)])
    assert await memory.judge(a_day, at=NOON, of=[memory.asked(LI, NOODLES, 100)]) == [(2,)]


async def test_who_pays_far_away_a_moment_later_cannot_have_travelled(memory: Memory) -> None:
    """Lanzhou, ten minutes later Xi'an, some five hundred kilometres away; then online, and Xi'an again."""
    far, fast = named(Entity.PAYER, Measure.DISTANCE, DAY), named(Entity.PAYER, Measure.SPEED, DAY)
    lanzhou, xian = (36_061_400, 103_834_300), (34_341_600, 108_939_800)

    async def pays(minutes: int, spot: tuple[int, int] | None) -> tuple[int | None, ...]:
        order = msgspec.structs.replace(memory.asked(LI, NOODLES, 1_280), spot=spot)
        return (await memory.judge(far, fast, at=NOON + timedelta(minutes=minutes), of=[order]))[0]

    assert await pays(0, lanzhou) == (None, None)
    way_m, kmh = await pays(10, xian)
    assert way_m is not None
    assert 490_000 < way_m < 510_000
    assert kmh == way_m * 6 // 1_000
    assert await pays(11, None) == (None, None)
    assert await pays(71, xian) == (0, 0)
    assert await pays(71 + 25 * 60, lanzhou) == (None, None)


async def test_two_shops_in_one_batch_are_a_minute_apart(memory: Memory) -> None:
    far, fast = named(Entity.PAYER, Measure.DISTANCE, DAY), named(Entity.PAYER, Measure.SPEED, DAY)
    stops = [month.stands(shop) for shop in (0, 1)]
    orders = [msgspec.structs.replace(memory.asked(LI, NOODLES, 100), spot=spot) for spot in stops]
    first, second = await memory.judge(far, fast, at=NOON, of=orders)
    assert first == (None, None)
    assert second == (metres(*stops), metres(*stops) * 60 // 1_000)


async def test_of_a_shops_payments_so_many_were_frauds_as_was_known_a_week_later(memory: Memory) -> None:
    """Eight payments on the tenth day back, two of them labelled today; one of today is labelled too, and too young to count."""
    share = named(Entity.PAYEE, Measure.FRAUD_SHARE, 30 * DAY, delay_s=7 * DAY)
    old = [memory.asked(LI, NOODLES, 100) for _ in range(8)]
    await memory.judge(share, at=NOON - timedelta(days=10), of=old)
    today = memory.asked(WANG, NOODLES, 100)
    assert await memory.judge(share, at=NOON, of=[today]) == [(0,)]
    for one in (*old[:2], today):
        async with memory.db.tx() as tx:
            said: Any = {"is_fraud": True, "source": risk.LabelSource.ANALYST, "reason": "seen", "by": month.ANALYST}
            await risk.label(tx, one.id, id=UUID(int=one.id.int + 1_000), at=NOON, **said)
    assert await memory.judge(share, at=NOON, of=[memory.asked(LI, NOODLES, 100)]) == [(250_000,)]
    assert await memory.judge(share, at=NOON, of=[memory.asked(LI, TEA, 100)]) == [(0,)]


async def test_first_time_for_this_shop(memory: Memory) -> None:
    known_for = named(Entity.PAIR, Measure.SINCE_FIRST, None)
    last = named(Entity.PAIR, Measure.SINCE_LAST, None)
    assert await memory.judge(known_for, last, at=NOON, of=[memory.asked(LI, NOODLES, 1)]) == [(0, None)]
    later = NOON + timedelta(hours=2)
    assert await memory.judge(known_for, last, at=later, of=[memory.asked(LI, NOODLES, 1)]) == [(7_200, 7_200)]
    assert await memory.judge(known_for, last, at=later, of=[memory.asked(LI, TEA, 1)]) == [(0, None)]
    assert await memory.judge(known_for, last, at=later, of=[memory.asked(LI, None, 1)]) == [(None, None)]


async def test_one_telephone_of_many_people(memory: Memory) -> None:
    people = named(Entity.DEVICE, Measure.DISTINCT, DAY, of=Entity.PAYER)
    counted: int | None = None
    for number in range(120):
        ((counted,),) = await memory.judge(
            people, at=NOON, of=[memory.asked(month.party(1, number), NOODLES, 1, PHONE)], roll=number % 10 == 9
        )
        assert counted is not None
        assert number // 10 * 10 + 1 <= counted + 20
    assert counted == 100, "more than a hundred are not told apart"


async def test_what_came_to_nothing_is_counted_apart(memory: Memory) -> None:
    declined = named(Entity.PAYER, Measure.COUNT, HOUR, only=Filter.DECLINED)
    for _ in range(3):
        await memory.judge(declined, at=NOON, of=[memory.asked(LI, NOODLES, 1)], declined=True)
    assert await memory.judge(declined, at=NOON, of=[memory.asked(LI, NOODLES, 1)] * 1) == [(3,)]


async def test_what_arrives_late_counts_in_its_own_hour_and_in_all_later_ones(memory: Memory) -> None:
    a_day, a_week = (named(Entity.PAYER, Measure.SUM, window) for window in (DAY, 7 * DAY))
    for hours in (0, -48, -50, -1, -48):
        await memory.judge(a_day, at=NOON + timedelta(hours=hours), of=[memory.asked(LI, NOODLES, 100)])
    assert await memory.judge(a_day, a_week, at=NOON, of=[memory.asked(LI, NOODLES, 1)]) == [(201, 501)]


async def test_one_rolls_at_a_time(memory: Memory) -> None:
    a_day = named(Entity.PAYER, Measure.COUNT, DAY)
    await memory.judge(a_day, at=NOON, of=[memory.asked(LI, NOODLES, 100)], roll=False)
    async with memory.db.tx() as one:
        await risk.roll(one, at=NOON)
        async with memory.db.tx() as other:
            assert not await risk.roll(other, at=NOON)
    await memory.roll()
    assert await memory.judge(a_day, at=NOON, of=[memory.asked(LI, NOODLES, 100)]) == [(2,)]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Feature(name="it", entity=Entity.PAYEE, measure=Measure.FRAUD_SHARE, window_s=DAY, edge=Edge.HOUR), "a delay"),
        (
            Feature(name="it", entity=Entity.PAYEE, measure=Measure.SPEED, window_s=DAY, edge=Edge.HOUR),
            "a payer travels",
        ),
        (Feature(name="it", entity=Entity.PAYER, measure=Measure.FRAUDS_KNOWN, window_s=HOUR), "of a payee"),
        (Feature(name="it", entity=Entity.PAYEE, measure=Measure.FRAUDS_KNOWN, window_s=HOUR), "by the hour"),
        (Feature(name="it", entity=Entity.PAYER, measure=Measure.COUNT, window_s=DAY), "only short windows"),
        (Feature(name="it", entity=Entity.PAIR, measure=Measure.COUNT, window_s=HOUR), "a pair has no exact window"),
        (Feature(name="it", entity=Entity.PAYER, measure=Measure.COUNT, window_s=HOUR, delay_s=1), "ends now"),
        (Feature(name="it", entity=Entity.DEVICE, measure=Measure.SUM, window_s=HOUR), "several currencies"),
        (Feature(name="it", entity=Entity.PAYER, measure=Measure.DISTINCT, window_s=DAY, edge=Edge.HOUR), "by whom"),
        (
            Feature(name="it", entity=Entity.PAYER, measure=Measure.DISTINCT, window_s=HOUR, of=Entity.PAYEE),
            "by the hour",
        ),
    ],
)
def test_what_cannot_be_answered_is_no_definition(wrong: Feature, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        risk.check(wrong)


async def test_a_month_of_four_processes_is_the_same_looked_at_afterwards(db: Database) -> None:
    """Each value that a process saw is what the payments that it could see come to."""
    for feature in FEATURES:
        risk.check(feature)
    lives = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.risk.month",
            db.url,
            str(seed),
            "100",
            stderr=asyncio.subprocess.PIPE,
        )
        for seed in range(4)
    ]
    for life in lives:
        _, said = await life.communicate()
        assert life.returncode == 0, said.decode()
    all_ = await naive.rows(db)
    assert len({row.xid for row in all_}) == 400
    assert any(row.rolled_to > all_[0].xid for row in all_), "nothing was rolled while they lived"
    labels = await naive.labels(db)
    assert any(label.number > 1 for label in labels), "nobody changed his mind"
    assert any(row.features[n] for row in all_ for n, f in enumerate(FEATURES) if f.measure is Measure.FRAUDS_KNOWN)
    book = naive.Book(all_, labels)
    for row in all_:
        wanted = book.features(row, FEATURES)
        wrong = [(f.name, was, is_) for f, was, is_ in zip(FEATURES, row.features, wanted, strict=True) if was != is_]
        assert not wrong, row


async def test_totals_before_every_window_are_forgotten_and_no_window_changes(memory: Memory) -> None:
    windows = [named(Entity.PAYER, Measure.COUNT, days_ * DAY) for days_ in (7, 30, 90)]
    ever = named(Entity.PAYER, Measure.SUM, None)
    for days_ago in (200, 150, 120, 100, 80, 20, 3):
        await memory.judge(at=NOON - timedelta(days=days_ago), of=[memory.asked(LI, NOODLES, 1_000)])
    [before] = await memory.judge(*windows, ever, at=NOON, of=[memory.asked(LI, TEA, 500)])
    assert before == (2, 3, 4, 7_500)

    async def kept() -> int:
        async with memory.db.read() as tx:
            return (await tx.rows("SELECT count(*) FROM risk.total WHERE kind = 1 AND one = %(li)s", li=LI))[0][0]

    assert await kept() == 8
    last, looked = None, 0
    while True:
        async with memory.db.tx() as tx:
            last = await forget_totals(tx, last, at=NOON, most=100)
        if last is None:
            break
        looked += 1
    assert await kept() == 5, "the newest that lies before ninety days, and all behind it"
    [after] = await memory.judge(*windows, ever, at=NOON, of=[memory.asked(LI, TEA, 500)])
    assert after == (3, 4, 5, 8_000)
