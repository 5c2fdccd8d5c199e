"""An analyst tries a condition on history from the page of its rule, watches it, reads what came of it, and proposes it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.console.house import HOSTILE, House
from tests.govern.conftest import house as house
from tests.risk.test_rules import desk as desk
from tests.risk.test_rules import fields
from tests.risk.test_trial import DEAR, History, dear
from tests.risk.test_trial import history as history
from tongbao.identity import Role
from tongbao.risk import jobs, trial

TRIALS = "/staff/risk/trials"


@asynccontextmanager
async def worker(house: House) -> AsyncIterator[None]:
    stop = asyncio.Event()
    working = asyncio.create_task(jobs.keep_trying(house.db, house.clock, stop))
    try:
        yield
    finally:
        stop.set()
        await working


async def ended(house: House, path: str, by: str) -> str:
    for _ in range(600):
        page = await house.look(path, by)
        if "hx-get" not in page.html.partition("<main")[2]:
            return page.html
        await asyncio.sleep(0.05)
    raise TimeoutError


async def test_a_condition_is_tried_and_then_proposed(history: History) -> None:
    house = history.house
    await history.live(random.Random(1))
    change = history.desk.change(expression="amount_minor >= 2000.00 CNY")
    await history.desk.approve(await history.desk.propose(change))
    analyst, auditor = house.staff(Role.OPERATOR), house.staff(Role.AUDITOR)
    rule = f"/staff/risk/rules/{change.rule_id}"
    page = await house.look(rule, analyst)
    assert f'formaction="{TRIALS}?rule={change.rule_id}"' in page.html
    form = {**fields(page), "expression": DEAR, "points": "45", "action": "deny", "kind": "transfer"}
    asked = await house.send_form(f"{TRIALS}?rule={change.rule_id}", form, analyst)
    assert asked.status == 303
    waits = await house.look(asked.to, analyst)
    assert "A worker begins at once." in waits.text
    assert f'hx-get="{asked.to}/now"' in waits.html
    async with worker(house):
        await ended(house, asked.to, analyst)
    told = await house.look(asked.to, auditor)
    own = history.own
    new = [i for i in own if dear(own[i]) and own[i]["kind"] == "transfer"]
    now = sum(dear(said, 200_000) for said in own.values())
    frauds = [i for i in new if history.fraud.get(i)]
    for said in ("180", f"{len(new)} ({len(new) * 1000 // 180 / 10}%)", f"{now} ({now * 1000 // 180 / 10}%)"):
        assert said in told.text, said
    assert f"¥{sum(own[i]['amount_minor'] for i in frauds) / 100:,.2f}" in told.text
    assert 'data-chart="bar"' in told.html
    assert "Go on to propose it" not in told.text, "an auditor proposes nothing"
    assert "精确率" in (await house.look(asked.to, auditor, lang="zh")).text
    then = await house.look(asked.to, analyst)
    (propose,) = [to for to in then.links() if "?trial=" in to]
    given = fields(await house.look(propose, analyst))
    assert (given["expression"], given["points"], given["action"], given["kind"]) == (DEAR, "45", "deny", "transfer")
    assert given["expected"] == "1"
    assert given["why_en"], "what was not tried stays as it is"
    listed = await house.look(TRIALS, auditor)
    assert change.name in listed.text
    assert asked.to in listed.links()


async def test_a_new_rule_is_tried_before_it_has_a_name(history: History) -> None:
    house, analyst = history.house, history.house.staff(Role.OPERATOR)
    await history.live(random.Random(2), days_=1)
    page = await house.look("/staff/risk/rules/new", analyst)
    assert f'formaction="{TRIALS}"' in page.html
    form = {**fields(page), "expression": DEAR}
    asked = await house.send_form(TRIALS, form, analyst)
    assert asked.status == 303, asked.text
    async with worker(house):
        await ended(house, asked.to, analyst)
    done = await house.look(asked.to, analyst)
    assert "A new rule, tried on history" in done.text
    (propose,) = [to for to in done.links() if "?trial=" in to]
    assert fields(await house.look(propose, analyst))["expression"] == DEAR


async def test_the_same_form_twice_is_one_trial_and_another_condition_another(history: History) -> None:
    house, analyst = history.house, history.house.staff(Role.OPERATOR)
    form = {**fields(await house.look(TRIALS, analyst)), "expression": DEAR}
    one = await house.send_form(TRIALS, form, analyst)
    assert (await house.send_form(TRIALS, form, analyst)).to == one.to
    busy = await house.send_form(TRIALS, {**form, "expression": "hour > 3"}, analyst)
    assert busy.status == 409
    assert "Another trial of yours has not ended." in busy.text
    assert fields(busy)["expression"] == "hour > 3", "what was typed is kept"
    assert (
        "您有一项试算尚未结束"
        in (await house.send_form(TRIALS, {**form, "expression": "hour > 3"}, analyst, lang="zh")).text
    )
    stopped = await house.send_form(one.to, (await house.look(one.to, analyst)).hidden(), analyst)
    assert stopped.to == one.to
    assert "stopped before its end" in (await house.look(one.to, analyst)).text
    again = await house.send_form(TRIALS, {**form, "expression": "hour > 3"}, analyst)
    assert (again.status, again.to == one.to) == (303, False)


@pytest.mark.parametrize("typed", [*HOSTILE, "\x00x", ""])
async def test_no_form_is_broken_by_what_is_typed(house: House, typed: str) -> None:
    analyst = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(TRIALS, analyst)), "expression": "hour > 3"}
    for field in ("expression", "points", "days", "kind", "action", "id"):
        page = await house.send_form(TRIALS, {**form, field: typed}, analyst)
        assert page.status in (303, 400, 409, 422), (field, page.status)
        assert typed not in page.html or typed not in HOSTILE[:1]


async def test_a_wrong_condition_is_told_beside_its_field(house: House) -> None:
    analyst = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(TRIALS, analyst)), "expression": "amount_minor > 500"}
    page = await house.send_form(TRIALS, form, analyst)
    assert page.status == 422
    assert 'id="e-expression"' in page.html
    for days in ("0", "93", "many"):
        page = await house.send_form(TRIALS, {**form, "expression": DEAR, "days": days}, analyst)
        assert page.status == 422
        assert 'id="e-days"' in page.html


async def test_who_may_look_and_who_may_try(house: House, history: History) -> None:
    auditor, admin, analyst = (house.staff(role) for role in (Role.AUDITOR, Role.ADMIN, Role.OPERATOR))
    assert (await house.look(TRIALS, admin)).status == 403
    assert (await house.look(TRIALS, None)).status in (302, 303)
    page = await house.look(TRIALS, auditor)
    assert page.status == 200
    assert "<form method" not in page.html.partition("<main")[2]
    assert (await house.send_form(TRIALS, {}, auditor)).status == 403
    assert (await house.look(f"{TRIALS}/{house.id()}", auditor)).status == 404
    assert (await house.look(f"/staff/risk/rules/new?trial={house.id()}", analyst)).status == 404
    assert (await house.look(f"{TRIALS}?rule={house.id()}", analyst)).status == 404
    id_ = await history.ask(await history.what(DEAR))
    assert (await house.look(f"{TRIALS}/{id_}", auditor)).status == 200
    assert (await house.send_form(f"{TRIALS}/{id_}", {}, auditor)).status == 403
    assert (await house.look(f"{TRIALS}/{id_}/now", auditor)).to == f"{TRIALS}/{id_}"
    part = await house.look(f"{TRIALS}/{id_}/now", auditor, headers={"hx-request": "true"})
    assert "<html" not in part.html


async def test_what_could_not_be_tried_says_why(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MOST", 20)
    await history.live(random.Random(3), days_=1)
    id_ = await history.ask(await history.what(DEAR))
    await history.work(id_)
    page = await history.house.look(f"{TRIALS}/{id_}", history.house.staff(Role.OPERATOR))
    assert "more than a million payments in these days" in page.text
    assert "Try fewer days." in page.text
