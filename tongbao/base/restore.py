"""A bank as it was: a base is copied, its WAL is replayed up to a moment, and the embedded server serves from the copy.

Nothing of the archive is changed, and none of the old server's configuration is used: it could archive over the archive,
or wait for standbys that are not there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import psutil
import psycopg

from tongbao.base import archive, backup, embedded, programs
from tongbao.base.archive import BackupError, Base, Road
from tongbao.base.embedded import SERVE, Cluster, ClusterError
from tongbao.base.programs import Progress

_LONGEST_S: Final = 7 * 24 * 3600
_ROOM: Final = 256 << 20
_MOST_WAL: Final = 4 << 30
"""WAL that a recovering server keeps at most: `max_wal_size`."""

_WAL: Final = "wal"

_ENDED: Final = re.compile(r"desc: (?:COMMIT|ABORT)\S* .*?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) UTC")
_REPLAYING: Final = re.compile(r"recovering ([0-9A-F]{24})")

_AT_LEAST: Final = {
    "max_connections setting": "max_connections",
    "max_worker_processes setting": "max_worker_processes",
    "max_wal_senders setting": "max_wal_senders",
    "max_prepared_xacts setting": "max_prepared_transactions",
    "max_locks_per_xact setting": "max_locks_per_transaction",
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """From which base and along which WAL. `last`: the last transaction there, None where there is none."""

    folder: Path
    base: Base
    timeline: int
    road: Road
    to: datetime | None
    last: datetime | None

    @property
    def goes_to_the_end(self) -> bool:
        """PostgreSQL knows that it has reached a moment only when it sees a transaction after it."""
        return self.to in (None, self.last)


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """`reached`: the last transaction that was replayed, or the base's own moment where there was none."""

    base: Base
    reached: datetime
    url: str
    cluster: Cluster


def plan(folder: Path, *, to: datetime | None = None, base: str | None = None, timeline: int | None = None) -> Plan:
    """What leads to a moment (None: as far as the archive goes). Raises BackupError where nothing does."""
    chosen, target = archive.choose(folder, to=to, name=base, timeline=timeline)
    wheel = programs.major_of_wheel()
    if chosen.postgresql != wheel:
        raise BackupError(
            f"{chosen.name} is of PostgreSQL {chosen.postgresql} and the embedded one is {wheel}; restore it with a server"
            " of its own version, as docs/operating/backup.md says"
        )
    found = archive.road(folder, chosen, target)
    last = last_moment(found, chosen)
    if to is not None and (last is None or to > last):
        gap = f" before a gap: {found.missing} is missing" if found.missing else ""
        raise BackupError(
            f"{to} is too late: the last transaction of timeline {target} in the archive{gap} is of"
            f" {last or chosen.ended}. Leave out --to to restore all of it"
        )
    if to is None and found.missing:
        raise BackupError(
            f"the archive has a gap: {found.missing} is missing, and there is WAL after it. From {chosen.name} it leads"
            f" --to {last or chosen.ended}"
        )
    return Plan(folder=folder, base=chosen, timeline=target, road=found, to=to, last=last)


def last_moment(road: Road, base: Base) -> datetime | None:
    """When the last transaction on the road ended."""
    program = programs.find("pg_waldump", base.postgresql)
    with tempfile.TemporaryDirectory() as place:
        for segment in reversed(road.segments):
            # It knows files by their full names only.
            name = archive.segment_name(segment.timeline, segment.number, base.segment_bytes)
            Path(place).joinpath(name).symlink_to(archive.present(segment.path).resolve())
            which = [name, name]
            if segment.number == archive.lsn(base.start_lsn) // base.segment_bytes:
                # What stands before it there is in the base's files already and is not replayed.
                end = (segment.number + 1) * base.segment_bytes
                which = [f"--start={base.start_lsn}", f"--end={end >> 32:X}/{end & 0xFFFFFFFF:X}"]
                which.append(f"--timeline={segment.timeline}")
            command = [program, "--rmgr=Transaction", f"--path={place}", *which]
            # Its status says no more than that the segment ends within a record.
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env={"TZ": "UTC", "LC_ALL": "C"}
            )
            if moments := _ENDED.findall(done.stdout):
                return datetime.fromisoformat(moments[-1]).replace(tzinfo=UTC)
    return None


def restore(plan: Plan, target: Path, *, on_progress: Progress = programs.nothing) -> Restored:
    """Restore into an empty folder and leave a server running there, promoted, with its usual settings.

    Raises BackupError; what was copied is then gone again, but for a server that failed, whose log is left.
    """
    base = plan.base
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is not empty; nothing is restored over what is there")
    free = programs.free(target)
    needed = base.bytes + base.bytes // 10 + _ROOM + min(_MOST_WAL, len(plan.road.segments) * base.segment_bytes)
    if free < needed:
        raise BackupError(f"{target} has {free >> 20:,} MiB free; the restore needs about {needed >> 20:,} MiB")
    programs.make_folder(target)
    target.chmod(0o700)
    cluster = Cluster(target)
    with programs.reading(plan.folder):
        try:
            _copy(archive.data_of(plan.folder, base), cluster.pgdata, base.bytes, on_progress)
            backup.verify(programs.find("pg_verifybackup", base.postgresql), cluster.pgdata, on_progress)
            wal = _lay_out(plan, target)
            _configure(cluster.pgdata)
        except BaseException:
            for made in target.iterdir():
                shutil.rmtree(made, ignore_errors=True)
            raise
        recovering = Cluster(target, {**SERVE, **_at_least(cluster.pgdata), **_recovery(plan)})
        _replay(recovering, plan, on_progress)
    return _opened(cluster, plan, wal)


