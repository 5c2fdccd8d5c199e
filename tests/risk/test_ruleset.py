"""Rules that judge: what hits, what acts, and what becomes of a rule that throws or is slow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao.base import metrics
from tongbao.risk import fence
from tongbao.risk.expression_model import Unit
from tongbao.risk.rule_model import Action, ListChange, Mode, RuleSays, RuleVersion
from tongbao.risk.ruleset import COLUMNS, MOST_SLOW, MOST_THROWN, SLOWEST_NS, Judged, Ruleset

_numbers = count(1)


def rule(expression: str, action: Action = Action.CHALLENGE, points: int = 30, **other: Any) -> RuleVersion:
    number = next(_numbers)
    given: dict[str, Any] = {"mode": Mode.LIVE, **other}
    says = RuleSays(expression=expression, action=action, points=points, why_en="why", why_zh="为什么", **given)
    return RuleVersion(
        rule_id=UUID(int=number),
        name=f"rule_{number}",
        version=1,
        says=says,
        begins_at=datetime(2026, 11, 23, tzinfo=UTC),
        reason="so",
        proposed_by=UUID(int=1),
        approved_by=UUID(int=2),
        approval_id=UUID(int=3),
    )


def row(**known: Any) -> tuple[Any, ...]:
    return tuple(({"currency": "CNY", "kind": "payment", "method": "qr"} | known).get(name) for name in COLUMNS)


def ruleset(*rules: RuleVersion, **lists: set[str]) -> Ruleset:
    clock = count(0, 100)
    return Ruleset(rules, dict.fromkeys(lists, Unit.ACCOUNT), lists, ticks=lambda: next(clock))


def test_the_gravest_action_and_all_points_count() -> None:
    judging = ruleset(
        rule("payer_count_10m >= 5", Action.CHALLENGE, 30),
        rule("amount_minor > 100.00 CNY", Action.DENY, 60),
        rule("not device_known", Action.DENY, 90),
    )
    judged = judging.judge(row(payer_count_10m=7, amount_minor=20_000, device_known=True))
    assert (judged.action, judged.points, len(judged.hits)) == (Action.DENY, 90, 2)
    worst = judging.judge(row(payer_count_10m=7, amount_minor=20_000, device_known=False))
    assert (worst.action, worst.points) == (Action.DENY, 100), "no score is above 100"
    assert judging.judge(row()) == Judged((), Action.APPROVE, 0), "what is not known hits nothing"


def test_a_rule_in_shadow_is_remembered_and_never_acts() -> None:
    judged = ruleset(rule("is_night", Action.DENY, 90, mode=Mode.SHADOW)).judge(row(is_night=True))
    assert (judged.action, judged.points) == (Action.APPROVE, 0)
    assert [hit.mode for hit in judged.hits] == [Mode.SHADOW]


def test_a_rule_looks_only_at_its_scope() -> None:
    judging = ruleset(rule("is_night", kinds=("transfer",), methods=("account", "api")))
    met = [
        bool(judging.judge(row(is_night=True, kind=kind, method=method)).hits)
        for kind, method in (("transfer", "api"), ("transfer", "qr"), ("payment", "api"), (None, "api"))
    ]
    assert met == [True, False, False, False]


def test_a_batch_is_judged_in_its_order() -> None:
    judging = ruleset(rule("payee in watched"), watched={"b"})
    assert [bool(j.hits) for j in judging.judge_all([row(payee="a"), row(payee="b"), row()])] == [False, True, False]


def test_a_rule_that_throws_is_fenced_off_and_the_others_go_on() -> None:
    throws, sound = rule("payer_count_10m > 5"), rule("amount_minor > 1.00 CNY")
    judging = ruleset(throws, sound)
    broken = row(payer_count_10m="many", amount_minor=500)
    for n in range(MOST_THROWN):
        assert len(judging) == 2, n
        judged = judging.judge_all([broken, row(payer_count_10m=9, amount_minor=500)][: 1 + (n == 0)])
        assert [hit.name for hit in judged[0].hits] == [sound.name]
        if n == 0:
            assert len(judged[1].hits) == 2, "rows that it can read are judged by it"
    assert len(judging) == 1
    assert [(f.name, f.cause) for f in judging.fenced] == [(throws.name, "throws")]
    assert len(judging.judge(broken).hits) == 1


class SlowList(set[str]):
    """A list that takes its time, in so many look-ups; the clock that goes with it."""

    def __init__(self, lookups: int) -> None:
        super().__init__(("a",))
        self.lookups = lookups
        self.now = 0

    def __contains__(self, member: object) -> bool:
        if self.lookups:
            self.lookups -= 1
            self.now += SLOWEST_NS + 1
        return super().__contains__(member)

    def ticks(self) -> int:
        self.now += 100
        return self.now


def test_a_rule_that_is_slow_again_and_again_is_fenced_off() -> None:
    quick, slow, watched = rule("is_night"), rule("payee in watched"), SlowList(100)
    judging = Ruleset([quick, slow], {"watched": Unit.ACCOUNT}, {"watched": watched}, ticks=watched.ticks)
    for _ in range(1 + MOST_SLOW):
        assert len(judging) == 2
        assert len(judging.judge(row(is_night=True, payee="a")).hits) == 2, "as long as it is there it judges"
    assert [(f.name, f.cause) for f in judging.fenced] == [(slow.name, "slow")]
    assert [hit.name for hit in judging.judge(row(is_night=True, payee="a")).hits] == [quick.name]


def test_a_machine_that_stumbles_fences_nothing_off() -> None:
    watched = SlowList(MOST_SLOW)
    judging = Ruleset([rule("payee in watched")], {"watched": Unit.ACCOUNT}, {"watched": watched}, ticks=watched.ticks)
    for _ in range(5 * MOST_SLOW):
        judging.judge(row(payee="a"))
    assert len(judging) == 1
    assert watched.lookups == 0


def test_a_rule_whose_list_has_gone_is_left_out() -> None:
    judging = ruleset(rule("payee in watched"), rule("is_night"))
    assert [f.cause for f in judging.fenced] == ["unsound"]
    assert len(judging) == 1


async def test_what_was_approved_judges_and_what_was_fenced_off_is_told(house: House, desk: Desk) -> None:
    mule = str(house.id())
    until = house.at + timedelta(hours=1)
    await desk.approve(
        await desk.propose_list(ListChange(name="watched", unit=Unit.ACCOUNT, come=(mule,), until=until))
    )
    await desk.approve(await desk.propose(desk.change(expression="payee in watched", action=Action.DENY)))
    for later, met in ((timedelta(0), True), (timedelta(hours=1), False)):
        async with house.db.read() as tx:
            judging = await fence.ruleset(tx, at=house.at + later, ticks=lambda: 0)
        assert bool(judging.judge(row(payee=mule)).hits) is met, "a member that has expired stands in no list"
    (version,) = [hit.version for hit in (await _ruleset(house)).judge(row(payee=mule)).hits]
    assert version == 1

    broken = await _ruleset(house)
    for _ in range(MOST_THROWN):
        broken.judge(row(payee=[mule]))
    before = metrics.RULES_FENCED.labels("throws")._value.get()
    async with house.db.tx() as tx:
        await fence.report(tx, broken.fenced, at=house.at)
    assert metrics.RULES_FENCED.labels("throws")._value.get() == before + 1
    assert await house.audited("risk.rule_fenced") == [("many_in_short", None)]


async def _ruleset(house: House) -> Ruleset:
    async with house.db.read() as tx:
        return await fence.ruleset(tx, at=house.at, ticks=lambda: 0)
