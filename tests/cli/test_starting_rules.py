"""The rules that a demo begins with: there once, by two people, and right about whom they stop."""

from __future__ import annotations

from typing import Any

import pytest

from tests.console.house import House
from tests.govern.conftest import house as house
from tests.risk.rolled import roll_all
from tongbao import history, merchants, risk
from tongbao.cli import starting_rules
from tongbao.history.cast import STAFF
from tongbao.risk import rules
from tongbao.risk.rule_model import Mode
from tongbao.risk.ruleset import COLUMNS, Ruleset

HONEST = {
    "currency": "CNY",
    "kind": "payment",
    "method": "qr",
    "amount_minor": 4_800,
    "is_night": False,
    "payer_since_first": 80 * 86_400,
    "payer_ratio_90d": 900,
    "pair_count_90d": 3,
    "pair_count_1d": 1,
    "pair_sum_1d": 4_800,
    "payee_payers_1d": 40,
    "payee_payers_30d": 300,
    "payer_received_sum_1h": 0,
    "account_age": 90 * 86_400,
}
PHONE = {"device_since_first": 60 * 86_400, "device_count_1h": 1, "device_payers_7d": 1}
STOLEN = {"device_since_first": 300, "device_count_1h": 3, "device_payers_7d": 1, "amount_minor": 120_000}
SCAM = {"kind": "transfer", "amount_minor": 800_000, "payer_ratio_90d": 30_000, "pair_count_90d": 1}
MULE = {
    "kind": "transfer",
    "amount_minor": 760_000,
    "payer_ratio_90d": 1_200,
    "payer_received_sum_1h": 800_000,
    "payer_received_since_last": 240,
}


async def cast(house: House) -> history.Cast:
    async with house.db.tx() as tx:
        staff = {
            name: await history.hire(tx, name, staff_id=house.id(), password_hash="none", at=house.at) for name in STAFF
        }
    return history.Cast(
        li_customer_id=house.id(),
        li_account_id=house.id(),
        li_name="李伟",
        noodle_shop_id=house.id(),
        noodle_shop_name="面馆",
        **staff,
    )


async def begun(house: House) -> Ruleset:
    await starting_rules.begin(house.db, house.settings, await cast(house), house.at)
    async with house.db.read() as tx:
        return await risk.RulesInForce(lambda: 0).rules(tx, at=house.at)


async def test_they_are_proposed_by_one_person_and_approved_by_another_once(house: House) -> None:
    who = await cast(house)
    for _ in range(2):
        await starting_rules.begin(house.db, house.settings, who, house.at)
    async with house.db.read() as tx:
        found = await rules.rules_in_force(tx, at=house.at)
    assert {rule.name for rule in found} == set(starting_rules.RULES)
    assert {(rule.version, rule.proposed_by, rule.approved_by) for rule in found} == {
        (1, who.operator.id, who.accountant.id)
    }


async def test_a_name_that_is_taken_leaves_everything_as_it_was(house: House) -> None:
    await starting_rules.begin(house.db, house.settings, await cast(house), house.at)
    others = await cast(house)
    await starting_rules.begin(house.db, house.settings, others, house.at)
    async with house.db.read() as tx:
        found = await rules.rules_in_force(tx, at=house.at)
    assert {rule.version for rule in found} == {1}
    assert others.operator.id not in {rule.proposed_by for rule in found}


