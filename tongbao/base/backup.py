"""Backups of the whole server with PostgreSQL's own tools: bases, and WAL as it is written. `restore` brings them back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from tongbao import __version__
from tongbao.base import archive, log, migrate, programs
from tongbao.base.archive import BackupError, Base, lsn
from tongbao.base.programs import Progress

SLOT: Final = "tongbao_backup"
"""Replication slot and application name of the follower unless told otherwise."""

_AGAIN_S: Final = 5
_LEFT_BEHIND: Final = ("has already been removed", "is not in this server's history")
_ROOM: Final = 256 << 20


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The server to back up, as it is now."""

    url: str
    major: int
    encrypted: bool
    system_identifier: str
    now: datetime
    bytes: int
    segment_bytes: int
    user: str
    database: str

    def tool(self, program: str) -> str:
        return programs.find(program, self.major, encrypted=self.encrypted)


def take(url: str, folder: Path, *, keep: int | None = None, on_progress: Progress = programs.nothing) -> Base:
    """Make a base backup and verify it; with `keep`, remove all but so many bases, and WAL that none of them needs.

    It gets its name when it is whole, so that one that was cut short is never taken for a good one.
    """
    server = examine(url)
    place = folder.joinpath("base")
    for one in (folder, place):
        programs.make_folder(one)
    folder.joinpath(programs.READING).touch()
    with programs.alone(folder, "base.lock"):
        _same_server(folder, server)
        free, needed = programs.free(folder), server.bytes + server.bytes // 10 + _ROOM
        if free < needed:
            raise BackupError(f"{folder} has {free >> 20:,} MiB free; the base needs about {needed >> 20:,} MiB")
        programs.end_orphans(f"--pgdata={place}/.")
        for leftover in place.glob(".*"):
            shutil.rmtree(leftover)
        name = f"{server.now:%Y%m%dT%H%M%S}.{server.now.microsecond // 1000:03}Z"
        fresh = place.joinpath(f".{name}")
        programs.make_folder(fresh)
        try:
            base = _fill(fresh, server, name, on_progress)
        except BaseException:
            programs.end_orphans(f"--pgdata={fresh}/")
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        fresh.rename(place.joinpath(name))
        programs.sync(place)
        if keep is not None:
            prune(folder, keep)
    return base


def _fill(fresh: Path, server: Server, name: str, on_progress: Progress) -> Base:
    data = fresh.joinpath("data")
    command = [server.tool("pg_basebackup"), f"--pgdata={data}", programs.connection(server.url, "tongbao backup")]
    command += [
        "--checkpoint=fast",
        "--wal-method=stream",
        "--manifest-checksums=CRC32C",
        "--progress",
        "--no-password",
    ]
    if server.major >= 17:
        command.append("--sync-method=syncfs")  # one call instead of one for each file
    programs.run(command, what="copied", url=server.url, on_progress=on_progress)
    verify(programs.find("pg_verifybackup", server.major), data, on_progress)
    manifest = msgspec.json.decode(data.joinpath("backup_manifest").read_bytes())
    ranges: list[dict[str, Any]] = manifest["WAL-Ranges"]
    last = max(ranges, key=lambda one: lsn(one["End-LSN"]))
    applied = migrate.applied(server.url)
    base = Base(
        name=name,
        tongbao=__version__,
        postgresql=server.major,
        migration=applied[-1] if applied else "",
        system_identifier=server.system_identifier,
        timeline=last["Timeline"],
        started=server.now,
        ended=examine(server.url).now,
        start_lsn=min((one["Start-LSN"] for one in ranges), key=lsn),
        end_lsn=last["End-LSN"],
        segment_bytes=server.segment_bytes,
        bytes=sum(path.stat().st_size for path in data.rglob("*") if path.is_file()),
        user=server.user,
        database=server.database,
    )
    told = fresh.joinpath("backup.json")
    told.write_bytes(msgspec.json.format(msgspec.json.encode(base), indent=2) + b"\n")
    programs.give(told)
    for path in (told, fresh):
        programs.sync(path)
    return base


def verify(pg_verifybackup: str, data: Path, on_progress: Progress) -> None:
    """Compare every file with its checksum. Raises BackupError that names the files that differ."""
    command = [pg_verifybackup, "--progress", str(data)]
    if not Path(pg_verifybackup).with_name("pg_waldump").exists():
        # Debian's client package has the one without the other.
        command.append("--no-parse-wal")
    try:
        programs.run(command, what="verified", on_progress=on_progress, as_server_user=False)
    except BackupError as error:
        raise BackupError(f"the base is damaged: {error}") from None


def prune(folder: Path, keep: int) -> bool:
    """Remove old bases and WAL; False where nothing was removed because a restore is reading."""
    whole = archive.bases(folder)
    kept, old = whole[-keep:], whole[:-keep]
    try:
        with programs.alone(folder, programs.READING):
            for base in old:
                # Half of a base is no base: first it loses its name.
                gone = folder.joinpath("base", f".{base.name}")
                folder.joinpath("base", base.name).rename(gone)
                shutil.rmtree(gone)
            size = kept[0].segment_bytes
            first = min(lsn(base.start_lsn) for base in kept) // size
            for place in archive.wal_folders(folder):
                for (_, number), segment in archive.wal_in(place, size).items():
                    if number < first:
                        segment.path.unlink(missing_ok=True)
                if place.suffix and not archive.wal_in(place, size):
                    shutil.rmtree(place)
    except BackupError:
        return False
    return True


