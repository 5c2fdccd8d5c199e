"""The bank's vitals on a real database: what is read, how long that may take, and who is told."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
from psycopg import conninfo

from tests.console.conftest import DAY, Office, code
from tongbao import console
from tongbao.base.clock import ManualClock
from tongbao.base.embedded import TEST, Cluster
from tongbao.base.settings import Settings
from tongbao.console.model import Check, Vitals
from tongbao.console.vitals import Pulse


async def _vitals(office: Office, within_s: int = 20, **settings: Any) -> Vitals:
    chosen = Settings(database_url=office.db.url, **settings)
    return await console.take_vitals(office.db.url, chosen, office.clock, within_s=within_s)


async def _checks(office: Office, **settings: Any) -> dict[str, Check]:
    return {check.name: check for check in console.examine(await _vitals(office, **settings))}


async def _sql(office: Office, statement: str, **values: Any) -> None:
    path = "-c search_path=procrastinate"  # whose triggers name no schema
    async with await psycopg.AsyncConnection.connect(office.db.url, autocommit=True, options=path) as conn:
        await conn.execute(statement.encode(), values or None)


async def test_everything_is_read_of_a_bank(office: Office) -> None:
    found = await _vitals(office)
    assert (found.unknown, found.trouble) == ((), None)
    assert found.server is not None
    assert found.clocks is not None
    assert abs(found.clocks.ahead_ms) < 1000
    assert found.connections is not None
    assert found.connections.used["tongbao vitals"] >= 1
    assert found.day is not None
    assert (found.day.open_date, found.day.open_s, found.day.unended_s, found.day.ahead) == (DAY, 0, 0, 0)
    assert found.partitions_missing == {"this": (), "next": ()}
    assert [disk.name for disk in found.disks] == ["data"]
    assert found.disks[0].path == found.server["data_directory"]


async def test_a_database_that_is_away_is_told_of_with_its_reason_and_without_its_secret() -> None:
    clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
    url = "postgresql://u:hunter22222@127.0.0.1:1/none"
    found = await console.take_vitals(url, Settings(database_url=url), clock)
    assert found.server is None
    assert found.trouble
    assert "hunter22222" not in found.trouble
    checks = {check.name: check for check in console.examine(found)}
    assert set(checks) == {"settings", "disk", "database"}
    assert (checks["database"].state, checks["database"].runbook) == ("fail", "runbooks/database-gone.md")
    assert "Start the database" in checks["database"].advice


async def test_a_figure_that_waits_for_somebody_does_not_keep_the_others(office: Office) -> None:
    """Somebody rebuilds a table: what stands in it is not known, everything else is."""
    async with await psycopg.AsyncConnection.connect(office.db.url) as stranger:
        await stranger.execute("LOCK TABLE payments.open_payment")
        found = await _vitals(office, within_s=4)
    assert found.late is None
    assert "late" in found.unknown
    assert (found.jobs is not None, found.day is not None, found.consumers is not None) == (True, True, True)
    checks = {check.name: check for check in console.examine(found)}
    assert "stuck payments" not in checks
    assert (checks["figures"].state, checks["figures"].said) == ("warn", f"not told: {', '.join(found.unknown)}")


async def test_an_empty_database_lacks_every_migration(empty_database: str) -> None:
    clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
    found = await console.take_vitals(empty_database, Settings(database_url=empty_database), clock, within_s=20)
    assert found.server is not None
    assert found.schema is None
    assert {"schema", "consumers", "jobs"} <= set(found.unknown)
    assert "slots" not in found.unknown


async def test_transactions_that_stay_open_are_named(office: Office) -> None:
    assert "none" in (await _checks(office))["transactions"].said
    async with await psycopg.AsyncConnection.connect(office.db.url, application_name="a report") as reader:
        await reader.execute("SELECT 1 FROM base.business_day")
        assert (await _vitals(office)).writer == (), "who only reads holds nobody up"
    async with await psycopg.AsyncConnection.connect(office.db.url, application_name="a forgotten shell") as stranger:
        await stranger.execute("SELECT pg_current_xact_id()")
        found = await _vitals(office)
        assert found.writer is not None
        assert [(one.application, one.pid) for one in found.writer] == [
            ("a forgotten shell", stranger.info.backend_pid)
        ]
        old = msgspec.structs.replace(found, writer=(msgspec.structs.replace(found.writer[0], age_s=400),))
        assert "TongbaoTransactionLeftOpen" in [one.alert.name for one in console.firing(old)]


async def test_a_day_is_late_when_the_calendar_has_passed_it(office: Office) -> None:
    """Midnight in Shanghai is 16:00 UTC."""
    for hours, state in ((14, "ok"), (16, "warn"), (19, "fail")):
        office.clock.set(datetime(2026, 11, 23, 1, tzinfo=UTC) + timedelta(hours=hours, minutes=1))
        check = (await _checks(office))["business day"]
        assert check.state == state, check.said
    assert check.runbook == "runbooks/day-not-closed.md"
    timed = (await _checks(office, day_every_s=600))["business day"]
    assert timed.state == "ok", "where days are timed, the calendar says nothing"


async def test_a_closed_day_that_is_not_settled_is_late_as_well(office: Office) -> None:
    await _sql(office, "UPDATE base.business_day SET closed_through = open_date, open_date = open_date + 1")
    step = "INSERT INTO clearing.eod_step VALUES (%(day)s, %(step)s, %(at)s, '{}')"
    office.clock.set(datetime(2026, 11, 23, 19, 1, tzinfo=UTC))
    await _sql(office, step, day=DAY, step="close", at=office.at - timedelta(hours=3))
    vitals = await _vitals(office)
    assert vitals.day is not None
    assert (vitals.day.open_s, vitals.day.unended, vitals.day.unended_s) == (0, DAY, 3 * 3600 + 60)
    assert [one.alert.name for one in console.firing(vitals) if one.alert.runbook == "day-not-closed"] == [
        "TongbaoDayNotSettled",
        "TongbaoDayLate",
    ]
    timed = await _vitals(office, day_every_s=600)
    assert timed.day is not None
    assert timed.day.unended_s == 3 * 3600, "since its end was begun"
    await _sql(office, step, day=DAY, step="settle", at=office.at)
    assert (await _checks(office))["business day"].state == "ok"


async def test_payments_past_their_time_and_from_the_future(office: Office) -> None:
    stuck = (
        "INSERT INTO payments.open_payment SELECT id, 'capture', created_at, created_at + interval '1 hour'"
        " FROM payments.payment"
    )
    await _sql(
        office,
        "INSERT INTO payments.payment (id, kind, principal_id, request_hash, payer_account_id, amount_minor, currency,"
        " capture, arrives, method, created_at, state, authorised_minor, captured_minor, refunded_minor, disputed_minor,"
        " settled_minor, fee_minor, at_once_minor, at_once_fee_minor, booking_date, sequence)"
        " VALUES (gen_random_uuid(), 'payment', gen_random_uuid(), '', gen_random_uuid(), 1, 'CNY', 'manual', 'now',"
        " 'account', %(at)s, 'authorised', 1, 0, 0, 0, 0, 0, 0, 0, %(day)s, 1)",
        at=office.at + timedelta(seconds=90),
        day=DAY,
    )
    await _sql(office, stuck)
    checks = await _checks(office)
    assert (checks["clocks"].state, checks["stuck payments"].state) == ("fail", "ok")
    assert "90 s ahead" in checks["clocks"].said
    office.clock.tick(timedelta(minutes=75))
    checks = await _checks(office)
    assert checks["clocks"].state == "ok", "the moment has passed"
    assert (checks["stuck payments"].state, checks["stuck payments"].said[:18]) == ("warn", "1 wait for capture")
    assert "请款" in checks["stuck payments"].said_zh
    assert (await _checks(office, stuck_after_s=3600))["stuck payments"].state == "ok"


async def test_workers_and_jobs(office: Office) -> None:
    assert (await _checks(office))["workers"].state == "fail", "nobody has ever worked"
    worker = "INSERT INTO procrastinate.procrastinate_workers (last_heartbeat) VALUES (now() - %(ago)s)"
    await _sql(office, worker, ago=timedelta(minutes=3))
    gone = (await _checks(office))["workers"]
    assert (gone.state, gone.said[:9]) == ("fail", "0 at work")
    await _sql(office, worker, ago=timedelta(seconds=5))
    assert (await _checks(office))["workers"].state == "ok"

    job = (
        "INSERT INTO procrastinate.procrastinate_jobs (queue_name, task_name, lock, status, scheduled_at)"
        " VALUES ('default', 'sweep', 'sweep', %(status)s::procrastinate.procrastinate_job_status, now() - %(ago)s)"
    )
    await _sql(office, job, status="todo", ago=timedelta(hours=-1))
    assert (await _checks(office))["jobs"].state == "ok", "not due yet"
    await _sql(office, job, status="todo", ago=timedelta(minutes=11))
    late = (await _checks(office))["jobs"]
    assert (late.state, late.runbook) == ("warn", "runbooks/worker-gone.md")
    await _sql(office, job, status="doing", ago=timedelta(minutes=12))
    assert (await _checks(office))["jobs"].state == "ok", "it runs; the next turn waits for its end"


async def test_a_job_fails_until_it_goes_through(office: Office) -> None:
    await _sql(
        office,
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'sweep', 'doing');"
        " UPDATE procrastinate_jobs SET status = 'failed';"
        " INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, job_id)"
        " SELECT 'sweep', 1, id FROM procrastinate_jobs",
    )
    failing = (await _checks(office))["jobs"]
    assert (failing.state, failing.said, failing.runbook) == ("warn", "failing: sweep", "runbooks/job-fails.md")
    await _sql(
        office,
        "DELETE FROM procrastinate_periodic_defers;"
        " INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'sweep', 'doing');"
        " INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp, job_id)"
        " SELECT 'sweep', 2, max(id) FROM procrastinate_jobs",
    )
    assert (await _checks(office))["jobs"].state == "warn", "it is only trying again"
    await _sql(office, "DELETE FROM procrastinate_jobs WHERE status = 'doing'")
    assert (await _checks(office))["jobs"].state == "ok"


async def test_webhooks_that_are_due(office: Office) -> None:
    url = (
        "INSERT INTO merchants.endpoint (id, url, topics, status, created_at, failing_since)"
        " VALUES (%(id)s, 'https://x', '{a}', 'active', %(at)s, %(at)s)"
    )
    await _sql(office, url, id=(endpoint := uuid4()), at=office.at)
    delivery = (
        "INSERT INTO merchants.delivery (id, endpoint_id, event_id, topic, aggregate, sequence, body, state, attempts,"
        " tries_left, created_at, next_at) VALUES (gen_random_uuid(), %(endpoint)s, gen_random_uuid(), 'a',"
        " gen_random_uuid(), 1, '', 'pending', 0, 3, %(at)s, %(at)s)"
    )
    await _sql(office, delivery, endpoint=endpoint, at=office.at + timedelta(minutes=5))
    check = (await _checks(office))["webhooks"]
    assert (check.state, check.said[:20]) == ("ok", "0 due; of the endpoi")
    office.clock.tick(timedelta(minutes=16))
    check = (await _checks(office))["webhooks"]
    assert (check.state, check.said) == ("warn", "1 due; of the endpoints 1 fail and 0 are switched off")


async def test_messages_that_nobody_takes(office: Office) -> None:
    check = (await _checks(office))["messages"]
    assert (check.state, check.said) == (
        "ok",
        "no gateway is named (TONGBAO_SMS); 0 wait for the gateway; 0 failed within an hour",
    )
    message = (
        "INSERT INTO notices.message (id, subject_id, channel, kind, sealed_to, sealed_text, state, queued_at, expires_at, next,"
        " next_at, tries) VALUES (%(id)s, %(id)s, 'sms', 'code', '', '', 'queued', %(at)s, %(at)s, 'send', %(at)s, 0)"
    )
    await _sql(office, message, id=uuid4(), at=office.at)
    assert (await _checks(office))["messages"].state == "ok", "it has just been queued"
    office.clock.tick(timedelta(seconds=121))
    check = (await _checks(office))["messages"]
    assert (check.state, check.said[:56]) == ("fail", "no gateway is named (TONGBAO_SMS); 1 wait for the gatewa")


async def test_a_switch_that_was_thrown_is_not_forgotten(office: Office) -> None:
    throw = "INSERT INTO payments.switch VALUES ('method', 'qr', true, %(at)s, %(by)s, 'drill', %(until)s, 1)"
    await _sql(office, throw, at=office.at, by=uuid4(), until=office.at + timedelta(hours=1))
    check = (await _checks(office))["kill switches"]
    assert (check.state, check.said) == ("warn", "stopped: method qr")
    office.clock.tick(timedelta(hours=2))
    assert (await _checks(office))["kill switches"].state == "ok", "it has ended by itself"


async def test_rails_that_the_settings_name_are_looked_at(office: Office) -> None:
    rails = {"rails": "north=http://127.0.0.1:1"}
    assert "rail north" not in await _checks(office)
    check = (await _checks(office, **rails))["rail north"]
    assert (check.state, check.said[:8]) == ("ok", "not used")
    await _sql(
        office,
        "INSERT INTO payments.rail_state (rail, failing, failing_since, open_until)"
        " VALUES ('north', 5, %(at)s, %(at)s)",
        at=office.at,
    )
    check = (await _checks(office, **rails))["rail north"]
    assert (check.state, check.runbook) == ("fail", "runbooks/dead-rail.md")


@pytest.fixture
def keeping_wal() -> Iterator[Cluster]:
    """A server that keeps WAL for others, which the tests' own does not."""
    folder = Path(tempfile.mkdtemp(prefix="tongbao-wal-"))
    more = {"wal_level": "replica", "max_wal_senders": "4", "archive_mode": "on", "archive_command": "false"}
    cluster = Cluster(folder, {**TEST, **more})
    cluster.start()
    yield cluster
    cluster.stop("immediate")
    shutil.rmtree(folder)


