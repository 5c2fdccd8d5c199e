"""Runbook canary-read: somebody goes through the vault by ids and comes upon a made-up person; he is found and stopped."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.drills.bank import DrillBank
from tests.drills.runbook import OVER, Drill

pytestmark = [pytest.mark.kill, pytest.mark.timeout(300)]

READER = "00000000-0000-0000-0000-000000000000"
"""A command at a shell of the bank."""


def test_canary_read(bank: DrillBank, runbook: Callable[[str], Drill]) -> None:
    drill = runbook("canary-read")
    drill.causes("tongbao vault canary plant")
    assert not drill.firing(), "planting wakes nobody"
    drill.causes("tongbao vault canary try")

    drill.sees("TongbaoCanaryRead")
    said = drill.types(1, "tongbao vault canary list", status=1)
    assert f"by system {READER}: drill" in said.text
    (read,) = [line.split()[4] for line in said.text.splitlines() if line.startswith("READ")]
    assert bank.sql("SELECT count(*) FROM identity.customer WHERE id = %s", read) == [(0,)]
    stolen = msgspec.json.decode(bank.command("key", "create", "--json"))
    assert "revoked" in drill.types(2, "tongbao key revoke KEY_ID", KEY_ID=stolen["id"]).text
    assert ": drill" in drill.types(3, "tongbao vault readings --by READER_ID", READER_ID=READER).text
    drill.types(4, "tongbao prove")
    assert "1 readings closed" in drill.types(6, "tongbao vault canary close", REASON="a drill").text
    assert len(drill.types(7, "tongbao vault canary plant").text.split()) >= 3
    assert "0 readings to be accounted for" in drill.types(OVER, "tongbao vault canary list").text
    drill.is_over()
    assert bank.sql("SELECT action FROM base.audit WHERE subject = 'vault.canary' ORDER BY id") == [
        ("canary.plant",),
        ("canary.read",),
        ("canary.close",),
        ("canary.plant",),
    ]
