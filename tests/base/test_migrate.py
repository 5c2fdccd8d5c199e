"""Migrations: once, by one at a time, and with an error that says which one failed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from tongbao.base.migrate import JOBS_SCHEMA, MigrationError, applied, migrate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    _write(tmp_path / "20260101000000_coin.sql", "CREATE TABLE public.coin AS SELECT current_setting('lock_timeout');")
    return tmp_path


def test_what_is_missing_is_applied_once(empty_database: str, directory: Path) -> None:
    assert migrate(empty_database, directory) == ["20260101000000"]
    assert migrate(empty_database, directory) == []
    _write(directory / "20260102000000_more.sql", "CREATE TABLE public.more();")
    assert migrate(empty_database, directory) == ["20260102000000"]
    assert applied(empty_database) == ["20260101000000", "20260102000000"]


def test_a_migration_waits_half_as_long_for_a_lock_as_a_payment(empty_database: str, directory: Path) -> None:
    migrate(empty_database, directory)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("TABLE public.coin").fetchall() == [("100ms",)]


def test_a_migration_gives_way_to_others_and_is_tried_again(empty_database: str, directory: Path) -> None:
    """While a long report reads the table, whoever else wants it is served; when the report ends, so does the wait."""
    migrate(empty_database, directory)
    _write(directory / "20260102000000_more.sql", "ALTER TABLE public.coin ADD COLUMN more int;")
    with psycopg.connect(empty_database) as report, ThreadPoolExecutor(1) as pool:
        report.execute("TABLE public.coin")
        migrating = pool.submit(migrate, empty_database, directory)
        with psycopg.connect(empty_database, autocommit=True, options="-c lock_timeout=1s") as payer:
            _until_somebody_waits(payer)
            for _ in range(20):
                payer.execute("UPDATE public.coin SET current_setting = 'paid'")
        assert not migrating.done()
        report.rollback()
        assert migrating.result() == ["20260102000000"]


def test_a_migration_that_never_gets_its_lock_says_who_was_in_the_way(empty_database: str, directory: Path) -> None:
    migrate(empty_database, directory)
    _write(directory / "20260102000000_more.sql", "ALTER TABLE public.coin ADD COLUMN more int;")
    with psycopg.connect(empty_database, application_name="a long report") as report:
        report.execute("TABLE public.coin")
        with pytest.raises(MigrationError, match=r"20260102000000_more[\s\S]*\(a long report\) since"):
            migrate(empty_database, directory, patience_s=0)
    assert applied(empty_database) == ["20260101000000"]


def test_several_at_once_wait_for_each_other(empty_database: str, directory: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(empty_database, directory), range(4)))
    assert sorted(done) == [[], [], [], ["20260101000000"]]


def test_the_tables_of_the_job_queue_come_along(empty_database: str, directory: Path) -> None:
    migrate(empty_database, directory)
    with psycopg.connect(empty_database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", [JOBS_SCHEMA]).fetchone()
        assert tables is not None
        assert tables[0] >= 4


def test_the_error_names_the_migration(empty_database: str, directory: Path) -> None:
    _write(directory / "20260102000000_again.sql", "CREATE TABLE public.coin();")
    with pytest.raises(MigrationError, match="20260102000000_again"):
        migrate(empty_database, directory)
    assert applied(empty_database) == ["20260101000000"]


def _until_somebody_waits(connection: psycopg.Connection) -> None:
    query = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    while not connection.execute(query).fetchall():
        time.sleep(0.001)


def _write(path: Path, statement: str) -> None:
    path.write_text(f"-- migrate:up\n{statement}\n-- migrate:down\n", encoding="utf-8")
