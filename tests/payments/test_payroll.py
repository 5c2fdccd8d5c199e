"""Salaries from a file: shown first, then paid, each once, whatever happens in between."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest
from stdnum.iso7064 import mod_97_10

from tests.payments.town import Reply, Town
from tongbao import identity
from tongbao.base.batch import ITEM_FAILED
from tongbao.base.db import BUSY
from tongbao.base.jobs import JobContext
from tongbao.payments import Outcome, payroll
from tongbao.payments import refusals as no
from tongbao.payments.jobs import JOBS
from tongbao.payments.refusals import AMOUNT_UNREADABLE
from tongbao.web.refusals import AMOUNT_NEGATIVE, AMOUNT_TOO_LARGE, AMOUNT_ZERO


async def upload(town: Town, payer: identity.Account, text: str | bytes, **more: Any) -> Reply:
    return await town.post(
        f"/v1/payrolls?payer_account_id={payer.id}", content=text, headers={"content-type": "text/csv"}, **more
    )


async def confirm(town: Town, uploaded: Reply, **body: str) -> Reply:
    return await town.send("POST", f"/v1/payrolls/{uploaded['id']}/confirm", body)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("1234.50", "CNY", 123450),
        ("1234.5", "CNY", 123450),
        ("1234", "CNY", 123400),
        ("0.01", "CNY", 1),
        ("1234", "JPY", 1234),
        ("1.234", "KWD", 1234),
        ("1234.505", "CNY", AMOUNT_UNREADABLE),
        ("12.5", "JPY", AMOUNT_UNREADABLE),
        ("1e3", "CNY", AMOUNT_UNREADABLE),
        ("1,234.50", "CNY", AMOUNT_UNREADABLE),
        ("１２", "CNY", AMOUNT_UNREADABLE),
        ("", "CNY", AMOUNT_UNREADABLE),
        ("-5", "CNY", AMOUNT_NEGATIVE),
        ("-0.00", "CNY", AMOUNT_ZERO),
        ("90071992547409.92", "CNY", AMOUNT_TOO_LARGE),
    ],
)
def test_amounts_are_read_without_a_float(text: str, currency: str, amount: object) -> None:
    assert payroll.read_amount(text, currency) == amount


async def test_from_file_to_money(town: Town) -> None:
    firm = await town.firm(1_000_000)
    people = [await town.person() for _ in range(3)]
    text = "\ufeff账号,户名,金额,附言\r\n" + "".join(
        f"'{p.number},王小明,{1000 + n}.50,十一月工资\r\n" for n, p in enumerate(people)
    )
    shown = await upload(town, firm, text)
    assert (shown.status, shown["state"], shown["lines"], shown["payable"]) == (201, "preview", 3, 3)
    assert (shown["total"], shown["problems"], shown["duplicates"]) == (300_450, [], 0)
    assert await town.money(firm) == (1_000_000, 0), "a preview pays nothing"
    done = await confirm(town, shown)
    assert (done["state"], done["lines_paid"], done["paid"], done["lines_failed"]) == ("completed", 3, 300_450, 0)
    assert [await town.money(p) for p in people] == [(100_050, 0), (100_150, 0), (100_250, 0)]
    assert (await confirm(town, shown)).body == done.body, "a second confirmation pays nothing"
    paid = (await town.get(f"/v1/payments?account_id={people[0].id}"))["items"][0]
    assert (paid["kind"], paid["reference"]) == ("salary", "十一月工资")


async def test_every_problem_has_its_line_and_reason(town: Town) -> None:
    firm, worker, yen = await town.firm(10_000), await town.person(), await town.person()
    await town.run_sql("UPDATE identity.account SET currency = 'JPY' WHERE id = %(i)s", i=yen.id)
    unknown = "90001999999999999"
    unknown += mod_97_10.calc_check_digits(unknown)
    lines = [
        f"{worker.number},,10",
        f"{worker.number},,10",
        f"{worker.number[:-1]},,10",
        f"{unknown},,10",
        f"{yen.number},,10",
        f"{firm.number},,10",
        f"{worker.number},李四,10",
        f"{worker.number},,ten",
        f"{worker.number},,0",
        f"{worker.number},王 小明,100000",
    ]
    shown = await upload(town, firm, "account_number,name,amount\n" + "\n\n".join(lines) + "\n")
    assert {problem["code"]: problem["lines"] for problem in shown["problems"]} == {
        "account_number_wrong": 1, "payee_unknown": 1, "currency_mismatch": 1, "accounts_must_be_different": 1,
        "name_differs": 1, "amount_unreadable": 1, "amount_zero": 1,
    }  # fmt: skip
    assert (shown["payable"], shown["duplicates"]) == (3, 1)
    done = await confirm(town, shown, duplicates="skip")
    assert (done["lines_paid"], done["paid"], done["lines_failed"], done["lines_skipped"]) == (1, 1000, 1, 1)
    reply = await town.get(f"/v1/payrolls/{shown['id']}/lines?failures=true&format=csv")
    rows = list(csv.DictReader(io.StringIO(reply.body.lstrip("\ufeff"))))
    assert [(row["line"], row["code"]) for row in rows if row["code"]] == [
        ("3", "account_number_wrong"), ("4", "payee_unknown"), ("5", "currency_mismatch"),
        ("6", "accounts_must_be_different"), ("7", "name_differs"), ("8", "amount_unreadable"), ("9", "amount_zero"),
        ("10", "insufficient_funds"),
    ]  # fmt: skip
    page = await town.get(f"/v1/payrolls/{shown['id']}/lines?limit=4")
    assert [line["line"] for line in page["items"]] == [1, 2, 3, 4]
    assert page["items"][1]["duplicate_of"] == 1


async def test_the_lines_as_a_workbook(town: Town) -> None:
    firm, worker = await town.firm(100_000), await town.person()
    shown = await upload(town, firm, f"account_number,amount,reference\n{worker.number},1234.50,十一月工资\n1,5,\n")
    path = f"/v1/payrolls/{shown['id']}/lines"
    for lang, expected in (
        ("zh", ["行号", "账号", "金额"]),
        ("en", ["Line", "Account number", "Amount"]),
    ):
        reply = await town.get(f"{path}?format=xlsx&lang={lang}")
        head, first, second = [
            [cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(reply.raw)).worksheets[0].rows
        ]
        assert head[:3] == expected
        assert first[:3] == [1, worker.number, 1234.5], "a number of an account is text, as it is"
        wrong = no.BY_CODE["payee_unknown"]
        assert (wrong.zh if lang == "zh" else wrong.en) in second
    (line, _) = csv.DictReader(io.StringIO((await town.get(f"{path}?format=csv")).raw.decode("utf-8-sig")))
    assert (line["account_number"], line["amount"]) == (f"'{worker.number}", "1234.50")


async def test_the_same_upload_again(town: Town) -> None:
    firm, worker, key = await town.firm(10_000), await town.person(), town.id()
    text = f"account_number,amount\n{worker.number},1\n"
    first = await upload(town, firm, text, key=key)
    again = await upload(town, firm, text, key=key)
    assert (again.status, again.raw, again.replayed) == (201, first.raw, True)
    assert (await upload(town, firm, text + "\n", key=key)).code == "id_reused"
    assert (await upload(town, firm, text, key=key, by=town.principal())).code == "id_taken"
    assert (await upload(town, firm, b"\xff\xfe", key=town.id())).code == "payroll_unreadable"
    assert (await upload(town, firm, "a\x00", key=town.id())).code == "nul_character"
    assert (await upload(town, firm, 'account_number,amount\n"x', key=town.id())).code == "payroll_unreadable"
    assert (await upload(town, firm, b"a" * (payroll.LARGEST_FILE + 1))).code == "body_too_large"


async def test_it_goes_on_where_it_was_killed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after a chunk was paid and before that was written down: nobody is paid twice."""
    firm = await town.firm(100_000_000)
    people = [await town.person() for _ in range(4)]
    text = "account_number,amount\n" + "".join(f"{people[n % 4].number},{n + 1}\n" for n in range(1200))
    shown = await upload(town, firm, text)
    written = 0
    record = payroll.store.record_payroll_lines

    async def dies(*args: Any) -> None:
        nonlocal written
        written += 1
        if written == 2:
            raise ConnectionError("killed")
        await record(*args)

    monkeypatch.setattr(payroll.store, "record_payroll_lines", dies)
    assert (await confirm(town, shown)).status == 500
    assert (await town.get(f"/v1/payrolls/{shown['id']}"))["state"] == "running"
    monkeypatch.undo()
    (job,) = [job for job in JOBS if "payroll" in job.name]
    await job.run(JobContext(town.db, town.clock, town.settings))
    done = await town.get(f"/v1/payrolls/{shown['id']}")
    assert (done["state"], done["lines_paid"], done["paid"]) == ("completed", 1200, 72_060_000)
    assert sum([(await town.money(p))[0] for p in people]) == 72_060_000


