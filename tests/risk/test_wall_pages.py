"""The wall before staff: how payments are judged now, and what labels say."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.rolled import roll_all
from tests.risk.test_judged_payments import in_force
from tests.risk.test_labels import say
from tests.risk.test_rules import Desk
from tests.risk.test_rules import desk as desk
from tongbao import merchants
from tongbao.identity import Role
from tongbao.risk.rule_model import Action
from tongbao.risk.wall import Wall
from tongbao.risk.wall_model import Scene

WALL = "/staff/risk"


async def scene(house: House) -> Scene:
    return await Wall(house.db, house.settings).look(house.at)


async def test_what_was_judged_stands_on_the_wall(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(10_000_000), await house.shop()
    await in_force(desk, expression="amount_minor > 500.00 CNY", action=Action.DENY, points=90)
    for minor in (100, 200, 60_000):
        await house.pay_by_http(payer, shop, minor)
    await roll_all(house.db, at=house.at)
    seen = await scene(house)
    assert {a: one.payments for a, one in seen.spans[0].judged.items()} == {Action.APPROVE: 2, Action.DENY: 1}
    assert seen.spans[0].judged[Action.DENY] == seen.spans[2].judged[Action.DENY]
    assert (seen.spans[1].amount_minor(Action.DENY), seen.spans[1].judged[Action.DENY].declined) == (60_000, 1)
    assert [(odd.amount_minor, odd.action, odd.risk, odd.rule) for odd in seen.odd] == [
        (60_000, Action.DENY, 90, "many_in_short")
    ]
    page = await house.look(WALL, house.staff(Role.OPERATOR))
    assert page.status == 200
    assert {f"/staff/risk/payments/{seen.odd[0].id}", f"/staff/risk/rules/{seen.rules[0].rule_id}"} <= set(page.links())
    for said in ("33.33%", "¥600.00", "many_in_short", "Nothing was labelled in the last 30 days"):
        assert said in page.text, said
    zh = await house.look(WALL, house.staff(Role.AUDITOR), lang="zh")
    for said in ("风控拒绝", "¥600.00", "33.33%", "周一", "近 30 天内没有付款定性"):
        assert said in zh.text, said


async def test_districts_stand_on_the_wall_as_they_lie(desk: Desk) -> None:
    """North above south, west before east; of what was paid in the south half was refused."""
    house = desk.house
    payer = await house.person(10_000_000)
    await in_force(
        desk, expression="district = '七里河区' and amount_minor > 500.00 CNY", action=Action.DENY, points=90
    )
    for district, latitude, longitude, amounts in (
        ("七里河区", 36_065_000, 103_785_000, (100, 60_000)),
        ("安宁区", 36_104_000, 103_719_000, (100,)),
        ("城关区", 36_070_000, 103_825_000, (60_000, 100, 100)),
    ):
        shop = await house.shop(district)
        async with house.db.tx() as tx:
            await merchants.set_place(tx, shop.id, merchants.Place(district, latitude, longitude))
        for minor in amounts:
            await house.pay_by_http(payer, shop, minor, method="qr")
    await roll_all(house.db, at=house.at)
    seen = await scene(house)
    assert [(d.name, d.payments, d.odd) for d in seen.districts] == [
        ("城关区", 3, 0),
        ("七里河区", 2, 1),
        ("安宁区", 1, 0),
    ]
    page = await house.look(WALL, house.staff(Role.OPERATOR))
    placed = re.findall(r"<td[^>]*><b>(.*?)</b><br><span[^>]*>(\d+)</span>.*? (\d+) ‰", page.html)
    assert placed == [("安宁区", "1", "0"), ("城关区", "3", "0"), ("七里河区", "2", "500")]


async def test_labels_say_what_was_lost_and_who_was_disturbed_in_vain(desk: Desk) -> None:
    house = desk.house
    payer, shop = await house.person(10_000_000), await house.shop()
    await in_force(desk, expression="amount_minor > 500.00 CNY", action=Action.CHALLENGE)
    small, large, larger = [
        UUID((await house.pay_by_http(payer, shop, minor))["id"]) for minor in (30_000, 60_000, 70_000)
    ]
    await say(house, small)
    await say(house, large)
    await say(house, larger)
    await say(house, larger, is_fraud=False)  # the newest counts
    known = (await scene(house)).known
    assert msgspec.structs.asdict(known) == {
        "labelled": 3,
        "frauds": 2,
        "lost_minor": 30_000,
        "caught_minor": 60_000,
        "false_alarms": 1,
        "stopped": 2,
    }
    page = await house.look(WALL, house.staff(Role.OPERATOR))
    for said in ("¥300.00", "¥600.00", "50.00%", "of 3 payments that somebody has judged"):
        assert said in page.text, said


async def test_a_roller_that_is_behind_is_told(desk: Desk) -> None:
    house = desk.house
    await house.pay_by_http(await house.person(1_000_000), await house.shop(), 100)
    by = house.staff(Role.OPERATOR)
    assert (await scene(house)).behind_since is None, "it has seconds to count it"
    house.clock.tick(timedelta(minutes=1))
    assert (await scene(house)).behind_since is not None
    assert "are not counted yet" in (await house.look(WALL, by)).text
    await roll_all(house.db, at=house.at)
    assert "are not counted yet" not in (await house.look(WALL, by)).text


async def test_who_may_look(house: House) -> None:
    assert (await house.look(WALL, None)).status in (302, 303)
    for path in (WALL, f"{WALL}/live"):
        assert (await house.look(path, house.staff(Role.ADMIN))).status == 403
    empty = await house.look(WALL, house.staff(Role.AUDITOR))
    assert empty.status == 200
    assert "Every payment of the last days was let pass." in empty.text


async def test_its_stream_brings_every_part_of_the_page(desk: Desk) -> None:
    house = desk.house
    by = house.staff(Role.OPERATOR)
    page = await house.look(WALL, by)
    parts = set(re.findall(r'sse-swap="(\w+)"', page.html))
    assert len(parts) == 11
    heard = bytearray()
    all_heard = asyncio.Event()

    async def hear(message: dict[str, Any]) -> None:
        heard.extend(message.get("body", b""))
        if parts <= set(re.findall(r"^event: (\w+)$", heard.decode(), re.MULTILINE)):
            all_heard.set()

    async def stay() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    cookie = f"tongbao_session={by}; tongbao_language=zh".encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"{WALL}/live",
        "raw_path": f"{WALL}/live".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"bank.example"), (b"accept", b"text/event-stream"), (b"cookie", cookie)],
        "client": ("127.0.0.1", 1),
        "server": ("bank.example", 80),
    }
    served: Any = house.client._transport
    watching = asyncio.create_task(served.app(scope, stay, hear))
    async with asyncio.timeout(60):
        await all_heard.wait()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert "近日的付款均已直接放行。" in heard.decode()


async def test_who_looks_again_does_not_wait_for_what_changes_slowly(house: House) -> None:
    """Labels are read again beside the looks."""
    wall = Wall(house.db, house.settings)
    assert (await wall.look(house.at)).known.labelled == 0
    paid = await house.pay_by_http(await house.person(1_000_000), await house.shop(), 100)
    await say(house, UUID(paid["id"]))
    assert (await wall.look(house.at)).known.labelled == 0, "it was read a moment ago"
    house.clock.tick(timedelta(seconds=31))
    for _ in range(2_000):
        if (await wall.look(house.at)).known.labelled:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError
