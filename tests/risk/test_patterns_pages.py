"""An analyst looks for patterns of fraud, reads what was found, tries it on history, and proposes it as a rule in shadow."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from tests.console.house import HOSTILE, House
from tests.govern.conftest import house as house
from tests.risk.patterns_made import Past, is_schemed
from tests.risk.test_patterns import past as past
from tests.risk.test_rules import desk as desk
from tests.risk.test_rules import fields
from tongbao.identity import Role
from tongbao.risk import jobs

AT = "/staff/risk/patterns"
FORM = {"days": "30", "delay": "0", "floor": "50"}


@asynccontextmanager
async def worker(house: House) -> AsyncIterator[None]:
    stop = asyncio.Event()
    working = asyncio.create_task(jobs.keep_looking(house.db, house.clock, stop))
    try:
        yield
    finally:
        stop.set()
        await working


async def ended(house: House, path: str, by: str) -> None:
    async with worker(house):
        for _ in range(1_200):
            page = await house.look(path, by)
            if "hx-get" not in page.html.partition("<main")[2]:
                return
            await asyncio.sleep(0.05)
    raise TimeoutError


async def test_a_pattern_becomes_a_rule_in_shadow_by_two_people(past: Past) -> None:
    house = past.house
    await past.live(1)
    await past.label(*(i for i, own in past.own.items() if is_schemed(own)))
    analyst, auditor = house.staff(Role.OPERATOR), house.staff(Role.AUDITOR)
    page = await house.look(AT, analyst)
    assert "Nobody has called a payment fraud yet" not in page.text
    asked = await house.send_form(AT, {**fields(page), **FORM}, analyst)
    assert asked.status == 303
    waits = await house.look(asked.to, analyst)
    assert "A worker begins at once." in waits.text
    assert f'hx-get="{asked.to}/now"' in waits.html
    await ended(house, asked.to, analyst)
    found = await past.look(UUID(asked.to.rpartition("/")[2]))
    assert found.result is not None
    best = found.result.patterns[0]
    told = await house.look(asked.to, auditor)
    assert best.expression in told.text
    assert "Whether the bank knows the payer's device: false" in told.text
    assert "The amount of this payment: ¥2,000.00 or more" in told.text
    assert 'data-chart="bar"' in told.html
    assert f"/staff/risk/payments/{best.examples[0]}" in told.links()
    assert "Propose as a rule in shadow" not in told.text, "an auditor proposes nothing"
    chinese = (await house.look(asked.to, auditor, lang="zh")).text
    assert "本笔金额：¥2,000.00 及以上" in chinese
    assert "否；" in chinese
    assert "精确率" in chinese

    shown = await house.look(asked.to, analyst)
    (trial,) = [to for to in shown.links() if to.startswith("/staff/risk/trials?search=") and to.endswith("=1")]
    assert fields(await house.look(trial, analyst))["expression"] == best.expression
    (propose,) = [to for to in shown.links() if to.startswith("/staff/risk/rules/new?search=") and to.endswith("=1")]
    given = fields(await house.look(propose, analyst))
    assert (given["expression"], given["mode"]) == (best.expression, "shadow")
    assert "银行是否" in given["why_zh"] or "设备" in given["why_zh"]
    assert str(best.later.frauds) in given["reason"]
    filed = await house.send_form("/staff/risk/rules/new", {**given, "name": "night_scheme"}, analyst)
    assert filed.status == 303, filed.text
    assert await past.desk.in_force() == {}, "it waits for a second person"
    await house.agree(filed)
    assert await past.desk.in_force() == {"night_scheme": 1}
    listed = await house.look(AT, auditor)
    assert asked.to in listed.links()


async def test_what_was_found_is_a_file(past: Past) -> None:
    house, analyst = past.house, past.house.staff(Role.OPERATOR)
    await past.live(1)
    await past.label(*(i for i, own in past.own.items() if is_schemed(own)))
    asked = await house.send_form(AT, {**fields(await house.look(AT, analyst)), **FORM}, analyst)
    await ended(house, asked.to, analyst)
    table = await house.look(f"{asked.to}?format=csv", analyst)
    rows = list(csv.DictReader(table.html.lstrip("\ufeff").splitlines()))
    assert rows
    assert "amount_minor >= 2000.00 CNY" in rows[0]["expression"]
    assert int(rows[0]["frauds"]) > int(rows[0]["honest"])
    for form, kind in (("xlsx", "spreadsheetml"), ("pdf", "pdf")):
        file = await house.look(f"{asked.to}?format={form}", analyst)
        assert file.status == 200
        assert kind in file.headers["content-type"]
    assert (await house.look(f"{asked.to}?format=exe", analyst)).status in (400, 404, 422)


async def test_without_labels_the_page_says_what_to_do_first(past: Past) -> None:
    house, analyst = past.house, past.house.staff(Role.OPERATOR)
    await past.live(3, batches=4)
    page = await house.look(AT, analyst)
    assert "Label payments first" in page.text
    assert "请先标记付款" in (await house.look(AT, analyst, lang="zh")).text
    asked = await house.send_form(AT, {**fields(page), **FORM}, analyst)
    await ended(house, asked.to, analyst)
    page = await house.look(asked.to, analyst)
    assert "too few known frauds in these days" in page.text
    assert "It takes 10 known frauds to learn from" in page.text


async def test_a_second_search_is_refused_until_the_first_is_stopped(past: Past) -> None:
    house, one, two = past.house, past.house.staff(Role.OPERATOR), past.house.staff(Role.OPERATOR)
    form = {**fields(await house.look(AT, one)), **FORM}
    first = await house.send_form(AT, form, one)
    assert (await house.send_form(AT, form, one)).to == first.to, "sent twice it is one search"
    other = {**fields(await house.look(AT, two)), **FORM, "floor": "70"}
    busy = await house.send_form(AT, other, two)
    assert busy.status == 409
    assert "Another search for patterns has not ended. Wait for it, or stop it." in busy.text
    assert fields(busy)["floor"] == "70", "what was typed is kept"
    assert "另一项规律查找尚未结束" in (await house.send_form(AT, other, two, lang="zh")).text
    assert (await house.send_form(first.to, {}, two)).to == first.to
    assert "stopped before its end" in (await house.look(first.to, one)).text
    assert (await house.send_form(AT, other, two)).status == 303


@pytest.mark.parametrize("typed", [*HOSTILE, "\x00x", "", "0", "1000", "-1", "1e3", "4.5"])
async def test_no_form_is_broken_by_what_is_typed(house: House, typed: str) -> None:
    analyst = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(AT, analyst)), **FORM}
    for field in ("days", "delay", "floor", "id"):
        page = await house.send_form(AT, {**form, field: typed}, analyst)
        assert page.status in ((303, 409) if (field, typed) == ("delay", "0") else (400, 422)), (field, page.status)
        assert typed not in page.html or typed not in HOSTILE[:1]
        if page.status == 422 and field != "id":
            assert f'id="e-{field}"' in page.html


async def test_who_may_look_and_who_may_search(past: Past) -> None:
    house = past.house
    auditor, admin, analyst = (house.staff(role) for role in (Role.AUDITOR, Role.ADMIN, Role.OPERATOR))
    assert (await house.look(AT, admin)).status == 403
    assert (await house.look(AT, None)).status in (302, 303)
    page = await house.look(AT, auditor)
    assert page.status == 200
    assert page.html.partition("<main")[0].count(f'href="{AT}"'), "it stands in the navigation"
    assert "<form method" not in page.html.partition("<main")[2]
    assert (await house.send_form(AT, {}, auditor)).status == 403
    nothing = house.id()
    for path in (
        f"{AT}/{nothing}",
        f"{AT}/{nothing}/now",
        f"{AT}/{nothing}?format=csv",
        f"/staff/risk/rules/new?search={nothing}&pattern=1",
        f"/staff/risk/trials?search={nothing}",
    ):
        headers = {"hx-request": "true"} if path.endswith("now") else None
        assert (await house.look(path, analyst, headers=headers)).status == 404, path
    id_ = await past.ask()
    for number in ("0", "1", "2", "x", "99999999999999999999"):
        for path in ("/staff/risk/rules/new", "/staff/risk/trials"):
            refused = await house.look(f"{path}?search={id_}&pattern={number}", analyst)
            assert refused.status in (400, 404, 422), (path, number)
    assert (await house.send_form(f"{AT}/{id_}", {}, auditor)).status == 403
    assert (await house.look(f"{AT}/{id_}/now", auditor)).to == f"{AT}/{id_}"
    part = await house.look(f"{AT}/{id_}/now", auditor, headers={"hx-request": "true"})
    assert "<html" not in part.html
    assert "Patterns are being looked for" in part.text
