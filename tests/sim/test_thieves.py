"""Live thieves: what they take is counted against what is true, and the books agree all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sim.bank_double import Bank
from tongbao_sim import journal, thieves
from tongbao_sim.load import Plan, Run, Summary


class Wary(Bank):
    """Asks the payer about every order from a device, and about transfers of 3,000 yuan and more."""

    def answer(self, method: str, path: str, key: str | None, body: bytes) -> tuple[int, dict[str, Any], bool]:
        if (method, path) == ("POST", "/v1/payments"):
            try:
                order = json.loads(body)
            except ValueError:
                order = {}
            amount = order.get("amount")
            is_large = "payee_account_id" in order and isinstance(amount, int) and 300_000 <= amount < 2**53
            if "device" in order or is_large:
                return 201, {"id": key, "state": "challenged"}, False
        return super().answer(method, path, key, body)


async def ran(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Summary:
    monkeypatch.setattr("tongbao_sim.auditor.CALM_DOWN_S", 0.01)
    monkeypatch.setattr(thieves, "EVERY_S", 0.01)
    monkeypatch.setattr(thieves, "FIRST_AFTER_S", 0.01)
    monkeypatch.setattr(thieves, "BETWEEN_S", 0)
    city = tmp_path / "city.json"
    city.write_text(json.dumps(bank.city()))
    plan = Plan(
        url=f"http://127.0.0.1:{bank.port}", key="k", city=city, rate=100, seed=11, seconds=4,
        journal=tmp_path / "journal.ndjson", thieves=True, **changes,
    )  # fmt: skip
    return await Run(plan, lambda _: None).run()


async def test_a_bank_that_looks_at_nothing_is_robbed_and_its_books_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Bank() as bank:
        summary = await ran(bank, tmp_path, monkeypatch)
    assert summary.ok, summary
    assert set(summary.stolen) == {"scam", "theft", "mule"}
    assert all(s.missed > 0 and s.caught == 0 for s in summary.stolen.values())
    said = [r for r in journal.read(tmp_path / "journal.ndjson") if isinstance(r, journal.Known)]
    assert len(said) == sum(s.missed for s in summary.stolen.values())
    assert {r.state for r in said} == {"completed"}
    assert {r.known_after_s is None for r in said} == {True, False}, "some are never found out"


async def test_who_is_stopped_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Wary() as bank:
        summary = await ran(bank, tmp_path, monkeypatch)
    assert summary.ok, summary
    scam, theft = summary.stolen["scam"], summary.stolen["theft"]
    assert (scam.missed, theft.missed) == (0, 0)
    assert scam.caught > 0, "told by the bank, the victim transfers nothing more"
    assert theft.caught >= 1
    assert summary.stolen["mule"].missed > 0, "small sums look like anybody's"


async def test_a_bank_that_loses_what_thieves_paid_in_a_shop_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(Bank):
        def answer(self, method: str, path: str, key: str | None, body: bytes) -> tuple[int, dict[str, Any], bool]:
            if (method, path) == ("POST", "/v1/payments") and b'"device"' in body:
                return 201, {"id": key, "state": "completed"}, False
            return super().answer(method, path, key, body)

    async with Forgetful() as bank:
        summary = await ran(bank, tmp_path, monkeypatch)
    assert not summary.ok
    assert summary.audit is not None
    assert "payment_missing" in {d.rule for d in summary.audit.differences}


@pytest.mark.parametrize(("accounts", "theirs"), [(2, 0), (35, 0), (36, 12), (59, 12), (5_000, 100)])
def test_a_small_city_keeps_its_accounts_for_honest_people(accounts: int, theirs: int) -> None:
    assert thieves.taken_from(accounts) == theirs
