"""The bank that payments are measured on is one whose books hold."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tongbao import risk
from tongbao.base.db import Database
from tongbao_bench import payments

if TYPE_CHECKING:
    import pytest


def test_accounts_and_devices_are_such_as_the_bank_could_have_made(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "ACCOUNTS", 12)
    monkeypatch.setattr(payments, "SUITES", {name: (suite, 2) for name, (suite, _) in payments.SUITES.items()})
    key, accounts, devices = asyncio.run(payments.furnish(fresh_database))
    assert key.startswith("tb_bank_")
    assert len(accounts) == 12
    assert all(len(set(made.ids)) == 12 for made in devices.values())
    assert asyncio.run(rules_in_force(fresh_database)) == payments.RULES
    environment = {**os.environ, "TONGBAO_DATABASE_URL": fresh_database}
    command = [sys.executable, "-m", "tongbao.cli", "prove", "--json"]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


async def rules_in_force(url: str) -> int:
    async with Database(url) as db, db.read() as tx:
        return len(await risk.RulesInForce(time.perf_counter_ns).rules(tx, at=datetime.now(UTC)))
