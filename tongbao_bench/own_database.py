"""A database for one benchmark: made by it, dropped with all that is in it when it ends."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import conninfo, sql

from tongbao import vault
from tongbao.base.embedded import SERVE, Cluster, default_data_dir
from tongbao.base.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = (
    "server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level",
    "max_wal_size", "checkpoint_timeout", "wal_compression", "autovacuum", "jit", "max_connections",
)  # fmt: skip


@contextmanager
def own_database() -> Iterator[str]:
    """URL of a migrated database on the server in `TONGBAO_DATABASE_URL`, or on an embedded server of its own.

    The embedded one is durable, with the settings that a bank is served with.
    """
    _keyring()
    given = os.environ.get("TONGBAO_DATABASE_URL")
    name = f"tongbao_bench_{os.getpid()}"
    if given:
        with _database(given, name) as url:
            yield url
        return
    cluster = Cluster(default_data_dir().with_name(name.replace("_", "-")), SERVE)
    try:
        cluster.start()
        with _database(cluster.url("postgres"), name) as url:
            yield url
    finally:
        cluster.stop("immediate")
        shutil.rmtree(cluster.data_dir, ignore_errors=True)


def _keyring() -> None:
    """For names of made-up customers, unless the settings name one; it goes with this process, as the database does."""
    if not os.environ.get("TONGBAO_KEYRING"):
        folder = Path(tempfile.mkdtemp(prefix="tongbao-bench-keyring-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        os.environ["TONGBAO_KEYRING"] = str(vault.Keyring.create(folder / "keyring", datetime.now(UTC)).path)


@contextmanager
def _database(server: str, name: str) -> Iterator[str]:
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        url = conninfo.make_conninfo(server, dbname=name) if "://" not in server else _with_name(server, name)
        migrate(url)
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _with_name(server: str, name: str) -> str:
    head, _, query = server.partition("?")
    scheme, _, rest = head.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{name}" + (f"?{query}" if query else "")


def settings(url: str) -> dict[str, str]:
    """The server's settings that a figure depends on."""
    with psycopg.connect(url) as conn:
        rows = conn.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(SETTINGS)])
        return dict(rows.fetchall())
