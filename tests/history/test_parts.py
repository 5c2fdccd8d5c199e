"""Other parts of the same source, in any order and overlapping: each transaction once, days as they were."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from tests.history.conftest import TinyBank, bring_in
from tests.identity.called import names
from tongbao import identity, ledger
from tongbao.base import days
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal

NEXT_YEAR = (
    '7;1;940101;"PRIJEM";"VKLAD";10.00;546.90;"";;',
    '8;2;940102;"VYDAJ";"VYBER KARTOU";900.00;0.50;"";;',
)


async def test_a_longer_part_after_a_shorter_one(db: Database, tiny: TinyBank) -> None:
    first = await bring_in(db, tiny.write())
    tiny.add(*NEXT_YEAR)
    report = await bring_in(db, tiny.write())
    assert (first.posted, report.posted, report.already_posted) == (6, 2, 6)
    assert (report.beyond_rounding, report.max_difference_minor, report.ledger_difference_minor) == (0, 0, 0)


async def test_the_next_year_alone_goes_on_from_the_last(db: Database, tiny: TinyBank) -> None:
    await bring_in(db, tiny.write())
    tiny.lines["trans.asc"][1:] = NEXT_YEAR
    report = await bring_in(db, tiny.write())
    assert (report.posted, report.already_posted) == (2, 0)
    assert (report.beyond_rounding, report.max_difference_minor, report.ledger_difference_minor) == (0, 0, 0)


@pytest.mark.parametrize(
    "changed",
    [
        '4;1;930103;"VYDAJ";"PREVOD NA UCET";50.10;550.00;"SIPO";"YZ";"87144583"',
        '4;1;930104;"VYDAJ";"PREVOD NA UCET";50.00;550.00;"SIPO";"YZ";"87144583"',
        '4;2;930103;"VYDAJ";"PREVOD NA UCET";50.00;550.00;"SIPO";"YZ";"87144583"',
        '4;1;930103;"VYDAJ";"PREVOD NA UCET";50.00;550.00;"SIPO";"AB";"87144583"',
        '4;1;930103;"VYDAJ";"VYBER";50.00;550.00;"SIPO";"YZ";"87144583"',
    ],
)
async def test_an_id_that_another_part_used_for_something_else(db: Database, tiny: TinyBank, changed: str) -> None:
    await bring_in(db, tiny.write())
    tiny.lines["trans.asc"][4] = changed
    tiny.add(NEXT_YEAR[1])
    for posted in (1, 0):
        report = await bring_in(db, tiny.write())
        assert [(r.line, r.reason) for r in report.first_rejected] == [(5, "id_of_another_transaction")]
        assert (report.rejected, report.posted, report.already_posted) == (1, posted, 6 - posted)


async def test_a_file_out_of_order_is_posted_in_date_order(db: Database, tiny: TinyBank) -> None:
    header, *rows = tiny.lines["trans.asc"]
    tiny.lines["trans.asc"] = [header, *reversed(rows), "broken"]
    report = await bring_in(db, tiny.write())
    assert (report.posted, report.beyond_rounding, report.max_difference_minor) == (6, 0, 0)
    assert [(r.line, r.reason) for r in report.first_rejected] == [(8, "column_count")]
    async with db.read() as tx:
        number = (await _ledger_ids(db, tiny))[1]
        assert [e.value_date for e in await ledger.entries(tx, number)] == sorted(
            (e.value_date for e in await ledger.entries(tx, number)), reverse=True
        )


async def test_a_file_without_a_header(db: Database, tiny: TinyBank) -> None:
    del tiny.lines["trans.asc"][0]
    assert (await bring_in(db, tiny.write())).posted == 6


async def test_booked_today_and_valued_then(db: Database, tiny: TinyBank) -> None:
    async with db.tx() as tx:
        await days.found(tx, date(2026, 11, 1))
    report = await bring_in(db, tiny.write())
    assert report.booked_on == date(2026, 11, 1), "a bank that has a business day keeps it"
    number = (await _ledger_ids(db, tiny))[1]
    async with db.read() as tx:
        entries = await ledger.entries(tx, number)
        assert {e.booking_date for e in entries} == {date(2026, 11, 1)}
        assert await ledger.balance_on_value_date(tx, number, date(1993, 1, 3)) == 55000
        assert await ledger.balance_on_value_date(tx, number, date(1992, 12, 31)) == 0


async def test_an_overdraft_stays_named(db: Database, tiny: TinyBank) -> None:
    tiny.add('7;1;930201;"VYDAJ";"VYBER";600.00;-63.10;"";;', '8;1;930228;"VYDAJ";"VYBER";3.00;-66.10;"SANKC. UROK";;')
    report = await bring_in(db, tiny.write())
    assert (report.posted, report.beyond_rounding) == (8, 0)
    number = (await _ledger_ids(db, tiny))[1]
    async with db.read() as tx:
        account = (await ledger.accounts(tx, [number]))[number]
    assert (account.balance_minor, account.floor_minor, account.excess_minor) == (-6610, 0, 6610)


async def test_a_bank_unexplained_goes_to_suspense(db: Database, tiny: TinyBank) -> None:
    tiny.add('7;1;930201;"PRIJEM";"";1.00;537.90;"";;', '8;1;930202;"VYDAJ";"";2.00;535.90;" ";;')
    await bring_in(db, tiny.write())
    async with db.read() as tx:
        lines = {line.gl_line: line.balance_minor for line in await ledger.trial_balance(tx)}
    assert (lines["1090"], lines["2090"]) == (-100, 200)


async def test_two_at_once_do_not_double(db: Database, tiny: TinyBank) -> None:
    tiny.add(*(f'{n};1;930301;"PRIJEM";"VKLAD";1.00;{535.90 + n - 9:.2f};"";;' for n in range(10, 4000)))
    folder = tiny.write()
    await bring_in(db, TinyBank(tiny.folder.parent / "first").write())
    outcomes = await asyncio.gather(bring_in(db, folder), bring_in(db, folder), return_exceptions=True)
    refused = [o for o in outcomes if isinstance(o, BaseException)]
    assert all(isinstance(o, Refusal) and o.code == "replay_running" for o in refused), refused
    report = await bring_in(db, folder)
    assert (report.rows, report.already_posted, report.ledger_difference_minor) == (3996, 3996, 0)


async def test_customers_and_accounts_are_the_banks_own(db: Database, tiny: TinyBank) -> None:
    await bring_in(db, tiny.write())
    async with db.read() as tx:
        found = await identity.accounts_of_ledger(tx, (await _ledger_ids(db, tiny)).values())
        accounts = await identity.find_accounts(tx, found.values())
        known = await names(tx, {account.customer_id for account in accounts.values()})
    assert sorted(known.values()) == ["Client 1", "Client 2"]
    assert {account.currency for account in accounts.values()} == {"CZK"}
    assert sorted(a.opened_at.isoformat() for a in accounts.values()) == [
        "1992-12-31T16:00:00+00:00",
        "1993-01-01T16:00:00+00:00",
    ]


async def _ledger_ids(db: Database, _tiny: TinyBank) -> dict[int, int]:
    async with db.read() as tx:
        return dict(await tx.rows("SELECT account_id, ledger_id FROM history.account"))  # type: ignore[arg-type]
