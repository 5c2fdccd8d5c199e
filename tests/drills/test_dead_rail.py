"""Runbook dead-rail: another bank answers nobody; who waits is asked for again, and money comes once."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import Drill, there, until
from tests.sandbox.other_bank import OtherBank

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]

AMOUNT = 1000


def test_dead_rail(bank: DrillBank, other: OtherBank, runbook: Callable[[str], Drill]) -> None:
    there("curl")
    drill = runbook("dead-rail")
    payer, before, sent = bank.accounts[2], bank.balance(bank.accounts[2]), other.sent()
    other.kill()
    waiting: list[str] = []
    until(lambda: no_more_are_taken(bank, payer, waiting), "top-ups are taken for ever")
    drill.sees("TongbaoRailDead")
    assert bank.pay().status_code == 201, "payments from accounts go on"

    (rail,) = msgspec.json.decode(body(drill.types(1, "curl -H").text))["items"]
    assert (rail["name"], rail["state"]) == ("north", "down")
    assert rail["down_until"] > rail["failing_since"]
    ask_again = "curl -X POST"
    told = msgspec.json.decode(body(drill.types(5, ask_again, PAYMENT_ID=waiting[0]).text))
    assert told["payment"]["state"] in ("created", "unknown"), told
    other.start()
    drill.types(5, ask_again, PAYMENT_ID=waiting[0])
    until(lambda: {state(bank, id_) for id_ in waiting} == {"completed"}, "a top-up did not end")
    bank.sql("UPDATE payments.rail_call SET at = at - interval '5 min'")  # the failures of the last five minutes count
    drill.is_over()

    assert bank.balance(payer) == before + AMOUNT * len(waiting)
    assert other.sent() == sent + AMOUNT * len(waiting)


def no_more_are_taken(bank: DrillBank, account: str, waiting: list[str]) -> bool:
    """One more top-up; whether it is refused because the rail is known to be dead."""
    order = {"account_id": account, "amount": AMOUNT, "currency": "CNY"}
    made = bank.post("/v1/topups", {**order, "rail": "north", "outside_account": "6222020200112233445"})
    if made.status_code == 201:
        waiting.append(made.json()["id"])
        return False
    assert (made.status_code, made.json()["code"]) == (503, "rail_down"), made.text
    return True


def state(bank: DrillBank, id_: str) -> str:
    return bank.get(f"/v1/payments/{id_}")["state"]


def body(said: str) -> str:
    """What came back, without the meter that curl shows."""
    return said[said.index("{") :]
