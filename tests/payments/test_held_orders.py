"""What else hangs on a payment that is held: who decides on it, the order that it pays, and the card that it is paid with."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.payments.test_held import PAID, approve, propose, refuse, wrong
from tests.payments.wallet import Wallet
from tests.payments.wallet import card_network as card_network
from tests.payments.wallet import wallet as wallet
from tests.risk.test_judged_payments import in_force
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tests.sandbox.card_network import card
from tongbao import payments
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.merchants import OrderState
from tongbao.risk.rule_model import Action

BY_CARD = 900


async def holds(desk: Desk, above: str = "500.00") -> Desk:
    await in_force(desk, expression=f"amount_minor > {above} CNY", action=Action.HOLD, points=0)
    return desk


@pytest.mark.parametrize(
    ("decided", "capture", "ends"),
    [
        ("released", "automatic", OrderState.PAID),
        ("released", "manual", OrderState.AUTHORISED),
        ("refused", "automatic", OrderState.OPEN),
    ],
)
async def test_an_order_is_being_paid_until_a_person_has_decided(
    desk: Desk, decided: str, capture: str, ends: OrderState
) -> None:
    house = (await holds(desk)).house
    payer, shop = await house.person(200_000), await house.shop()
    order = await house.order(shop, PAID)
    of_order: dict[str, Any] = {"order_id": str(order.id), "capture": capture}
    waits = await house.pay_by_http(payer, shop, PAID, **of_order)
    assert waits["state"] == "held"
    await house.events()
    assert (await house.order_now(order.id)).state is OrderState.PAYING
    assert (await house.pay_by_http(payer, shop, PAID, **of_order)).code == "order_not_open", "nobody pays it twice"
    if decided == "released":
        await approve(desk, await propose(desk, waits["id"]))
    else:
        assert (await refuse(house, waits["id"])).refusal is None
    await house.events()
    assert (await house.order_now(order.id)).state is ends
    await house.books_balance()
    assert await wrong(house) == []


async def test_of_two_who_take_it_at_once_one_has_it(desk: Desk) -> None:
    house = (await holds(desk)).house
    waits = await house.pay_by_http(await house.person(100_000), await house.shop(), PAID)
    first, second = house.principal_of_staff(Role.OPERATOR), house.principal_of_staff(Role.OPERATOR)

    async def take(by: Principal, *, seen: UUID | None = None) -> None:
        async with house.db.tx() as tx:
            await payments.take_held(tx, by, UUID(waits["id"]), to=by.id, seen=seen, at=house.at)

    await take(first)
    with pytest.raises(Refusal, match="held_by_another"):
        await take(second)
    await take(second, seen=first.id)
    with pytest.raises(Refusal, match="held_by_another"):
        await take(first)
    assert (await refuse(house, waits["id"])).refusal is None
    with pytest.raises(Refusal, match="not_held"):
        await take(first, seen=second.id)


async def test_a_card_is_not_asked_before_a_person_has_decided(wallet: Wallet) -> None:
    town = wallet.town
    desk = await holds(Desk(cast("House", town)), "8.00")
    li, shop = await wallet.comes(), await town.shop()
    card_id = await wallet.bind(li, card())
    made = [await wallet.pay(li, card_id, shop, BY_CARD, confirm=True) for _ in range(2)]
    states = [await town.post(f"/v1/payments/{one['id']}/confirm", {}, by=str(li.customer_id)) for one in made]
    assert [one.body.get("state") for one in states] == ["held", "held"], [one.body for one in states]
    await wallet.asks()
    assert wallet.charged() == 0
    assert await wallet.proved() == []
    going, refused = (one["id"] for one in made)
    await approve(desk, await propose(desk, going))
    assert (await refuse(cast("House", town), refused)).refusal is None
    assert await wallet.ends(going, refused) == ["completed", "declined"]
    assert await town.balance(shop.takings_account_id) == BY_CARD == wallet.charged()
    assert (await town.payment(UUID(refused)))["captured"] == 0
    await wallet.both_sides_agree()
