"""The bank's own housekeeping."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest

from tests.console.conftest import DAY, Office
from tongbao import identity
from tongbao.base import calendar, outbox, partitions, retention
from tongbao.base.jobs import JobContext, run_now
from tongbao.base.outbox import Event
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings
from tongbao.console import jobs


async def _run(office: Office, name: str) -> None:
    (job,) = (job for job in jobs.JOBS if job.name == name)
    await run_now(job, JobContext(office.db, office.clock, Settings()))


async def test_proposals_expire(office: Office) -> None:
    debit, credit = await office.own_account("5030"), await office.own_account("1010")
    order = {
        "lines": [{"debit": debit, "credit": credit, "amount": 5, "currency": "CNY"}],
        "reason": "rounding of yesterday",
    }
    key = uuid4()
    await office.ask("mei", "POST", "/v1/journals", order, key=key)
    await _run(office, "expire_approvals")
    assert (await office.ask("mei", "GET", f"/v1/approvals/{key}")).json()["state"] == "proposed"
    office.clock.tick(timedelta(days=4))
    await _run(office, "expire_approvals")
    assert (await office.ask("mei", "GET", f"/v1/approvals/{key}")).json()["state"] == "expired"


async def test_the_calendar_knows_this_year_and_the_next(office: Office) -> None:
    await _run(office, "seed_calendar")
    await _run(office, "seed_calendar")
    async with office.db.read() as tx:
        found = await calendar.between(tx, date(2026, 1, 1), date(2027, 12, 31))
    assert {day.day.year for day in found} == {2026, 2027}


async def _tables(office: Office) -> set[str]:
    async with office.db.read() as tx:
        rows = await tx.rows("SELECT relname FROM pg_class WHERE relname ~ '^outbox_[0-9]{4}_[0-9]{2}$'")
    return {name for (name,) in rows}


async def test_partitions_are_made_ahead(office: Office) -> None:
    async with office.db.tx() as tx:
        await tx.rows("DROP TABLE base.outbox_2027_01")
    await _run(office, "make_partitions")
    assert await _tables(office) == {"outbox_2026_11", "outbox_2026_12", "outbox_2027_01"}


@pytest.mark.parametrize("cursor", ["unread", "read"])
async def test_old_events_leave_in_whole_months_once_everybody_has_read_them(office: Office, cursor: str) -> None:
    old = date(2025, 9, 15)
    async with office.db.tx() as tx:
        await partitions.ensure(tx, old)
        for day in (old, date(2025, 10, 1)):
            event = Event(
                event_id=uuid4(), topic="t", aggregate=uuid4(), sequence=1, at=office.at, booking_date=day, payload={}
            )
            await outbox.append(tx, [event])
        where = ("0", "0") if cursor == "unread" else ("9999999999", "0")
        await tx.rows(
            "INSERT INTO base.outbox_cursor (consumer, xid, id, moved_at) VALUES ('c', %(x)s::text::xid8, %(i)s::bigint, %(at)s)",
            x=where[0],
            i=where[1],
            at=office.at,
        )
    before = await _tables(office)
    await _run(office, "drop_old_events")
    gone = before - await _tables(office)
    assert gone == (set() if cursor == "unread" else {"outbox_2025_09"}), "October is thirteen months back and stays"
    async with office.db.tx() as tx:
        assert await retention.drop_old_events(tx, DAY) == []


async def test_a_month_stays_while_one_of_its_events_is_held(office: Office) -> None:
    async with office.db.tx() as tx:
        await partitions.ensure(tx, date(2025, 9, 15))
        await tx.rows(
            "INSERT INTO base.outbox_held VALUES ('c', %(e)s, 1, %(e)s, 1, 't', %(at)s, '2025-09-30', '{}', 'parked', 10, %(at)s)",
            e=uuid4(),
            at=office.at,
        )
    await _run(office, "drop_old_events")
    assert "outbox_2025_09" in await _tables(office)


async def test_sessions_are_forgotten_a_month_after_they_are_over(office: Office) -> None:
    async def sessions() -> int:
        token = identity.fresh_token("shop", office.chance.randbytes)
        async with office.db.tx() as tx:
            await identity.open_session(
                tx,
                identity.VisitorKind.SHOP,
                office.id(),
                session_id=office.id(),
                token=token,
                by=SYSTEM,
                at=office.at,
            )
        await _run(office, "forget_sessions")
        async with office.db.read() as tx:
            return (await tx.rows("SELECT count(*) FROM identity.session"))[0][0]

    assert await sessions() == 1
    office.clock.tick(timedelta(days=30))
    assert await sessions() == 2, "the first one ended less than a month ago"
    office.clock.tick(timedelta(days=1))
    assert await sessions() == 2, "the first one has gone"
