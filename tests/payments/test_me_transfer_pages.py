"""A transfer as a customer makes it: by telephone number or account number, looked at once, pressed, arriving when he wants."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urljoin
from uuid import UUID, uuid4

import httpx
import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import COOKIE, Me, Page, number_of, visiting
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database
from tongbao.payments.transfers import LOOKUPS_A_DAY, forget_lookups

NOBODY = "该号码暂无法收款，请向收款人核实。"


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading Chinese."""
    async with visiting(served) as me:
        yield me


async def wang(bank: ServedBank, *, currency: str = "CNY") -> tuple[str, UUID]:
    """王小明 with a telephone of his own and an account: the number and the account."""
    phone = f"139{secrets.randbelow(10**8):08}"
    made = await bank.make("/v1/customers", {"kind": "person", "name": "王小明", "phone": f"+86{phone}"})
    return phone, await bank.account(currency=currency, customer=UUID(made["id"]))


async def ask(me: Me, to: str, amount: str = "12.80", **more: Any) -> httpx.Response:
    page = await me.get("/me/transfer")
    return await me.post("/me/transfer", {**page.form("/me/transfer"), "to": to, "amount": amount, **more})


async def look(me: Me, to: str, amount: str = "12.80", **more: Any) -> tuple[str, Page]:
    answer = await ask(me, to, amount, **more)
    assert answer.status_code == 303, Page(answer).text
    place = urljoin(str(answer.url), answer.headers["location"])
    return httpx.URL(place).path, await me.get(place)


async def press(me: Me, path: str, page: Page) -> Page:
    answer = await me.post(path, page.form(path))
    assert answer.status_code == 303, Page(answer).text
    return await me.get(answer.headers["location"])


async def test_by_a_telephone_number_in_one_look_and_one_press(li: Me) -> None:
    phone, account = await wang(li.bank)
    await li.knows(account)
    path, page = await look(li, f"{phone[:3]} {phone[3:7]} {phone[7:]}", reference="饭钱")
    assert page.title == "确认转账"
    for said in ("*小明", "¥12.80", "饭钱", "实时到账", "可用余额 ¥999.99"):
        assert said in page.text, said
    number = await number_of(li.bank, account)
    assert number not in page.html, "a telephone number does not tell an account number"
    assert await li.balance() == 99_999, "looking pays nothing"
    done = await press(li, path, page)
    assert (done.status, done.title) == (200, "支付成功")
    assert (await li.balance(), await li.bank.balance(account)) == (98_719, 1_281)
    again = await li.post(path, page.form(path))
    assert again.headers["location"] == path.replace("transfer", "payments")
    assert await li.balance() == 98_719, "pressed twice, paid once"
    assert "¥12.80" in (await li.get(path)).text


async def test_by_an_account_number_too(li: Me) -> None:
    _, account = await wang(li.bank)
    await li.knows(account)
    path, page = await look(li, await number_of(li.bank, account))
    await press(li, path, page)
    assert await li.bank.balance(account) == 1_281


@pytest.mark.parametrize(("arrives", "said"), [("in_two_hours", "两小时后到账"), ("next_day", "次日到账")])
async def test_what_arrives_later_is_taken_back_by_one_press(li: Me, arrives: str, said: str) -> None:
    phone, account = await wang(li.bank)
    await li.knows(account)
    path, page = await look(li, phone, arrives=arrives)
    assert said in page.text
    done = await press(li, path, page)
    assert (await li.balance(), await li.bank.balance(account)) == (99_999, 1), "set aside, not arrived"
    recall = path.replace("transfer", "payments") + "/recall"
    assert done.asks(recall)
    assert (await li.post(recall, done.form(recall))).status_code == 303
    assert (await li.get("/me/transfer")).form("/me/transfer")["arrives"] == arrives, "so he wants it the next time"
    assert (await li.get("/me/transfer", arrives="now")).form("/me/transfer")["arrives"] == "now"


async def test_a_large_sum_to_somebody_new_asks_for_proof(li: Me) -> None:
    phone, account = await wang(li.bank)
    path, page = await look(li, phone, "900")
    answer = await li.post(path, page.form(path))
    assert answer.headers["location"] == path.replace("transfer", "payments") + "/authorise"
    assert await li.bank.balance(account) == 0


async def test_who_cannot_be_paid_is_answered_as_who_does_not_exist(li: Me) -> None:
    in_dollars, _ = await wang(li.bank, currency="USD")
    nothing_open = f"139{secrets.randbelow(10**8):08}"
    await li.bank.make("/v1/customers", {"kind": "person", "name": "赵六", "phone": f"+86{nothing_open}"})
    twice, _ = await wang(li.bank)
    second = await li.bank.make("/v1/customers", {"kind": "person", "name": "孙七", "phone": f"+86{twice}"})
    await li.bank.account(customer=UUID(second["id"]))
    answers = [await ask(li, to) for to in (in_dollars, nothing_open, twice, "13000000009")]
    assert {answer.status_code for answer in answers} == {422}
    for answer in answers:
        assert NOBODY in answer.text
        assert "*六" not in answer.text


