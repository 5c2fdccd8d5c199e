"""The registry of models: kept with their hashes, used when two people want it, left out when they are broken or slow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.payments.test_authorisation import asked, judged
from tests.payments.test_own_money import come_in
from tests.payments.town import Reply
from tests.risk.models_made import learned, stump
from tests.risk.test_rules import Desk, fields
from tests.risk.test_rules import desk as desk
from tongbao import risk
from tongbao.base.approvals import Approval
from tongbao.base.principal import PERMISSION_MISSING
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.risk import models, models_store
from tongbao.risk.in_force import LOOK
from tongbao.risk.models_in_force import ModelsInForce
from tongbao.risk.models_model import ModelChange
from tongbao.risk.models_score import MOST_SLOW, SLOWEST_NS, Models
from tongbao.risk.models_trees import BrokenModelError, Model
from tongbao.risk.ruleset import COLUMNS, Scored

PATH = "/staff/risk/models"
ROW = tuple(50_000 if name == "amount_minor" else None for name in COLUMNS)


async def registered(house: House, model: Model | None = None) -> int:
    async with house.db.tx() as tx:
        return await risk.register_model(tx, model or stump(), learned().facts, until=house.at, at=house.at)


async def propose(desk: Desk, number: int, role: risk.ModelRole, **other: Any) -> Approval:
    async with desk.house.db.tx() as tx:
        expected = await models_store.newest_role(tx)
        change = ModelChange(**{"model": number, "role": role, "expected": expected, **other})
        return await risk.propose_model(
            tx, desk.analyst, change, id=desk.house.id(), reason="did better", at=desk.house.at
        )


async def put(desk: Desk, number: int, role: risk.ModelRole = risk.ModelRole.CHAMPION) -> None:
    await desk.approve(await propose(desk, number, role))
    desk.house.clock.tick(LOOK)


async def in_force(house: House) -> dict[str, int]:
    async with house.db.read() as tx:
        return {role.value: model for role, (model, _) in (await models_store.in_force(tx)).items()}


async def remembered(house: House, payment_id: str) -> tuple[Any, ...]:
    """Points, score, model, fault, and the challenger's score and number."""
    async with house.db.read() as tx:
        (row,) = await tx.rows(
            "SELECT points, score, model, model_fault, beside_score, beside_model FROM risk.assessment WHERE id = %(id)s",
            id=UUID(payment_id),
        )
    return row


async def tampered(house: House, number: int) -> None:
    async with house.db.tx() as tx:
        await tx.run("UPDATE risk.model SET artefact = artefact || ' '::bytea WHERE number = %(n)s", n=number)


async def code_of(awaitable: Any) -> str:
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


async def test_a_model_is_a_candidate_until_two_people_want_it(desk: Desk) -> None:
    house = desk.house
    number = await registered(house)
    assert await registered(house) == number, "the same trees are the same model"
    assert await in_force(house) == {}
    filed = await propose(desk, number, risk.ModelRole.CHAMPION)
    assert await in_force(house) == {}
    await desk.approve(filed)
    assert await in_force(house) == {"champion": number}
    assert await house.audited("risk.model") == [(str(number), "did better")]
    assert [subject for subject, _ in await house.audited("risk.model_trained")] == [str(number)]


async def test_a_new_champion_retires_the_old_one_which_can_come_back(desk: Desk) -> None:
    old, new = await registered(desk.house), await registered(desk.house, stump(cut=70_000))
    await put(desk, old)
    await put(desk, new)
    assert await in_force(desk.house) == {"champion": new}
    await put(desk, old)
    assert await in_force(desk.house) == {"champion": old}
    await put(desk, new, risk.ModelRole.CHALLENGER)
    assert await in_force(desk.house) == {"champion": old, "challenger": new}
    await put(desk, old, risk.ModelRole.RETIRED)
    assert await in_force(desk.house) == {"challenger": new}


