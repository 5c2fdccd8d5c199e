"""Traffic against a small bank: an honest one is believed, each planted lie is found, accidents are no lies."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.sim.bank_double import LIES, Bank
from tongbao_sim import journal
from tongbao_sim.auditor import Auditor, Verdict
from tongbao_sim.client import Client
from tongbao_sim.figures import Line, Times
from tongbao_sim.journal import Answered, Opening, OpeningDay, Record, Sent
from tongbao_sim.load import Plan, Run, Summary
from tongbao_sim.pace import BUSYNESS, Pace


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tongbao_sim.auditor.CALM_DOWN_S", 0.01)


async def ran(bank: Bank, tmp_path: Path, **changes: Any) -> tuple[Summary, list[Any]]:
    city = tmp_path / "city.json"
    city.write_text(json.dumps(bank.city()))
    plan = Plan(
        url=f"http://127.0.0.1:{bank.port}", key="k", city=city, rate=400, seed=11, seconds=1,
        journal=tmp_path / "journal.ndjson",
    )  # fmt: skip
    lines: list[Any] = []
    summary = await Run(msgspec.structs.replace(plan, **changes), lines.append).run()
    return summary, lines


async def test_an_honest_bank_is_believed(tmp_path: Path) -> None:
    async with Bank() as bank:
        summary, lines = await ran(bank, tmp_path, seconds=2)
    assert summary.ok, summary
    assert summary.surprises == 0, summary.surprise_examples
    assert summary.audit is not None
    assert summary.audit.merchants_checked == 6
    assert summary.audit.accounts_checked == 40
    assert summary.audit.payments_checked == summary.audit.acknowledged + summary.audit.refused
    assert summary.payments == summary.audit.acknowledged > 30
    assert len(summary.stories) >= 10
    assert [type(line) for line in lines][:1] == [Line]
    assert lines[0].newest is not None


@pytest.mark.parametrize("others", [False, True])
async def test_what_a_person_of_the_bank_looks_at_first_is_neither_paid_nor_a_surprise(
    others: bool, tmp_path: Path
) -> None:
    async with Bank() as bank:
        bank.holds = 3
        summary, _ = await ran(bank, tmp_path, seconds=2, others=others)
        held = [payment for payment in bank.payments.values() if payment["state"] == "held"]
    assert (len(held), summary.codes["held"]) == (3, 3)
    assert summary.surprises == 0, summary.surprise_examples
    assert summary.unresolved == 0
    assert summary.audit is not None
    assert summary.audit.agrees, summary.audit.differences
    assert summary.audit.unknown == 3


async def test_held_money_that_is_not_set_aside_is_found() -> None:
    async with Bank() as bank:
        bank.holds = 1
        bank.answer("POST", "/v1/payments", "p", b'{"payer_account_id":"person-1","payee_account_id":"person-2","amount":100}')  # fmt: skip
        order = Sent(id="p", verb="pay", payment="p", amount=100, expect="success", payer="person-1", payee="person-2")
        start = [OpeningDay(business_date="2026-11-22"), opening("person-1"), opening("person-2")]
        known = [*start, order, Answered(id="p", outcome="unknown", status=201, code="held")]
        assert (await audited(bank, *known)).agrees
        bank.held["person-1"] -= 100
        assert {d.rule for d in (await audited(bank, *known)).differences} == {"held"}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_found(lie: str, tmp_path: Path) -> None:
    async with Bank(lie=lie) as bank:
        if lie == "moves money for what it refused":
            # Rare: a busy machine may see just one in a short run.
            bank.turn = 1
        summary, _ = await ran(bank, tmp_path, seconds=2)
    assert bank.told >= bank.turn or lie == "refunds without end", "the lie was told"
    assert not summary.ok
    assert summary.audit is not None
    assert summary.audit.difference_count > 0


async def visitors(bank: Bank, *, times: int = 60) -> None:
    """People who use the bank beside the traffic: they pay, set aside, give back what is not theirs, let holds go."""

    def ask(path: str, body: dict[str, Any]) -> None:
        bank.answer("POST", f"/v1/payments{path}", f"visit-{len(bank.answers)}", json.dumps(body).encode())

    for n in range(times):
        await asyncio.sleep(0.02)
        payer, payee = f"person-{n % 40}", f"person-{(n + 7) % 40}"
        ask("", {"payer_account_id": payer, "payee_account_id": payee, "amount": 1280})
        ask("", {"payer_account_id": payer, "merchant_id": "shop-0", "amount": 300, "capture": "manual"})
        theirs = [p for p in bank.payments.values() if not p["id"].startswith("visit")]
        for payment in theirs[-1:]:
            if payment["state"] == "completed" and payment["payer"] and not payment["refunded"]:
                ask(f"/{payment['id']}/refunds", {"amount": 1})
        for payment in [p for p in theirs if p["state"] == "authorised" and not p["captured"]][:-3]:
            ask(f"/{payment['id']}/cancel", {})


@pytest.mark.parametrize("others", [True, False])
async def test_what_others_did_is_set_aside_where_there_are_others(others: bool, tmp_path: Path) -> None:
    async with Bank() as bank:
        visit = asyncio.create_task(visitors(bank))
        summary, _ = await ran(bank, tmp_path, seconds=2, others=others)
        await visit
    assert summary.audit is not None
    assert summary.ok == others, summary.audit.differences
    assert (summary.audit.others > 20) == others


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_found_among_others_too(lie: str, tmp_path: Path) -> None:
    async with Bank(lie=lie) as bank:
        if lie == "moves money for what it refused":
            bank.turn = 1
        summary, _ = await ran(bank, tmp_path, seconds=2, others=True)
    assert not summary.ok
    assert summary.audit is not None
    assert summary.audit.difference_count > 0


async def test_with_nobody_else_there_nothing_is_set_aside(tmp_path: Path) -> None:
    async with Bank() as bank:
        summary, _ = await ran(bank, tmp_path, others=True)
    assert summary.ok, summary
    assert summary.audit is not None
    assert (summary.audit.others, summary.audit.merchants_checked) == (0, 6)


async def test_takings_are_looked_at_from_when_the_day_before_has_ended(tmp_path: Path) -> None:
    """Else what its end empties would be missed by a day that looks as if it had stood still."""
    async with Bank() as bank:
        bank.phase = "ending"
        for shop in bank.shops:
            bank.balance[f"takings-{shop}"] = 5000

        async def end_of_day() -> None:
            while bank.phase != "ended":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for shop in bank.shops:
                bank.balance[f"takings-{shop}"] = 0

        ending = asyncio.create_task(end_of_day())
        summary, _ = await ran(bank, tmp_path)
        await ending
    assert summary.ok, summary.audit
    assert summary.audit is not None
    assert summary.audit.merchants_checked == 6


async def test_a_kept_purse_is_filled_again_and_otherwise_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tongbao_sim.keep.LOOK_EVERY_S", 0.05)
    async with Bank() as bank:
        bank.balance["li"] = 9_000
        city = bank.city() | {"kept": [{"id": "li", "least": 10_000, "upto": 50_000}]}
        monkeypatch.setattr(bank, "city", lambda: city)

        async def spend() -> None:
            for _ in range(3):
                while bank.balance["li"] < 50_000:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                bank.balance["li"] -= 45_000

        spending = asyncio.create_task(spend())
        summary, _ = await ran(bank, tmp_path, seconds=2)
        await asyncio.wait_for(spending, 30)
    assert summary.ok, summary
    assert {entry["amount"] for entry in bank.entries["li"]} <= {41_000, 45_000}


async def test_answers_that_get_lost_are_asked_for_again(tmp_path: Path) -> None:
    async with Bank() as bank:
        bank.stall, bank.busy = 6, 6
        summary, _ = await ran(bank, tmp_path, connections=4)
        assert summary.ok, summary
        assert summary.unresolved == 0


async def test_an_outage_in_the_middle_leaves_unknown_steps_that_are_resolved(tmp_path: Path) -> None:
    async with Bank() as bank:

        async def outage() -> None:
            await asyncio.sleep(0.4)
            bank.stall = 150

        trouble = asyncio.create_task(outage())
        summary, _ = await ran(bank, tmp_path)
        await trouble
    assert summary.ok, summary
    assert summary.resolved >= 1
    assert summary.unresolved == 0


async def test_a_long_run_is_audited_in_stretches_and_forgets_them(tmp_path: Path) -> None:
    async with Bank() as bank:
        summary, _ = await ran(bank, tmp_path, seconds=3, audit_every_s=1)
    assert summary.ok, summary
    assert summary.audits == 3
    assert summary.audit is not None
    assert 0 < summary.audit.acknowledged < summary.payments


async def test_takings_are_left_alone_when_the_business_date_has_moved(tmp_path: Path) -> None:
    async with Bank() as bank:

        async def next_day() -> None:
            await asyncio.sleep(0.5)
            bank.business_date = "2026-11-23"
            for shop in bank.shops:
                bank.balance[f"takings-{shop}"] = 0

        moved = asyncio.create_task(next_day())
        summary, _ = await ran(bank, tmp_path)
        await moved
    assert summary.ok, summary
    assert summary.audit is not None
    assert (summary.audit.merchants_checked, summary.audit.merchants_unchecked) == (0, 6)


async def test_a_bank_that_acknowledges_nothing_is_not_believed(tmp_path: Path) -> None:
    async with Bank() as bank:
        bank.shut = True
        summary, _ = await ran(bank, tmp_path)
    assert not summary.ok
    assert summary.payments == 0
    assert summary.surprises > 0


async def test_a_bank_that_is_not_there_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tongbao_sim.asking.PATIENCE", 1)
    async with Bank() as bank:
        port = bank.port
        city = bank.city()
    (tmp_path / "city.json").write_text(json.dumps(city))
    plan = Plan(
        url=f"http://127.0.0.1:{port}", key="k", city=tmp_path / "city.json", rate=1, seed=1, seconds=1, timeout_s=1
    )
    summary = await Run(plan, lambda _: None).run()
    assert not summary.ok
    assert summary.problem is not None
    assert "/v1/business-day" in summary.problem


async def test_the_journal_of_a_killed_load_can_be_audited(tmp_path: Path) -> None:
    async with Bank() as bank:
        summary, _ = await ran(bank, tmp_path)
        path = tmp_path / "journal.ndjson"
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        # The last answers and half a line are missing, as after SIGKILL.
        answers = [n for n, line in enumerate(lines) if b'"answered"' in line][-40:]
        path.write_bytes(b"".join(line for n, line in enumerate(lines) if n not in answers) + lines[-1][:20])
        async with Client("127.0.0.1", bank.port, "k", 8) as client:
            verdict = await Auditor(client).audit(journal.read(path))
            assert verdict.agrees, verdict
            assert verdict.unknown > 0
            bank.balance["person-3"] -= 1
            bank.balance["person-4"] += 1
            verdict = await Auditor(client).audit(journal.read(path))
    assert sorted((d.rule, d.id) for d in verdict.differences) == [
        ("balance", "person-3"),
        ("balance", "person-4"),
        ("chain", "person-3"),
        ("chain", "person-4"),
    ]
    assert summary.ok


async def audited(bank: Bank, *records: Record) -> Verdict:
    async with Client("127.0.0.1", bank.port, "k", 4) as client:
        return await Auditor(client).audit(records)


def opening(account: str, balance: int = 500_000) -> Opening:
    return Opening(account=account, balance=balance, held=0)


async def test_an_unknown_capture_may_have_happened_or_not_but_not_in_half() -> None:
    async with Bank() as bank:
        bank.answer("POST", "/v1/payments", "p", b'{"payer_account_id":"person-1","payee_account_id":"person-2","amount":100,"capture":"manual"}')  # fmt: skip
        start = [OpeningDay(business_date="2026-11-22"), opening("person-1"), opening("person-2")]
        order = Sent(
            id="p",
            verb="pay",
            payment="p",
            amount=100,
            expect="success",
            payer="person-1",
            payee="person-2",
            manual=True,
        )
        capture = Sent(
            id="c",
            verb="capture",
            payment="p",
            amount=60,
            expect="success",
            payer="person-1",
            payee="person-2",
            final=True,
        )
        known = [
            *start,
            order,
            Answered(id="p", outcome="success", status=201),
            capture,
            Answered(id="c", outcome="unknown"),
        ]
        assert (await audited(bank, *known)).agrees
        bank.answer("POST", "/v1/payments/p/capture", "c", b'{"amount":60,"final":true}')
        assert (await audited(bank, *known)).agrees
        bank.payments["p"]["captured"] = 59
        rules = {d.rule for d in (await audited(bank, *known)).differences}
        assert "payment_figures" in rules


async def test_an_acknowledged_payment_that_is_gone_and_a_refused_one_that_is_there_are_both_found() -> None:
    async with Bank() as bank:
        order = b'{"payer_account_id":"person-1","payee_account_id":"person-2","amount":100}'
        bank.answer("POST", "/v1/payments", "there", order)
        start = [OpeningDay(business_date="2026-11-22"), opening("person-1"), opening("person-2")]

        def sent(id_: str) -> Sent:
            return Sent(
                id=id_, verb="pay", payment=id_, amount=100, expect="success", payer="person-1", payee="person-2"
            )

        gone = await audited(bank, *start, sent("gone"), Answered(id="gone", outcome="success", status=201))
        assert "payment_missing" in {d.rule for d in gone.differences}
        refused = Answered(id="there", outcome="failure", status=402, code="insufficient_funds")
        unexpected = await audited(bank, *start, sent("there"), refused)
        assert {"payment_unexpected", "balance"} == {d.rule for d in unexpected.differences}


async def test_more_refunded_than_captured_is_out_of_bounds() -> None:
    async with Bank() as bank:
        bank.answer("POST", "/v1/topups", "t", b'{"account_id":"person-1","amount":100}')
        bank.payments["t"]["refunded"] = 101
        sent = Sent(id="t", verb="topup", payment="t", amount=100, expect="success", payee="person-1")
        verdict = await audited(bank, opening("person-1"), sent, Answered(id="t", outcome="success", status=201))
    assert "bounds" in {d.rule for d in verdict.differences}


def test_a_day_of_the_city_brings_the_mean_rate_and_a_rhythm() -> None:
    pace = Pace(100, 600)
    assert 59_900 <= pace.due(600_000_000) <= 60_000
    assert 2 * pace.due(600_000_000) == pytest.approx(pace.due(1_200_000_000), abs=2)
    steps = [pace.due(ms * 1000) for ms in range(0, 600_000, 100)]
    assert steps == sorted(steps)
    by_hour = [sum(BUSYNESS[h * 60 : h * 60 + 60]) for h in range(24)]
    assert max(by_hour[2:6]) < min(by_hour[7:9]), "at night people sleep"
    assert pace.minute(0) == 6 * 60
    assert Pace(100, 600, flat=True).due(1_000_000) == 100


def test_a_percentile_is_exact_to_a_few_percent() -> None:
    times = Times()
    for micros in range(1, 10_001):
        times.add(micros)
    assert times.micros_at(50) == pytest.approx(5_000, rel=0.03)
    assert times.micros_at(99) == pytest.approx(9_900, rel=0.03)
    assert Times().micros_at(99) == 0
