"""Who plays which part in the demo: named by a city of today, found in one of yesterday, and there whatever visitors do."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.identity.called import names
from tongbao import history, identity, merchants, payments
from tongbao.base import ids
from tongbao.base.clock import ManualClock
from tongbao.base.db import Database
from tongbao.base.principal import SYSTEM
from tongbao.base.settings import Settings
from tongbao.history.cast import STAFF
from tongbao_sim.history import Plan, write

PLAN = Plan(seed=5, people=80, shops=30, days=2, payments=300, until=date(2026, 11, 21))
AT = datetime(2026, 11, 22, 1, tzinfo=UTC)
HASH = "$argon2id$v=19$m=19456,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


class City:
    def __init__(self, db: Database) -> None:
        self.db = db
        self.chance = Random(3)

    def id(self) -> UUID:
        return ids.uuid7(AT, self.chance.getrandbits)

    async def choose(self) -> history.Cast:
        """What the demo does at each start."""
        async with self.db.tx() as tx:
            await history.choose_li(tx, "CNY", customer_id=self.id(), account_id=self.id(), bank_code="90001", at=AT)
            assert await history.choose_noodle_shop(tx, "CNY") is not None
            for vacant in await history.vacancies(tx):
                await history.hire(tx, vacant, staff_id=self.id(), password_hash=HASH, at=AT)
        async with self.db.read() as tx:
            cast = await history.cast(tx, "CNY", at=AT)
        assert cast is not None
        return cast

    async def forget(self) -> None:
        """As a city that was founded before anybody had a part."""
        async with self.db.tx() as tx:
            await tx.run("DELETE FROM history.part WHERE true")

    async def available(self, account_id: UUID) -> int:
        async with self.db.read() as tx:
            rows = await tx.rows(
                "SELECT available_minor FROM ledger.account_view a JOIN identity.account_view v ON v.ledger_id = a.id"
                " WHERE v.id = %(id)s",
                id=account_id,
            )
        return rows[0][0]


@pytest.fixture
async def city(db: Database) -> City:
    out = io.BytesIO()
    write(PLAN, out)
    clock = ManualClock(datetime(2026, 11, 15, tzinfo=ZoneInfo("Asia/Shanghai")))
    await history.found(db, clock, out.getvalue().splitlines(), Settings())
    return City(db)


async def test_a_city_of_today_names_its_own(city: City) -> None:
    async with city.db.read() as tx:
        assert await history.cast(tx, "CNY", at=AT) is None, "nobody has been hired"
    cast = await city.choose()
    assert cast.li_name == "李伟"
    assert await city.available(cast.li_account_id) >= 500_000
    assert "面馆" in cast.noodle_shop_name
    async with city.db.read() as tx:
        shop = (await merchants.find(tx, [cast.noodle_shop_id]))[cast.noodle_shop_id]
    assert (shop.category, shop.takes_payments) == ("noodles", True)
    assert [s.username for s in cast.staff] == ["zhou.lan", "wang.jin", "chen.xu", "shen.yan"]
    assert [s.roles for s in cast.staff] == [roles for _, _, roles in STAFF.values()]
    assert [identity.Role.ACCOUNTANT in s.roles for s in cast.staff] == [False, True, True, False], "four eyes"
    assert await city.choose() == cast, "a second start finds everybody in place"


async def test_the_traffic_leaves_whoever_plays_a_part_alone(city: City) -> None:
    cast = await city.choose()
    async with city.db.read() as tx:
        said = await history.city_file(tx, "CNY", kept=cast.li_account_id)
    assert len(said["accounts"]) == PLAN.people - 1
    assert cast.li_account_id not in {account["id"] for account in said["accounts"]}
    assert cast.noodle_shop_id in {shop["id"] for shop in said["merchants"]}, "the shop is a living one"
    (kept,) = said["kept"]
    assert (kept["id"], kept["least"] < kept["upto"]) == (cast.li_account_id, True)


async def test_a_city_of_yesterday_is_looked_through(city: City) -> None:
    named = await city.choose()
    await city.forget()
    found = await city.choose()
    async with city.db.read() as tx:
        rows = await tx.rows(
            "SELECT v.customer_id, a.balance_minor FROM identity.account_view v JOIN ledger.account_view a ON a.id = v.ledger_id"
            " WHERE v.product = 'current' AND v.customer_kind = 'person'"
        )
        known = await names(tx, [row[0] for row in rows])
    richest = max((balance, who) for who, balance in rows if known[who][0] == "李")
    assert (found.li_customer_id, found.li_name[0]) == (richest[1], "李")
    assert found.noodle_shop_id == named.noodle_shop_id, "the oldest noodle shop"
    assert [s.username for s in found.staff] == ["zhou.lan2", "wang.jin2", "chen.xu2", "shen.yan2"]


async def test_a_city_without_anybody_of_that_name_gets_one(city: City) -> None:
    await city.forget()
    async with city.db.tx() as tx:
        await tx.run("UPDATE identity.customer SET name = '王伟' WHERE kind = 'person'")
    cast = await city.choose()
    assert (cast.li_name, await city.available(cast.li_account_id)) == ("李伟", 0)
    assert (await city.choose()).li_customer_id == cast.li_customer_id


async def test_who_was_frozen_or_closed_or_shut_out_by_a_visitor_is_replaced(city: City) -> None:
    before = await city.choose()
    async with city.db.tx() as tx:
        await identity.freeze_customer(tx, before.li_customer_id, reason="a visitor tried it", by=SYSTEM, at=AT)
    async with city.db.tx() as tx:
        closed = merchants.MerchantStatus.SUSPENDED
        await merchants.set_status(tx, before.noodle_shop_id, closed)
        await identity.disable_staff(tx, before.accountant.id, reason="a visitor tried it", by=SYSTEM, at=AT)
    async with city.db.read() as tx:
        assert await history.cast(tx, "CNY", at=AT) is None
    after = await city.choose()
    assert after.li_customer_id != before.li_customer_id
    assert after.noodle_shop_id != before.noodle_shop_id
    assert "面馆" in after.noodle_shop_name, "another noodle shop"
    assert (after.accountant.username, after.operator) == ("wang.jin2", before.operator)


async def test_a_bank_without_a_shop_has_nobody_to_be_paid(db: Database) -> None:
    async with db.tx() as tx:
        assert await history.choose_noodle_shop(tx, "CNY") is None


async def test_li_pays_for_noodles(city: City) -> None:
    cast = await city.choose()
    clock = ManualClock(AT)
    intake = payments.Intake(city.db, clock, Settings())
    order = payments.Order(
        id=city.id(),
        principal_id=cast.li_customer_id,
        request_hash=b"",
        payer_account_id=cast.li_account_id,
        payee_account_id=None,
        merchant_id=cast.noodle_shop_id,
        amount_minor=1280,
        currency="CNY",
        method=payments.Method.QR,
    )
    (outcome,) = await intake.pay_many([order])
    assert outcome.refusal is None
