"""A bad line is named with its reason and posts nothing; the lines around it are taken as if it were not there."""

from __future__ import annotations

import pytest

from tests.history.conftest import TinyBank, bring_in
from tongbao import ledger
from tongbao.base.db import Database
from tongbao.base.refusal import Refusal

GOOD = '7;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"";;'

BAD_TRANSACTIONS = {
    '7;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"";': "column_count",
    '7;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"";;;': "column_count",
    "7": "column_count",
    '7;1;930201;"PRIJEM";"VKLAD;10.00;546.90;"";;': "quotes_unbalanced",
    '7;1;930201;"PRIJEM;"VKLAD";10.00;546.90;"";;': "quotes_unbalanced",
    '7;1;930231;"PRIJEM";"VKLAD";10.00;546.90;"";;': "bad_date",
    '7;1;931301;"PRIJEM";"VKLAD";10.00;546.90;"";;': "bad_date",
    '7;1;;"PRIJEM";"VKLAD";10.00;546.90;"";;': "bad_date",
    '7;1;19930201;"PRIJEM";"VKLAD";10.00;546.90;"";;': "bad_date",
    '7;3;930201;"PRIJEM";"VKLAD";10.00;546.90;"";;': "unknown_account",
    '7;x;930201;"PRIJEM";"VKLAD";10.00;546.90;"";;': "not_a_number",
    '-7;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"";;': "not_a_number",
    '7;1;930201;"CREDIT";"VKLAD";10.00;546.90;"";;': "unknown_type",
    '7;1;930201;"PRIJEM";"SEK";10.00;546.90;"";;': "unknown_operation",
    '7;1;930201;"VYDAJ";"VKLAD";10.00;546.90;"";;': "type_contradicts_operation",
    '7;1;930201;"PRIJEM";"VKLAD";ten;546.90;"";;': "amount_not_a_number",
    '7;1;930201;"PRIJEM";"VKLAD";;546.90;"";;': "amount_not_a_number",
    '7;1;930201;"PRIJEM";"VKLAD";1e3;546.90;"";;': "amount_not_a_number",
    '7;1;930201;"PRIJEM";"VKLAD";10.001;546.90;"";;': "amount_not_a_number",
    '7;1;930201;"PRIJEM";"VKLAD";١٠;546.90;"";;': "amount_not_a_number",
    '7;1;930201;"PRIJEM";"VKLAD";0.00;546.90;"";;': "amount_not_positive",
    '7;1;930201;"PRIJEM";"VKLAD";-10.00;546.90;"";;': "amount_not_positive",
    '7;1;930201;"PRIJEM";"";-10.00;546.90;"UROK";;': "amount_not_positive",
    '7;1;930201;"PRIJEM";"VKLAD";9999999999999999;546.90;"";;': "amount_too_large",
    '7;1;930201;"PRIJEM";"VKLAD";10.00;much;"";;': "balance_not_a_number",
    '6;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"";;': "duplicate_id",
    '6;1;930131;"VYDAJ";"VYBER";14.60;536.90;"SLUZBY";;': "duplicate_id",
    '7;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"\udcff";;': "not_utf8",
    '7;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"\0";;': "control_character",
    '7;1;930201;"PRIJEM";"PREVOD Z UCTU";10.00;546.90;"";"AAAAAAAAAAAAAAAAAAAAA";': "text_too_long",
    '7;1;930201;"PRIJEM";"VKLAD";10.00;546.90;"AAAAAAAAAAAAAAAAAAAAA";;': "text_too_long",
}


@pytest.mark.parametrize(("line", "reason"), BAD_TRANSACTIONS.items(), ids=range(len(BAD_TRANSACTIONS)))
async def test_a_bad_transaction(db: Database, tiny: TinyBank, line: str, reason: str) -> None:
    tiny.add(line, GOOD.replace("7;", "8;", 1))
    report = await bring_in(db, tiny.write())
    assert [(r.file, r.line, r.reason) for r in report.first_rejected] == [("trans.asc", 8, reason)]
    assert (report.rows, report.rejected, report.posted, report.beyond_rounding) == (8, 1, 7, 0)
    assert await _balances(db) == {"1010": -61000, "1020": -85050, "2010": 144740, "4010": 1460, "5010": -150}

    again = await bring_in(db, tiny.folder)
    assert again.first_rejected == report.first_rejected
    assert (again.rejected, again.posted, again.already_posted) == (1, 0, 7)


