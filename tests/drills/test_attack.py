"""Runbook attack: somebody tries keys that are none; Prometheus alone notices, the network is on record, a key is revoked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.drills.bank import DrillBank
from tests.drills.prometheus import watching
from tests.drills.runbook import Drill, there, until

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]


def test_attack(bank: DrillBank, runbook: Callable[[str], Drill], tmp_path: Path) -> None:
    there("curl")
    drill = runbook("attack")
    with watching(bank, tmp_path) as prometheus:
        assert "TongbaoAttack" not in prometheus.firing()
        drill.causes("curl")
        prometheus.sees("TongbaoAttack")
        assert "TongbaoOverloaded" not in prometheus.firing()
        bank.paid()

        until(lambda: tried(bank) >= 400, "what was tried is not written down")
        assert bank.sql("SELECT DISTINCT kind, source FROM console.attack_minute") == [("keys", "127.0.0.*")]
        stolen = msgspec.json.decode(bank.command("key", "create", "--json"))
        assert opens(bank, stolen["key"])
        assert "revoked" in drill.types(1, "tongbao key revoke KEY_ID", KEY_ID=stolen["id"]).text
        until(lambda: not opens(bank, stolen["key"]), "a revoked key still opens")
        prometheus.is_calm("TongbaoAttack")
    drill.is_over()


def tried(bank: DrillBank) -> int:
    ((visits,),) = bank.sql("SELECT coalesce(sum(visits), 0)::int FROM console.attack_minute WHERE kind = 'keys'")
    return visits


def opens(bank: DrillBank, key: str) -> bool:
    answer = httpx.get(
        f"http://127.0.0.1:{bank.port}/v1/merchants",
        headers={"Authorization": f"Bearer {key}"},
        timeout=bank.patience_s,
        trust_env=False,
    )
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200
