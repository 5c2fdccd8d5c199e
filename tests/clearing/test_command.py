"""`tongbao eod` from a terminal and from a script."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from tests.merchants.market import MONDAY, Market

COMMAND = "import typer; from tongbao.cli import eod; typer.run(eod.run)"


async def run(market: Market, at: str, *arguments: str) -> tuple[int | None, str, str]:
    """Exit status, stdout and stderr of the command in a process of its own."""
    bank = {"TONGBAO_DATABASE_URL": market.settings.database_url, "TONGBAO_CLOCK": at}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        COMMAND,
        *arguments,
        env={**os.environ, **bank},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_night_and_the_same_night_again(market: Market) -> None:
    shop, guest = await market.shop(), await market.person(10_000)
    await market.sell(shop, guest, 1000)
    night = "2026-11-24T00:10:00+08:00"
    status, said, _ = await run(market, night, "--json")
    assert status == 0
    (day,) = json.loads(said)["ended"]
    assert (day["day"], day["open_date"]) == (str(MONDAY), "2026-11-24")
    assert day["steps"] == ["expire", "close", "trial_balance", "clear", "settle"]
    assert day["results"]["clear"]["movements"] == 1
    assert await market.balance(shop.settlement_account_id) == 996
    assert json.loads((await run(market, night, "--json"))[1]) == {"ended": []}
    assert (await run(market, night))[1] == "no business day is over that has not been ended\n"


async def test_a_day_that_has_not_come(market: Market) -> None:
    status, said, why = await run(market, "2026-11-23T09:00:00+08:00", "--through", "2026-11-24")
    assert (status, said) == (1, "")
    assert "not over yet" in why
    status, said, _ = await run(market, "2026-11-23T21:00:00+08:00", "--through", "2026-11-23")
    assert status == 0
    assert said.startswith("2026-11-23 ended; 2026-11-24 is open\n")
