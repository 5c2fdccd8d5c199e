"""`tongbao doctor`: what stands in the way of a good night, and what to do about it."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import psycopg
import typer
from psycopg_pool import PoolTimeout
from rich.console import Console
from rich.table import Table

from tongbao.base import days, migrate, parked
from tongbao.base import settings as base_settings
from tongbao.base.db import BULK, Database, Tx
from tongbao.base.embedded import ClusterError, default_data_dir
from tongbao.base.log import redacted
from tongbao.base.refusal import Refusal
from tongbao.base.settings import Settings, SettingsError
from tongbao.cli import database, output

OK, WARN, FAIL = "ok", "warn", "fail"

_OLDEST, _NEWEST = 16, 18
_LAG_WARN, _LAG_FAIL = timedelta(minutes=5), timedelta(hours=1)
_CLOCK_WARN, _CLOCK_FAIL = timedelta(milliseconds=500), timedelta(seconds=5)
_DISK_WARN, _DISK_FAIL = 10 << 30, 2 << 30

_ADVICE = {
    "fsync": ("on", FAIL, "a power cut loses acknowledged payments"),
    "full_page_writes": ("on", FAIL, "a power cut may tear pages"),
    "synchronous_commit": ("off", FAIL, "a crash loses acknowledged payments"),
    "autovacuum": ("on", FAIL, "tables grow without end"),
    "server_encoding": ("UTF8", FAIL, "Chinese names cannot be stored"),
    "default_transaction_isolation": ("read committed", FAIL, "verbs lock under read committed"),
    "data_checksums": ("on", WARN, "a disk that lies is not noticed; see pg_checksums"),
}
"""Settings of the database that matter: what they must be (for `synchronous_commit`: not be), and what else happens."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`said` is what was found; `advice` what to do, empty where nothing is."""

    name: str
    state: str
    said: str
    advice: str = ""


class Bank(msgspec.Struct, frozen=True):
    settings: Settings
    url: str
    tx: Tx
    at: datetime


