"""A decision of months ago is made again, and comes out the same: its rules, its lists, what the payment said."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.cli import risk as command
from tongbao.identity import Role
from tongbao.risk.catalogue import CATALOGUE, OWN
from tongbao.risk.expression_model import Unit
from tongbao.risk.in_force import LOOK
from tongbao.risk.replay_model import Replayed
from tongbao.risk.rule_model import Action, ListChange, Mode

MULES = [UUID(int=9 << 64 | n) for n in range(12)]
TABLETS = [UUID(int=8 << 64 | n) for n in range(5)]
MINUTE = timedelta(minutes=1)


class Judge:
    """A process of the bank: it reads the rules when it likes, and judges what it is given."""

    def __init__(self, house: House, ticks: Callable[[], int] = int) -> None:
        self.house = house
        self.rules = risk.RulesInForce(ticks)
        self.judged: list[UUID] = []

    async def judge(self, at: datetime, *own: dict[str, Any], features: list[dict[str, int]] | None = None) -> None:
        """Payments of one batch, and what came of them."""
        known = features or [{} for _ in own]
        asked = [
            risk.Asked(
                id=self.house.id(),
                payer=UUID(said["payer"]),
                payee=UUID(said["payee"]) if said.get("payee") else None,
                device=UUID(said["device"]) if said.get("device") else None,
                amount_minor=said["amount_minor"],
                currency=said["currency"],
                is_night=said.get("is_night", False),
            )
            for said in own
        ]
        made_of = {
            one.id: tuple(values.get(f.name) for f in CATALOGUE) for one, values in zip(asked, known, strict=True)
        }
        says = {one.id: {name: said.get(name) for name in OWN} for one, said in zip(asked, own, strict=True)}
        async with self.house.db.read() as tx:
            rules = await self.rules.rules(tx, at=at)
        under = rules.under()
        judged = rules.judge_all([risk.row(says[one.id], made_of[one.id]) for one in asked])
        async with self.house.db.tx() as tx:
            seen = risk.Seen("1:1:", 1, made_of)
            said = dict(zip(made_of, judged, strict=True))
            risk.remember(tx, asked, seen, said, at=at, own=says, under=under)
        self.judged += made_of


def payment(chance: random.Random) -> dict[str, Any]:
    return {
        "amount_minor": chance.choice((100, 9_900, 60_000, 250_000)) + chance.randrange(100),
        "currency": chance.choice(("CNY", "CNY", "CNY", "HKD")),
        "kind": chance.choice(("payment", "transfer")),
        "method": chance.choice(("account", "qr", "card")),
        "hour": chance.randrange(24),
        "is_weekend": chance.random() < 0.3,
        "is_night": chance.random() < 0.2,
        "device_known": chance.choice((True, False, None)),
        "payee_known": chance.choice((True, False, None)),
        "account_age": chance.choice((None, 60, 86_400, 10**7)),
        "factors_changed": chance.choice((None, None, 7_200)),
        "level": chance.choice((None, 0, 1, 2, 3)),
        "payer": str(chance.choice(MULES)),
        "payee": str(chance.choice(MULES)) if chance.random() < 0.8 else None,
        "device": str(chance.choice(TABLETS)) if chance.random() < 0.7 else None,
    }


def features(chance: random.Random) -> dict[str, int]:
    return {f.name: chance.choice((0, 1, 3, 7, 50, 90_000)) for f in CATALOGUE if chance.random() < 0.7}


CONDITIONS = (
    "payer_count_10m >= 5",
    "amount_minor > 500.00 CNY and not payee_known",
    "payee in mules or device in tablets",
    "hour between 1 and 4 or is_weekend",
    "factors_changed < 3 hours and level < 2",
    "payer_sum_1d / (payer_count_1d - 7) > 10.00 CNY",
    "account_age < 2 days and payee not in mules",
    "payee_known is null",
)


class Month:
    """Thirty days in which the rules and the lists change under the judging processes."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.chance = random.Random(20261123)
        self.versions: dict[str, tuple[UUID, int]] = {}

    def at(self, minutes: int) -> timedelta:
        return minutes * MINUTE

    async def change(self, later: timedelta) -> None:
        if self.chance.random() < 0.4:
            await self.list(later, mules=self.chance.random() < 0.6)
        else:
            await self._rule(later)

    async def _rule(self, later: timedelta) -> None:
        chance, now = self.chance, self.desk.house.at + later
        name = f"rule_number_{chance.randrange(6)}"
        rule_id, version = self.versions.get(name, (self.desk.house.id(), 0))
        change = self.desk.change(
            rule_id=rule_id,
            name=name,
            expected=version,
            expression=chance.choice(CONDITIONS),
            action=chance.choice(list(Action)),
            points=chance.randrange(1, 60),
            mode=chance.choice((Mode.LIVE, Mode.LIVE, Mode.SHADOW, Mode.OFF)),
            methods=chance.choice(((), (), ("qr",))),
            effective_from=chance.choice((None, now + timedelta(hours=7))),
            effective_until=chance.choice((None, now + timedelta(days=3))),
        )
        await self.desk.approve(await self._filed(risk.propose_rule, change, now), later=later)
        self.versions[name] = (rule_id, version + 1)

    async def list(self, later: timedelta, *, mules: bool) -> None:
        chance, now = self.chance, self.desk.house.at + later
        who = [str(one) for one in (MULES if mules else TABLETS)]
        change = ListChange(
            name="mules" if mules else "tablets",
            unit=Unit.ACCOUNT if mules else Unit.DEVICE,
            come=tuple(chance.sample(who, 2)),
            go=tuple(chance.sample(who, 2)),
            until=chance.choice((None, now + timedelta(days=chance.randrange(1, 6)))),
        )
        await self.desk.approve(await self._filed(risk.propose_list, change, now), later=later)

    async def _filed(self, propose: Any, change: Any, now: datetime) -> Any:
        async with self.desk.house.db.tx() as tx:
            return await propose(
                tx, self.desk.analyst, change, id=self.desk.house.id(), reason=str(self.desk.house.id()), at=now
            )


