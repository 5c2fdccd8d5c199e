"""A city's past through the bank's own verbs: every order ends as the stream said, once, however often it is begun."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pytest

from tests.risk.rolled import roll_all
from tongbao import history, risk
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database
from tongbao.base.ids import NAMESPACE, derived
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings
from tongbao.cli.starting_rules import RULES
from tongbao.risk import jobs
from tongbao_sim.history import Plan, write

UNTIL = date(2026, 11, 21)
PLAN = Plan(seed=11, people=200, shops=30, days=12, payments=2_500, until=UNTIL, balances=True)
ORDERS = 2_500


@pytest.fixture(scope="module")
def stream() -> list[bytes]:
    out = io.BytesIO()
    write(PLAN, out)
    return out.getvalue().splitlines()


async def test_what_was_paid_is_remembered_as_if_it_had_been_judged_live(
    db: Database, fresh_database: str, stream: list[bytes]
) -> None:
    await bring_in(db, stream)
    facts = [msgspec.json.decode(line) for line in stream]
    paid = [f for f in facts if f["fact"] == "order" and f["kind"] in ("payment", "transfer")]
    payer, count = Counter(f["payer"] for f in paid).most_common(1)[0]
    device = next(f["device"] for f in paid if f["payer"] == payer and f.get("device") and "truth" not in f)
    clock = ManualClock(datetime(2026, 11, 22, 9, tzinfo=ZoneInfo("Asia/Shanghai")))
    await roll_all(db, at=clock.now())
    with psycopg.connect(fresh_database) as conn:
        rolled = conn.execute(
            "SELECT counted FROM risk.total WHERE kind = 1 AND one = %s ORDER BY hour DESC LIMIT 1", [payer]
        ).fetchone()
    assert rolled == (count,)
    asked = risk.Asked(
        id=UUID(int=7),
        payer=UUID(payer),
        payee=None,
        device=derived(NAMESPACE, f"risk.device {device}"),
        amount_minor=100,
        currency="CNY",
    )
    async with db.read() as tx:
        seen = await risk.recall(tx, [asked], risk.CATALOGUE, at_s=int(clock.now().timestamp()))
    features = dict(zip((f.name for f in risk.CATALOGUE), seen.features[asked.id], strict=True))
    assert features["payer_count_30d"] == count + 1
    assert (features["device_since_first"] or 0) > 86_400, "its telephone is no stranger"
    with psycopg.connect(fresh_database) as conn:
        hours = conn.execute("SELECT count(*) FROM risk.total WHERE kind = 1 AND one = %s", [payer]).fetchone()
        assert hours is not None
        assert hours[0] > 1, "totals went along with the past"


async def test_what_is_known_of_the_frauds_by_then_is_labelled_once(
    db: Database, fresh_database: str, stream: list[bytes]
) -> None:
    frauds = [f for f in map(msgspec.json.decode, stream) if f.get("truth") and f["kind"] != "refund"]
    known = {UUID(f["id"]): f["truth"] for f in frauds if f.get("known_at", "9") < f"{UNTIL}T16:00:00Z"}
    assert known, "somebody knows of one before the end"
    assert len(known) < len(frauds)
    for _ in range(2):
        await bring_in(db, stream)
        with psycopg.connect(fresh_database) as conn:
            labels = conn.execute("SELECT payment_id, reason FROM risk.label WHERE is_fraud AND source = 'outcome'")
            assert dict(labels.fetchall()) == known
            assert conn.execute("SELECT count(*) FROM risk.label").fetchone() == (len(known),)


async def test_a_ring_of_fake_trade_stands_out_in_a_past_that_was_brought_in(db: Database, fresh_database: str) -> None:
    plan = Plan(seed=3, people=150, shops=30, days=6, payments=1_600, until=UNTIL, frauds_of_10_000=500)
    out = io.BytesIO()
    write(plan, out)
    lines = out.getvalue().splitlines()
    assert (await bring_in(db, lines)).unexpected == 0
    facts = [msgspec.json.decode(line) for line in lines]
    ring = [f for f in facts if f.get("truth") == "ring" and f["kind"] == "payment"]
    clock = ManualClock(datetime(2026, 11, 22, 9, tzinfo=ZoneInfo("Asia/Shanghai")))
    tried = await jobs.try_now(db, clock, RULES["same_round_sum"].expression, days_=10)
    assert isinstance(tried, risk.Result), tried
    assert 0 < tried.new.hits <= len(ring) // 2, "from the third time on; nobody honest pays the same so often"


async def test_an_old_past_is_paid_and_not_judged(db: Database, fresh_database: str, stream: list[bytes]) -> None:
    judged_from = datetime.combine(UNTIL - timedelta(days=3), datetime.min.time(), ZoneInfo("Asia/Shanghai"))
    clock = ManualClock(datetime(2026, 11, 10, tzinfo=ZoneInfo("Asia/Shanghai")))
    done = await history.found(db, clock, stream, Settings(), judged_from=judged_from)
    assert (done.unexpected, done.balances_off, done.orders) == (0, 0, ORDERS)
    with psycopg.connect(fresh_database) as conn:
        [(oldest, judged)] = conn.execute("SELECT min(at), count(*) FROM risk.assessment").fetchall()
        assert oldest >= judged_from
        assert 0 < judged < ORDERS


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
    async with db.read() as tx:
        placed = await tx.rows(
            "SELECT count(*), count(DISTINCT district), count(DISTINCT (latitude_e6, longitude_e6)) FROM merchants.merchant WHERE district IS NOT NULL"
        )
    assert placed == [(30, 8, 30)]
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
