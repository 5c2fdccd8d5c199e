"""`tongbao eod` from a terminal and from a script."""

from __future__ import annotations

import asyncio
import json

import pytest
import typer
from typer.testing import CliRunner

from tests.merchants.market import MONDAY, Market
from tongbao.cli import eod

app = typer.Typer()
app.command()(eod.run)


async def run(market: Market, monkeypatch: pytest.MonkeyPatch, at: str, *arguments: str) -> tuple[int, str]:
    monkeypatch.setenv("TONGBAO_DATABASE_URL", market.settings.database_url)
    monkeypatch.setenv("TONGBAO_CLOCK", at)
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    return result.exit_code, result.stdout


async def test_a_night_and_the_same_night_again(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    shop, guest = await market.shop(), await market.person(10_000)
    await market.sell(shop, guest, 1000)
    night = "2026-11-24T00:10:00+08:00"
    status, said = await run(market, monkeypatch, night, "--json")
    assert status == 0
    (day,) = json.loads(said)["ended"]
    assert (day["day"], day["open_date"]) == (str(MONDAY), "2026-11-24")
    assert day["steps"] == ["expire", "close", "trial_balance", "clear", "settle"]
    assert day["results"]["clear"]["movements"] == 1
    assert await market.balance(shop.settlement_account_id) == 996
    assert json.loads((await run(market, monkeypatch, night, "--json"))[1]) == {"ended": []}
    assert await run(market, monkeypatch, night) == (0, "no business day is over that has not been ended\n")


async def test_a_day_that_has_not_come(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    status, said = await run(market, monkeypatch, "2026-11-23T09:00:00+08:00", "--through", "2026-11-24")
    assert (status, said) == (1, "")
    status, said = await run(market, monkeypatch, "2026-11-23T21:00:00+08:00", "--through", "2026-11-23")
    assert status == 0
    assert said.startswith("2026-11-23 ended; 2026-11-24 is open\n")
