"""A city's past through the bank's own verbs: every order ends as the stream said, once, however often it is begun."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tongbao import history
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao_sim.history import Plan, write

UNTIL = date(2026, 11, 21)
PLAN = Plan(seed=11, people=200, shops=30, days=12, payments=2_500, until=UNTIL, balances=True)
ORDERS = 2_500


@pytest.fixture(scope="module")
def stream() -> list[bytes]:
    out = io.BytesIO()
    write(PLAN, out)
    return out.getvalue().splitlines()


class PowerCut(Exception):
    pass


def cut(stream: list[bytes], after: int) -> Iterator[bytes]:
    yield from stream[:after]
    raise PowerCut


async def bring_in(db: Database, facts: list[bytes] | Iterator[bytes]) -> history.Founded:
    clock = ManualClock(datetime(2026, 11, 10, tzinfo=ZoneInfo("Asia/Shanghai")))

    return await history.found(db, clock, facts, Settings())


async def test_a_past_is_founded(db: Database, fresh_database: str, stream: list[bytes]) -> None:
    done = await bring_in(db, stream)
    assert (done.unexpected, done.first_unexpected) == (0, [])
    assert (done.people, done.shops, done.days) == (200, 30, 12)
    assert (done.orders, done.completed + done.refused, done.passed_by) == (ORDERS, ORDERS, 0)
    assert done.refused > 0, "somebody asked for more than was there"
    assert (done.balances_checked > 200, done.balances_off) == (True, 0)
    with psycopg.connect(fresh_database) as conn:
        rows = conn.execute(
            "SELECT count(DISTINCT booking_date), min(booking_date), max(booking_date) FROM payments.payment"
        ).fetchone()
        assert rows == (12, UNTIL - timedelta(days=11), UNTIL)
        assert conn.execute("SELECT open_date FROM base.business_day").fetchone() == (UNTIL + timedelta(days=1),)
        assert conn.execute(
            "SELECT count(*) FROM ledger.trial_balance WHERE booking_date = %s", [UNTIL]
        ).fetchone() != (0,)
        wrong = conn.execute(
            "SELECT count(*) FROM payments.payment WHERE (created_at AT TIME ZONE 'Asia/Shanghai')::date <> booking_date"
        ).fetchone()
        assert wrong == (0,), "each payment lies in the day in which it was made"


@pytest.mark.parametrize("share", [2, 5, 9])
async def test_cut_off_and_begun_again(db: Database, fresh_database: str, stream: list[bytes], share: int) -> None:
    with pytest.raises(PowerCut):
        await bring_in(db, cut(stream, len(stream) * share // 10))
    done = await bring_in(db, stream)
    assert (done.unexpected, done.orders + done.passed_by) == (0, ORDERS)
    assert done.balances_off == 0
    again = await bring_in(db, stream)
    assert (again.passed_by, again.balances_off) == (ORDERS, 0)
    with psycopg.connect(fresh_database) as conn:
        assert conn.execute(
            "SELECT (SELECT count(*) FROM payments.payment)"
            " + (SELECT count(*) FROM payments.operation WHERE kind = 'refund')"
        ).fetchone() == (ORDERS,)


@pytest.mark.parametrize("bad", [b"{", b"[]", b'{"fact":"dragon"}', b'{"fact":"account","id":"1"}', b"\xff"])
async def test_a_line_that_is_no_fact(db: Database, bad: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        await bring_in(db, [b'{"fact":"day","date":"2026-11-10"}', bad])
    assert refused.value.code == "fact_unreadable"
    assert "line 2" in str(refused.value.detail)


async def test_a_stream_that_stops(db: Database) -> None:
    with pytest.raises(Refusal) as refused:
        await bring_in(db, [b'{"fact":"day","date":"2026-11-10"}'])
    assert refused.value.code == "fact_unreadable"