async def test_what_is_refused(desk: Desk) -> None:
    house = desk.house
    number, other = await registered(house), await registered(house, stump(cut=70_000))
    champion = risk.ModelRole.CHAMPION
    assert await code_of(propose(desk, 999, champion)) == "model_unknown"
    assert await code_of(propose(desk, 2**31 - 1, champion)) == "model_unknown"
    assert await code_of(propose(desk, number, risk.ModelRole.RETIRED)) == "model_unchanged"
    assert await code_of(propose(desk, number, champion, expected=3)) == "model_changed"
    first, second = await propose(desk, number, champion), await propose(desk, other, champion)
    await desk.approve(first)
    assert await code_of(desk.approve(second)) == "model_changed"
    assert await in_force(house) == {"champion": number}
    await tampered(house, other)
    assert await code_of(propose(desk, other, champion)) == "model_broken"
    desk.analyst = house.principal_of_staff(Role.AUDITOR)
    assert await code_of(propose(desk, other, champion)) == PERMISSION_MISSING.code


async def test_its_score_is_remembered_and_the_challenger_s_beside_it(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    before = await house.pay_by_http(payer, shop, 60_000)
    assert await remembered(house, before["id"]) == (0, None, None, None, None, None), "no model, no score"
    number, beside = await registered(house), await registered(house, stump(cut=70_000))
    await put(desk, number)
    await put(desk, beside, risk.ModelRole.CHALLENGER)
    small, large = [await house.pay_by_http(payer, shop, minor) for minor in (40_000, 60_000)]
    assert await remembered(house, small["id"]) == (0, 1, number, None, 1, beside)
    assert await remembered(house, large["id"]) == (0, 95, number, None, 1, beside)
    await put(desk, number, risk.ModelRole.RETIRED)
    after = await house.pay_by_http(payer, shop, 60_000)
    assert await remembered(house, after["id"]) == (0, None, None, None, 1, beside)


async def test_payments_go_on_by_the_points_when_the_hash_is_wrong_and_it_is_told(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    number = await registered(house)
    await desk.approve(await propose(desk, number, risk.ModelRole.CHAMPION))
    await tampered(house, number)
    house.clock.tick(LOOK)
    for _ in range(2):
        paid = await house.pay_by_http(payer, shop, 60_000)
        assert paid.status == 201
        assert await remembered(house, paid["id"]) == (0, None, None, "broken", None, None)
    assert await house.audited("risk.model_fenced") == [(str(number), None)], "told once"


def scored(model: Model | BrokenModelError, ticks: Callable[[], int] = lambda: 0) -> Models:
    return Models({risk.ModelRole.CHAMPION: (7, model)}, ticks=ticks)


def test_the_more_of_points_and_score_is_the_risk() -> None:
    def with_score(score: int | None) -> risk.Judged:
        return risk.Judged((), risk.Action.APPROVE, 30, Scored(score, 7 if score is not None else None))

    assert [with_score(score).risk for score in (95, 30, 29, None)] == [95, 30, 30, 30]
    assert risk.Judged((), risk.Action.APPROVE, 30).risk == 30
    (fallen,) = scored(BrokenModelError("it is gone")).score_all([ROW])
    assert (fallen.score, fallen.fault) == (None, "broken")


def test_a_model_that_is_slow_again_and_again_is_left_out() -> None:
    moments = count(0, 2 * SLOWEST_NS)
    slow = scored(stump(), lambda: next(moments))
    for _ in range(MOST_SLOW):
        assert slow.score_all([ROW])[0].score == 95
    assert slow.score_all([ROW]) == [_nothing("slow")]
    assert [(one.model, one.cause) for one in slow.fenced] == [(7, "slow")]


def _nothing(fault: str) -> Scored:
    return Scored(None, None, fault)


def test_a_model_that_throws_leaves_payments_alone_and_is_left_out() -> None:
    model = scored(stump())
    odd = tuple("many" if name == "amount_minor" else None for name in COLUMNS)
    assert model.score_all([ROW])[0].score == 95
    for _ in range(3):
        assert model.score_all([odd, ROW]) == [_nothing("broken")] * 2
    assert model.score_all([ROW]) == [_nothing("broken")], "three times is enough"
    assert [one.cause for one in model.fenced] == ["broken"]


async def test_models_are_read_again_after_a_second_and_kept_where_nothing_changed(desk: Desk) -> None:
    house = desk.house
    kept = ModelsInForce(lambda: 0)
    async with house.db.read() as tx:
        assert await kept.models(tx, at=house.at) is None
    await desk.approve(await propose(desk, await registered(house), risk.ModelRole.CHAMPION))
    async with house.db.read() as tx:
        assert await kept.models(tx, at=house.at) is None, "for a second what was read holds"
        first = await kept.models(tx, at=house.at + LOOK)
        assert first is not None
        assert first.score_all([ROW])[0].score == 95
        assert await kept.models(tx, at=house.at + 2 * LOOK) is first


async def test_staff_see_what_a_model_is_worth_and_propose_it(desk: Desk) -> None:
    house = desk.house
    by = house.staff(Role.OPERATOR)
    assert "No model has been trained yet" in (await house.look(PATH, by)).text
    number = await registered(house, learned().model)
    page = await house.look(PATH, by)
    assert f"{PATH}/{number}" in page.links()
    shown = await house.look(f"{PATH}/{number}", by)
    assert shown.status == 200
    for said in ("ROC curve", "Calibration", "payer_count_10m", "candidate", "SHA-256"):
        assert said in shown.text, said
    zh = await house.look(f"{PATH}/{number}", by, lang="zh")
    for said in ("ROC 曲线", "校准", "候选", "付款人 10 分钟内的付款笔数"):
        assert said in zh.text, said
    form = {**fields(shown), "role": "champion", "reason": "better than the rules alone"}
    proposed = await house.send_form(f"{PATH}/{number}", form, by)
    again = await house.send_form(f"{PATH}/{number}", form, by)
    assert (proposed.status, again.status, again.to) == (303, 303, proposed.to)
    approval = await house.look(proposed.to, house.staff(Role.ACCOUNTANT))
    for said in ("Model of risk", "its score counts", "Average precision"):
        assert said in approval.text, said
    assert (await house.agree(proposed)).status == 303
    assert await in_force(house) == {"champion": number}
    stale = await house.send_form(f"{PATH}/{number}", {**form, "id": house.id(), "role": "retired"}, by)
    assert stale.status == 409
    assert "better than the rules alone" in stale.html


async def test_going_back_is_one_click_and_another_persons_yes(desk: Desk) -> None:
    house = desk.house
    by = house.staff(Role.OPERATOR)
    old, new = await registered(house), await registered(house, stump(cut=70_000))
    await put(desk, old)
    assert "was the champion before" not in (await house.look(PATH, by)).text
    await put(desk, new)
    page = await house.look(PATH, by)
    assert f"Model {old} was the champion before" in page.text
    proposed = await house.send_form(f"{PATH}/{old}", fields(page), by)
    assert proposed.status == 303
    assert (await house.agree(proposed)).status == 303
    assert await in_force(house) == {"champion": old}


async def test_pages_of_models_are_for_those_who_have_the_right(desk: Desk) -> None:
    house = desk.house
    number = await registered(house)
    path = f"{PATH}/{number}"
    auditor = house.staff(Role.AUDITOR)
    assert '<form method="post"' not in (await house.look(path, auditor)).html.partition("<main")[2]
    form = {"id": house.id(), "expected": 0, "role": "champion", "reason": "why not"}
    assert (await house.send_form(path, form, auditor)).status == 403
    for missing in (f"{PATH}/999", f"{PATH}/0", f"{PATH}/{2**70}"):
        assert (await house.look(missing, auditor)).status == 404, missing
        assert (await house.send_form(missing, form, house.staff(Role.OPERATOR))).status == 404, missing
    assert (await house.look(PATH, house.staff(Role.ADMIN))).status == 403
    by = house.staff(Role.OPERATOR)
    for wrong in ({"reason": ""}, {"role": "king"}, {"expected": "x"}, {"id": "1"}):
        assert (await house.send_form(path, {**form, **wrong}, by)).status == 422, wrong
    assert await in_force(house) == {}


def test_a_role_of_a_proposal_is_one_of_three() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"model": 1, "role": "king", "expected": 0}, ModelChange)