async def test_wal_that_nobody_takes(keeping_wal: Cluster) -> None:
    clock = ManualClock(datetime(2026, 11, 23, tzinfo=UTC))
    url = keeping_wal.ensure_database("bank")

    async def look() -> tuple[Vitals, dict[str, Check]]:
        found = await console.take_vitals(url, Settings(database_url=url), clock, within_s=20)
        return found, {check.name: check for check in console.examine(found)}

    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SELECT pg_create_physical_replication_slot('standby', true)")
        conn.execute("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 3000000)), pg_switch_wal()")
        for _ in range(600):
            vitals, checks = await look()
            if checks["WAL archive"].state != "ok":
                break
            await asyncio.sleep(0.1)
        assert (checks["WAL archive"].state, checks["WAL archive"].runbook) == ("warn", "runbooks/archive-fails.md")
        assert vitals.slots is not None
        (slot,) = vitals.slots
        assert (slot.name, slot.active, slot.retained_bytes > 3_000_000) == ("standby", False, True)
        assert (checks["slot standby"].state, checks["slot standby"].runbook) == (
            "warn",
            "runbooks/replication-slot.md",
        )
        conn.execute("SELECT pg_drop_replication_slot('standby')")
    assert "slot standby" not in (await look())[1]


# who is told


def _samples(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^(tongbao_\S+) (\S+)$", text, re.MULTILINE)}


async def test_metrics_tell_of_the_whole_bank(office: Office) -> None:
    answer = await office.http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    told = _samples(answer.text)
    assert told["tongbao_database_up"] == 1
    assert told["tongbao_workers"] == 0
    assert told['tongbao_stuck_payments{waits_for="rail_answer"}'] == 0
    assert told['tongbao_settings_unsafe{setting="fsync"}'] == 1, "the tests' server is not safe"
    assert told['tongbao_refusals_total{code="item_failed"}'] == 0, "an alert on the first needs the nought before it"
    assert answer.text.count("# TYPE tongbao_stuck_payments gauge") == 1


@asynccontextmanager
async def _away(url: str) -> AsyncIterator[None]:
    """The database is gone for the length of the block."""
    name, away = conninfo.conninfo_to_dict(url)["dbname"], f"away_{uuid4().hex[:8]}"
    admin = conninfo.make_conninfo(url, dbname="postgres")
    async with await psycopg.AsyncConnection.connect(admin, autocommit=True) as conn:
        await conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        await conn.execute(f'ALTER DATABASE "{name}" RENAME TO {away}'.encode())
        try:
            yield
        finally:
            await conn.execute(f'ALTER DATABASE {away} RENAME TO "{name}"'.encode())


async def test_metrics_answer_when_the_database_is_gone(office: Office) -> None:
    pulse = Pulse(Settings(database_url=office.db.url), office.clock, keep_s=0)
    async with _away(office.db.url):
        told = _samples((await office.http.get("/metrics")).text)
        assert told["tongbao_database_up"] == 0
        assert "tongbao_disk_free_ratio" in {name.partition("{")[0] for name in told}
        assert not [name for name in told if name.startswith(("tongbao_workers", "tongbao_stuck", "tongbao_outbox"))]
        assert [one.alert.name for one in console.firing(await pulse.vitals())] == ["TongbaoDatabaseGone"]
    assert (await pulse.vitals()).server is not None, "and by themselves they know when it is back"


async def test_many_who_ask_at_once_ask_the_database_once(office: Office) -> None:
    pulse = Pulse(Settings(database_url=office.db.url), office.clock, keep_s=3600)
    found = await asyncio.gather(*(pulse.vitals() for _ in range(20)))
    assert len({id(vitals.consumers) for vitals in found}) == 1
    assert len({vitals.at for vitals in found}) == 1
    office.clock.tick(timedelta(minutes=1))
    assert (await pulse.vitals()).at == found[0].at, "what was read is good for a while"


async def test_staff_are_told_what_the_doctor_says(office: Office) -> None:
    answer = await office.ask("operator", "GET", "/v1/checks")
    assert answer.status_code == 200
    said = answer.json()
    own = {check.name: check for check in console.examine(await _vitals(office))}
    assert {check["name"]: check["state"] for check in said["checks"]} == {n: c.state for n, c in own.items()}
    assert not said["ok"], "the tests' server is not safe, and no worker runs"
    assert all(check["said_zh"] and check["name_zh"] for check in said["checks"])
    assert (await office.ask("nobody", "GET", "/v1/checks")).status_code == 401
    assert code(await office.ask("mei", "GET", "/v1/checks")) == (403, "permission_missing")
