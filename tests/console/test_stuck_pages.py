"""Payments that wait, in a browser: the longest overdue first, each with a way on, and asking other banks about many at once."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.console.house import House
from tongbao import payments
from tongbao.base.refusal import Refusal
from tongbao.console.stuck_pages import ASKED_AT_ONCE
from tongbao.identity import Role

RAIL = payments.Over(rail="sandbox", account="6222020200112233445", within_s=600)


async def over_rail(house: House, amount: int = 100, many: int = 1) -> list[UUID]:
    """Top-ups that another bank was asked for and has not answered."""
    account = await house.person()
    ids = [house.id() for _ in range(many)]
    for id_ in ids:
        await house.pay(
            payments.OUTSIDE,
            account.id,
            amount,
            id=id_,
            kind=payments.Kind.TOPUP,
            method=payments.Method.API,
            over=RAIL,
        )
    return ids


async def asked_next(house: House) -> list[UUID]:
    """Payments whose turn at a rail it is now."""
    rows = await house.run_sql(
        "SELECT payment_id FROM payments.rail_payment WHERE next_at <= %(at)s AND lease IS NULL", at=house.at
    )
    return [id_ for (id_,) in rows]


async def wait_for_their_turn(house: House) -> None:
    await house.run_sql(
        "UPDATE payments.rail_payment SET next_at = %(at)s::timestamptz + interval '5 min'", at=house.at
    )


async def test_nothing_waits(house: House) -> None:
    page = await house.look("/staff/stuck", house.staff(Role.OPERATOR))
    assert "Nothing is overdue." in page.text
    assert "Nothing waits." in page.text
    assert "Ask the other banks again" not in page.text


async def test_what_waits_is_listed_and_what_is_overdue_stands_first(house: House) -> None:
    ann, shop = await house.person(10_000), await house.shop("兰州拉面")
    held = await house.pay(ann.id, shop, 900, capture=payments.Capture.MANUAL)
    asked = await house.pay(ann.id, shop, 800, confirm=True)
    (railed,) = await over_rail(house)
    assert held.payment is not None
    assert asked.payment is not None
    house.later(minutes=12)
    page = await house.look("/staff/stuck", house.staff(Role.OPERATOR))
    order = [page.html.index(str(i)) for i in (railed, asked.payment.id, held.payment.id)]
    assert order == sorted(order)
    for words in ("its turn at the other bank", "the payer's confirmation", "the merchant's capture", "兰州拉面"):
        assert words in page.text
    assert "its turn at the other bank 1 overdue, the oldest by 2 min" in page.text
    assert f"/staff/payments/{railed}" in page.links()
    only = await house.look("/staff/stuck?overdue=true", house.staff(Role.OPERATOR))
    assert str(railed) in only.html
    assert str(held.payment.id) not in only.html
    one = await house.look("/staff/stuck?waits_for=capture", house.staff(Role.OPERATOR))
    assert str(held.payment.id) in one.html
    assert str(railed) not in one.html


async def test_pages_of_a_long_list_meet(house: House) -> None:
    ids = await over_rail(house, many=53)
    by = house.staff(Role.OPERATOR)
    first = await house.look("/staff/stuck", by)
    (following,) = [href for href in first.links() if "cursor=" in href]
    second = await house.look(following, by)
    seen = [sum(str(i) in page.html for i in ids) for page in (first, second)]
    assert seen == [50, 3]


async def test_a_press_asks_other_banks_about_many_but_not_about_all(house: House) -> None:
    ids = await over_rail(house, many=ASKED_AT_ONCE + 2)
    await wait_for_their_turn(house)
    by = house.staff(Role.OPERATOR)
    done = await house.send_form("/staff/stuck/ask-again", {}, by)
    assert (done.status, done.to) == (303, "/staff/stuck")
    assert done.said.startswith("The other banks are asked now.")
    turns = await asked_next(house)
    assert len(turns) == ASKED_AT_ONCE
    assert set(turns) < set(ids)
    ((subject, _),) = await house.audited("payment.ask_again")
    assert subject == "many"


async def test_what_is_asked_already_is_not_asked_twice(house: House) -> None:
    await over_rail(house)
    by = house.staff(Role.OPERATOR)
    done = await house.send_form("/staff/stuck/ask-again", {}, by)
    assert done.said == "The other banks are being asked at this moment, or nothing waits for them."
    assert await house.audited("payment.ask_again") == []


async def test_payments_that_wait_for_no_rail_are_passed_by(house: House) -> None:
    (railed,) = await over_rail(house)
    await wait_for_their_turn(house)
    ann = await house.person(1000)
    paid = await house.pay(ann.id, await house.shop(), 100)
    assert paid.payment is not None
    async with house.db.tx() as tx:
        operator = house.principal_of_staff(Role.OPERATOR)
        assert await payments.ask_sooner(tx, operator, [paid.payment.id, railed, uuid4()], house.at) == 1
    with pytest.raises(Refusal, match="permission_missing"):
        async with house.db.tx() as tx:
            await payments.ask_sooner(tx, house.principal_of_staff(Role.AUDITOR), [railed], house.at)


async def test_who_only_looks_cannot_ask(house: House) -> None:
    await over_rail(house)
    auditor = house.staff(Role.AUDITOR)
    page = await house.look("/staff/stuck", auditor)
    assert "Ask the other banks again" not in page.text
    assert (await house.send_form("/staff/stuck/ask-again", {}, auditor)).status == 403
    assert (await house.look("/staff/stuck", house.staff(Role.ACCOUNTANT))).status == 403
    assert (await house.look("/staff/stuck", None)).status == 303


async def test_a_filter_that_is_none_is_refused(house: House) -> None:
    by = house.staff(Role.OPERATOR)
    assert (await house.look("/staff/stuck?waits_for=godot", by)).status == 422
    assert (await house.look("/staff/stuck?cursor=godot", by)).status == 422


async def test_it_is_all_said_in_chinese(house: House) -> None:
    await over_rail(house)
    house.later(minutes=30)
    page = await house.look("/staff/stuck", house.staff(Role.OPERATOR), lang="zh")
    assert "向对方银行发送" in page.text
    assert "笔超时，最长 20 分钟" in page.text
