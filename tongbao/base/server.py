"""What the PostgreSQL server says of itself: settings, sessions, its clock, what it keeps for others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from tongbao.base.db import Tx


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """The oldest open transaction that has written: it holds up the close of a day and the dispatcher.

    `pid` is None for one that was prepared and forgotten; `application` is then its name.
    """

    pid: int | None
    application: str
    age_s: int


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A replication slot and the bytes of WAL that are kept for its sake."""

    name: str
    active: bool
    retained_bytes: int


class Archiver(msgspec.Struct, frozen=True, kw_only=True):
    """`failing`: archiving is on and its newest try failed."""

    on: bool
    failing: bool
    archived_at: datetime | None
    failed_at: datetime | None
    failed: str | None


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """`server_at`: the server's time. `ahead_ms`: how far this machine is ahead of it, beyond what the round trip hides."""

    server_at: datetime
    ahead_ms: int


async def settings(tx: Tx, names: Sequence[str]) -> dict[str, str]:
    """Those of these settings that our role may see."""
    return dict(
        await tx.rows("SELECT name, setting FROM pg_settings WHERE name = ANY(%(names)s::text[])", names=sorted(names))
    )


async def sessions(tx: Tx) -> dict[str, int]:
    """Connections of clients by the name they gave, in every database of the server."""
    return dict(
        await tx.rows(
            "SELECT coalesce(application_name, ''), count(*) FROM pg_stat_activity"
            " WHERE datname IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'"
            " GROUP BY 1 ORDER BY 1"
        )
    )


async def oldest_writer(tx: Tx) -> Writer | None:
    """Of this database. Another role's transactions are seen only by members of `pg_monitor`."""
    row = await tx.row(
        "SELECT pid, name, greatest(0, extract(epoch FROM clock_timestamp() - began))::bigint FROM ("
        " SELECT pid, coalesce(application_name, '') AS name, xact_start AS began FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_xid IS NOT NULL AND xact_start IS NOT NULL"
        " AND pid <> pg_backend_pid()"
        " UNION ALL SELECT NULL, gid, prepared FROM pg_prepared_xacts WHERE database = current_database()"
        ") AS open ORDER BY began LIMIT 1"
    )
    return None if row is None else Writer(pid=row[0], application=row[1], age_s=row[2])


async def slots(tx: Tx) -> list[Slot]:
    """Every replication slot, by name."""
    rows = await tx.rows(
        "SELECT slot_name::text, active, coalesce(greatest(0, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()"
        " THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)), 0)::bigint"
        " FROM pg_replication_slots ORDER BY 1"
    )
    return [Slot(name=name, active=active, retained_bytes=retained) for name, active, retained in rows]


async def archiver(tx: Tx) -> Archiver:
    row = await tx.row(
        "SELECT current_setting('archive_mode') <> 'off', last_archived_time, last_failed_time, last_failed_wal"
        " FROM pg_stat_archiver"
    )
    on, archived_at, failed_at, failed = row or (False, None, None, None)
    failing = bool(on and failed_at and (archived_at is None or failed_at > archived_at))
    return Archiver(on=on, failing=failing, archived_at=archived_at, failed_at=failed_at, failed=failed)


async def clocks(tx: Tx) -> Clocks:
    """Compares this machine's clock with the server's. Within the round trip nobody can tell: that counts as none."""
    before = datetime.now(UTC)
    row = await tx.row("SELECT clock_timestamp()")
    after = datetime.now(UTC)
    assert row is not None
    at: datetime = row[0]
    apart = before - at if before > at else after - at if after < at else timedelta(0)
    return Clocks(server_at=at, ahead_ms=apart // timedelta(milliseconds=1))
