"""`tongbao prove`: its exit status and its document tell the truth."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.ledger.bank import check

if TYPE_CHECKING:
    from tests.ledger.bank import Bank


async def _prove(bank: Bank, *options: str) -> tuple[int, str]:
    environment = {**os.environ, "TONGBAO_DATABASE_URL": bank.db.url}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tongbao.cli", "prove", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


async def _document(bank: Bank, *options: str) -> tuple[int, dict[str, Any]]:
    status, said = await _prove(bank, "--json", *options)
    return status, json.loads(said)


async def test_prove_says_what_holds_and_what_does_not(bank: Bank) -> None:
    await bank.open("ann", "bob")
    await bank.fund(ann=100)
    await check(bank, (bank.transfer(("ann", "bob", 60)), "posted"))
    status, said = await _document(bank)
    assert (status, said["holds"], said["findings"]) == (0, True, [])
    assert {number for one in said["checks"] for number in one["invariants"]} >= {f"L{n}" for n in range(1, 16)}
    async with bank.db.tx() as tx:
        await tx.run("UPDATE ledger.account SET balance_minor = 61 WHERE balance_minor = 60")
    status, said = await _document(bank, "--full")
    assert (status, said["holds"]) == (1, False)
    found = {(f["invariant"], f["key"], f["expected"], f["found"]) for f in said["findings"]}
    assert ("L7", f"id={bank['bob']}", "balance_minor 60", "balance_minor 61") in found
    status, text = await _prove(bank)
    assert (status, "BROKEN" in text) == (1, True)
    async with bank.db.read() as tx:
        await tx.rows("SELECT pg_advisory_lock(hashtext('tongbao prove'))")
        assert await _prove(bank) == (2, "")
        await tx.rows("SELECT pg_advisory_unlock_all()")
