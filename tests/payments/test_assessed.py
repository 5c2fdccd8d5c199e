"""Every payment is looked at by risk before it is decided, and what was known is there to be read afterwards."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from uuid import UUID

from inline_snapshot import snapshot

from tests.payments.town import Town
from tests.risk.rolled import roll_all
from tongbao import merchants, risk
from tongbao.risk.catalogue import VERSION, names_of


async def known_of(town: Town, *ids: str) -> list[dict[str, int | None]]:
    async with town.db.read() as tx:
        rows = await tx.rows(
            "SELECT features, is_declined, payee IS NOT NULL FROM risk.assessment WHERE id = ANY(%(ids)s) ORDER BY at, place",
            ids=[UUID(id_) for id_ in ids],
        )
    return [dict(zip(names_of(VERSION), row[0], strict=True), declined=row[1], payee=row[2]) for row in rows]


def test_each_feature_can_be_answered() -> None:
    for feature in risk.CATALOGUE:
        risk.check(feature)
    assert len(risk.CATALOGUE) >= 60


def test_a_version_of_the_catalogue_stays_as_it_is() -> None:
    """What was remembered by it is read by these names. Whoever changes them makes the next version."""
    pinned = {}
    for version in range(1, VERSION + 1):
        names = names_of(version)
        assert len(set(names)) == len(names)
        pinned[version] = (len(names), sha256("\n".join(names).encode()).hexdigest()[:16])
    assert pinned == snapshot({1: (75, "f37481b82b944955"), 2: (76, "d9259ec164541697"), 3: (79, "e0ff3b36b4bfa887")})


async def test_what_is_paid_now_is_known_to_what_is_paid_next(town: Town) -> None:
    payer, noodles, tea = await town.person(100_000), await town.shop(), await town.shop()
    paid = [(await town.pay_by_http(payer, shop, 1_280, device="phone"))["id"] for shop in (noodles, noodles, tea)]
    first, second, third = await known_of(town, *paid)
    assert [k["payer_count_1h"] for k in (first, second, third)] == [1, 2, 3]
    assert [k["payer_sum_1h"] for k in (first, second, third)] == [1_280, 2_560, 3_840]
    assert [k["payee_count_1h"] for k in (first, second, third)] == [1, 2, 1]
    assert [k["device_count_1h"] for k in (first, second, third)] == [1, 2, 3]


async def test_who_pays_in_two_cities_within_minutes_is_known_to_have_travelled(town: Town) -> None:
    """By code in the shop; what he pays online in between has no place."""
    payer, lanzhou, xian = await town.person(100_000), await town.shop(), await town.shop()
    for shop, place in (
        (lanzhou, merchants.Place("城关区", 36_061_400, 103_834_300)),
        (xian, merchants.Place("碑林区", 34_256_000, 108_946_500)),
    ):
        async with town.db.tx() as tx:
            await merchants.set_place(tx, shop.id, place)
    paid = []
    for shop, method in ((lanzhou, "qr"), (xian, "api"), (xian, "card")):
        paid.append((await town.pay_by_http(payer, shop, 1_280, method=method))["id"])
        await roll_all(town.db, at=town.at)
        town.later(minutes=5)
    assert [(k["payer_distance_1d"], k["payer_speed_1d"]) for k in await known_of(town, *paid)] == [
        (None, None),
        (None, None),
        (snapshot(506158), snapshot(3036)),
    ]
    async with town.db.read() as tx:
        said = await tx.rows("SELECT own ->> 'district', latitude_e6 FROM risk.assessment ORDER BY at, place")
    assert said == [("城关区", 36_061_400), (None, None), ("碑林区", 34_256_000)]


async def test_payments_that_come_together_see_each_other(town: Town) -> None:
    """At once, in one batch or in several: the last of them knows of all."""
    payer, shop = await town.person(100_000), await town.shop()
    replies = await asyncio.gather(*(town.pay_by_http(payer, shop, 100) for _ in range(20)))
    known = await known_of(town, *(reply["id"] for reply in replies))
    assert len(known) == 20
    assert max(k["payer_count_1h"] or 0 for k in known) > 1


async def test_what_was_declined_is_known_as_declined(town: Town) -> None:
    payer, shop = await town.person(100), await town.shop()
    declined = await town.pay_by_http(payer, shop, 5_000)
    assert declined.status == 409 or declined.code
    paid = await town.pay_by_http(payer, shop, 50)
    async with town.db.read() as tx:
        marks = await tx.rows(
            "SELECT amount_minor, is_declined FROM risk.assessment WHERE payer = (SELECT payer FROM risk.assessment WHERE id = %(id)s) ORDER BY at, place",
            id=UUID(paid["id"]),
        )
    assert marks == [(5_000, True), (50, False)]
    (known,) = await known_of(town, paid["id"])
    assert known["payer_declined_count_1h"] == 1


async def test_the_same_order_again_is_remembered_once(town: Town) -> None:
    payer, shop = await town.person(100_000), await town.shop()
    key = town.id()
    for _ in range(3):
        assert (await town.pay_by_http(payer, shop, 100, key=key))["id"] == str(key)
    next_ = await town.pay_by_http(payer, shop, 100)
    (known,) = await known_of(town, next_["id"])
    assert known["payer_count_1h"] == 2


async def test_money_that_comes_in_is_not_judged(town: Town) -> None:
    payer = await town.person(100)
    topped = await town.post(
        "/v1/topups", {"account_id": str(payer.id), "amount": 500, "currency": "CNY"}, key=town.id()
    )
    assert await known_of(town, topped["id"]) == []