def follow(url: str, folder: Path, *, slot: str = SLOT, say: Callable[[str], None]) -> None:
    """Receive the server's WAL into `folder` until SIGTERM or SIGINT; what is confirmed to the server is on disk here.

    A server that goes away is waited for. Where it cannot go on from what is there, it begins anew beside that, and says
    that a base is needed. Raises BackupError where it cannot begin.
    """
    stopping = threading.Event()
    child: subprocess.Popen[str] | None = None

    def stop(*_: object) -> None:
        stopping.set()
        if child is not None:
            child.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    for one in (folder, folder.joinpath("wal")):
        programs.make_folder(one)
    with programs.alone(folder, "follow.lock"):
        programs.end_orphans(f"--directory={folder}/wal/")
        command = _receiver(url, folder, slot)
        say(f"receiving WAL into {folder} by slot {slot}")
        first = True
        while not stopping.is_set():
            child = programs.spawn(command, url=url)
            if stopping.is_set():
                child.terminate()
            said = "\n".join(line.strip() for line in child.stderr or [])
            if child.wait() == 0 or stopping.is_set():
                continue
            left_behind = any(sign in said for sign in _LEFT_BEHIND)
            if left_behind:
                say(f"{said}\n{_set_aside(folder)}")
            elif first and ("could not send replication command" in said or "disconnected" not in said):
                # It has not begun, and somebody is there to see it.
                raise BackupError(said)
            else:
                first = False
                say(said)
                stopping.wait(_AGAIN_S)
            try:
                # After a failover the new primary may not know the slot.
                command = _receiver(url, folder, slot, anew=left_behind)
            except (psycopg.OperationalError, BackupError) as error:
                say(log.redacted(str(error)).strip())
                stopping.wait(_AGAIN_S)


def _receiver(url: str, folder: Path, slot: str, *, anew: bool = False) -> list[str]:
    """The command that receives; the slot exists, and where it is made `anew` stands at WAL that the server has.

    A receiver says where it is with its first word. If the server hears that before it finds that it has no such WAL, it
    moves the slot back to there, and whoever goes on from the slot fails in the same way for ever.
    """
    server = examine(url)
    _same_server(folder, server)
    wal = folder.joinpath("wal")
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [slot]).fetchone()
        useless = row is not None and (anew or row == ("lost",))
        if useless:
            conn.execute("SELECT pg_drop_replication_slot(%s)", [slot])
        if row is None or useless:
            conn.execute("SELECT pg_create_physical_replication_slot(%s, true)", [slot])
    command = [server.tool("pg_receivewal"), f"--directory={wal}/", f"--slot={slot}", programs.connection(url, slot)]
    return [*command, "--synchronous", "--no-loop", "--no-password"]


def _set_aside(folder: Path) -> str:
    """Begin anew beside what was received: the server does not have what follows on it."""
    wal = folder.joinpath("wal")
    aside = folder.joinpath(f"wal.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    wal.rename(aside)
    programs.make_folder(wal)
    return f"{aside} leads no further. Take a base now: `tongbao backup {folder}`; what comes can only be restored from that"


def is_followed(url: str, slot: str = SLOT) -> bool:
    """Whether somebody receives the server's WAL by that slot."""
    with psycopg.connect(url, autocommit=True) as conn:
        rows = conn.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", [slot]).fetchall()
    return rows == [(True,)]


def examine(url: str) -> Server:
    """What must be known before a backup. Raises BackupError where the server or the role does not allow one."""
    with psycopg.connect(url, autocommit=True, application_name="tongbao backup") as conn:
        row = conn.execute(
            "SELECT current_setting('server_version_num')::int / 10000, current_setting('wal_level'),"
            " (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'),"
            " pg_tablespace_size('pg_default'), clock_timestamp() AT TIME ZONE 'UTC', current_user, current_database(),"
            " ARRAY(SELECT spcname::text FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global'))"
        ).fetchone()
        assert row is not None
        encrypted = conn.pgconn.ssl_in_use
    major, level, segment_bytes, size, now, user, database, tablespaces = row
    if level == "minimal":
        raise BackupError("wal_level is minimal; a backup needs `replica` and a restart of the server")
    if tablespaces:
        raise BackupError(f"tablespaces are not backed up, and the server has {', '.join(tablespaces)}")
    return Server(
        url=url,
        major=major,
        encrypted=encrypted,
        system_identifier=_identify(url, user),
        now=now.replace(tzinfo=UTC),
        bytes=size,
        segment_bytes=segment_bytes,
        user=user,
        database=database,
    )


def _identify(url: str, user: str) -> str:
    """The server's own number, asked as a standby would ask: who may do that may take a backup."""
    try:
        with psycopg.connect(url, autocommit=True, replication="true", application_name="tongbao backup") as conn:
            said = conn.pgconn.exec_(b"IDENTIFY_SYSTEM").get_value(0, 0)
    except psycopg.OperationalError as error:
        raise BackupError(
            f"the role {user} may not replicate: {log.redacted(str(error)).strip()}\nIt needs `ALTER ROLE {user}"
            " REPLICATION`, a line `host replication` in pg_hba.conf, and an address that is PostgreSQL's own, not a pooler's"
        ) from None
    return (said or b"").decode()


def _same_server(folder: Path, server: Server) -> None:
    if archive.strangers(folder, server.system_identifier):
        raise BackupError(f"{folder} holds backups of another server; choose a folder for this one")