def _copy(data: Path, pgdata: Path, size: int, on_progress: Progress) -> None:
    done = 0

    def one(source: str, target: str) -> None:
        nonlocal done
        shutil.copy2(source, target)
        done += Path(target).stat().st_size
        on_progress("copied", done >> 10, size >> 10)

    shutil.copytree(data, pgdata, copy_function=one)
    for place in (pgdata, *pgdata.rglob("*")):
        place.chmod(0o700 if place.is_dir() else 0o600)
    programs.give_all(pgdata)


def _lay_out(plan: Plan, target: Path) -> Path:
    """A folder with exactly the WAL of the road, under the names that the server will ask for."""
    wal = target.joinpath(_WAL)
    programs.make_folder(wal)
    files = {path.name: path for path in plan.road.histories}
    for segment in plan.road.segments:
        name = archive.segment_name(segment.timeline, segment.number, plan.base.segment_bytes)
        files[name] = segment.path
    sources: dict[Path, Path] = {}
    for name, listed in files.items():
        path, link = archive.present(listed), wal.joinpath(name)
        if path.suffix == ".partial":
            # It is renamed as soon as it is full, and the bank may go on while this restores.
            shutil.copyfile(path, link)
            programs.give(link)
        else:
            link.symlink_to(path.resolve())
            sources[path.parent] = link
    for source, link in sources.items():
        if not programs.may("-r", link):
            user = embedded.SERVER_USER
            raise BackupError(
                f"the system user {user}, who runs the server, cannot read {source}: `chown -R {user}` it"
            )
    return wal


def _configure(pgdata: Path) -> None:
    """A configuration of our own; the old one stays beside it to be read."""
    ours = {
        "postgresql.conf": "",
        "postgresql.auto.conf": "",
        "pg_ident.conf": "",
        "pg_hba.conf": "".join(
            f"{way} trust\n"
            for way in ("local all all", "local replication all", "host all all 127.0.0.1/32", "host all all ::1/128")
        ),
        "recovery.signal": "",
    }
    for name, text in ours.items():
        path = pgdata.joinpath(name)
        if path.exists():
            path.rename(path.with_name(f"{name}.original"))
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        programs.give(path)


def _at_least(pgdata: Path) -> dict[str, str]:
    """Room for what the old server may have written: its own limits, where they were higher."""
    command = [programs.find("pg_controldata", programs.major_of_wheel()), str(pgdata)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"})
    told = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    old = {name: int(told[label]) for label, name in _AT_LEAST.items()}
    return {name: str(max(value, int(SERVE.get(name, "0")))) for name, value in old.items()}


def _recovery(plan: Plan) -> Mapping[str, str]:
    settings = {
        # Not as a standby: it would pause for ever where the old server's limits were raised on the way.
        "hot_standby": "off",
        "recovery_init_sync_method": "syncfs",
        # The server asks from within its data directory.
        "restore_command": f"test -f ../{_WAL}/%f && cp ../{_WAL}/%f %p",
        "recovery_target_timeline": str(plan.timeline),
        "recovery_target_action": "promote",
    }
    if not plan.goes_to_the_end:
        assert plan.to is not None
        settings["recovery_target_time"] = plan.to.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
    return settings


def _replay(cluster: Cluster, plan: Plan, on_progress: Progress) -> None:
    """Start the server; it opens when recovery has ended."""
    first, many = plan.road.segments[0].number, len(plan.road.segments)
    try:
        cluster.start(_LONGEST_S)
        while not cluster.running():
            if cluster.pid() is None:
                last = cluster.log.read_text(errors="replace").splitlines()[-20:]
                raise ClusterError("\n".join(last))
            if name := _replaying(cluster):
                number = int(name[8:16], 16) * ((1 << 32) // plan.base.segment_bytes) + int(name[16:], 16)
                on_progress("replayed", number - first, many)
            time.sleep(1)
    except ClusterError as error:
        raise BackupError(f"the server did not get there; its log is {cluster.log}\n{error}") from None
    except BaseException:
        cluster.kill()
        raise
    on_progress("replayed", many, many)


def _replaying(cluster: Cluster) -> str | None:
    """The segment at which recovery is, from the title of its process."""
    try:
        children = psutil.Process(cluster.pid() or 0).children()
        titles = [" ".join(child.cmdline()) for child in children]
    except psutil.Error:
        return None
    found = [match[1] for title in titles if (match := _REPLAYING.search(title))]
    return found[0] if found else None


def _opened(cluster: Cluster, plan: Plan, wal: Path) -> Restored:
    """Compare what was reached with what there was, and start the server as usual."""
    url = cluster.url(plan.base.database).replace(f"//{embedded.SUPERUSER}@", f"//{quote(plan.base.user, safe='')}@", 1)
    with psycopg.connect(url) as conn:
        ((reached,),) = conn.execute("SELECT pg_last_xact_replay_timestamp()").fetchall()
    if plan.goes_to_the_end and plan.last is not None and (reached is None or reached < plan.last):
        cluster.stop(timeout_s=_LONGEST_S)
        raise BackupError(
            f"recovery ended at {reached or plan.base.ended}, and the archive goes on to {plan.last}: WAL in between is"
            f" damaged. {cluster.log} names the place"
        )
    cluster.stop(timeout_s=_LONGEST_S)
    shutil.rmtree(wal)
    cluster.start()
    return Restored(base=plan.base, reached=reached or plan.base.ended, url=url, cluster=cluster)