@pytest.mark.parametrize(
    ("what", "action", "name"),
    [
        ({}, risk.Action.APPROVE, None),
        (PHONE, risk.Action.APPROVE, None),
        ({"kind": "transfer", "amount_minor": 20_000, "pair_count_90d": 1, "payer_ratio_90d": 9_000}, risk.Action.APPROVE, None),
        (PHONE | {"is_night": True, "amount_minor": 90_000}, risk.Action.APPROVE, None),
        (STOLEN, risk.Action.CHALLENGE, "stolen_phone_burst"),
        (STOLEN | {"device_count_1h": 1, "is_night": True}, risk.Action.CHALLENGE, "new_device_at_night"),
        (PHONE | {"device_payers_7d": 5}, risk.Action.CHALLENGE, "device_of_many"),
        (SCAM, risk.Action.CHALLENGE, "large_first_transfer"),
        ({"kind": "transfer", "pair_since_first": 0, "pair_sum_1d": 1_999_999}, risk.Action.APPROVE, None),
        ({"kind": "transfer", "pair_since_first": 0, "pair_sum_1d": 2_000_000}, risk.Action.HOLD, "new_payee_cool_off"),
        ({"kind": "transfer", "pair_since_first": 86_400, "pair_sum_1d": 2_000_000}, risk.Action.HOLD, "new_payee_cool_off"),
        ({"kind": "transfer", "pair_since_first": 86_401, "pair_sum_1d": 2_000_000}, risk.Action.APPROVE, None),
        (MULE, risk.Action.HOLD, "straight_through"),
        ({"device_state": "sound"}, risk.Action.APPROVE, None),
        ({"device_state": "rooted", "payee_known": True}, risk.Action.APPROVE, None),
        ({"device_state": "rooted", "payee_known": False}, risk.Action.CHALLENGE, "bad_device"),
        ({"device_state": "rooted", "amount_minor": 50_000}, risk.Action.CHALLENGE, "bad_device"),
        ({"device_state": "malware", "kind": "transfer", "amount_minor": 100_000}, risk.Action.HOLD, "malware_on_a_device"),
        ({"kind": "transfer", "payee_frauds_known_90d": 0}, risk.Action.APPROVE, None),
        ({"kind": "transfer", "payee_frauds_known_90d": 1}, risk.Action.HOLD, "known_mule"),
        ({"payee_frauds_known_90d": 1}, risk.Action.APPROVE, None),
        ({"payer_distance_1d": 99_999, "payer_speed_1d": 5_999}, risk.Action.APPROVE, None),
        ({"payer_distance_1d": 1_200_000, "payer_speed_1d": 600}, risk.Action.APPROVE, None),
        ({"payer_distance_1d": 1_200_000, "payer_speed_1d": 900}, risk.Action.CHALLENGE, "impossible_travel"),
        ({"typing_unlike": 3_999}, risk.Action.APPROVE, None),
        ({"typing_unlike": 4_000}, risk.Action.CHALLENGE, "another_hand"),
        (SCAM | {"account_age": 3_600, "payer_ratio_90d": 0}, risk.Action.CHALLENGE, "young_account"),
        (SCAM | {"factors_changed": 600, "payer_ratio_90d": 0}, risk.Action.CHALLENGE, "new_proof_large_transfer"),
    ],
)  # fmt: skip
async def test_each_stops_what_it_is_there_for_and_nobody_else(
    house: House, what: dict[str, Any], action: risk.Action, name: str | None
) -> None:
    judging = await begun(house)
    judged = judging.judge(tuple((HONEST | what).get(column) for column in COLUMNS))
    assert judged.action is action
    assert name is None or name in {hit.name for hit in judged.hits if hit.mode is Mode.LIVE}


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ({"kind": "transfer", "amount_minor": 50_000, "payee_payers_1d": 7, "payee_payers_30d": 8}, "many_strangers_pay"),
        ({"amount_minor": 100_000, "pair_count_1d": 4, "pair_sum_1d": 400_000}, "same_round_sum"),
    ],
)  # fmt: skip
async def test_those_in_shadow_are_met_and_stop_nobody(house: House, what: dict[str, Any], name: str) -> None:
    judged = (await begun(house)).judge(tuple((HONEST | what).get(column) for column in COLUMNS))
    assert judged.action is risk.Action.APPROVE
    assert name in {hit.name for hit in judged.hits}


def test_each_tells_staff_why_and_those_that_act_tell_the_customer_in_both_languages() -> None:
    for name, says in starting_rules.RULES.items():
        assert says.why_en, name
        assert says.why_zh, name
        assert bool(says.told_en) == bool(says.told_zh) == (says.mode is Mode.LIVE), name


async def test_whoever_pays_in_two_cities_within_minutes_is_asked(house: House) -> None:
    """Lunch in Lanzhou, ten minutes later tea in Xi'an, by code: one of the two is somebody else."""
    await starting_rules.begin(house.db, house.settings, await cast(house), house.at)
    payer = await house.person(100_000)
    for city, place, actions in (
        ("面馆", merchants.Place("城关区", 36_061_400, 103_834_300), ["approve"]),
        ("茶楼", merchants.Place("碑林区", 34_256_000, 108_946_500), ["approve", "challenge"]),
    ):
        shop = await house.shop(city)
        async with house.db.tx() as tx:
            await merchants.set_place(tx, shop.id, place)
        await house.pay_by_http(payer, shop, 1_280, method="qr")
        await roll_all(house.db, at=house.at)
        house.later(minutes=10)
        async with house.db.read() as tx:
            assert [row[0] for row in await tx.rows("SELECT action FROM risk.assessment ORDER BY at")] == actions
