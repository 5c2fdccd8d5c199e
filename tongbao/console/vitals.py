"""The bank's vital signs: one bounded read of everything that `tongbao doctor`, the staff page and `/metrics` say of it.

An edge: it opens a connection of its own, so that it finds the bank as a newcomer would (full pools and exhausted
connections included), and gives up after a few seconds rather than wait.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import conninfo

from tongbao import care, merchants, notices, payments, risk, vault
from tongbao.base import columns, days, migrate, parked, prove, server
from tongbao.base.clock import Clock
from tongbao.base.db import Limits, Tx
from tongbao.base.log import redacted
from tongbao.base.settings import Settings
from tongbao.console import store
from tongbao.console.model import (
    Connections,
    ConsumerLag,
    DayReach,
    Disk,
    HeldQueue,
    HelpQueue,
    JobQueue,
    MessageQueue,
    Schema,
    Vitals,
)
from tongbao.web import health

WITHIN_S: Final = 2
"""How long a read may take."""
KEEP_S: Final = 5
"""How long a process answers with what it read."""
ALIVE: Final = timedelta(minutes=1)
"""A worker that gave no sign for so long is gone."""

_FAILED_WITHIN: Final = timedelta(hours=25)
_SECOND: Final = timedelta(seconds=1)
_SPARE: Final = 20
_SETTINGS: Final = (
    "archive_mode",
    "autovacuum",
    "data_checksums",
    "data_directory",
    "default_transaction_isolation",
    "fsync",
    "full_page_writes",
    "max_connections",
    "server_encoding",
    "server_version",
    "server_version_num",
    "superuser_reserved_connections",
    "synchronous_commit",
)


class _Look(msgspec.Struct, frozen=True):
    """What a reader is given: the connection, the bank's time, the server's time and settings."""

    tx: Tx
    at: datetime
    settings: Settings
    server_at: datetime
    server: dict[str, str]


async def take(url: str, settings: Settings, clock: Clock, *, within_s: int = WITHIN_S) -> Vitals:
    """The vitals of the bank in the database at `url`, in about `within_s` seconds at most; it never raises.

    What was not read in that time is named in `unknown`; where nothing was, `trouble` says why.
    """
    found = bare(settings, clock)
    told: dict[str, Any] = {"unknown": list(READERS)}
    began_ns = time.monotonic_ns()
    try:
        async with asyncio.timeout(within_s), await _connected(url, within_s) as conn:
            clocks, on_server = await server.clocks(Tx(conn)), await server.settings(Tx(conn), _SETTINGS)
            told |= {"clocks": clocks, "server": on_server, "answer_ms": (time.monotonic_ns() - began_ns) // 10**6}
            await _read(_Look(Tx(conn), clock.now(), settings, clocks.server_at, on_server), told)
    except (psycopg.Error, TimeoutError, OSError) as error:
        if "server" not in told:
            told["trouble"] = _said(error, within_s)
    if "server" not in told:
        return msgspec.structs.replace(found, trouble=told.get("trouble"))
    disks = await asyncio.to_thread(_disks, url, told["server"])
    return msgspec.structs.replace(found, **{**told, "unknown": tuple(told["unknown"]), "disks": disks})


def bare(settings: Settings, clock: Clock, trouble: str | None = None) -> Vitals:
    """What is known without the database."""
    return Vitals(at=clock.now(), env=settings.env, draining=health.draining(), disks=_disks("", {}), trouble=trouble)


async def _connected(url: str, within_s: int) -> psycopg.AsyncConnection[Any]:
    asked = conninfo.conninfo_to_dict(url).get("options") or ""
    limits = Limits(lock_ms=1_000, statement_ms=1_000 * within_s, idle_ms=5_000).options
    conn = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        connect_timeout=within_s,
        application_name="tongbao vitals",
        options=f"{asked} {limits}".strip(),
    )
    columns.register(conn)
    return conn


async def _read(look: _Look, told: dict[str, Any]) -> None:
    """Asks for one figure after the other. What this database cannot say stays unknown; a lost connection is raised."""
    for name, read in READERS.items():
        try:
            told[name] = await read(look)
        except psycopg.Error:
            # An older schema, a role that may not look, a statement that took too long.
            if look.tx.conn.closed:
                raise
            continue
        told["unknown"].remove(name)


def _said(error: BaseException, within_s: int) -> str:
    if isinstance(error, TimeoutError | psycopg.errors.ConnectionTimeout):
        return f"no answer within {within_s} s"
    return redacted(f"{type(error).__name__}: {error}").splitlines()[0]


def _age(since: datetime | None, at: datetime) -> int:
    return max(0, (at - since) // _SECOND) if since else 0


# what is read


async def _schema(look: _Look) -> Schema:
    applied, present = await store.applied_migrations(look.tx), set(migrate.present())
    return Schema(
        version=max(present), missing=tuple(sorted(present - applied)), unknown=tuple(sorted(applied - present))
    )


async def _connections(look: _Look) -> Connections:
    used = await server.sessions(look.tx)
    most = int(look.server["max_connections"]) - int(look.server.get("superuser_reserved_connections", 0))
    wanted = look.settings.processes * (look.settings.pool_size + 5) + _SPARE
    return Connections(used=used, most=most, wanted=wanted)


async def _writer(look: _Look) -> tuple[server.Writer, ...]:
    found = await server.oldest_writer(look.tx)
    return (found,) if found else ()


async def _day(look: _Look) -> DayReach:
    """Timed days (demos) are late once their end was begun; others when the calendar has passed them."""
    today = days.local_day(look.at, look.settings.zone)
    reach = await store.day_reach(look.tx)
    if reach is None:
        return DayReach(calendar_date=today, open_date=None)
    open_date, settled, first, begun_at = reach
    unended = settled + timedelta(1) if settled else min(first or open_date, open_date)
    if look.settings.day_every_s:
        open_s, unended_s, ahead = 0, _age(begun_at, look.at), 0
    else:
        open_s, unended_s = _age(_over(open_date, look), look.at), _age(_over(unended, look), look.at)
        ahead = max(0, (open_date - today).days)
    return DayReach(
        calendar_date=today, open_date=open_date, unended=unended, open_s=open_s, unended_s=unended_s, ahead=ahead
    )


def _over(day: date, look: _Look) -> datetime:
    return datetime.combine(day + timedelta(1), clock_time.min, look.settings.zone).astimezone(UTC)


async def _years_missing(look: _Look) -> tuple[int, ...]:
    """This year, and from November on the next."""
    today = days.local_day(look.at, look.settings.zone)
    known = await store.calendar_years(look.tx, date(today.year, 1, 1))
    return tuple(year for year in range(today.year, today.year + 1 + (today.month >= 11)) if year not in known)


async def _partitions_missing(look: _Look) -> dict[str, tuple[str, ...]]:
    """By `this` month, without which the bank books nothing, and `next`."""
    reach = await store.day_reach(look.tx)
    if reach is None:
        return {}
    first = reach[0].replace(day=1)
    months = {"this": f"{first:%Y_%m}", "next": f"{(first + timedelta(31)):%Y_%m}"}
    missing = await store.missing_partitions(look.tx, list(months.values()))
    return {which: tuple(name for name, of in missing if of == month) for which, month in months.items()}


async def _consumers(look: _Look) -> tuple[ConsumerLag, ...]:
    return tuple(
        ConsumerLag(name=line.consumer, unread=line.unread, oldest_s=_age(line.oldest_at, look.at), parked=line.parked)
        for line in await parked.lag(look.tx)
    )


async def _late(look: _Look) -> tuple[Any, ...]:
    return tuple(await store.late_payments(look.tx, look.at - timedelta(seconds=look.settings.stuck_after_s)))


async def _ahead(look: _Look) -> int:
    newest = await store.newest_payment(look.tx)
    return _age(look.at, newest) if newest else 0


async def _webhooks(look: _Look) -> merchants.WebhookBacklog:
    return await merchants.webhook_backlog(look.tx, look.at)


async def _messages(look: _Look) -> MessageQueue:
    found = await notices.backlog(look.tx, look.at)
    oldest_s = _age(found.oldest_at, look.at) if found.oldest_at else 0
    return MessageQueue(
        waiting=found.waiting, oldest_s=oldest_s, failed=found.failed, has_gateway=bool(look.settings.sms)
    )


async def _help(look: _Look) -> HelpQueue:
    found = await care.waiting(look.tx, look.at)
    oldest_s = _age(found.oldest_at, look.at) if found.oldest_at else 0
    return HelpQueue(waiting=found.open, late=found.late, oldest_s=oldest_s)


async def _risk(look: _Look) -> risk.RiskWatch:
    return await risk.watch(look.tx, at=look.at)


async def _held(look: _Look) -> HeldQueue:
    waiting, oldest_at, late = await store.held_queue(look.tx, look.at)
    return HeldQueue(waiting=waiting, oldest_s=_age(oldest_at, look.at) if oldest_at else 0, late=late)


async def _jobs(look: _Look) -> JobQueue:
    """The queue keeps the server's time."""
    at = look.server_at
    workers, seen_at, due_at = await store.job_queue(look.tx, at - ALIVE)
    failing = await store.failing_jobs(look.tx, at - _FAILED_WITHIN)
    seen_s = _age(seen_at, at) if seen_at else None
    return JobQueue(workers=workers, seen_s=seen_s, due_s=_age(due_at, at), failing=tuple(failing))


