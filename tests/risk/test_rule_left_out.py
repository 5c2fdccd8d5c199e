"""A rule that is slow, or that breaks, is left out: payments go on, the audit names it, and somebody is called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.console.house import House
from tests.console.test_alerts import _case, _expected, _unit_tests
from tests.govern.conftest import house as house
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import console, risk
from tongbao.base.metrics import REGISTRY
from tongbao.identity import Role
from tongbao.risk import ruleset
from tongbao.risk.expression_code import Row, Test
from tongbao.risk.in_force import LOOK
from tongbao.risk.rule_model import Action
from tongbao.risk.ruleset import MOST_SLOW

FIGURE = "tongbao_risk_rules_fenced_total"


def counted(cause: str) -> int:
    found = REGISTRY.get_sample_value(FIGURE, {"cause": cause})
    assert found is not None, "without a nought before it nobody sees the first one"
    return int(found)


def is_told(folder: Path, before: int, after: int, cause: str) -> None:
    """What Prometheus makes of these figures, read one after the other."""
    alert = next(one for one in console.ALERTS if one.name == "TongbaoRuleLeftOut")
    up = [
        {"series": "tongbao_database_up", "values": "1x30"},
        {"series": 'tongbao_clock_offset_seconds{of="bank"}', "values": "0x30"},
    ]
    series = {"series": f'{FIGURE}{{cause="{cause}"}}', "values": f"{before}x18 {after}x3"}
    case = _case("left out", [*up, series], {alert.name: [_expected(alert, {"cause": cause})]}, step="1m")
    case["alert_rule_test"] = [one for one in case["alert_rule_test"] if one["alertname"] == alert.name]
    _unit_tests(folder, [case], step="1m")


async def left_out(desk: Desk) -> House:
    """Two rules, and as many payments as it takes until one of them is left out."""
    house = desk.house
    for name, over in (("bad_rule", "level is null"), ("good_rule", "amount_minor > 500.00 CNY")):
        await desk.approve(await desk.propose(desk.change(name=name, expression=over, action=Action.DENY)))
    house.clock.tick(LOOK)
    payer, shop = await house.person(1_000_000), await house.shop()
    for _ in range(MOST_SLOW + 2):
        await house.pay_by_http(payer, shop, 100)
    assert (await house.pay_by_http(payer, shop, 100)).status == 201
    assert (await house.pay_by_http(payer, shop, 60_000)).code == "authorisation_refused", "the others go on"
    return house


def instead_of_level(monkeypatch: pytest.MonkeyPatch, does: Test) -> None:
    """What a rule does that reads the payer's level."""
    compiled: Callable[..., Test] = ruleset.compiled
    monkeypatch.setattr(
        ruleset,
        "compiled",
        lambda checked, *others: does if "level" in checked.names else compiled(checked, *others),
    )


async def test_a_rule_that_is_slow_is_left_out_and_somebody_is_called(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, now = counted("slow"), [0]

    def slowly(_: Row) -> bool:
        now[0] += 1_000_000
        return True

    instead_of_level(monkeypatch, slowly)
    desk.house.intake._rules = risk.RulesInForce(lambda: now[0])
    house = await left_out(desk)
    assert counted("slow") == before + 1
    assert await house.audited("risk.rule_fenced") == [("bad_rule", None)]
    assert "bad_rule" in (await house.look("/staff/audit", house.staff(Role.AUDITOR))).text
    is_told(tmp_path, before, before + 1, "slow")


async def test_a_rule_that_breaks_is_left_out_and_somebody_is_called(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counted("throws")

    def breaks(_: Row) -> bool:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        instead_of_level(patch, breaks)
        house = await left_out(desk)
    assert counted("throws") == before + 1
    assert await house.audited("risk.rule_fenced") == [("bad_rule", None)]
    is_told(tmp_path, before, before + 1, "throws")
    found = await house.run_sql("SELECT id FROM risk.assessment WHERE left_out = ARRAY['bad_rule']")
    assert len(found) > 2
    async with house.db.read() as tx:
        again = await risk.replay(tx, [row[0] for row in found])
    assert all(one.agrees for one in again), "it is left out there too"
