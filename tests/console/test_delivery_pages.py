"""Webhooks in a browser: who hears of what, every attempt, and sending once more."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from tests.console.house import House
from tongbao import merchants
from tongbao.identity import Role


async def listening(house: House, url: str = "http://127.0.0.1:9/hooks") -> tuple[merchants.Merchant, UUID]:
    """A shop and the address at which it hears of its payments."""
    shop, id_ = await house.shop("兰州拉面"), house.id()
    new = merchants.NewEndpoint(id=id_, url=url, topics=merchants.TOPICS, merchant_id=shop.id)
    async with house.db.tx() as tx:
        await merchants.create_endpoint(tx, new, "whsec_x", by=house.bank, at=house.at, private=True)
    return shop, id_


async def told(house: House, shop: merchants.Merchant, endpoint: UUID, *statuses: int) -> UUID:
    """A delivery about a new payment, which was tried with these answers."""
    ann = await house.person(10_000)
    payment = await house.sell(shop, ann, 900)
    await house.events()
    ((id_,),) = await house.run_sql(
        "SELECT id FROM merchants.delivery WHERE endpoint_id = %(e)s AND aggregate = %(p)s", e=endpoint, p=payment
    )
    for number, status in enumerate(statuses, 1):
        await house.run_sql(
            "INSERT INTO merchants.attempt (delivery_id, number, tried_at, duration_ms, status, error, answer)"
            " VALUES (%(id)s, %(n)s, %(at)s, 37, %(status)s, NULL, 'not now')",
            id=id_, n=number, at=house.at, status=status,
        )  # fmt: skip
    await house.run_sql(
        "UPDATE merchants.delivery SET attempts = %(n)s, state = 'failed', next_at = NULL WHERE id = %(id)s",
        n=len(statuses), id=id_,
    )  # fmt: skip
    return id_


async def state_of(house: House, id_: UUID) -> tuple[str, int]:
    async with house.db.read() as tx:
        found = await merchants.find_delivery(tx, id_)
    assert found is not None
    return found.state.value, found.attempts


async def test_from_the_address_to_the_attempt(house: House) -> None:
    shop, endpoint = await listening(house)
    id_ = await told(house, shop, endpoint, 503, 500)
    by = house.staff(Role.OPERATOR)
    everybody = await house.look("/staff/deliveries", by)
    assert "http://127.0.0.1:9/hooks" in everybody.text
    assert "兰州拉面" in everybody.text
    assert f"/staff/deliveries/{endpoint}" in everybody.links()
    one = await house.look(f"/staff/deliveries/{endpoint}", by)
    assert "payment.completed" in one.text
    assert f"/staff/deliveries/of/{id_}" in one.links()
    attempts = await house.look(f"/staff/deliveries/of/{id_}", by)
    assert "given up" in attempts.text
    for words in ("503", "500", "37", "not now"):
        assert words in attempts.text
    assert attempts.text.index("500") < attempts.text.index("503"), "the newest first"


async def test_deliveries_by_state(house: House) -> None:
    shop, endpoint = await listening(house)
    gone = await told(house, shop, endpoint, 500)
    await house.sell(shop, await house.person(5000), 100)
    await house.events()
    by = house.staff(Role.OPERATOR)
    failed = await house.look(f"/staff/deliveries/{endpoint}?state=failed", by)
    assert [href for href in failed.links() if "/of/" in href] == [f"/staff/deliveries/of/{gone}"]
    waiting = await house.look(f"/staff/deliveries/{endpoint}?state=pending", by)
    assert len([href for href in waiting.links() if "/of/" in href]) == 1
    assert (await house.look(f"/staff/deliveries/{endpoint}?state=lost", by)).status == 422


async def test_sent_again_with_one_press_and_not_twice(house: House) -> None:
    shop, endpoint = await listening(house)
    id_ = await told(house, shop, endpoint, 500)
    by, path = house.staff(Role.OPERATOR), f"/staff/deliveries/of/{id_}"
    form = (await house.look(path, by)).hidden()
    done = await house.send_form(f"{path}/resend", form, by)
    assert (done.to, done.said) == (path, "It is sent again now.")
    assert await state_of(house, id_) == ("pending", 1)
    assert (await house.send_form(f"{path}/resend", form, by)).status == 303, "it is on its way already"
    await house.run_sql(
        "UPDATE merchants.delivery SET attempts = 2, state = 'delivered', next_at = NULL, delivered_at = %(at)s"
        " WHERE id = %(id)s", at=house.at, id=id_,
    )  # fmt: skip
    late = await house.send_form(f"{path}/resend", form, by)
    assert late.status == 409
    assert "It was tried again since the page was loaded." in late.text
    assert await state_of(house, id_) == ("delivered", 2)


async def test_an_address_that_is_off_is_switched_on_first(house: House) -> None:
    shop, endpoint = await listening(house)
    id_ = await told(house, shop, endpoint, 410)
    await house.run_sql(
        "UPDATE merchants.endpoint SET status = 'disabled', disabled_at = %(at)s, disabled_because = 'it answered 410 Gone'"
        " WHERE id = %(id)s", at=house.at, id=endpoint,
    )  # fmt: skip
    by, path = house.staff(Role.OPERATOR), f"/staff/deliveries/of/{id_}"
    told_off = await house.send_form(f"{path}/resend", (await house.look(path, by)).hidden(), by)
    assert told_off.status == 409
    assert "The webhook is switched off. Switch it on first." in told_off.text
    page = await house.look(f"/staff/deliveries/{endpoint}", by)
    assert "it answered 410 Gone" in page.text
    for _ in range(2):
        done = await house.send_form(f"/staff/deliveries/{endpoint}/enable", {}, by)
        assert done.to == f"/staff/deliveries/{endpoint}"
    again = await house.send_form(f"{path}/resend", (await house.look(path, by)).hidden(), by)
    assert again.status == 303


async def test_how_webhooks_stand_in_the_whole_bank(house: House) -> None:
    shop, endpoint = await listening(house)
    await house.sell(shop, await house.person(5000), 100)
    await house.events()
    await house.run_sql(
        "UPDATE merchants.endpoint SET failing_since = %(at)s WHERE id = %(id)s",
        at=house.at - timedelta(hours=3),
        id=endpoint,
    )
    house.later(minutes=5)
    page = await house.look("/staff/deliveries", house.staff(Role.AUDITOR))
    assert "Due now 1 the oldest for 300 s" in page.text
    assert "Addresses that take nothing 1" in page.text
    assert "takes nothing" in page.text


async def test_who_only_looks_cannot_send(house: House) -> None:
    shop, endpoint = await listening(house)
    id_ = await told(house, shop, endpoint, 500)
    auditor = house.staff(Role.AUDITOR)
    page = await house.look(f"/staff/deliveries/of/{id_}", auditor)
    assert page.status == 200
    assert 'method="post"' not in page.html.partition("<main")[2]
    assert (await house.send_form(f"/staff/deliveries/of/{id_}/resend", {"expected": 1}, auditor)).status == 403
    assert (await house.send_form(f"/staff/deliveries/{endpoint}/enable", {}, auditor)).status == 403
    assert (await house.look("/staff/deliveries", house.staff(Role.ACCOUNTANT))).status == 403
    assert (await house.look("/staff/deliveries", None)).status == 303
    assert await state_of(house, id_) == ("failed", 1)


async def test_what_there_is_not(house: House) -> None:
    by, id_ = house.staff(Role.OPERATOR), uuid4()
    for path in (f"/staff/deliveries/{id_}", f"/staff/deliveries/of/{id_}"):
        assert (await house.look(path, by)).status == 404
    assert (await house.send_form(f"/staff/deliveries/of/{id_}/resend", {"expected": 0}, by)).status == 404
    assert (await house.send_form(f"/staff/deliveries/{id_}/enable", {}, by)).status == 404


async def test_an_address_full_of_script_is_text(house: House) -> None:
    shop, endpoint = await listening(house)
    await house.run_sql(
        "UPDATE merchants.endpoint SET url = 'https://x.example/<script>alert(1)</script>' WHERE id = %(id)s",
        id=endpoint,
    )
    id_ = await told(house, shop, endpoint, 500)
    await house.run_sql("UPDATE merchants.attempt SET answer = '<script>alert(1)</script>'")
    by = house.staff(Role.OPERATOR)
    for path in ("/staff/deliveries", f"/staff/deliveries/{endpoint}", f"/staff/deliveries/of/{id_}"):
        assert "<script>alert" not in (await house.look(path, by)).html


async def test_it_is_all_said_in_chinese(house: House) -> None:
    shop, endpoint = await listening(house)
    id_ = await told(house, shop, endpoint, 500)
    by = house.staff(Role.OPERATOR)
    assert "已启用" in (await house.look("/staff/deliveries", by, lang="zh")).text
    assert "发送失败" in (await house.look(f"/staff/deliveries/of/{id_}", by, lang="zh")).text