async def _switches(look: _Look) -> tuple[payments.Switch, ...]:
    return tuple(switch for switch in await payments.switches(look.tx) if switch.stops(look.at))


async def _rails(look: _Look) -> tuple[payments.RailHealth, ...]:
    return tuple(await payments.rail_health(look.tx, payments.rail_names(look.settings), look.at))


async def _slots(look: _Look) -> tuple[server.Slot, ...]:
    return tuple(await server.slots(look.tx))


async def _archiver(look: _Look) -> server.Archiver:
    return await server.archiver(look.tx)


async def _proof(look: _Look) -> int | None:
    at = await prove.last_proved(look.tx)
    return _age(at, look.at) if at else None


async def _canaries(look: _Look) -> vault.CanaryWatch:
    return await vault.canary_watch(look.tx)


READERS: Final[dict[str, Callable[[_Look], Awaitable[Any]]]] = {
    "schema": _schema,
    "connections": _connections,
    "writer": _writer,
    "day": _day,
    "years_missing": _years_missing,
    "partitions_missing": _partitions_missing,
    "late": _late,
    "ahead_s": _ahead,
    "webhooks": _webhooks,
    "messages": _messages,
    "help": _help,
    "held": _held,
    "risk": _risk,
    "jobs": _jobs,
    "switches": _switches,
    "rails": _rails,
    "slots": _slots,
    "archiver": _archiver,
    "proof_s": _proof,
    "canaries": _canaries,
    "consumers": _consumers,
}
"""By the field of Vitals that each fills; the one that may have to count much comes last."""