async def test_a_busy_bank_leaves_it_running(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    firm, worker = await town.firm(10_000), await town.person()
    shown = await upload(town, firm, f"account_number,amount\n{worker.number},1\n{worker.number},2\n")
    answers = [[BUSY(retry_after_s=1), ITEM_FAILED()], [BUSY(retry_after_s=1)]]

    async def busy(orders: Any) -> list[Outcome]:
        return [Outcome(None, refusal=refusal) for refusal in answers.pop(0)]

    monkeypatch.setattr(town.intake, "pay_many", busy)
    done = await confirm(town, shown)
    assert (done["state"], done["lines_failed"]) == ("running", 1)
    monkeypatch.undo()
    done = await confirm(town, shown)
    assert (done["state"], done["lines_paid"], done["paid"]) == ("completed", 1, 100)


async def test_payrolls_of_an_account(town: Town) -> None:
    firm, worker = await town.firm(10_000), await town.person()
    made = []
    for n in range(3):
        town.later(minutes=1)
        made.append((await upload(town, firm, f"account_number,amount\n{worker.number},{n + 1}\n"))["id"])
    page = await town.get(f"/v1/payrolls?account_id={firm.id}&limit=2")
    rest = await town.get(f"/v1/payrolls?account_id={firm.id}&limit=2&cursor={page['next_cursor']}")
    assert [p["id"] for p in [*page["items"], *rest["items"]]] == made[::-1]
