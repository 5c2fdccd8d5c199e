"""What becomes known of a payment afterwards: by analysts on its page, by its payer who reports it; the newest counts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.console.house import House
from tests.govern.conftest import Somebody
from tests.govern.conftest import house as house
from tests.risk.test_rules import fields
from tongbao import risk
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.risk.label import labels
from tongbao.risk.label_model import LabelSource

FORM = {"verdict": "fraud", "reason": "the payer was called and had not paid"}


async def paid(house: House) -> tuple[str, UUID]:
    """A payment that risk has looked at, and the page of it."""
    payer, shop = await house.person(1_000_000), await house.shop()
    done = await house.pay_by_http(payer, shop, 60_000)
    assert done.status == 201
    return f"/staff/risk/payments/{done['id']}", UUID(done["id"])


async def known(house: House, payment_id: UUID) -> list[tuple[int, bool, str, str]]:
    async with house.db.read() as tx:
        return [(x.number, x.is_fraud, x.source.value, x.reason) for x in await labels(tx, payment_id)]


async def say(house: House, payment_id: UUID, **other: Any) -> None:
    given: dict[str, Any] = {
        "id": house.id(),
        "is_fraud": True,
        "source": LabelSource.OUTCOME,
        "reason": "known of the thief",
        "by": house.principal_of_staff(Role.OPERATOR),
        "at": house.at,
    }
    async with house.db.tx() as tx:
        await risk.label(tx, payment_id, **{**given, **other})


async def test_an_analyst_says_what_a_payment_was(house: House) -> None:
    path, payment_id = await paid(house)
    by = house.staff(Role.OPERATOR)
    page = await house.look(path, by)
    assert "Models count it as no fraud" in page.text
    done = await house.send_form(path, {**fields(page), **FORM}, by)
    assert done.status == 303
    assert await known(house, payment_id) == [(1, True, "analyst", FORM["reason"])]
    assert await house.audited("risk.label") == [(str(payment_id), FORM["reason"])]
    shown = await house.look(path, by)
    for said in ("an analyst", "fraud", FORM["reason"]):
        assert said in shown.text, said
    assert "欺诈" in (await house.look(path, by, lang="zh")).text


async def test_the_same_form_twice_says_it_once_and_the_newest_counts(house: House) -> None:
    path, payment_id = await paid(house)
    by = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(path, by)), **FORM}
    for _ in range(2):
        assert (await house.send_form(path, form, by)).status == 303
    assert len(await known(house, payment_id)) == 1
    corrected = {**fields(await house.look(path, by)), "verdict": "genuine", "reason": "his wife had paid"}
    assert (await house.send_form(path, corrected, by)).status == 303
    assert [(n, fraud) for n, fraud, _, _ in await known(house, payment_id)] == [(2, False), (1, True)]


async def test_whoever_was_overtaken_is_told_and_keeps_what_was_typed(house: House) -> None:
    path, payment_id = await paid(house)
    by = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(path, by)), **FORM}
    await say(house, payment_id, is_fraud=False)
    late = await house.send_form(path, form, by)
    assert late.status == 409
    assert "Somebody else said something" in late.text
    assert FORM["reason"] in late.html
    assert len(await known(house, payment_id)) == 1


async def test_a_form_that_says_nothing_useful_is_shown_again(house: House) -> None:
    path, payment_id = await paid(house)
    by = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(path, by)), **FORM}
    for wrong in ({"reason": ""}, {"verdict": "perhaps"}, {"expected": "-1"}, {"reason": "x" * 501}):
        assert (await house.send_form(path, {**form, **wrong}, by)).status == 422, wrong
    assert await known(house, payment_id) == []
    assert (await house.send_form(path, {**form, "reason": "<script>alert(1)</script>"}, by)).status == 303
    assert "<script>alert" not in (await house.look(path, by)).html


async def test_it_is_for_those_who_may_write_and_of_payments_that_were_judged(house: House) -> None:
    path, payment_id = await paid(house)
    auditor = house.staff(Role.AUDITOR)
    page = await house.look(path, auditor)
    assert page.status == 200
    assert '<form method="post"' not in page.html.partition("<main")[2]
    form = {"id": house.id(), "expected": 0, **FORM}
    assert (await house.send_form(path, form, auditor)).status == 403
    unseen = f"/staff/risk/payments/{house.id()}"
    assert (await house.send_form(unseen, form, house.staff(Role.OPERATOR))).status == 404
    assert await known(house, payment_id) == []


async def test_an_id_says_one_thing_of_one_payment(house: House) -> None:
    _, payment_id = await paid(house)
    same = house.id()
    await say(house, payment_id, id=same)
    await say(house, payment_id, id=same, is_fraud=False)
    with pytest.raises(Refusal) as caught:
        await say(house, house.id(), id=same)
    assert caught.value.code == "label_changed"
    assert [fraud for _, fraud, _, _ in await known(house, payment_id)] == [True]


async def test_not_my_payment_is_a_label_too(house: House) -> None:
    somebody = Somebody(house, await house.person(1_000_000))
    done = await house.pay_by_http(somebody.account, await house.shop(), 60_000)
    for _ in range(2):
        sent = await somebody.send(f"/me/payments/{done['id']}/not-mine", id=house.id(), text="not me")
        assert sent.status == 303
    assert await known(house, UUID(done["id"])) == [(1, True, "customer", "not_mine")]
    by, path = house.staff(Role.OPERATOR), f"/staff/risk/payments/{done['id']}"
    assert "The payer says that he did not make it." in (await house.look(path, by)).text
    assert "付款人表示该笔付款并非本人操作" in (await house.look(path, by, lang="zh")).text