async def test_a_model_that_is_not_there_cannot_be_read(house: House) -> None:
    async with house.db.read() as tx:
        assert await code_of(models.load_model(tx, 999)) == "model_unknown"


async def test_staff_read_why_a_score_was_given(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    await put(desk, await registered(house))
    paid = await house.pay_by_http(payer, shop, 60_000)
    by = house.staff(Role.OPERATOR)
    path = f"/staff/risk/payments/{paid['id']}"
    page = await house.look(path, by)
    for said in (
        "Model 1",
        "score 95",
        "Why model 1 says 95",
        "For fraud spoke",
        "The amount of this payment: ¥600.00, more than in",
    ):
        assert said in page.text, said
    assert "was changed since" not in page.text, "the model of then says the same again"
    zh = await house.look(path, by, lang="zh")
    for said in ("分的依据", "支持欺诈的迹象", "¥600.00，高于"):
        assert said in zh.text, said
    async with house.db.tx() as tx:
        await tx.run("UPDATE risk.assessment SET score = 3")
    assert "was changed since" in (await house.look(path, by)).text
    small = await house.pay_by_http(payer, shop, 100)
    assert "Against it spoke" in (await house.look(f"/staff/risk/payments/{small['id']}", by)).text
    await tampered(house, 1)
    broken = await house.look(path, by)
    assert broken.status == 200
    assert "Why model" not in broken.text, "nothing is explained by a model whose hash is wrong"


async def test_a_rule_may_ask_for_the_score_and_is_made_again_alike(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    deny = desk.change(expression="model_score >= 90", action=risk.Action.DENY)
    await desk.approve(await desk.propose(deny))
    house.clock.tick(LOOK)
    assert (await house.pay_by_http(payer, shop, 60_000)).status == 201, "no model, no score: unknown meets no rule"
    number = await registered(house)
    await put(desk, number)
    key = house.id()
    assert (await house.pay_by_http(payer, shop, 60_000, key=key)).status == 403
    assert (await house.pay_by_http(payer, shop, 40_000)).status == 201
    assert (await remembered(house, str(key)))[:3] == (30, 95, number)
    async with house.db.read() as tx:
        (again,) = await risk.replay(tx, [key])
    assert again.agrees
    assert [hit.name for hit in again.then.hits] == ["many_in_short"]
    await put(desk, number, risk.ModelRole.RETIRED)
    assert (await house.pay_by_http(payer, shop, 60_000)).status == 201
    async with house.db.read() as tx:
        assert (await risk.replay(tx, [key]))[0].agrees, "what it said then is remembered"


async def test_a_high_score_asks_the_payer_for_two_ways_and_a_very_high_one_refuses(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(1_000_000), await house.shop()
    me = come_in(house, payer)

    async def pays() -> Reply:
        return await house.pay_by_http(payer, shop, 2_800, by=me, method="qr")

    assert judged(await pays())["ways"] == (0, "small")
    unlikely, likely, sure = [
        await registered(house, stump(cut=2_000, high=high)) for high in (-20_000_000, 8_473_000, 30_000_000)
    ]
    await put(desk, unlikely)
    assert judged(await pays())["ways"] == (0, "small")
    await put(desk, likely)
    challenge = await asked(house, await pays())
    assert (challenge.ways, challenge.why) == (2, "risk")
    await put(desk, sure)
    refused = await pays()
    assert (refused.status, refused.code) == (403, "authorisation_refused")
    await put(desk, unlikely)
    assert judged(await pays())["ways"] == (0, "small"), "and back again"