def run(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """Look the bank over: each thing ok, warn or fail, with what to do. Status 1 if anything fails."""
    found = asyncio.run(examine())
    sick = any(check.state == FAIL for check in found)
    if as_json:
        output.document({"ok": not sick, "checks": found})
    else:
        table = Table(show_header=False, box=None)
        for check in found:
            table.add_row(check.state, check.name, check.said + (f"\n→ {check.advice}" if check.advice else ""))
        Console(width=None if sys.stdout.isatty() else 160).print(table)
    raise typer.Exit(1 if sick else 0)


async def examine() -> list[Check]:
    """Every check in turn; those that need the database only where it answers."""
    try:
        settings = base_settings.load()
    except SettingsError as error:
        return [Check(name="settings", state=FAIL, said=str(error), advice="Correct the environment.")]
    found = [Check(name="settings", state=OK, said=f"environment {settings.env}"), disk(settings)]
    try:
        url = database.url()
        # The pool would go on trying for half a minute and then not say why.
        await (await psycopg.AsyncConnection.connect(url, connect_timeout=5)).close()
        async with (
            asyncio.timeout(60),
            Database(url, size=1, limits=BULK, name="tongbao doctor") as db,
            db.read() as tx,
        ):
            bank = Bank(settings, url, tx, settings.make_clock().now())
            for check in CHECKS:
                found += await check(bank)
                if found[-1].state == FAIL and check is migrations:
                    break
    except (psycopg.Error, PoolTimeout, ClusterError, TimeoutError, OSError) as error:
        said = redacted(f"{type(error).__name__}: {error}").splitlines()[0]
        advice = "Start the database, or correct TONGBAO_DATABASE_URL."
        found.append(Check(name="database", state=FAIL, said=said, advice=advice))
    return found


def disk(settings: Settings) -> Check:
    """Room on this machine; where the database is another one, its own monitoring must say."""
    place = Path.cwd() if settings.database_url else default_data_dir()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    state = FAIL if free < _DISK_FAIL else WARN if free < _DISK_WARN else OK
    advice = "" if state == OK else "Make room: a full disk stops every payment."
    return Check(name="disk", state=state, said=f"{free / (1 << 30):.1f} GiB free at {place}", advice=advice)


async def server(bank: Bank) -> list[Check]:
    rows = dict(await bank.tx.rows("SELECT name, setting FROM pg_settings"))
    major = int(rows["server_version_num"]) // 10_000
    state = FAIL if major < _OLDEST else WARN if major > _NEWEST else OK
    advice = "" if state == OK else f"PostgreSQL {_OLDEST} to {_NEWEST} is what the tests run on."
    found = [Check(name="database", state=state, said=f"PostgreSQL {rows['server_version']}", advice=advice)]
    for name, (value, severity, otherwise) in _ADVICE.items():
        wrong = rows[name] == value if name == "synchronous_commit" else rows[name] != value
        if wrong:
            found.append(Check(name=name, state=severity, said=f"{name} = {rows[name]}", advice=f"Else {otherwise}."))
    needed = bank.settings.processes * (bank.settings.pool_size + 4) + 20
    if int(rows["max_connections"]) < needed:
        said = f"max_connections = {rows['max_connections']}, {needed} may be asked for"
        found.append(Check(name="connections", state=WARN, said=said, advice="Raise it, or lower TONGBAO_POOL_SIZE."))
    return found


async def migrations(bank: Bank) -> list[Check]:
    applied, present = set(await asyncio.to_thread(migrate.applied, bank.url)), set(migrate.present())
    if missing := sorted(present - applied):
        said = f"missing: {', '.join(missing)}"
        return [Check(name="migrations", state=FAIL, said=said, advice="Run `tongbao migrate`.")]
    if newer := sorted(applied - present):
        said = f"the database is newer than this version: {', '.join(newer)}"
        return [Check(name="migrations", state=WARN, said=said, advice="Finish the upgrade of every machine.")]
    return [Check(name="migrations", state=OK, said=f"at {max(present)}")]


async def business_day(bank: Bank) -> list[Check]:
    name = "business day"
    try:
        now = await days.current(bank.tx)
    except Refusal as refusal:
        return [Check(name=name, state=FAIL, said=refusal.kind.en, advice="Run `tongbao migrate`.")]
    today = days.local_day(bank.at, bank.settings.zone)
    said = f"{now.open_date} is open, closed through {now.closed_through}; today is {today}"
    if now.open_date < today:
        advice = (
            "Run `tongbao eod`." if now.open_date < today - timedelta(1) else "The end of day comes after midnight."
        )
        state = FAIL if now.open_date < today - timedelta(3) else WARN
        return [Check(name=name, state=state, said=said, advice=advice)]
    if now.open_date > today + timedelta(1):
        advice = "Somebody closed days that are not over; postings carry that date."
        return [Check(name=name, state=WARN, said=said, advice=advice)]
    return [Check(name=name, state=OK, said=said)]


async def calendar(bank: Bank) -> list[Check]:
    today = days.local_day(bank.at, bank.settings.zone)
    asked = date(today.year + (today.month >= 11), 1, 1)
    rows = await bank.tx.rows(
        "SELECT DISTINCT extract(year FROM day)::int FROM base.calendar_view WHERE day >= %(first)s",
        first=date(today.year, 1, 1),
    )
    known = {year for (year,) in rows}
    missing = [str(year) for year in range(today.year, asked.year + 1) if year not in known]
    if missing:
        advice = "Run `tongbao migrate`, or enter the holidays: PUT /v1/calendar/{day}."
        said = f"no holidays are known for {', '.join(missing)}"
        return [Check(name="calendar", state=WARN, said=said, advice=advice)]
    return [Check(name="calendar", state=OK, said=f"holidays are known through {max(known)}")]


async def partitions(bank: Bank) -> list[Check]:
    """Postings of a month without a partition are refused."""
    row = await bank.tx.row("SELECT open_date FROM base.business_day_view")
    if row is None:
        return []
    this, following = row[0].replace(day=1), (row[0].replace(day=1) + timedelta(31)).replace(day=1)
    rows = await bank.tx.rows(
        "SELECT n.nspname || '.' || c.relname, to_regclass(n.nspname || '.' || c.relname || '_' || m.month) IS NOT NULL, m.month"
        " FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " CROSS JOIN unnest(%(months)s::text[]) AS m (month) ORDER BY 3, 1",
        months=[f"{this:%Y_%m}", f"{following:%Y_%m}"],
    )
    lacking = [(name, month) for name, there, month in rows if not there]
    if not lacking:
        return [Check(name="partitions", state=OK, said=f"made through {following:%Y-%m}")]
    state = FAIL if any(month == f"{this:%Y_%m}" for _, month in lacking) else WARN
    said = "missing: " + ", ".join(f"{name}_{month}" for name, month in lacking)
    return [Check(name="partitions", state=state, said=said, advice="Run `tongbao work`, which makes them ahead.")]


async def outbox(bank: Bank) -> list[Check]:
    lines = await parked.lag(bank.tx)
    if not lines:
        said = "no consumer has ever read an event"
        return [Check(name="outbox", state=WARN, said=said, advice="Run `tongbao work` beside `tongbao serve`.")]
    found: list[Check] = []
    for line in lines:
        behind = bank.at - line.oldest_at if line.oldest_at else timedelta(0)
        state = FAIL if behind > _LAG_FAIL else WARN if behind > _LAG_WARN else OK
        advice = "" if state == OK else "Is `tongbao work` running? Its log names the consumer that stumbles."
        said = f"{line.unread} events unread, the oldest for {max(0, behind // timedelta(seconds=1))} s"
        found.append(Check(name=f"outbox {line.consumer}", state=state, said=said, advice=advice))
    many = sum(line.parked for line in lines)
    advice = "`tongbao dead list` shows why; `tongbao dead resend --all` once it is mended." if many else ""
    return [*found, Check(name="parked events", state=WARN if many else OK, said=str(many), advice=advice)]


async def waiting_payments(bank: Bank) -> list[Check]:
    row = await bank.tx.row(
        "SELECT count(*), min(due_at) FROM (SELECT due_at FROM payments.open_payment_view WHERE due_at < %(before)s"
        " ORDER BY due_at LIMIT 10000) AS late",
        before=bank.at - timedelta(minutes=10),
    )
    many, first = row or (0, None)
    if not many:
        return [Check(name="stuck payments", state=OK, said="none")]
    advice = "Is `tongbao work` running? GET /v1/waiting-payments?overdue_only=true lists them."
    return [Check(name="stuck payments", state=WARN, said=f"{many}, the oldest due at {first:%F %T}", advice=advice)]


async def clocks(bank: Bank) -> list[Check]:
    """Two machines that disagree about the time give postings and events an order that never was."""
    before = datetime.now(UTC)
    row = await bank.tx.row("SELECT clock_timestamp()")
    after = datetime.now(UTC)
    assert row is not None
    # Within the round trip nobody can tell.
    apart = max(before - row[0], row[0] - after, timedelta(0))
    state = FAIL if apart > _CLOCK_FAIL else WARN if apart > _CLOCK_WARN else OK
    advice = "" if state == OK else "Let NTP keep both machines."
    said = f"{apart / timedelta(milliseconds=1):.0f} ms between this machine and the database"
    return [Check(name="clocks", state=state, said=said, advice=advice)]


CHECKS: tuple[Callable[[Bank], Awaitable[list[Check]]], ...] = (
    server,
    clocks,
    migrations,
    business_day,
    calendar,
    partitions,
    outbox,
    waiting_payments,
)
