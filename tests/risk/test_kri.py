"""Key indicators of risk: measured, limited by two people, told once a day."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.rolled import roll_all
from tests.risk.test_judged_payments import in_force
from tests.risk.test_labels import say
from tests.risk.test_rules import Desk, fields, refused
from tests.risk.test_rules import desk as desk
from tongbao import console, risk
from tongbao.base import approvals
from tongbao.base.approvals import Approval
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.identity import Role
from tongbao.risk import jobs, kri
from tongbao.risk import refusals as no
from tongbao.risk.kri_model import LimitChange
from tongbao.risk.kri_propose import propose_limit
from tongbao.risk.rule_model import Action

BOARD = "/staff/risk/indicators"


async def propose(desk: Desk, by: Principal | None = None, id: UUID | None = None, **other: Any) -> Approval:
    given: dict[str, Any] = {"indicator": "denial_rate", "expected": 0, "amber": 1_000, "red": 5_000, **other}
    async with desk.house.db.tx() as tx:
        return await propose_limit(
            tx, by or desk.analyst, LimitChange(**given), id=id or desk.house.id(), reason="as agreed", at=desk.house.at
        )


async def values(house: House) -> dict[str, tuple[int | None, str]]:
    async with house.db.read() as tx:
        found = await kri.measure(tx, at=house.at, zone=house.settings.zone, currency=house.settings.currency)
    return {one.indicator.name: (one.value, one.state) for one in found}


async def some_payments(desk: Desk) -> list[UUID]:
    """Four that were let pass and one that was refused."""
    house = desk.house
    payer, shop = await house.person(10_000_000), await house.shop()
    await in_force(desk, expression="amount_minor > 500.00 CNY", action=Action.DENY, points=90)
    ids = [house.id() for _ in range(5)]
    for id_, minor in zip(ids, (10_000, 10_000, 10_000, 10_000, 60_000), strict=True):
        await house.pay_by_http(payer, shop, minor, key=id_)
    await roll_all(house.db, at=house.at)
    return ids


async def told(house: House) -> list[tuple[Any, ...]]:
    await jobs.measure_indicators(house.db, house.clock, house.settings)
    return await house.run_sql(
        "SELECT indicator, state, value, version FROM risk.indicator_breach ORDER BY told_at, indicator"
    )


async def test_indicators_are_counted_from_payments_and_labels(desk: Desk) -> None:
    house = desk.house
    assert set((await values(house)).values()) == {(None, "unset")}
    ids = await some_payments(desk)
    house.clock.tick(timedelta(hours=3))
    await say(house, ids[0])
    await say(house, ids[1], source=risk.LabelSource.CUSTOMER)
    await say(house, ids[4], is_fraud=False)
    found = {name: value for name, (value, _) in (await values(house)).items()}
    assert found == {
        "fraud_loss": 5_000,
        "challenge_rate": 0,
        "hold_rate": 0,
        "denial_rate": 2_000,
        "false_alarms": 10_000,
        "not_mine": 2_000,
        "by_fallback": 0,
        "label_delay": 3,
    }


async def test_another_limit_changes_what_is_told(desk: Desk) -> None:
    house = desk.house
    await some_payments(desk)
    assert await told(house) == []
    await desk.approve(await propose(desk, amber=2_001, red=3_000))
    assert (await values(house))["denial_rate"] == (2_000, "green")
    assert await told(house) == []
    await desk.approve(await propose(desk, expected=1, amber=2_000, red=3_000))
    assert (await values(house))["denial_rate"] == (2_000, "amber")
    assert await told(house) == [("denial_rate", "amber", 2_000, 2)]
    assert await house.audited("risk.limit") == [("denial_rate", "as agreed"), ("denial_rate", "as agreed")]


async def test_it_is_told_once_a_day_and_again_when_it_turns_red(desk: Desk) -> None:
    house = desk.house
    await some_payments(desk)
    await desk.approve(await propose(desk, amber=1_000, red=3_000))
    await asyncio.gather(*(told(house) for _ in range(4)))
    assert await told(house) == [("denial_rate", "amber", 2_000, 1)]
    await desk.approve(await propose(desk, expected=1, amber=1_000, red=2_000))
    assert [row[1] for row in await told(house)] == ["amber", "red"]
    house.clock.tick(timedelta(days=1))
    assert [row[1] for row in await told(house)] == ["amber", "red", "red"]
    assert len(await house.audited("risk.indicator_breach")) == 3


async def test_what_is_wrong_with_limits_is_refused(desk: Desk) -> None:
    assert (await refused(propose(desk, indicator="luck"))).kind is no.INDICATOR_UNKNOWN
    assert (await refused(propose(desk, amber=500, red=400))).kind is no.LIMIT_UNSOUND
    assert (await refused(propose(desk, expected=1))).kind is no.LIMIT_CHANGED
    first, second = await propose(desk), await propose(desk, red=6_000)
    await desk.approve(first)
    assert (await refused(desk.approve(second))).kind is no.LIMIT_CHANGED
    assert (await refused(propose(desk, expected=1))).kind is no.LIMIT_UNCHANGED
    program = Principal(id=desk.house.id(), kind=PrincipalKind.BANK, permissions=desk.analyst.permissions)
    assert (await refused(propose(desk, program, expected=1, red=6_000))).kind is PERMISSION_MISSING


async def test_nobody_approves_his_own_limits(desk: Desk) -> None:
    filed = await propose(desk)
    decided = approvals.ApprovalState.APPROVED
    kinds = console.approval_kinds(desk.house.settings.zone)
    async with desk.house.db.tx() as tx:
        refusal = await refused(
            approvals.decide(tx, desk.analyst, kinds, id=filed.id, state=decided, at=desk.house.at, reason="so")
        )
    assert refusal.kind is approvals.SECOND_PERSON_NEEDED


async def test_two_people_set_limits_on_the_pages(desk: Desk) -> None:
    house = desk.house
    await some_payments(desk)
    by, path = house.staff(Role.OPERATOR), f"{BOARD}/denial_rate"
    board = await house.look(BOARD, by)
    assert path in board.links()
    assert "2,000 of 10,000" in board.text
    form = {**fields(await house.look(path, by)), "amber": "1000", "red": "900", "reason": "as agreed"}
    wrong = await house.send_form(path, form, by)
    assert wrong.status == 422
    assert "Red must begin at amber or above it." in wrong.text
    sent = [await house.send_form(path, {**form, "red": "1500"}, by) for _ in range(2)]
    assert sent[0].to == sent[1].to
    asked = await house.look(sent[0].to, house.staff(Role.ACCOUNTANT), lang="zh")
    assert "指标阈值" in asked.text
    assert "万分之 1,500" in asked.text
    await house.agree(sent[0])
    stale = await house.send_form(path, {**form, "id": house.id(), "red": "1600"}, by)
    assert stale.status == 409
    assert 'value="1600"' in stale.html
    await told(house)
    zh = await house.look(BOARD, house.staff(Role.AUDITOR), lang="zh")
    for said in ("风险指标", "拒绝率", "红色", "万分之 2,000"):
        assert said in zh.text, said


async def test_who_may_look_at_indicators_and_who_may_propose(house: House) -> None:
    path = f"{BOARD}/denial_rate"
    for page in (BOARD, path):
        assert (await house.look(page, house.staff(Role.ADMIN))).status == 403
        assert (await house.look(page, None)).status in (302, 303)
    auditor = house.staff(Role.AUDITOR)
    assert "<form method" not in (await house.look(path, auditor)).html.partition("<main")[2]
    assert (await house.send_form(path, {}, auditor)).status == 403
    analyst = house.staff(Role.OPERATOR)
    assert (await house.look(f"{BOARD}/luck", analyst)).status == 404  # indicator_unknown
    for bad in ({"amber": ""}, {"amber": "x" * 5_000, "red": "-1"}, {"amber": "1.5", "red": "<script>"}):
        assert (await house.send_form(path, bad, analyst)).status == 422
        assert (await house.send_form(f"{BOARD}/luck", bad, analyst)).status == 404
