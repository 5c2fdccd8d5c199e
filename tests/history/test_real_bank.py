"""A year of a real bank: everything it printed, to its own rounding, and once only however often it is interrupted."""

from __future__ import annotations

import csv
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.history.conftest import ROOT, command, run_command

COUNTS = {
    "rows": 28_205,
    "rejected": 0,
    "beyond_rounding": 0,
    "trial_balance_minor": 0,
    "max_difference_minor": 60,
    "ledger_difference_minor": 0,
    "nothing_to_post": 0,
    "districts": 77,
    "clients": 5_369,
    "accounts": 4_500,
    "dispositions": 5_369,
    "cards": 892,
    "loans": 682,
    "orders": 6_471,
}
OF_THIS_RUN = {"rows_per_s", "elapsed_ms", "posted", "already_posted"}


def test_a_year_of_a_real_bank(fresh_database: str, bank_folder: Path) -> None:
    report = run_command(fresh_database, bank_folder)
    assert {name: report[name] for name in COUNTS} == COUNTS
    assert (report["posted"], report["already_posted"]) == (28_205, 0)
    assert (report["first_day"], report["last_day"]) == ("1993-01-01", "1993-12-31")
    assert report["rows_per_s"] > 1_000
    _check_books(fresh_database, bank_folder)

    again = run_command(fresh_database, bank_folder)
    assert (again["posted"], again["already_posted"]) == (0, 28_205)
    assert _lasting(again) == _lasting(report)
    _check_books(fresh_database, bank_folder)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("SELECT count(*) > 0 FROM history.client", id="clients", marks=pytest.mark.kill),
        pytest.param("SELECT count(*) > 0 FROM history.account", id="accounts", marks=pytest.mark.kill),
        pytest.param("SELECT max(rows_done) > 0 FROM history.import", id="first batches", marks=pytest.mark.kill),
        pytest.param("SELECT max(rows_done) > 14000 FROM history.import", id="half way"),
    ],
)
def test_killed_and_started_again(fresh_database: str, bank_folder: Path, moment: str) -> None:
    running = subprocess.Popen(
        command(fresh_database, bank_folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    with psycopg.connect(fresh_database, autocommit=True) as conn:
        _wait_until(conn, moment, running)
        running.send_signal(signal.SIGKILL)
        running.wait()
        # The killed one's last statement may still be running in the server.
        _wait_until(conn, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'tongbao replay'", None)
        (done,) = conn.execute("SELECT max(rows_done) FROM history.import").fetchone() or (0,)
    assert done < 28_205
    report = run_command(fresh_database, bank_folder)
    assert {name: report[name] for name in COUNTS} == COUNTS
    assert (report["posted"], report["already_posted"]) == (28_205 - done, done)
    _check_books(fresh_database, bank_folder)


def _wait_until(conn: psycopg.Connection, question: str, running: subprocess.Popen[bytes] | None) -> None:
    deadline = time.monotonic() + 60
    while conn.execute(question.encode()).fetchone() != (True,):
        assert running is None or running.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)


def _lasting(report: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in report.items() if name not in OF_THIS_RUN}


def _check_books(url: str, folder: Path) -> None:
    """What the ledger holds, recomputed from the file by other means."""
    with (folder / "trans.asc").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    balances: Counter[int] = Counter()
    for row in rows:
        minor = round(float(row["amount"]) * 100)
        balances[int(row["account_id"])] += minor if row["type"] == "PRIJEM" else -minor
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["k_symbol"]] += round(float(row["amount"]) * 100)
    with psycopg.connect(url) as conn:
        held = conn.execute(
            "SELECT h.account_id, a.balance_minor FROM history.account h JOIN ledger.account a ON a.id = h.ledger_id"
        ).fetchall()
        assert {account: balance for account, balance in held if balance} == dict(balances)
        lines = dict(conn.execute("SELECT gl_line, sum(balance_minor) FROM ledger.account GROUP BY gl_line").fetchall())
        transfers = conn.execute("SELECT count(*), count(DISTINCT forced), min(forced) FROM ledger.transfer").fetchone()
        excess = conn.execute("SELECT sum(excess_minor) FROM ledger.account").fetchone()
        valued = conn.execute(
            "SELECT sum(amount_minor) FROM ledger.posting WHERE value_date = '1993-06-30' AND currency = 'CZK'"
        ).fetchone()
        postings = conn.execute("SELECT count(*), count(DISTINCT transfer_id) FROM ledger.posting").fetchone()
    assert transfers == (28_205, 1, "import")
    assert postings == (28_205, 28_205)
    assert excess == (0,), "every account that dipped below zero has come up again"
    assert lines["5010"] == -sums["UROK"]
    assert lines["4020"] == sums["SANKC. UROK"]
    assert lines["4010"] == sums["SLUZBY"]
    assert lines["1090"] == lines["2090"] == 0
    assert sum(lines.values()) == 0
    assert valued == (sum(round(float(row["amount"]) * 100) for row in rows if row["date"] == "930630"),)
