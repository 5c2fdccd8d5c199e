"""Runbook database-gone: PostgreSQL is killed and comes back; nobody restarts the bank, nobody pays twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.drills.bank import DrillBank
from tests.drills.prometheus import watching
from tests.drills.runbook import OVER, Drill, until

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]


def test_database_gone(bank: DrillBank, runbook: Callable[[str], Drill], tmp_path: Path) -> None:
    drill = runbook("database-gone")
    processes = {part: bank.pid(part) for part in ("api", "worker")}
    told, before = bank.paid(), bank.balance(bank.accounts[0])
    with watching(bank, tmp_path) as prometheus:
        bank.kill("postgres")
        try:
            prometheus.sees("TongbaoDatabaseGone")
            drill.sees("TongbaoDatabaseGone")
            untold = str(uuid4())
            refused = bank.pay(untold)
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert int(refused.headers["retry-after"]) > 0
            assert readiness(bank)[0] == 503

            said = drill.types(1, "tongbao doctor", status=1).text
            assert "Connection refused" in said or "No such file" in said, said
        finally:
            bank.start("postgres")
        prometheus.is_calm("TongbaoDatabaseGone")
    until(lambda: readiness(bank) == (200, "ok"), "the bank does not find its database again")
    drill.types(OVER, "tongbao prove")
    drill.is_over()

    assert {part: bank.pid(part) for part in processes} == processes
    assert bank.paid(told) == told
    assert bank.paid(untold) == bank.paid(untold) == untold
    assert bank.balance(bank.accounts[0]) == before - 100


def readiness(bank: DrillBank) -> tuple[int, str]:
    """Status, and what is said of the database."""
    answer = httpx.get(f"http://127.0.0.1:{bank.port}/readyz", timeout=30, trust_env=False)
    return answer.status_code, answer.json()["checks"]["database"]
