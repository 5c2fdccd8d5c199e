"""From the release before this one to this one, under load: schema first, then one process after another.

The old version runs as it was released (previous/), on its own schema and then on the new one. The traffic is the old
release's too: whoever wrote a client against it must not notice either.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.kill.bank import Bank
from tests.kill.under_load import UnderLoad
from tongbao.base.migrate import applied, migrate, present

pytestmark = pytest.mark.timeout(600)

PREVIOUS = Path(__file__).parent / "previous"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The previous release, unpacked."""
    (wheel,) = PREVIOUS.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "previous")
    return tmp_path / "previous"


@contextmanager
def opened(version: Path | None) -> Iterator[Bank]:
    """Two API processes and a worker."""
    bank = Bank(apis=2)
    bank.serve = ["--drain-s", "1"]
    bank.version = version
    try:
        yield bank.open()
    finally:
        bank.close()


@pytest.fixture
def old_bank(old: Path) -> Iterator[Bank]:
    with opened(old) as bank:
        yield bank


@pytest.fixture
def bank() -> Iterator[Bank]:
    with opened(None) as bank:
        yield bank


def test_a_bank_is_upgraded_under_load(old_bank: Bank, old: Path) -> None:
    bank = old_bank
    assert applied(bank.url) == present(old / "tongbao" / "migrations")
    assert set(applied(bank.url)) <= set(present()), "what was released stays"
    with UnderLoad(bank, 60) as load:
        for part in bank.ports:
            load.reaches(part)
        bank.version = None
        bank.command("migrate")
        assert applied(bank.url) == present()
        assert [runs(bank, part, old) for part in (*bank.ports, "worker")] == [True, True, True]
        for part in bank.ports:
            load.reaches(part, 100)
        for part in bank.ports:
            load.restart(part)
            load.reaches(part)
        load.restart("worker")
        assert not any(runs(bank, part, old) for part in (*bank.ports, "worker"))
        load.reaches("api")


def runs(bank: Bank, part: str, version: Path) -> bool:
    return psutil.Process(bank.pid(part)).environ().get("PYTHONPATH") == str(version)


@pytest.mark.kill
def test_a_migration_gives_way_to_payments(bank: Bank, tmp_path: Path) -> None:
    """It wants every table of the bank to itself while somebody's long report reads them all: nobody queues behind it."""
    wants_all = f"LOCK TABLE {', '.join(tables(bank))} IN ACCESS EXCLUSIVE MODE;"
    (tmp_path / "20990101000000_wants_all.sql").write_text(f"-- migrate:up\n{wants_all}\n-- migrate:down\n")
    with psycopg.connect(bank.url) as report, ThreadPoolExecutor(1) as pool, UnderLoad(bank, 60) as load:
        for table in tables(bank):
            report.execute(f"SELECT 1 FROM {table} LIMIT 1".encode())
        load.reaches("api")
        migrating = pool.submit(migrate, bank.url, tmp_path)
        for part in bank.ports:
            load.reaches(part, 100)
        assert not migrating.done(), "it waits for the report"
        report.rollback()
        assert migrating.result() == ["20990101000000"]
        for part in bank.ports:
            load.reaches(part)


def tables(bank: Bank) -> list[str]:
    query = """
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname IN ('base', 'identity', 'ledger', 'merchants', 'payments', 'clearing') ORDER BY 1
    """
    with psycopg.connect(bank.url) as connection:
        return [name for (name,) in connection.execute(query).fetchall()]