async def replayed(house: House, ids: list[UUID]) -> list[Replayed]:
    async with house.db.read() as tx:
        return await risk.replay(tx, ids)


async def test_a_thousand_random_decisions_of_a_month_come_out_the_same(desk: Desk) -> None:
    """Two processes; the second one reads the rules up to a second later, and has a rule fenced off that is slow there."""
    house, month = desk.house, Month(desk)
    for mules in (True, False):
        await month.list(timedelta(0), mules=mules)
    slow = count(0, 10**9)
    judges = [Judge(house), Judge(house, lambda: next(slow))]
    for batch in range(260):
        later = month.at(batch * 170)
        for place, judge in enumerate(judges):
            now = house.at + later + place * LOOK / 3
            given = [payment(month.chance) for _ in range(month.chance.randrange(1, 5))]
            await judge.judge(now, *given, features=[features(month.chance) for _ in given])
            if place == 0 and batch % 5 == 0:
                # Between the looks of the two, at the same second.
                await month.change(later + LOOK / 5)
                await judge.judge(now + LOOK / 4, payment(month.chance), features=[features(month.chance)])
    async with house.db.read() as tx:
        picked = await risk.sample(tx, most=1_000, seed=7)
    again = await replayed(house, picked)
    assert len(again) == 1_000
    assert [one for one in again if not one.agrees] == []
    said = Counter((one.then.action, len(one.then.hits)) for one in again)
    assert {action for action, _ in said} == set(Action), "a month in which nothing happens proves nothing"
    assert len({(hit.name, hit.version) for one in again for hit in one.then.hits}) > 8
    left_out = await house.run_sql("SELECT count(*) FROM risk.assessment WHERE left_out IS NOT NULL")
    assert left_out[0][0] > 5


async def test_a_process_that_has_not_read_the_change_yet_judged_by_what_it_knew(desk: Desk) -> None:
    house = desk.house
    judge, other = Judge(house), Judge(house)
    said = {**payment(random.Random(1)), "amount_minor": 60_000, "currency": "CNY"}
    await judge.judge(house.at, said)
    await desk.approve(await desk.propose(desk.change(expression="amount_minor > 500.00 CNY", action=Action.DENY)))
    later = house.at + LOOK / 2
    await judge.judge(later, said)
    await other.judge(later, said)
    old, new = await replayed(house, [judge.judged[1], other.judged[0]])
    assert (old.then.action, new.then.action) == (Action.APPROVE, Action.DENY)
    assert old.agrees
    assert new.agrees


