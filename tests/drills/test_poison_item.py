"""Runbook poison-item: one payment meets an accident that nobody foresaw; Prometheus alone notices, others go through."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.drills.bank import DrillBank
from tests.drills.prometheus import watching
from tests.drills.runbook import OVER, Drill

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]

CAUSE = 'tongbao psql -c "ALTER TABLE payments.payment ADD CONSTRAINT drill'


def test_poison_item(bank: DrillBank, runbook: Callable[[str], Drill], tmp_path: Path) -> None:
    drill = runbook("poison-item")
    with watching(bank, tmp_path) as prometheus:
        drill.causes(CAUSE)
        payment, to_shop = str(uuid4()), {"payee_account_id": None, "merchant_id": bank.shop}
        poisoned = bank.pay(payment, reference="drill", **to_shop)
        assert (poisoned.status_code, poisoned.json()["code"]) == (500, "item_failed")
        bank.paid(**to_shop)
        prometheus.sees("TongbaoPoisonItem")

        assert [line["id"] for line in bank.said("api") if line["event"] == "item_failed"] == [payment]
        assert "drill" in next(line["error"] for line in bank.said("api") if line["event"] == "item_failed")
        said = drill.types(2, "tongbao explain PAYMENT_ID", status=1, PAYMENT_ID=payment)
        assert said.text.startswith("No payment"), said.text
        drill.types(3, "tongbao switch stop merchant MERCHANT_ID", MERCHANT_ID=bank.shop)
        stopped = str(uuid4())
        assert bank.pay(stopped, **to_shop).json()["code"] == "merchant_stopped"
        bank.paid()
        bank.sql("ALTER TABLE payments.payment DROP CONSTRAINT drill")
        drill.types(5, "tongbao switch resume merchant MERCHANT_ID", MERCHANT_ID=bank.shop)
        assert bank.pay(stopped, **to_shop).json()["code"] == "merchant_stopped", "declined under its id for good"
        before = bank.balance(bank.accounts[0])
        assert bank.paid(payment, reference="drill", **to_shop) == payment
        assert bank.paid(payment, reference="drill", **to_shop) == payment
        assert bank.balance(bank.accounts[0]) == before - 100
        prometheus.is_calm("TongbaoPoisonItem")
        drill.types(OVER, "tongbao prove")
    drill.is_over()
