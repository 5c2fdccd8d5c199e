"""The stance towards risk: a loss tightens the rules, calm eases them; one person tightens, two ease; what was decided stays as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.rolled import roll_all
from tests.risk.test_judged_payments import in_force, remembered
from tests.risk.test_kri import propose as propose_limit
from tests.risk.test_labels import say
from tests.risk.test_rules import Desk, fields, refused
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.base import approvals
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.principal import PERMISSION_MISSING, Principal, PrincipalKind
from tongbao.identity import Role
from tongbao.risk import jobs, stance_store
from tongbao.risk import refusals as no
from tongbao.risk.in_force import LOOK
from tongbao.risk.rule_model import Action, Mode
from tongbao.risk.stance import CALM, propose_easing
from tongbao.risk.stance_model import Easing, StanceSet

PAGE = "/staff/risk/stance"
BOARD = "/staff/risk/indicators"


async def stance(house: House) -> tuple[str, str | None]:
    """What it is, and which indicator it is of."""
    async with house.db.read() as tx:
        now = await stance_store.newest(tx)
    return (now.stance.value, now.indicator) if now else ("usual", None)


async def measure(house: House, after: timedelta = timedelta(0)) -> tuple[str, str | None]:
    house.clock.tick(after)
    await jobs.measure_indicators(house.db, house.clock, house.settings)
    house.clock.tick(LOOK)
    return await stance(house)


async def raised(desk: Desk, **says: Any) -> None:
    """A rule that acts only while the stance is tightened."""
    given = {"expression": "amount_minor > 500.00 CNY", "action": Action.DENY, "points": 90, "mode": Mode.RAISED}
    await in_force(desk, **(given | says))


async def lost(desk: Desk) -> None:
    """Half of what was paid is called fraud, which is beyond its limit and tightens."""
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    ids = [house.id() for _ in range(4)]
    for id_ in ids:
        await house.pay_by_http(payer, shop, 10_000, key=id_)
    for id_ in ids[:2]:
        await say(house, id_)
    await roll_all(house.db, at=house.at)
    await desk.approve(await propose_limit(desk, indicator="fraud_loss", amber=100, red=1_500, tightens=True))


async def tighten(desk: Desk, *, id: UUID | None = None, expected: int = 0, by: Principal | None = None) -> StanceSet:
    house = desk.house
    async with house.db.tx() as tx:
        new = await risk.tighten(
            tx, by or desk.analyst, id=id or house.id(), reason="calls of victims", expected=expected, at=house.at
        )
    house.clock.tick(LOOK)
    return new


async def easing(desk: Desk, expected: int, by: Principal | None = None) -> Approval:
    house = desk.house
    async with house.db.tx() as tx:
        wanted = Easing(expected=expected)
        return await propose_easing(tx, by or desk.analyst, wanted, id=house.id(), reason="it is over", at=house.at)


async def audited(house: House) -> list[tuple[Any, ...]]:
    return await house.run_sql(
        "SELECT subject, reason, details FROM base.audit WHERE action = 'risk.stance' ORDER BY recorded_at, id"
    )


async def test_a_loss_tightens_the_rules_and_calm_eases_them_again(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    await raised(desk)
    before = await house.pay_by_http(payer, shop, 60_000)
    assert before["state"] == "completed", "in shadow it stops nothing"
    await lost(desk)
    assert await measure(house) == ("tightened", "fraud_loss")
    key = house.id()
    during = await house.pay_by_http(payer, shop, 60_000, key=key)
    assert (during.status, during.code) == (403, "authorisation_refused")
    # The seven days of the indicator pass, and payments go on without a loss.
    house.clock.tick(timedelta(days=8))
    await house.pay_by_http(payer, shop, 10_000)
    await roll_all(house.db, at=house.at)
    assert (await measure(house))[0] == "tightened"
    for _ in range(24 * 2 - 1):
        assert (await measure(house, timedelta(minutes=30)))[0] == "tightened"
    assert await measure(house, timedelta(minutes=30)) == ("usual", "fraud_loss")
    after = await house.pay_by_http(payer, shop, 60_000)
    assert after["state"] == "completed"
    modes = []
    for id_ in (before["id"], str(key), after["id"]):
        hits = (await remembered(house, id_))[2]
        assert hits is not None
        modes.append(hits[0]["mode"])
    assert modes == ["shadow", "live", "shadow"]
    async with house.db.read() as tx:
        again = await risk.replay(tx, [UUID(before["id"]), key, UUID(after["id"])])
    assert [one.agrees for one in again] == [True, True, True]
    assert [one.then.action for one in again] == [Action.APPROVE, Action.DENY, Action.APPROVE]
    rows = await audited(house)
    assert [(subject, reason) for subject, reason, _ in rows] == [("tightened", None), ("usual", None)]
    said = rows[0][2]
    assert (said["indicator"], said["limit"], said["value"]) == ("fraud_loss", 1_500, 2_000)
    await house.books_balance()


async def test_while_nobody_looks_it_is_not_calm(desk: Desk) -> None:
    house = desk.house
    await lost(desk)
    assert (await measure(house))[0] == "tightened"
    await desk.approve(
        await propose_limit(desk, indicator="fraud_loss", expected=1, amber=9_998, red=9_999, tightens=True)
    )
    assert (await measure(house))[0] == "tightened"
    assert (await measure(house, CALM))[0] == "tightened", "between the two looks nobody knows"
    assert (await measure(house, timedelta(hours=23)))[0] == "tightened"


async def test_an_indicator_that_is_not_marked_tightens_nothing(desk: Desk) -> None:
    house = desk.house
    await lost(desk)
    await desk.approve(await propose_limit(desk, indicator="fraud_loss", expected=1, amber=100, red=3_000))
    assert await measure(house) == ("usual", None)
    assert await audited(house) == []


async def test_one_person_tightens_at_once_and_two_ease(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    await raised(desk)
    same = house.id()
    new = await tighten(desk, id=same)
    assert (await tighten(desk, id=same)).change == new.change
    assert (await house.pay_by_http(payer, shop, 60_000)).code == "authorisation_refused"
    assert await measure(house, CALM) == ("tightened", None), "what a person tightened, no indicator eases"
    filed = await easing(desk, new.change)
    assert (await stance(house))[0] == "tightened"
    async with house.db.tx() as tx:
        alone = await refused(
            approvals.decide(
                tx, desk.analyst, desk.kinds, id=filed.id, state=ApprovalState.APPROVED, at=house.at, reason="so"
            )
        )
    assert alone.kind is approvals.SECOND_PERSON_NEEDED
    await desk.approve(filed)
    house.clock.tick(LOOK)
    assert (await stance(house))[0] == "usual"
    assert (await house.pay_by_http(payer, shop, 60_000))["state"] == "completed"
    assert await house.audited("risk.stance") == [("tightened", "calls of victims"), ("usual", "it is over")]


async def test_what_two_people_eased_is_tightened_again_only_when_it_is_told_anew(desk: Desk) -> None:
    house = desk.house
    await lost(desk)
    assert (await measure(house))[0] == "tightened"
    async with house.db.read() as tx:
        now = await stance_store.newest(tx)
    assert now is not None
    await desk.approve(await easing(desk, now.change))
    assert (await measure(house))[0] == "usual"
    assert await measure(house, timedelta(days=1)) == ("tightened", "fraud_loss")


async def test_what_a_change_of_the_stance_is_refused_for(desk: Desk) -> None:
    assert (await refused(easing(desk, 0))).kind is no.STANCE_UNCHANGED
    assert (await refused(tighten(desk, expected=7))).kind is no.STANCE_CHANGED
    new = await tighten(desk)
    assert (await refused(tighten(desk, expected=new.change))).kind is no.STANCE_UNCHANGED
    first, second = await easing(desk, new.change), await easing(desk, new.change)
    await desk.approve(first)
    assert (await refused(desk.approve(second))).kind is no.STANCE_CHANGED
    key = Principal(id=desk.house.id(), kind=PrincipalKind.BANK, permissions=frozenset({"risk:write"}))
    auditor = desk.house.principal_of_staff(Role.AUDITOR)
    for by in (key, auditor):
        assert (await refused(tighten(desk, by=by))).kind is PERMISSION_MISSING
        assert (await refused(easing(desk, 0, by=by))).kind is PERMISSION_MISSING


async def test_it_is_watched_and_told_on_the_pages_in_both_languages(desk: Desk) -> None:
    house = desk.house
    await raised(desk)
    await lost(desk)
    async with house.db.read() as tx:
        assert (await risk.watch(tx, at=house.at)).red == 0
    await measure(house)
    async with house.db.read() as tx:
        seen = await risk.watch(tx, at=house.at)
        later = await risk.watch(tx, at=house.at + timedelta(hours=2))
    assert (seen.amber, seen.red, seen.is_tightened) == (0, 1, True)
    assert (later.red, later.is_tightened) == (0, True)
    by = house.staff(Role.OPERATOR)
    for path in ("/staff/risk", BOARD, PAGE):
        page = await house.look(path, by)
        assert "rules tightened" in page.text, path
        assert "Loss by fraud" in page.text, path
        assert "规则已收紧" in (await house.look(path, by, lang="zh")).text, path
    assert PAGE in (await house.look(BOARD, by)).links()
    async with house.db.read() as tx:
        rule = (await stance_store.raised_rules(tx, 5))[0][0]
    zh = await house.look(f"/staff/risk/rules/{rule}", by, lang="zh")
    for said in ("仅在规则收紧时生效", "规则已收紧"):
        assert said in zh.text, said
    assert f"/staff/risk/rules/{rule}" in (await house.look(PAGE, by)).links()


async def test_the_page_tightens_at_once_and_asks_a_second_person_for_the_way_back(desk: Desk) -> None:
    house = desk.house
    by, auditor = house.staff(Role.OPERATOR), house.staff(Role.AUDITOR)
    form = {**fields(await house.look(PAGE, by)), "reason": "calls of victims"}
    assert (await house.send_form(PAGE, {**form, "reason": ""}, by)).status == 422
    assert [(await house.send_form(PAGE, form, by)).to for _ in range(2)] == [PAGE, PAGE]
    assert await stance(house) == ("tightened", None)
    stale = await house.send_form(PAGE, {**form, "id": str(house.id())}, by)
    assert stale.status == 409
    assert "calls of victims" in stale.html
    back = {**fields(await house.look(PAGE, by)), "reason": "it is over"}
    sent = await house.send_form(PAGE, back, by)
    asked = await house.look(sent.to, house.staff(Role.ACCOUNTANT), lang="zh")
    assert "恢复常规风控规则" in asked.text
    assert "规则已收紧 → 常规" in asked.text
    await house.agree(sent)
    assert await stance(house) == ("usual", None)
    assert "<form method" not in (await house.look(PAGE, auditor)).html.partition("<main")[2]
    assert (await house.send_form(PAGE, form, auditor)).status == 403
    assert (await house.look(PAGE, house.staff(Role.ADMIN))).status == 403