async def test_a_member_that_was_taken_out_still_stood_in_the_list_then(desk: Desk) -> None:
    house = desk.house
    judge, mule = Judge(house), str(MULES[0])
    await desk.approve(await desk.propose_list(ListChange(name="mules", unit=Unit.ACCOUNT, come=(mule,))))
    await desk.approve(await desk.propose(desk.change(expression="payee in mules", action=Action.DENY)))
    await judge.judge(house.at, {**payment(random.Random(1)), "payee": mule})
    # At the same moment, by the clock: only the order of the changes tells them apart.
    await desk.approve(await desk.propose_list(ListChange(name="mules", unit=Unit.ACCOUNT, go=(mule,))))
    await Judge(house).judge(house.at, {**payment(random.Random(1)), "payee": mule})
    await desk.approve(await desk.propose_list(ListChange(name="mules", unit=Unit.ACCOUNT, come=(mule,))))
    (one,) = await replayed(house, judge.judged)
    assert one.then.action is Action.DENY
    assert one.agrees


async def test_what_was_changed_behind_the_banks_back_is_seen(desk: Desk) -> None:
    house = desk.house
    judge = Judge(house)
    await desk.approve(await desk.propose(desk.change(expression="payer_count_10m >= 5")))
    await judge.judge(house.at, payment(random.Random(1)), features=[{"payer_count_10m": 5}])
    (same,) = await replayed(house, judge.judged)
    assert same.agrees
    assert [hit.name for hit in same.then.hits] == ["many_in_short"]
    place = [f.name for f in CATALOGUE].index("payer_count_10m") + 1
    await house.run_sql(f"UPDATE risk.assessment SET features[{place}] = 4")
    (other,) = await replayed(house, judge.judged)
    assert not other.agrees
    assert other.again is not None
    assert other.again.hits == ()


async def test_what_was_not_remembered_whole_is_not_made_again(desk: Desk) -> None:
    house = desk.house
    judge = Judge(house)
    await judge.judge(house.at, payment(random.Random(1)))
    await house.run_sql("UPDATE risk.assessment SET own = NULL, rules_change = NULL, rules_read_at = NULL")
    (one,) = await replayed(house, judge.judged)
    assert one.again is None
    assert not one.agrees
    assert await replayed(house, [house.id()]) == []


async def test_payments_that_went_through_the_bank_come_out_the_same(desk: Desk) -> None:
    house = desk.house
    payer, shop, friend = await house.person(1_000_000), await house.shop(), await house.person()
    await desk.approve(await desk.propose(desk.change(expression="payer_count_1m >= 2 and hour >= 0")))
    house.clock.tick(LOOK)
    ids = [UUID((await house.pay_by_http(payer, to, 100))["id"]) for to in (shop, friend, shop)]
    again = await replayed(house, ids)
    assert [one.id for one in again] == ids
    assert all(one.agrees for one in again)
    assert [len(one.then.hits) for one in again] == [0, 1, 1]


async def test_staff_read_that_it_comes_out_the_same(desk: Desk) -> None:
    house = desk.house
    judge, by = Judge(house), house.staff(Role.AUDITOR)
    await desk.approve(await desk.propose(desk.change(expression="payer_count_10m >= 5")))
    await judge.judge(house.at, payment(random.Random(1)), features=[{"payer_count_10m": 5}])
    path = f"/staff/risk/payments/{judge.judged[0]}"
    assert "Recomputed the same" in (await house.look(path, by)).text
    assert "复算结果 一致" in (await house.look(path, by, lang="zh")).text
    await house.run_sql("UPDATE risk.assessment SET points = 1")
    assert "Recomputed another decision" in (await house.look(path, by)).text
    await house.run_sql("UPDATE risk.assessment SET own = NULL")
    assert "Recomputed not possible" in (await house.look(path, by)).text


async def test_the_command_says_how_many_agree(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    house = desk.house
    judge = Judge(house)
    await judge.judge(house.at, *[payment(random.Random(1)) for _ in range(5)])
    monkeypatch.setenv("TONGBAO_DATABASE_URL", house.db.url)

    async def run(*words: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, command.app, ["replay", *words])
        return result.exit_code, result.output

    assert await run("--sample", "9") == (0, "5 of 5 come out the same\n")
    assert await run(str(judge.judged[0])) == (0, "1 of 1 come out the same\n")
    await house.run_sql("UPDATE risk.assessment SET points = 3 WHERE id = %(id)s", id=judge.judged[0])
    status, said = await run("--sample", "9", "--json")
    told = json.loads(said)
    assert (status, told["looked_at"], told["agree"], len(told["differ"])) == (1, 5, 4, 1)
    assert told["differ"][0]["id"] == str(judge.judged[0])
    assert (await run(str(house.id())))[0] == 1
    assert (await run())[0] == 1