BAD_ROWS = {
    ("client.asc", '3;"706313";1'): ["bad_birth_number"],
    ("client.asc", '3;"701313";1'): ["bad_birth_number"],
    ("client.asc", '3;"706213";9'): ["unknown_district"],
    ("client.asc", '2;"706213";1'): ["duplicate_id"],
    ("district.asc", "2;x"): ["column_count"],
    ("account.asc", '3;1;"NEVER";930101'): ["unknown_frequency"],
    ("account.asc", '3;1;"POPLATEK TYDNE";930101'): ["account_without_owner"],
    ("disp.asc", '4;9;1;"DISPONENT"'): ["unknown_client"],
    ("disp.asc", '4;1;9;"DISPONENT"'): ["unknown_account"],
    ("disp.asc", '4;2;1;"OWNER"'): ["second_owner"],
    ("disp.asc", '4;2;1;"FRIEND"'): ["unknown_type"],
    ("card.asc", '2;9;"gold";931107 00:00:00'): ["unknown_disposition"],
    ("card.asc", '2;1;"tin";931107 00:00:00'): ["unknown_type"],
    ("card.asc", '2;1;"gold";931107 midnight'): ["bad_date"],
    ("loan.asc", '2;9;930705;96396;12;8033.00;"B"'): ["unknown_account"],
    ("loan.asc", '2;1;930705;96396;0;8033.00;"B"'): ["bad_duration"],
    ("loan.asc", '2;1;930705;96396;12;8033.00;"E"'): ["unknown_status"],
    ("loan.asc", '2;1;930705;0;12;8033.00;"A"'): ["amount_not_positive"],
    ("order.asc", '2;1;"YZ";"87144583";-1.00;"SIPO"'): ["amount_not_positive"],
}


@pytest.mark.parametrize(("name", "line"), BAD_ROWS, ids=range(len(BAD_ROWS)))
async def test_a_bad_row_elsewhere(db: Database, tiny: TinyBank, name: str, line: str) -> None:
    tiny.lines[name].append(line)
    report = await bring_in(db, tiny.write())
    assert [r.reason for r in report.first_rejected] == BAD_ROWS[name, line]
    assert {(r.file, r.line) for r in report.first_rejected} == {(name, len(tiny.lines[name]))}
    assert (report.rejected, report.posted, report.beyond_rounding) == (1, 6, 0)
    kept = {"clients": 2, "accounts": 2, "dispositions": 3, "cards": 1, "loans": 1, "orders": 1, "districts": 1}
    assert {what: getattr(report, what) for what in kept} == kept


async def test_rows_of_an_account_that_was_not_taken_go_with_it(db: Database, tiny: TinyBank) -> None:
    tiny.lines["disp.asc"].remove('1;1;1;"OWNER"')
    report = await bring_in(db, tiny.write())
    assert {(r.file, r.reason) for r in report.first_rejected} == {
        ("account.asc", "account_without_owner"),
        ("card.asc", "unknown_disposition"),
        ("loan.asc", "unknown_account"),
        ("order.asc", "unknown_account"),
        ("trans.asc", "unknown_account"),
    }
    assert (report.accounts, report.dispositions, report.posted) == (1, 1, 1)


async def test_a_report_shows_the_first_and_counts_all(db: Database, tiny: TinyBank) -> None:
    tiny.add(*(f"{n};bad" for n in range(100, 1700)))
    report = await bring_in(db, tiny.write())
    assert (report.rows, report.rejected, report.posted) == (1606, 1600, 6)
    assert [r.line for r in report.first_rejected] == list(range(8, 58))


async def test_interest_that_was_rounded_to_nothing(db: Database, tiny: TinyBank) -> None:
    tiny.add('7;1;930228;"PRIJEM";"";0.00;536.90;"UROK";;')
    report = await bring_in(db, tiny.write())
    assert (report.rejected, report.nothing_to_post, report.posted, report.already_posted) == (0, 1, 6, 0)
    again = await bring_in(db, tiny.folder)
    assert (again.nothing_to_post, again.posted, again.already_posted) == (1, 0, 6)


@pytest.mark.parametrize("name", TinyBank.FILES)
async def test_a_missing_file(db: Database, tiny: TinyBank, name: str) -> None:
    (tiny.write() / name).unlink()
    with pytest.raises(Refusal) as refused:
        await bring_in(db, tiny.folder)
    assert refused.value.code == "source_file_missing"
    assert name in str(refused.value.detail)


async def test_another_header(db: Database, tiny: TinyBank) -> None:
    tiny.lines["trans.asc"][0] = '"trans_id";"account_id";"amount"'
    with pytest.raises(Refusal) as refused:
        await bring_in(db, tiny.write())
    assert refused.value.code == "source_header_unknown"


async def _balances(db: Database) -> dict[str, int]:
    async with db.read() as tx:
        return {line.gl_line: line.balance_minor for line in await ledger.trial_balance(tx) if line.balance_minor}
