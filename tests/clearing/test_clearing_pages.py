"""Clearing and settlement as staff see them: each day's batch, who got what, and that it adds up to nothing."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import openpyxl
import pytest

from tests.clearing.test_end_of_day import close_and_die
from tests.clearing.till import HOSTILE, MONDAY, TUESDAY, Shown, Till
from tongbao import clearing, merchants, payments
from tongbao.identity import Role

LATIN_SENTENCE = re.compile(r"[A-Za-z]{2,}(?:[ ,'’-]+[A-Za-z]{2,}){3,}")


async def a_day(till: Till) -> UUID:
    """Monday: 100.00 and 20.00 at two shops, 10.00 given back; ended. Its batch."""
    payment = await till.sell(till.noodles, till.guest, 10_000, method=payments.Method.QR)
    await till.sell(till.tea, till.guest, 2000, method=payments.Method.QR)
    await till.ask("refund", payment, 1000)
    await till.end_day(MONDAY)
    async with till.db.read() as tx:
        (batch,) = await clearing.list_batches(tx)
    return batch.id


def batch_links(page: Shown) -> list[str]:
    return [link for link in page.links() if re.fullmatch(r"/staff/clearing/[0-9a-f-]{36}", link)]


async def csv_of(till: Till, path: str, by: str) -> list[dict[str, str]]:
    answer = await till.client.get(path, headers={"cookie": f"tongbao_session={by}", "accept": "text/html"})
    assert answer.status_code == 200, answer.text
    head, *lines = answer.content.decode("utf-8-sig").splitlines()
    return [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines]


@pytest.mark.parametrize(
    ("role", "status"), [(Role.ACCOUNTANT, 200), (Role.OPERATOR, 200), (Role.AUDITOR, 200), (Role.ADMIN, 403)]
)
async def test_whose_work_it_is(till: Till, role: Role, status: int) -> None:
    batch = await a_day(till)
    by = till.staff(role)
    for path in ("/staff/clearing", f"/staff/clearing/{batch}"):
        assert (await till.look(path, by)).status == status


async def test_whoever_has_no_session_is_sent_to_the_door(till: Till) -> None:
    for path in ("/staff/clearing", f"/staff/clearing/{uuid4()}"):
        answer = await till.look(path, None)
        assert answer.status == 303
        assert answer.to.startswith("/staff/login?next=")
    assert (await till.look("/staff/clearing", till.wang)).status == 303, "a shop has an area of its own"


async def test_a_day_s_batch_in_the_list(till: Till) -> None:
    batch = await a_day(till)
    page = await till.look("/staff/clearing", till.staff(Role.ACCOUNTANT))
    for said in ("23 Nov 2026", "¥120.00", "¥10.00", "¥0.33", "¥109.67", "settled", "24 Nov 2026"):
        assert said in page.text, said
    assert batch_links(page) == [f"/staff/clearing/{batch}"]
    steps = page.text.partition("How the last days ended")[2]
    assert "Trial balance" in steps
    assert steps.count("24 Nov 2026, 00:30:00") == 5, "each step was done half an hour after midnight"


async def test_before_the_first_day_ended_there_is_nothing(till: Till) -> None:
    page = await till.look("/staff/clearing", till.staff(Role.ACCOUNTANT))
    assert page.status == 200
    assert "No day with takings has been cleared in these days." in page.text


async def test_a_day_that_stands_still_half_way_is_seen(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    await till.sell(till.noodles, till.guest, 10_000)
    await close_and_die(till, MONDAY, monkeypatch)
    page = await till.look("/staff/clearing", till.staff(Role.ACCOUNTANT))
    ends = page.html.rpartition("<tbody")[2]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", ends)
    assert len(cells) == 6
    assert all(cells[:3]), "the day, expiry and close"
    assert cells[3:] == ["", "", ""], "no trial balance, clearing or settlement yet"


async def test_the_list_goes_by_days(till: Till) -> None:
    await a_day(till)
    await till.sell(till.noodles, till.guest, 5000)
    await till.end_day(TUESDAY)
    by = till.staff(Role.ACCOUNTANT)
    assert len(batch_links(await till.look("/staff/clearing?from=&to=", by))) == 2
    assert len(batch_links(await till.look(f"/staff/clearing?from={TUESDAY}", by))) == 1
    assert len(batch_links(await till.look(f"/staff/clearing?to={MONDAY}", by))) == 1
    assert len(await csv_of(till, f"/staff/clearing?from={TUESDAY}&format=csv", by)) == 1
    for query in ("from=soon", "to=0001-01-01", f"from={HOSTILE[0]}"):
        page = await till.look(f"/staff/clearing?{query}", by)
        assert page.status == 422
        assert "Please type a date" in page.text
        assert "<script>alert" not in page.html


async def test_a_batch_adds_up_to_zero_and_leads_on(till: Till) -> None:
    batch = await a_day(till)
    page = await till.look(f"/staff/clearing/{batch}", till.staff(Role.ACCOUNTANT))
    for said in (
        "Clearing batch of 23 Nov 2026", "Merchants (2)", "¥109.67", "¥0.33", "-¥110.00", "The positions add up to zero.",
        "老王面馆", "小赵茶馆", "From here on the bank books on 24 Nov 2026.", "2 merchants with 3 movements",
    ):  # fmt: skip
        assert said in page.text, said
    links = page.links()
    for shop in (till.noodles, till.tea):
        assert f"/staff/merchants/{shop.id}" in links
        assert f"/staff/ledger-accounts/{shop.takings_ledger_id}" in links
        assert f"/staff/ledger-accounts/{shop.settlement_ledger_id}" in links
    transfers = [link for link in links if link.startswith("/staff/transfers/")]
    assert len(transfers) == 2
    for link in links:
        if link.startswith(("/staff/transfers/", "/staff/ledger-accounts/", "/staff/merchants/")):
            assert (await till.look(link, till.staff())).status == 200, link


async def test_the_files_of_a_batch(till: Till) -> None:
    batch, by = await a_day(till), till.staff(Role.AUDITOR)
    lines = await csv_of(till, f"/staff/clearing/{batch}?format=csv", by)
    assert sum(Decimal(line["net"]) for line in lines) == 0
    assert {line["kind"] for line in lines} == {"merchant", "fee_income", "acquirer"}
    cookie = {"cookie": f"tongbao_session={by}; tongbao_language=zh", "accept": "text/html"}
    book = await till.client.get(f"/staff/clearing/{batch}?format=xlsx", headers=cookie)
    head, *rows = [
        [c.value for c in row] for row in openpyxl.load_workbook(io.BytesIO(book.content)).worksheets[0].rows
    ]
    assert head[:2] == ["清算参与方", "名称"]
    assert {str(row[0]) for row in rows} >= {"商户", "手续费收入", "收单机构"}


async def test_the_files_of_the_api(till: Till) -> None:
    """CSV in minor units, as the JSON of the same routes; workbooks and paper in whole ones, in the reader's language."""
    batch = await a_day(till)
    shop, keys = till.noodles, {"authorization": f"Bearer {till.wang}"}
    paths = {
        f"/v1/merchants/{shop.id}/settlements": ("net", "8973", "净额", 89.73),
        f"/v1/merchants/{shop.id}/fees": ("fees", "27", "手续费", 0.27),
        f"/v1/clearing/batches/{batch}/positions": ("net", "8973", "净额", 89.73),
    }
    for path, (key, minor, title, whole) in paths.items():
        who = {"authorization": "Bearer bank"} if "batches" in path else keys
        text = (await till.client.get(f"{path}?format=csv", headers=who)).content.decode("utf-8-sig")
        head, *lines = [line.split(",") for line in text.splitlines()]
        assert minor in [line[head.index(key)] for line in lines], path
        book = await till.client.get(f"{path}?format=xlsx", headers=who)
        assert book.status_code == 200, book.text
        first, *cells = [
            [c.value for c in row] for row in openpyxl.load_workbook(io.BytesIO(book.content)).worksheets[0].rows
        ]
        place = next(n for n, name in enumerate(first) if title in str(name))
        assert whole in [row[place] for row in cells], path
        paper = await till.client.get(f"{path}?format=pdf&lang=en", headers=who)
        assert paper.status_code in (200, 501), paper.text
        assert paper.content.startswith(b"%PDF") or paper.json()["code"] == "no_font"


