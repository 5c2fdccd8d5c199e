"""The surname of a payee, checked and never told: so many times a day, however many ask at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, Page, visiting
from tests.payments.test_me_transfer_pages import ask, look, wang
from tongbao.base.clock import SystemClock
from tongbao.base.db import BULK, Database, Tx
from tongbao.base.ids import uuid7
from tongbao.payments.model import Arrives
from tongbao.payments.surname import TRIES_A_DAY, Surname, check_surname, surname_said
from tongbao.payments.transfers import look_up

RIGHT, WRONG, USED_UP = "姓氏与收款人一致", "姓氏与收款人不符", "姓氏校验已满 5 次"


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    async with visiting(served) as me:
        yield me


async def test_right_and_wrong_are_told_and_the_surname_is_not(li: Me) -> None:
    phone, _ = await wang(li.bank)
    for typed, said in (("王", RIGHT), (" 王小", RIGHT), ("李", WRONG), ("*", WRONG)):
        path, page = await look(li, phone, surname=typed)
        assert said in page.text, typed
        assert "王小明" not in page.text
        assert page.asks(path), "and he may go on"
    _, page = await look(li, phone)
    assert not any(said in page.text for said in (RIGHT, WRONG, USED_UP)), "nothing was typed, nothing is said"


async def test_five_a_day_and_the_transfer_goes_on(li: Me) -> None:
    phone, account = await wang(li.bank)
    await li.knows(account)
    for typed in "李张刘陈杨":
        _, page = await look(li, phone, surname=typed)
        assert WRONG in page.text
    path, page = await look(li, phone, surname="王")
    assert USED_UP in page.text
    assert RIGHT not in page.text
    answer = await li.post(path, page.form(path))
    assert answer.status_code == 303
    assert await li.bank.balance(account) == 1_281


async def test_what_is_no_surname_is_refused_and_kept(li: Me) -> None:
    phone, _ = await wang(li.bank)
    answer = await ask(li, phone, surname="x" * 21)
    assert answer.status_code == 422
    assert Page(answer).form("/me/transfer")["surname"] == "x" * 21
    for odd in ("<script>alert(1)</s", "\u202e王", "👩‍👩‍👧"):
        path, page = await look(li, phone, surname=odd)
        assert WRONG in page.text, odd
        assert "<script>alert" not in page.html
        assert page.asks(path)


async def test_however_many_ask_at_once(li: Me) -> None:
    phone, _ = await wang(li.bank)
    at, day = SystemClock().now(), date(2030, 1, 1)
    async with Database(li.bank.database, size=8, limits=BULK) as db:
        id_ = uuid7(at)
        ours: Any = {"id": id_, "arrives": Arrives.NOW, "currency": "CNY", "at": at, "day": day}
        found = await db.retry(lambda tx: look_up(tx, li.customer, phone, **ours))
        heard: list[Surname | None] = []

        async def one(tx: Tx) -> Surname | None:
            await check_surname(tx, id_, li.customer, found, "李", day=day)  # type: ignore[arg-type]
            return await surname_said(tx, id_, li.customer)

        heard += await asyncio.gather(*(db.retry(one, times=20) for _ in range(200)))
        assert heard.count(Surname.WRONG) == TRIES_A_DAY
        assert heard.count(Surname.USED_UP) == 200 - TRIES_A_DAY
        async with db.tx() as tx:
            await check_surname(tx, id_, li.customer, found, "王", day=date(2030, 1, 2))  # type: ignore[arg-type]
            assert await surname_said(tx, id_, li.customer) is Surname.RIGHT, "the next day he may ask again"
            assert await surname_said(tx, UUID(int=7), li.customer) is None
