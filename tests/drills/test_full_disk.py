"""Runbook full-disk: the disk of the database is full in the middle of traffic; nothing that was acknowledged is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import OVER, Drill, until
from tests.drills.small_disk import SIZE_MIB, fill, free, mounted
from tests.kill.bank import summary_of
from tongbao.base.embedded import SERVE, Cluster

pytestmark = [pytest.mark.kill, pytest.mark.timeout(600)]

MIB = 1 << 20
SMALL = {**SERVE, "shared_buffers": "64MB", "min_wal_size": "32MB", "max_wal_size": "64MB"}


@pytest.fixture
def disk() -> Iterator[Path | None]:
    with mounted() as disk:
        yield disk


@pytest.fixture
def bank(disk: Path | None, tmp_path: Path) -> Iterator[DrillBank | None]:
    """Its database is on the small disk, beside a file that is kept in reserve."""
    if disk is None:
        yield None
        return
    bank = DrillBank(tmp_path, people=12)
    bank.cluster = Cluster(disk / "database", SMALL)
    (disk / "reserve").write_bytes(bytes(SIZE_MIB // 5 * MIB))
    try:
        bank.open()
        yield bank
    finally:
        bank.close()


def test_full_disk(disk: Path | None, bank: DrillBank | None) -> None:
    if disk is None or bank is None:
        return  # done, in a namespace of its own
    drill = Drill("full-disk", bank)
    own = {
        "payer_account_id": bank.accounts.pop(),
        "payee_account_id": bank.accounts.pop(),
    }  # not in the auditor's city
    processes = {part: bank.pid(part) for part in ("api", "worker")}
    folder = str(bank.cluster.pgdata)
    fill(disk / "ballast", SIZE_MIB * 46 // 1000 * MIB)
    drill.sees("TongbaoDiskFull", "TongbaoDiskFilling")
    assert folder in drill.types(1, 'tongbao psql -c "SHOW data_directory"').text
    traffic = bank.traffic(40, seconds=None)
    try:
        until(lambda: refused(bank, disk, own), "payments go through on a full disk")
        until(lambda: stopped(bank, disk), "the server goes on without room for its log")

        assert " 100% " in drill.types(1, "df -h DIRECTORY", DIRECTORY=folder).text
        assert "pg_wal" in drill.types(1, "du -xh", DIRECTORY=folder).text
        (disk / "reserve").unlink()
        bank.start("postgres")
        drill.types(4, "tongbao doctor", status=None)
        bank.wait_ready()
        (disk / "ballast").unlink()
        drill.types(5, 'tongbao psql -c "CHECKPOINT"')
        bank.paid(**own)
        traffic.terminate()
        summary = summary_of(traffic)
    finally:
        traffic.kill()
        traffic.wait()
    drill.types(OVER, "tongbao prove")
    drill.is_over()
    assert {part: bank.pid(part) for part in processes} == processes, "they need no restart"
    assert summary["audit"]["agrees"], summary["audit"]
    assert summary["unresolved"] == 0, summary
    assert summary["surprises"] == 0, summary["surprise_examples"]


def refused(bank: DrillBank, disk: Path, own: dict[str, str]) -> bool:
    """Whether a payment is turned away; what became free meanwhile is full again."""
    fill(disk / "ballast")
    assert free(disk) < MIB
    answer = bank.pay(**own)
    assert answer.status_code == 201 or answer.json()["code"] == "busy", answer.text
    return answer.status_code == 503


def stopped(bank: DrillBank, disk: Path) -> bool:
    """Whether PostgreSQL has ended; it does where it finds no room for the next file of its log."""
    fill(disk / "ballast")
    with suppress(psycopg.Error):
        bank.sql("SELECT pg_current_xact_id(), pg_switch_wal()")
    return bank.cluster.pid() is None
