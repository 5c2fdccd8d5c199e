"""What may be paid depends on how well the bank knows who pays; what is received does not."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.payments.town import Town
from tongbao import identity, payments
from tongbao.base import days
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import Account
from tongbao.payments import foresee, own_accounts

YUAN = 100


async def rises(town: Town, account: Account, level: int) -> None:
    async with town.db.tx() as tx:
        await identity.raise_level(tx, account.customer_id, level, reason="seen", by=town.bank, at=town.at)


async def test_whom_nobody_has_looked_at_receives_and_pays_nothing(town: Town) -> None:
    newcomer, friend = await town.person(level=0), await town.person(100 * YUAN)
    assert (await town.pay_by_http(friend, newcomer, 50 * YUAN)).status == 201
    refused = await town.pay_by_http(newcomer, friend, 1)
    assert (refused.status, refused.code) == (409, "not_verified")
    assert refused["checks"][-1] == {"check": "level", "passed": False, "value": "not_verified"}
    shop = await town.shop()
    assert (await town.pay_by_http(newcomer, shop, 1)).code == "not_verified"
    assert await town.money(newcomer) == (50 * YUAN, 0)


async def test_levels_rise_and_the_limits_with_them(town: Town) -> None:
    payer, payee = await town.person(100_000 * YUAN, level=0), await town.person()

    async def pays(yuan: int) -> str | None:
        return (await town.pay_by_http(payer, payee, yuan * YUAN)).code

    async with town.db.read() as tx:
        known = {level.level: level for level in await identity.levels(tx)}
    assert await pays(1) == "not_verified"
    await rises(town, payer, 2)
    level = known[2]
    assert level.per_payment_minor is not None
    assert level.per_day_minor is not None
    each, day = level.per_payment_minor // YUAN, level.per_day_minor // YUAN
    assert await pays(each + 1) == "over_level_limit"
    assert [await pays(each) for _ in range(day // each)] == [None] * (day // each)
    over = await town.pay_by_http(payer, payee, 1)
    assert over.code == "over_level_limit"
    assert over["checks"][-1] == {
        "check": "level_per_day",
        "passed": False,
        "value": day * YUAN + 1,
        "bound": day * YUAN,
    }
    town.later(days=1)
    assert await pays(1) is None, "a new local day"
    await rises(town, payer, 3)
    assert await pays(each * 2) is None, "at once, without a restart"


async def test_the_limit_of_a_level_holds_exactly_among_many_at_once(town: Town) -> None:
    payer, payee = await town.person(10_000 * YUAN, level=1), await town.person()
    answers = await asyncio.gather(*(town.pay_by_http(payer, payee, 500 * YUAN) for _ in range(24)))
    assert sorted(answer.code or "paid" for answer in answers) == ["over_level_limit"] * 20 + ["paid"] * 4
    assert await town.money(payer) == (8_000 * YUAN, 0)


async def test_what_the_customer_or_the_bank_allows_less_counts_still(town: Town) -> None:
    payer, payee = await town.person(10_000 * YUAN, level=1), await town.person()
    await town.put(f"/v1/accounts/{payer.id}/limits", {"per_payment": 100})
    assert (await town.pay_by_http(payer, payee, 101)).code == "over_payment_limit"
    shown = await town.get(f"/v1/accounts/{payer.id}/limits")
    assert (shown["level"], shown["limits"]["per_payment"], shown["limits"]["per_day"]) == (1, 100, 2_000 * YUAN)
    assert shown["amount_today"]["left"] == 2_000 * YUAN
    assert shown["bank"]["per_day"] == 200_000 * YUAN
    at_the_counter = await town.get(f"/v1/accounts/{payee.id}/limits")
    assert (at_the_counter["level"], at_the_counter["limits"]["per_day"]) == (3, 200_000 * YUAN)


async def test_a_level_counts_in_yuan_and_gives_nothing_in_another_currency(town: Town) -> None:
    payer, payee = await town.person(1_000, level=1, currency="USD"), await town.person(currency="USD")
    outcome = await town.pay(payer.id, payee.id, 1, currency="USD")
    assert outcome.refusal is not None
    assert outcome.refusal.code == "over_level_limit"
    await rises(town, payer, 3)
    assert (await town.pay(payer.id, payee.id, 1, currency="USD")).refusal is None


async def test_a_confirmation_and_a_hold_heed_the_level_too(town: Town) -> None:
    newcomer, payer, shop = (
        await town.person(100, level=0),
        await town.person(10_000 * YUAN, level=1),
        await town.shop(),
    )
    asked = await town.pay_by_http(newcomer, shop, 1, confirm="explicit")
    assert asked["state"] == "challenged"
    said = await town.post(f"/v1/payments/{asked['id']}/confirm", {})
    assert said.code == "not_verified"
    assert (await town.payment(UUID(asked["id"])))["state"] == "challenged", "until he is verified"
    assert (await town.pay_by_http(payer, shop, 1_001 * YUAN, capture="manual")).code == "over_level_limit"
    held = await town.pay_by_http(payer, shop, 1_000 * YUAN, capture="manual")
    assert (await town.pay_by_http(payer, shop, 1_000 * YUAN)).status == 201
    assert (await town.pay_by_http(payer, shop, 1)).code == "over_level_limit"
    await town.post(f"/v1/payments/{held['id']}/cancel", {})
    assert (await town.pay_by_http(payer, shop, 1)).status == 201, "what was let go counts no more"


@pytest.mark.parametrize(
    ("level", "amount", "code", "field"),
    [(0, 1, "not_verified", None), (1, 100_001, "over_level_limit", "amount"), (1, 100_000, None, None)],
)
async def test_it_is_said_before_somebody_says_yes(
    town: Town, level: int, amount: int, code: str | None, field: str | None
) -> None:
    payer, payee = await town.person(1_000_000, level=level), await town.person()
    me = Principal(id=payer.customer_id, kind=PrincipalKind.CUSTOMER, subject_id=payer.customer_id)
    async with town.db.read() as tx:
        own = await own_accounts.own_accounts(tx, me)
        assert own is not None
        to = await foresee.find_owner(tx, payee.number)
        day = days.local_day(town.at, town.settings.zone)
        said: tuple[str | None, str | None] = (None, None)
        try:
            await foresee.foresee(tx, own.chosen, to, amount, at=town.at, day=day)
        except Refusal as refusal:
            said = refusal.code, refusal.field
    assert said == (code, field)
    paid = await town.pay(payer.id, payee.id, amount)
    assert (paid.refusal.code if paid.refusal else None) == code, "as foreseen"


async def test_who_was_seen_is_told_nothing_of_levels(town: Town) -> None:
    payer, payee = await town.person(1_000), await town.person()
    outcome = await town.pay(payer.id, payee.id, 1)
    assert outcome.payment is not None
    assert not [check for check in outcome.checks if "level" in check.check]
    async with town.db.read() as tx:
        found = await payments.limits_of(tx, payer.id, days.local_day(town.at, town.settings.zone))
    assert found.level.limits == type(found.level.limits)()


async def test_a_level_that_is_not_there_allows_nothing(town: Town) -> None:
    payer, payee = await town.person(1_000), await town.person()
    await town.run_sql("DELETE FROM identity.level WHERE level = 3")
    outcome = await town.pay(payer.id, payee.id, 1)
    assert outcome.refusal is not None
    assert outcome.refusal.code == "over_level_limit"


async def test_whoever_has_just_regained_access_pays_no_more_than_level_one_for_some_days(town: Town) -> None:
    payer, payee = await town.person(100_000 * YUAN, level=3), await town.person()
    assert (await town.pay_by_http(payer, payee, 1_500 * YUAN)).code is None

    async def cautious(until: datetime | None) -> None:
        async with town.db.tx() as tx:
            query = "UPDATE identity.customer SET cautious_until = %(until)s WHERE id = %(id)s"
            await tx.run(query, until=until, id=payer.customer_id)

    await cautious(town.at + timedelta(days=7))
    over = await town.pay_by_http(payer, payee, 1_500 * YUAN)
    assert over.code == "over_level_limit"
    assert (await town.pay_by_http(payer, payee, 500 * YUAN)).code is None, (
        "2,000 a day, what he has paid today counted"
    )
    assert (await town.pay_by_http(payer, payee, 1)).code == "over_level_limit"
    await cautious(None)
    assert (await town.pay_by_http(payer, payee, 1_500 * YUAN)).code is None
