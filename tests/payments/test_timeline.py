"""What happened and why, step by step."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
import typer
from typer.testing import CliRunner

from tests.payments.town import Town
from tongbao import payments
from tongbao.cli import explain


async def test_the_story_of_a_payment(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    held = await town.pay_by_http(payer, shop, 5000, capture="manual", method="qr")
    town.later(minutes=5)
    await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 4000, "final": True})
    town.later(minutes=5)
    await town.post(f"/v1/payments/{held['id']}/refunds", {"amount": 5000})
    await town.post(f"/v1/payments/{held['id']}/refunds", {"amount": 1000, "reason": "one was cold"})
    story = await town.get(f"/v1/payments/{held['id']}/timeline")
    assert story.status == 200, story.body
    steps = story["steps"]
    assert [step["what"] for step in steps if step["what"] != "check"] == [
        "instruction", "decision", "hold", "event",
        "operation", "entry", "entry", "event",
        "operation",
        "operation", "entry", "entry", "event",
    ]  # fmt: skip
    assert sorted(step["at"] for step in steps) == [step["at"] for step in steps]
    said = [step["en"] for step in steps]
    assert said[0] == "Received: payment of CNY 50.00, to be captured later."
    assert "Decided: authorised, the money is set aside." in said
    assert "Captured CNY 40.00." in said
    assert "Check failed: no more than was captured (CNY 50.00 against CNY 40.00)." in said
    assert "Refund refused. More than is left to refund." in said
    assert "CNY 10.00 out of the merchant's takings, which then held CNY 30.00." in said
    assert f"CNY 10.00 into account {payer.number}, which then held CNY 70.00." in said
    assert "已退款 ¥10.00。" in [step["zh"] for step in steps]
    reasons = [step["details"].get("reason") for step in steps if step["what"] == "operation"]
    assert reasons == [None, None, "one was cold"]
    for step in steps:
        plain = re.sub(r"payment\.[a-z]+", "", step["zh"])
        assert not re.search(r"[A-Za-z]{2,}", plain), f"a Latin sentence: {step['zh']}"


async def test_a_declined_payment_says_why(town: Town) -> None:
    payer, payee = await town.person(100), await town.person()
    declined = await town.pay_by_http(payer, payee, 500)
    steps = (await town.get(f"/v1/payments/{declined['payment_id']}/timeline"))["steps"]
    assert "Check failed: the balance (CNY 5.00 against CNY 1.00)." in [step["en"] for step in steps]
    assert "处理结果：已拒绝。可用余额不足。" in [step["zh"] for step in steps]
    assert not [step for step in steps if step["what"] in ("entry", "hold")]


async def test_any_id_finds_its_payment(town: Town) -> None:
    payer, shop, refund = await town.person(1000), await town.shop(), town.id()
    paid = await town.sell(shop, payer, 100)
    await town.post(f"/v1/payments/{paid}/refunds", {}, key=refund)
    async with town.db.read() as tx:
        assert await payments.payment_behind(tx, paid) == paid
        assert await payments.payment_behind(tx, refund) == paid
        assert await payments.payment_behind(tx, town.id()) is None


async def test_the_command(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAO_DATABASE_URL", town.db.url)
    payer, shop, refund = await town.person(1000), await town.shop(), town.id()
    paid = await town.sell(shop, payer, 100)
    await town.post(f"/v1/payments/{paid}/refunds", {}, key=refund)
    command = typer.Typer()
    command.command()(explain.run)

    async def run(*words: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, command, [*words])
        return result.exit_code, result.output

    status, said = await run(str(refund))
    assert (status, said.splitlines()[0]) == (0, f"{paid}  completed")
    assert "2026-11-23 09:00:00  Decided: paid." in said
    assert "处理结果：付款成功。" in (await run(str(paid), "--zh"))[1]
    status, said = await run(str(paid), "--json")
    assert json.loads(said)["steps"][0]["what"] == "instruction"
    assert (await run(str(town.id())))[0] == 1