async def test_look_ups_are_counted_to_the_last_one(li: Me) -> None:
    phone, _ = await wang(li.bank)
    page = await li.get("/me/transfer")
    form = page.form("/me/transfer") | {"amount": "1"}
    tries = [li.post("/me/transfer", {**form, "id": str(uuid4()), "to": phone}) for _ in range(200)]
    answers = [await one for one in asyncio.as_completed(tries)]
    found = sum(answer.status_code == 303 for answer in answers)
    rest = {answer.status_code for answer in answers} - {303, 503}
    assert found <= LOOKUPS_A_DAY, found
    while (last := await ask(li, phone, "1")).status_code == 303:  # those that the door had no room for
        found += 1
    assert (found, rest <= {409}) == (LOOKUPS_A_DAY, True)
    assert last.status_code == 409, last.text
    assert "您今日查询收款人的次数已达上限，请明日再试。" in last.text, "lookups_used_up"
    assert NOBODY not in (await ask(li, "13000000009", "1")).text, "nothing is told any more"
    async with visiting(li.bank) as other:
        assert (await ask(other, phone, "1")).status_code == 303, "counted by customer"


async def test_what_somebody_found_is_nobody_elses(li: Me) -> None:
    phone, account = await wang(li.bank)
    path, page = await look(li, phone)
    async with visiting(li.bank) as other:
        theirs = await other.get(path, account=str(other.account), amount="1")
        assert theirs.title == "转账", "the form, and nobody's name"
        answer = await other.post(path, {**page.form(path), "account": str(other.account)})
        assert answer.headers["location"].startswith("/me/transfer?")
        assert (await other.post(path, page.form(path))).status_code == 404, "nor from somebody else's account"
    assert await li.bank.balance(account) == 0


async def test_one_page_that_is_sent_for_two_people_never_mixes_them(li: Me) -> None:
    first, _ = await wang(li.bank)
    second, _ = await wang(li.bank)
    form = (await li.get("/me/transfer")).form("/me/transfer") | {"amount": "1"}
    places = [
        (await li.post("/me/transfer", {**form, "to": to})).headers["location"] for to in (first, first, second, first)
    ]
    assert places[0] == places[1] == places[3] != places[2]


async def test_what_was_looked_up_is_forgotten(li: Me) -> None:
    phone, _ = await wang(li.bank)
    path, _ = await look(li, phone)
    rows = "SELECT count(*) FROM payments.lookup WHERE id = %(id)s"
    async with Database(li.bank.database, size=1, limits=BULK) as db, db.tx() as tx:
        at = SystemClock().now()
        await forget_lookups(tx, at, most=100)
        assert await tx.rows(rows, id=UUID(path[-36:])) == [(1,)]
        await tx.run(
            "UPDATE payments.lookup SET found_at = found_at - interval '3 days' WHERE id = %(id)s", id=path[-36:]
        )
        assert await forget_lookups(tx, at, most=100) == 1
        assert await tx.rows(rows, id=UUID(path[-36:])) == [(0,)]
    assert (await li.get(path, account=str(li.account), amount="1")).title == "转账"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"to": ""}, "请填写此项"),
        ({"to": "王小明"}, "请核对手机号码或账号。"),
        ({"to": "1390000000"}, "请核对手机号码或账号。"),
        ({"to": "<script>alert(1)</script>"}, "请核对手机号码或账号。"),
        ({"amount": ""}, "请填写此项"),
        ({"amount": "5000"}, "余额不足"),
        ({"arrives": "yesterday"}, ""),
        ({"reference": "x" * 141}, ""),
    ],
)
async def test_a_form_that_is_not_whole_keeps_what_was_typed(li: Me, wrong: dict[str, str], said: str) -> None:
    phone, _ = await wang(li.bank)
    answer = await ask(li, **{"to": phone, "amount": "12.80", "reference": "饭钱", **wrong})
    page = Page(answer)
    assert 400 <= page.status < 500
    assert said in page.text, page.text
    assert "<script>alert" not in page.html
    kept = page.form("/me/transfer")
    for name, typed in {"to": phone, "amount": "12.80", "reference": "饭钱", **wrong}.items():
        assert name == "arrives" or kept[name] == typed, name
    assert await li.balance() == 100_000


async def test_in_english_and_only_with_a_session(li: Me) -> None:
    phone, _ = await wang(li.bank)
    async with visiting(li.bank, lang="en", name="Ann Lee") as ann:
        _, page = await look(ann, phone, arrives="next_day")
        assert (page.title, "Transfer ¥12.80" in page.text) == ("Confirm and transfer", True)
        assert "The next day" in page.text
    li.http.cookies.delete(COOKIE)
    answer = await li.http.get("/me/transfer")
    assert (answer.status_code, answer.headers["location"].startswith("/me/login")) == (303, True)
