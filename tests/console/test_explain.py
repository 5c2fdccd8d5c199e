"""`tongbao explain`: any id that the books hold says what it is, what it moved, and who decided it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import typer
from typer.testing import CliRunner

from tests.console.conftest import Office
from tests.console.test_api import a_journal
from tests.merchants.market import MONDAY, Market, opened
from tongbao import clearing, console, identity, ledger
from tongbao.base.db import Database
from tongbao.base.principal import SYSTEM
from tongbao.base.refusal import Refusal
from tongbao.cli import explain
from tongbao.identity import NewStaff, Role


@pytest.fixture
async def market(fresh_database: str) -> AsyncIterator[Market]:
    async with opened(fresh_database) as market:
        yield market


async def story(db: Database, id: UUID) -> console.Story:
    async with db.read() as tx:
        return await console.explain(tx, id)


def said(found: console.Story, what: str) -> list[tuple[str, str]]:
    return [(step.en, step.zh) for step in found.steps if step.what == what]


async def test_a_journal_names_both_people_and_its_postings(office: Office) -> None:
    key, mei = uuid4(), office.people["mei"]
    async with office.db.tx() as tx:
        new = NewStaff(id=mei.id, username="mei", name="梅芳", roles=frozenset({Role.ACCOUNTANT}))
        await identity.create_staff(tx, new, "-", by=SYSTEM, at=office.at)
    await office.ask("mei", "POST", "/v1/journals", await a_journal(office), key=key)
    proposed = await story(office.db, key)
    assert (proposed.kind, proposed.state, len(proposed.steps)) == ("ledger.journal", "proposed", 1)
    office.clock.tick(timedelta(minutes=5))
    await office.ask("lin", "POST", f"/v1/approvals/{key}/approve", {"reason": "looked at the slip"})
    office.clock.tick(timedelta(minutes=5))
    posted = await story(office.db, key)
    assert (posted.kind, posted.state) == ("journal", "posted")
    assert said(posted, "proposal") == [
        (
            "Proposed by 梅芳 (mei): journal. Reason: rounding of yesterday",
            "梅芳 (mei) 提交：记账凭证。理由：rounding of yesterday",
        )
    ]
    lin = office.people["lin"].id
    assert said(posted, "decision") == [
        (f"Approved by {lin}. Reason: looked at the slip", f"{lin} 审批通过。理由：looked at the slip")
    ]
    assert said(posted, "entry") == [
        (
            "¥5.00 from 5030 Rounding differences to 1010 Cash, which then held -¥5.00 and ¥5.00.",
            "¥5.00 由“5030 尾差”转入“1010 库存现金”，记账后余额分别为 -¥5.00、¥5.00。",
        )
    ]
    assert [step.what for step in posted.steps] == ["proposal", "decision", "transfer", "entry"]

    undone = uuid4()
    async with office.db.tx() as tx:
        await ledger.reverse(tx, key, id=undone, at=office.at, reason="wrong slip")
    assert (await story(office.db, key)).state == "reversed"
    assert said(await story(office.db, key), "reversal") == [(f"Reversed by {undone}.", f"已由 {undone} 冲正。")]
    assert f"it reverses {key}" in said(await story(office.db, undone), "transfer")[0][0]


async def test_a_rejected_journal_says_why(office: Office) -> None:
    key = uuid4()
    await office.ask("mei", "POST", "/v1/journals", await a_journal(office), key=key)
    await office.ask("lin", "POST", f"/v1/approvals/{key}/reject", {"reason": "no slip"})
    found = await story(office.db, key)
    assert (found.state, [step.what for step in found.steps]) == ("rejected", ["proposal", "decision"])
    assert said(found, "decision")[0][0].endswith("Reason: no slip")


async def test_a_settlement_and_what_emptied_the_takings_name_their_batch(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, shop, neighbour = await market.person(100_000), await market.shop(), await market.shop()
    market.later(days=4)
    await clearing.end_of_day(market.db, market.clock, market.settings)
    friday = MONDAY + timedelta(4)
    await market.sell(shop, payer, 10_000)
    await market.sell(neighbour, payer, 700)
    market.later(hours=15)
    await clearing.end_of_day(market.db, market.clock, market.settings)
    async with market.db.read() as tx:
        (batch,) = await clearing.list_batches(tx, first=friday, last=friday)
        (due,) = await clearing.settlements(tx, shop.id)
        rows = await tx.rows(
            "SELECT transfer_id FROM ledger.posting WHERE debit = %(i)s OR credit = %(i)s ORDER BY id",
            i=shop.takings_ledger_id,
        )
        number = (await identity.find_accounts(tx, [shop.takings_account_id]))[shop.takings_account_id].number
    emptied = await story(market.db, rows[-1][0])
    assert (emptied.kind, emptied.state) == ("clearing", "posted")
    assert said(emptied, "entry")[0][0].startswith(f"¥100.00 from account {number} to 2040 Acquirer clearing")
    (of_batch,) = [step for step in emptied.steps if step.what == "batch"]
    assert (of_batch.details["batch_id"], of_batch.details["settlement_id"]) == (batch.id, due.id)
    assert (await story(market.db, due.id)).state == "cleared", "not paid before Monday"
    market.later(days=3)
    await clearing.end_of_day(market.db, market.clock, market.settings)
    settled = await story(market.db, due.id)
    assert (settled.kind, settled.state) == ("settlement", "posted")
    assert said(settled, "batch") == [
        (
            f"Of batch {batch.id}, day 27 Nov 2026, due on 30 Nov 2026: net ¥99.62 after fees of ¥0.38, settled.",
            f"所属清算批次 {batch.id}，营业日 2026年11月27日，结算日 2026年11月30日：净额 ¥99.62，已扣手续费 ¥0.38，已结算。",
        )
    ]
    assert len(said(settled, "entry")) == 2, "the net and the fees"

    monkeypatch.setenv("TONGBAO_DATABASE_URL", market.db.url)
    command = typer.Typer()
    command.command()(explain.run)

    async def run(*words: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, command, [*words])
        return result.exit_code, result.output

    status, shown = await run(str(due.id))
    assert (status, shown.splitlines()[0]) == (0, f"{due.id}  settlement  posted")
    assert "所属清算批次" in (await run(str(due.id), "--zh"))[1]
    assert json.loads((await run(str(rows[-1][0]), "--json"))[1])["kind"] == "clearing"
    status, shown = await run(str(uuid4()))
    assert (status, "No payment, transfer, journal or settlement has this id." in shown) == (1, True)


async def test_an_id_that_nothing_has(office: Office) -> None:
    with pytest.raises(Refusal, match="id_unknown"):
        await story(office.db, uuid4())
