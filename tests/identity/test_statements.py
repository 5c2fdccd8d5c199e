"""Statements of long histories, and what others may read of a name and a number."""

from __future__ import annotations

import ast
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

import tongbao
from tests.framework import framework
from tests.identity.conftest import World
from tongbao import identity, ledger, payments, vault
from tongbao.base import days
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings
from tongbao.identity import KeyKind, NewKey, api, masked_number, statements
from tongbao.ledger.words import KINDS
from tongbao.web import export
from tongbao.web.door import Door

MONDAY = date(2026, 11, 23)


async def deposits(world: World, account: identity.Account, amounts: list[int]) -> None:
    async with world.db.tx() as tx:
        cash = await ledger.own_account(tx, "1010", account.currency, world.at)
    for start in range(0, len(amounts), 500):
        piece = [
            ledger.Transfer(
                id=world.id(),
                kind="topup",
                postings=(ledger.Posting(cash, account.ledger_id, amount, account.currency),),
            )
            for amount in amounts[start : start + 500]
        ]
        async with world.db.tx() as tx:
            assert all(isinstance(done, ledger.Posted) for done in await ledger.post(tx, piece, at=world.at))


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    token = world.token()
    async with world.db.tx() as tx:
        await identity.issue_key(tx, NewKey(id=world.id(), kind=KeyKind.BANK), token, by=SYSTEM, at=world.at)
    door = Door(api.authenticator(world.db, world.clock))
    provide = {"db": world.db, "clock": world.clock, "settings": Settings(pdf_font="/nowhere.ttf"), **api.provided()}
    app: Any = door.wrap(framework(api.ROUTES, door=door, provide=provide))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1", headers=headers
    ) as client:
        yield client


def amounts_of(answer: httpx.Response) -> list[str]:
    head, *rows = answer.text.removeprefix("\ufeff").splitlines()
    place = head.split(",").index("amount")
    return [row.split(",")[place] for row in rows]


async def test_a_long_history_comes_whole_in_order_and_only_of_the_days_asked_for(
    world: World, http: httpx.AsyncClient
) -> None:
    account = await world.account()
    await deposits(world, account, list(range(100, 300)))
    await days.close(world.db, MONDAY)
    world.clock.tick(timedelta(days=1))
    await deposits(world, account, list(range(1000, 3500)))
    await days.close(world.db, MONDAY + timedelta(1))
    world.clock.tick(timedelta(days=1))
    await deposits(world, account, [7, 8])
    path = f"/v1/accounts/{account.id}/statement"

    async def of(first: int, last: int) -> list[str]:
        query = {"format": "csv", "from": f"2026-11-{first}", "to": f"2026-11-{last}"}
        return amounts_of(await http.get(path, params=query))

    tuesday = [f"{amount // 100}.{amount % 100:02d}" for amount in range(1000, 3500)]
    assert await of(24, 24) == tuesday
    everything = await of(20, 30)
    assert everything[200:2700] == tuesday
    assert (len(everything), everything[0], everything[-2:]) == (2702, "1.00", ["0.07", "0.08"])
    assert await of(20, 22) == []


async def test_what_is_posted_meanwhile_is_not_half_on_a_statement(world: World) -> None:
    account = await world.account()
    await deposits(world, account, [100, 200])
    async with world.db.read() as tx:
        frame = await statements.statement_frame(tx, account, MONDAY, MONDAY, by=world.bank, at=world.at)
    await deposits(world, account, [5])
    async with world.db.read() as tx:
        later = await statements.statement_frame(tx, account, MONDAY, MONDAY, by=world.bank, at=world.at)
    assert (frame.opening_minor, frame.closing_minor, frame.after, frame.through) == (0, 300, 0, 2)
    assert (later.closing_minor, later.through) == (305, 3)


async def test_a_statement_that_is_too_long_for_a_form_is_refused_before_it_is_read(
    world: World, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await world.account()
    await deposits(world, account, [1] * 12)
    monkeypatch.setitem(export.MOST, "pdf", 11)
    monkeypatch.setitem(export.MOST, "xlsx", 12)
    path = f"/v1/accounts/{account.id}/statement"
    refused = await http.get(path, params={"format": "pdf"})
    assert (refused.status_code, refused.json()["code"]) == (422, "export_too_large")
    assert (await http.get(path, params={"format": "xlsx"})).status_code == 200


async def test_paper_without_its_font_is_refused_with_what_to_do(world: World, http: httpx.AsyncClient) -> None:
    account = await world.account()
    refused = (await http.get(f"/v1/accounts/{account.id}/statement", params={"format": "pdf"})).json()
    assert (refused["code"], refused["status"]) == ("no_font", 501)
    assert "fonts-noto-cjk" in refused["title"]
    assert "/nowhere.ttf" in refused["detail"]


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小明", "*小明"),
        ("李娜", "*娜"),
        ("王", "*"),
        ("𠮷田", "*田"),
        ("买买提·艾力", "*买提·艾力"),
        ("Ann Lee", "A*** L***"),
        ("  Ann  ", "A***"),
        ("محمد", "م***"),
        ("", "*"),
    ],
)
def test_a_name_as_others_see_it(name: str, masked: str) -> None:
    assert vault.masked_text(vault.Kind.NAME, name, vault.Mask.OTHERS) == masked


def test_an_account_number_shows_its_ends() -> None:
    assert masked_number("9000100000000012345") == "9000****2345"


def test_every_reason_for_which_money_moves_has_a_word_in_both_languages() -> None:
    named = {kind.value for kind in payments.Kind}
    root = Path(tongbao.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Transfer", "ledger.Transfer"):
                kinds = [word.value for word in node.keywords if word.arg == "kind"]
                named |= {str(kind.value) for kind in kinds if isinstance(kind, ast.Constant)}
            elif isinstance(node, ast.Constant) and str(node.value).startswith("import."):
                named.add(str(node.value))
    assert {"capture", "refund", "reversal", "import.fee"} <= named
    assert named - KINDS.keys() == set()
    for en, zh in KINDS.values():
        assert en.isascii()
        assert not zh.isascii()
    assert (ledger.kind_word("topup", "zh"), ledger.kind_word("topup", "en")) == ("充值", "top-up")
    assert ledger.kind_word("something new", "zh") == "something new"