async def test_many_positions_have_pages(till: Till) -> None:
    new = [merchants.NewMerchant(id=till.id(), name=f"{n}号店", currency="CNY") for n in range(55)]
    async with till.db.tx() as tx:
        made = await merchants.register_merchants(tx, new, by=till.bank, at=till.at, bank_code=till.settings.bank_code)
    for one in made:
        await till.sell(one.thing, till.guest, 1000)
    batch, by = await a_day(till), till.staff(Role.ACCOUNTANT)
    page = await till.look(f"/staff/clearing/{batch}", by)
    (on,) = [link for link in page.links() if "cursor=" in link]
    rest = await till.look(on, by)
    assert "The positions add up to zero." in rest.text
    shops = [link for shown in (page, rest) for link in shown.links() if link.startswith("/staff/merchants/")]
    assert len(shops) == len(set(shops)) == 57


async def test_a_debt_and_money_that_waits_are_said_in_words(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = await till.sell(till.noodles, till.guest, 10_000)
    await close_and_die(till, MONDAY, monkeypatch)
    await till.ask("refund", payment)
    await till.end_day(MONDAY)
    await till.pay(
        till.noodles.settlement_account_id, till.guest.id, await till.balance(till.noodles.settlement_account_id)
    )
    await till.end_day(TUESDAY)
    await till.end_day(TUESDAY + timedelta(1))
    by = till.staff(Role.ACCOUNTANT)
    newest, *_ = batch_links(await till.look("/staff/clearing", by))
    page = await till.look(newest, by, lang="zh")
    for said in ("前期结转欠款", "-¥99.62", "已结转", "各方清算净额合计为零。"):
        assert said in page.text, said


async def test_a_batch_that_is_none(till: Till) -> None:
    by = till.staff(Role.ACCOUNTANT)
    page = await till.look(f"/staff/clearing/{uuid4()}", by, lang="zh")
    assert page.status == 404
    assert "清算批次不存在" in page.text
    assert (await till.look("/staff/clearing/tomorrow", by)).status == 404
    assert (await till.look("/staff/clearing?cursor=nonsense", by)).status == 422


async def test_in_both_languages(till: Till) -> None:
    batch, by = await a_day(till), till.staff(Role.ACCOUNTANT)
    for path in ("/staff/clearing", f"/staff/clearing/{batch}"):
        chinese, english = await till.look(path, by, lang="zh"), await till.look(path, by)
        assert not LATIN_SENTENCE.search(chinese.text), LATIN_SENTENCE.search(chinese.text)
        assert chinese.html.count("<h1") == english.html.count("<h1") == 1
        assert "试算平衡" in chinese.text
        assert len(chinese.html.encode()) < 150 * 1024
