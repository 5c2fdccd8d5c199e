"""The queue of held payments: an analyst takes one, sees why, lets it go on with a second person, or refuses it and freezes with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.console.house import HOSTILE
from tests.govern.conftest import house as house
from tests.payments.test_held import PAID, approve
from tests.risk.test_judged_payments import in_force
from tests.risk.test_rules import Desk, fields
from tests.risk.test_rules import desk as desk
from tongbao import identity
from tongbao.console import held_pages, vitals
from tongbao.console.figures import samples
from tongbao.identity import Role
from tongbao.risk.rule_model import Action
from tongbao.web import paging

QUEUE = "/staff/risk/held"


class Case:
    """A payment that is held, and an analyst before it."""

    def __init__(self, desk: Desk, payment_id: str, payer: identity.Account, payee: identity.Account) -> None:
        self.desk, self.house, self.id, self.payer, self.payee = desk, desk.house, payment_id, payer, payee
        self.page = f"{QUEUE}/{payment_id}"
        self.analyst = self.house.staff(Role.OPERATOR)

    async def look(self, path: str = "", by: str | None = None, **more: Any) -> Any:
        return await self.house.look(path or self.page, by or self.analyst, **more)

    async def send(self, what: str, by: str | None = None, **typed: str) -> Any:
        return await self.house.send_form(
            f"{self.page}/{what}",
            typed if what == "take" else {"id": str(self.house.id()), **typed},
            by or self.analyst,
        )

    async def state(self) -> str:
        return (await self.house.payment(UUID(self.id)))["state"]


@pytest.fixture
async def case(desk: Desk) -> Case:
    await in_force(
        desk,
        expression="amount_minor > 500.00 CNY",
        action=Action.HOLD,
        points=70,
        told_en="Are you being urged?",
        told_zh="谨防诈骗",
    )
    payer, payee = await desk.house.person(100_000), await desk.house.person()
    waits = await desk.house.pay_by_http(payer, payee, PAID)
    assert waits["state"] == "held"
    return Case(desk, waits["id"], payer, payee)


async def test_an_analyst_sees_what_waits_and_why(case: Case) -> None:
    queue = await case.look(QUEUE, lang="en")
    assert queue.status == 200
    assert case.page in queue.html
    assert "70" in queue.text
    one = await case.look(lang="en")
    for said in ("many payments in a short time", "Are you being urged?", "70"):
        assert said in one.text
    assert "暂缓原因" in (await case.look(lang="zh")).text
    for who in (case.house.staff(Role.AUDITOR),):
        assert (await case.look(by=who)).status == 200
        assert "/release" not in (await case.look(by=who)).html
        assert (await case.send("refuse", by=who, why="no right")).status == 403


async def test_the_riskiest_may_come_first_and_all_go_into_a_file(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    house = case.house
    monkeypatch.setattr(held_pages, "_EXPORT_PAGE", 2)
    monkeypatch.setattr(paging, "USUAL", 2)
    waiting = [case.id]
    for _ in range(4):
        house.clock.tick(timedelta(minutes=1))
        waiting.append((await house.pay_by_http(await house.person(100_000), case.payee, PAID))["id"])
    assert {(await house.payment(UUID(one)))["state"] for one in waiting} == {"held"}
    for one, points in zip(waiting, (20, 90, 50, 90, 10), strict=True):
        await house.run_sql("UPDATE risk.assessment SET points = %(p)s WHERE id = %(id)s", p=points, id=UUID(one))

    async def read(path: str) -> list[str]:
        found: list[str] = []
        while path:
            page = await case.look(path, lang="en")
            found += [link.rsplit("/", 1)[1] for link in page.links() if link.startswith(f"{QUEUE}/")]
            path = next((link for link in page.links() if "cursor=" in link), "")
            path = f"{QUEUE}{path}" if path.startswith("?") else path
        return found

    assert await read(QUEUE) == waiting
    riskiest = [waiting[n] for n in (1, 3, 2, 0, 4)]
    assert await read(f"{QUEUE}?order=risk") == riskiest
    file = (await case.look(f"{QUEUE}?order=risk&format=csv")).html
    assert [line.split(",")[-1].strip() for line in file.strip().splitlines()[1:]] == riskiest
    assert (await case.look(f"{QUEUE}?order=luck")).status == 422


async def test_one_takes_it_and_another_sees_with_whom_it_is(case: Case) -> None:
    taken = await case.send("take", move="take", seen="")
    assert taken.status == 303
    assert case.page not in (await case.look(f"{QUEUE}?whose=nobody")).html
    assert case.page in (await case.look(f"{QUEUE}?whose=mine")).html
    other = case.house.staff(Role.OPERATOR)
    late = await case.send("take", by=other, move="take", seen="")
    assert late.status == 409  # held_by_another
    assert "taken or handed back" in late.text
    assert (await case.send("take", move="hand_back", seen=str(case.house.id()))).status == 409
    back = fields(await case.look(), 0)
    assert (await case.send("take", move="hand_back", seen=back["seen"])).status == 303
    assert case.page in (await case.look(f"{QUEUE}?whose=nobody")).html


async def test_letting_it_go_on_takes_two(case: Case) -> None:
    id_ = str(case.house.id())
    for _ in range(2):  # the same form twice is one proposal
        proposed = await case.house.send_form(
            f"{case.page}/release", {"id": id_, "reason": "I called the payer"}, case.analyst
        )
        assert proposed.status == 303
    assert await case.state() == "held"
    await approve(case.desk, UUID(id_))
    assert await case.state() == "completed"
    over = await case.look(lang="en")
    assert "waits for nobody" in over.text
    assert (await case.send("release", reason="once more")).status == 409


async def test_refused_and_frozen_in_one_step(case: Case) -> None:
    done = await case.send("refuse", why="it collects for others", is_fraud="true", freeze="payee")
    assert done.status == 303
    assert await case.state() == "declined"
    assert await case.house.money(case.payer) == (100_000, 0)
    async with case.house.db.read() as tx:
        found = await identity.find_accounts(tx, {case.payee.id, case.payer.id})
        labelled = await tx.rows("SELECT is_fraud, source FROM risk.label WHERE payment_id = %(id)s", id=UUID(case.id))
    assert (found[case.payee.id].status, found[case.payer.id].status) == ("frozen", "open")
    assert labelled == [(True, "analyst")]
    again = await case.send("refuse", why="it collects for others", freeze="payer")
    assert again.status == 409
    async with case.house.db.read() as tx:
        found = await identity.find_accounts(tx, {case.payer.id})
    assert found[case.payer.id].status == "open", "what was refused froze nothing"


@pytest.mark.parametrize("text", HOSTILE)
async def test_whatever_is_typed_is_kept_and_nothing_done(case: Case, text: str) -> None:
    for what, name in (("release", "reason"), ("refuse", "why")):
        answer = await case.send(what, **{name: text[:600]}, freeze="nonsense")
        assert answer.status in (303, 409, 422)
    assert (await case.send("take", move="steal")).status == 422
    assert await case.state() in ("held", "declined")


async def test_what_either_side_did_lately_stands_beside_it(case: Case) -> None:
    house = case.house
    other = await house.person(10_000)
    before = await house.pay_by_http(case.payer, other, 1_234)
    since = await house.pay_by_http(other, case.payee, 4_321)
    page = await case.look(lang="en")
    for said in ("What the payer did lately", "¥12.34", "What the payee did lately", "¥43.21"):
        assert said in page.text, said
    shown = page.links()
    assert [shown.count(f"/staff/payments/{id_}") for id_ in (before["id"], since["id"], case.id)] == [1, 1, 1]
    assert "付款方近期交易" in (await case.look(lang="zh")).text


async def test_figures_tell_how_many_wait_and_for_how_long(case: Case, fresh_database: str) -> None:
    case.house.clock.tick(timedelta(minutes=7))

    async def told() -> dict[str, Any]:
        found = samples(await vitals.take(fresh_database, case.house.settings, case.house.clock))
        return {one.name: one.value for one in found if one.name.startswith("tongbao_payments_held")}

    waits = dict.fromkeys(("tongbao_payments_held", "tongbao_payments_held_late"), 0)
    waits |= {"tongbao_payments_held": 1, "tongbao_payments_held_oldest_seconds": 420}
    assert await told() == waits
    case.house.clock.tick(timedelta(minutes=53))
    assert (await told())["tongbao_payments_held_late"] == 0, "just half of its time"
    case.house.clock.tick(timedelta(seconds=1))
    assert (await told())["tongbao_payments_held_late"] == 1
    assert (await case.send("refuse", why="a scam")).status == 303
    assert set((await told()).values()) == {0}
