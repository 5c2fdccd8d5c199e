"""What the wall counts is what was judged, however many processes judge while it is rolled; and no look at it scans payments."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from tests.risk import month
from tests.risk.rolled import roll_all
from tests.risk.test_memory import db as db
from tongbao.base.db import Database
from tongbao.base.settings import Settings
from tongbao.risk.rule_model import Action
from tongbao.risk.wall import Wall, forget_pace

COUNTED = "SELECT span_s, since_at, currency, action, payments, declined, by_fallback, amount_minor FROM risk.pace"
DIRECT = """
SELECT s.span_s, to_timestamp(floor(extract(epoch FROM a.at) / s.span_s) * s.span_s), a.currency, a.action, count(*),
    count(*) FILTER (WHERE a.is_declined), count(*) FILTER (WHERE a.model_fault IS NOT NULL), sum(a.amount_minor)::bigint
FROM risk.assessment a CROSS JOIN (VALUES (60), (3600)) AS s (span_s) GROUP BY 1, 2, 3, 4
"""


PLACED = "SELECT since_at, district, payments, odd, latitude_e6, longitude_e6 FROM risk.district_pace"
PLACED_DIRECT = """
SELECT date_trunc('hour', a.at), a.own ->> 'district', count(*), count(*) FILTER (WHERE a.action <> 'approve'),
    sum(a.latitude_e6)::bigint, sum(a.longitude_e6)::bigint
FROM risk.assessment a WHERE a.latitude_e6 IS NOT NULL GROUP BY 1, 2
"""


async def test_it_counts_each_payment_once_while_three_processes_judge_and_two_roll(db: Database) -> None:
    lives = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.risk.month", db.url, str(seed), "40", stderr=asyncio.subprocess.PIPE
        )
        for seed in range(3)
    ]
    ended = asyncio.gather(*(life.communicate() for life in lives))
    while not ended.done():
        await roll_all(db, at=month.FIRST, most=40, rollers=2)
        await asyncio.sleep(0.02)
    assert [life.returncode for life in lives] == [0, 0, 0], await ended
    await roll_all(db, at=month.FIRST, most=40, rollers=2)
    async with db.read() as tx:
        counted, direct = await tx.rows(COUNTED), await tx.rows(DIRECT)
        placed, placed_direct = await tx.rows(PLACED), await tx.rows(PLACED_DIRECT)
        judged = (await tx.rows("SELECT count(*) FROM risk.assessment"))[0][0]
    assert sorted(counted) == sorted(direct)
    assert sorted(placed) == sorted(placed_direct)
    assert len({district for _, district, *_ in placed}) > 1
    assert sum(row[4] for row in counted if row[0] == 60) == judged > 100


async def test_minutes_are_forgotten_after_two_days_and_hours_are_not(db: Database) -> None:
    at = month.FIRST
    async with db.tx() as tx:
        for span_s in (60, 3_600):
            for age in (timedelta(days=1), timedelta(days=3), timedelta(days=401)):
                await tx.run(
                    """INSERT INTO risk.pace (span_s, since_at, currency, action, payments, declined, by_fallback, amount_minor)
                    VALUES (%(span_s)s, %(since)s, 'CNY', 'approve', 1, 0, 0, 1)""",
                    span_s=span_s,
                    since=at - age,
                )
        for age in (timedelta(days=399), timedelta(days=401)):
            await tx.run(
                "INSERT INTO risk.district_pace VALUES (%(since)s, 'Chengguan', 1, 0, 36060000, 103830000)",
                since=at - age,
            )
        await forget_pace(tx, at=at)
        assert await tx.rows("SELECT %(at)s - since_at FROM risk.district_pace", at=at) == [(timedelta(days=399),)]
        left = await tx.rows("SELECT span_s, %(at)s - since_at FROM risk.pace ORDER BY 1, 2", at=at)
    assert left == [(60, timedelta(days=1)), (3_600, timedelta(days=1)), (3_600, timedelta(days=3))]


async def test_a_look_reads_no_more_of_a_bank_that_has_judged_a_hundred_times_as_much(db: Database) -> None:
    """A look is as good as what it reads: rows of the spans, and a dozen payments out of an index."""
    at = month.FIRST.replace(hour=12)
    async with db.tx() as tx:
        await tx.run(
            """INSERT INTO risk.pace (span_s, since_at, currency, action, payments, declined, by_fallback, amount_minor)
            SELECT 60, %(at)s - make_interval(mins => n), 'CNY', a, 1000, 10, 0, 100000
            FROM generate_series(0, 1500) AS n, unnest(ARRAY['approve', 'challenge', 'hold', 'deny']) AS a""",
            at=at,
        )
        await tx.run(
            """INSERT INTO risk.pace (span_s, since_at, currency, action, payments, declined, by_fallback, amount_minor)
            SELECT 3600, %(at)s - make_interval(hours => n), 'CNY', a, 60000, 600, 0, 6000000
            FROM generate_series(0, 700) AS n, unnest(ARRAY['approve', 'challenge', 'hold', 'deny']) AS a""",
            at=at,
        )
    scene = await Wall(db, Settings(database_url=db.url)).look(at)
    hour, day, week = scene.spans
    assert (hour.payments, day.payments) == (60 * 4_000, 1_440 * 4_000)
    assert week.payments == 7 * 24 * 240_000
    assert day.amount_minor(Action.DENY) == 1_440 * 100_000
    assert len(scene.minutes) == 60
    assert scene.minutes[-1] == (at, dict.fromkeys(Action, 1_000))
    assert scene.grid
    assert all(odd * 4 == many * 3 for many, odd in scene.grid.values())
    assert scene.behind_since is None
