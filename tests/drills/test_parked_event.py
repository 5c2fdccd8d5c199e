"""Runbook parked-event: one consumer cannot take one event; the payment is in no doubt, and a shop hears of it late."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import OVER, Drill, until

pytestmark = pytest.mark.timeout(300)

CONSUMER = "merchants.webhooks"


def test_parked_event(bank: DrillBank, runbook: Callable[[str], Drill]) -> None:
    drill = runbook("parked-event")
    drill.causes('tongbao psql -c "ALTER TABLE merchants.delivery ADD CONSTRAINT')
    answer = bank.post("/v1/webhooks", {"merchant_id": bank.shop, "url": "http://127.0.0.1:9/heard"})
    assert answer.status_code == 201, answer.text
    before = bank.balance(bank.accounts[0])
    payment = bank.paid(payee_account_id=None, merchant_id=bank.shop)
    assert bank.balance(bank.accounts[0]) == before - 100
    until(lambda: failed_ten_times(bank), "the event is not parked")

    drill.sees("TongbaoParkedEvent")
    assert [line["consumer"] for line in bank.said("worker") if line["event"] == "event_parked"] == [CONSUMER]

    said = drill.types(1, "tongbao dead list", status=1)
    assert CONSUMER in said.text
    assert payment in said.text
    (event,) = [word for word in said.text.split() if word.count("-") == 4 and word != payment]
    said = drill.types(2, "tongbao dead show EVENT_ID", EVENT_ID=event)
    assert "drill" in said.text
    assert payment in said.text
    bank.sql("ALTER TABLE merchants.delivery DROP CONSTRAINT drill")
    drill.types(4, "tongbao dead resend EVENT_ID", EVENT_ID=event)
    until(
        lambda: "nothing stands still" in drill.types(OVER, "tongbao dead list --held", status=None).text, "it stands"
    )
    assert "0 sent" in drill.types(4, "tongbao dead resend --all").text
    drill.is_over()

    deliveries = bank.sql("SELECT topic FROM merchants.delivery WHERE event_id = %s", event)
    assert deliveries == [("payment.completed",)]


def failed_ten_times(bank: DrillBank) -> bool:
    """Every try is made; only the pauses between them, nearly nine minutes, are cut short."""
    bank.sql("UPDATE base.outbox_held SET next_at = recorded_at WHERE state = 'retrying'")
    return bank.sql("SELECT state, attempts FROM base.outbox_held WHERE consumer = %s", CONSUMER) == [("parked", 10)]
