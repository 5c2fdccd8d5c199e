"""The history that benchmarks are measured on is one that the bank itself could have written."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tongbao import ledger
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.base.prove import prove
from tongbao_bench import growth
from tongbao_bench.history import DEEP, ROUND, History

if TYPE_CHECKING:
    import pytest


async def test_a_written_history_holds_and_goes_on(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "QUESTIONS", 5)
    history = History(fresh_database)
    await history.found()
    await history.grow(2)
    await history.grow(1)
    asked = await growth.ask(fresh_database, history)
    assert asked["entries"] == 6 * ROUND
    async with Database(fresh_database, limits=BULK, size=3) as db:
        at = history.start()
        posting = ledger.Posting(history.person, history.payer, 1, "CNY")
        transfer = ledger.Transfer(id=UUID(int=1), kind="payment", postings=(posting,))
        async with db.tx() as tx:
            assert isinstance((await ledger.post(tx, [transfer], at))[0], ledger.Posted)
            assert (await ledger.entries(tx, history.payer, most=1))[0].version == 6 * DEEP + 1
        done = await prove(db, ledger.CHECKS, SystemClock())
    assert [finding for check in done for finding in check.findings] == []
    assert done[0].rows == 6 * ROUND + 2