def _disks(url: str, on_server: dict[str, str]) -> tuple[Disk, ...]:
    """The database's own where it is here and may be asked for; else the one that this process works on."""
    place = on_server.get("data_directory")
    if place and _is_here(url) and Path(place).exists():
        return (_disk("data", Path(place)),)
    return (_disk("machine", Path.cwd()),)


def _disk(name: str, place: Path) -> Disk:
    usage = shutil.disk_usage(place)
    return Disk(name=name, path=str(place), free_bytes=usage.free, total_bytes=usage.total)


def _is_here(url: str) -> bool:
    host = str(conninfo.conninfo_to_dict(url).get("host") or "")
    return host in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/")


class Pulse:
    """The vitals for whoever asks in one process: read at most every few seconds, by one at a time."""

    def __init__(self, settings: Settings, clock: Clock, *, keep_s: int = KEEP_S) -> None:
        self._settings = settings
        self._clock = clock
        self._keep_ns = keep_s * 10**9
        self._reading = asyncio.Lock()
        self._taken: tuple[int, Vitals] | None = None

    async def vitals(self) -> Vitals:
        """At most a few seconds old; in about two seconds where the database does not answer."""
        async with self._reading:
            if self._taken is None or time.monotonic_ns() - self._taken[0] > self._keep_ns:
                found = await take(self._settings.database_url, self._settings, self._clock)
                self._taken = time.monotonic_ns(), found
            return msgspec.structs.replace(self._taken[1], draining=health.draining())


__all__ = ["KEEP_S", "READERS", "WITHIN_S", "Pulse", "bare", "take"]
