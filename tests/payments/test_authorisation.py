"""What a customer is asked before he pays for himself: by the policy in force, once, and never by looking twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tests.payments.test_own_money import check, come_in
from tests.payments.test_path import Watch
from tests.payments.test_policy import RULES
from tests.payments.town import Reply, Town
from tongbao import identity, payments
from tongbao.base import approvals, audit
from tongbao.base.approvals import Approval, ApprovalState
from tongbao.base.principal import Principal
from tongbao.base.refusal import Refusal
from tongbao.identity import Role
from tongbao.merchants import OrderState
from tongbao.payments import Challenge, PolicyChange, policy_store
from tongbao.payments.kinds import kinds


def stranger(town: Town, account: identity.Account) -> str:
    """The owner in a browser that the bank does not know."""
    token = come_in(town, account)
    town.keys[f"strange {token}"] = replace(town.keys[token], device_id=None)
    return f"strange {token}"


async def asked(town: Town, reply: Reply) -> Challenge:
    check(reply, 201)
    assert reply["state"] == "challenged", reply.body
    async with town.db.read() as tx:
        return (await payments.challenges(tx, [UUID(reply["id"])]))[UUID(reply["id"])]


def judged(reply: Reply) -> dict[str, Any]:
    return {c["check"]: (c["value"], c.get("bound")) for c in reply["checks"] if c["check"] in ("policy", "ways")}


async def test_a_coffee_on_his_own_telephone_asks_for_nothing(town: Town) -> None:
    payer, shop = await town.person(1_000_000), await town.shop()
    paid = check(await town.pay_by_http(payer, shop, 2_800, by=come_in(town, payer), method="qr"), 201)
    assert paid["state"] == "completed"
    assert judged(paid) == {"policy": (1, None), "ways": (0, "small")}
    async with town.db.read() as tx:
        assert await payments.challenges(tx, [UUID(paid["id"])]) == {}


async def test_somebody_new_is_asked_about_once_and_known_afterwards(town: Town) -> None:
    payer, payee = await town.person(1_000_000), await town.person()
    me = come_in(town, payer)
    first = await town.pay_by_http(payer, payee, 2_800, by=me)
    challenge = await asked(town, first)
    assert (challenge.ways, challenge.why, challenge.policy_version) == (1, "new_payee", 1)
    assert (challenge.large, challenge.signed, len(challenge.nonce)) == (False, False, 32)
    assert challenge.expires_at == town.at + timedelta(seconds=900)
    assert await town.money(payer) == (1_000_000, 0)
    again = await town.pay_by_http(payer, payee, 2_800, by=me)
    assert (await asked(town, again)).nonce != challenge.nonce, "tried is not paid"
    check(await town.pay_by_http(payer, payee, 1), 201)
    town.later(seconds=1)
    assert check(await town.pay_by_http(payer, payee, 2_800, by=me), 201)["state"] == "completed"


async def test_from_one_account_of_his_to_another_is_to_himself(town: Town) -> None:
    payer = await town.person(1_000_000)
    new = identity.NewAccount(id=town.id(), customer_id=payer.customer_id, currency="CNY")
    async with town.db.tx() as tx:
        code = town.settings.bank_code
        (made,) = await identity.open_accounts(tx, [new], by=town.bank, at=town.at, bank_code=code)
    assert not isinstance(made, Refusal)
    paid = check(await town.pay_by_http(payer, made.thing, 2_800, by=come_in(town, payer)), 201)
    assert (paid["state"], judged(paid)["ways"]) == ("completed", (0, "small"))


async def test_much_takes_two_ways_and_an_unknown_device_at_least_one(town: Town) -> None:
    payer, shop = await town.person(10_000_000), await town.shop()
    me, strange = come_in(town, payer), stranger(town, payer)
    for by, amount, ways, why in (
        (me, 100_001, 1, "above_none day_above_none"),
        (me, 500_001, 2, "above_one"),
        (strange, 2_800, 1, "unknown_device"),
        (strange, 100_001, 2, "unknown_device"),
        (me, 2_000_001, 2, "above_one day_above_one"),
    ):
        challenge = await asked(town, await town.pay_by_http(payer, shop, amount, by=by))
        assert (challenge.ways, challenge.why, challenge.large) == (ways, why, amount > 2_000_000)


async def test_at_night_and_far_above_his_usual(town: Town) -> None:
    payer, shop = await town.person(10_000_000), await town.shop()
    me = come_in(town, payer)
    town.later(hours=17)  # two in the morning
    night = await asked(town, await town.pay_by_http(payer, shop, 200_000, by=me))
    assert (night.ways, night.why) == (2, "night")
    town.later(hours=7)
    for _ in range(5):
        check(await town.pay_by_http(payer, shop, 3_000), 201)
    odd = await asked(town, await town.pay_by_http(payer, shop, 200_000, by=me))
    assert (odd.ways, odd.why) == (2, "odd_amount")


async def test_whoever_took_over_a_customer_and_has_a_new_device_gets_nothing(town: Town) -> None:
    payer, shop = await town.person(10_000_000), await town.shop()
    town.later(days=30)
    async with town.db.tx() as tx:
        await identity.set_sms(tx, payer.customer_id, by=town.bank, at=town.at)
    town.later(hours=1)
    me, strange, key = come_in(town, payer), stranger(town, payer), town.id()
    refused = check(await town.pay_by_http(payer, shop, 500_001, by=strange, key=key), 403, "authorisation_refused")
    assert refused["checks"][-1] == {"check": "authorisation", "passed": False, "value": "authorisation_refused"}
    again = check(await town.pay_by_http(payer, shop, 500_001, by=strange, key=key), 403, "authorisation_refused")
    assert (again.raw, again.replayed) == (refused.raw, True)
    careful = await asked(town, await town.pay_by_http(payer, shop, 200_000, by=me))
    assert (careful.ways, careful.why) == (2, "factors_changed")
    town.later(days=1)
    assert (await asked(town, await town.pay_by_http(payer, shop, 500_001, by=strange))).ways == 2
    assert await town.money(payer) == (10_000_000, 0)


async def test_what_a_newcomer_sets_in_his_first_day_is_no_change(town: Town) -> None:
    payer, shop = await town.person(10_000_000), await town.shop()
    async with town.db.tx() as tx:
        await identity.set_sms(tx, payer.customer_id, by=town.bank, at=town.at)
    town.later(minutes=10)
    challenge = await asked(town, await town.pay_by_http(payer, shop, 200_000, by=come_in(town, payer)))
    assert (challenge.ways, challenge.why) == (1, "above_none day_above_none")


async def test_many_small_ones_at_once_do_not_slip_through(town: Town) -> None:
    payer, shop = await town.person(1_000_000), await town.shop()
    me = come_in(town, payer)
    replies = await asyncio.gather(*(town.pay_by_http(payer, shop, 30_000, by=me) for _ in range(12)))
    states = [check(reply, 201)["state"] for reply in replies]
    assert sorted(states) == ["challenged"] * 9 + ["completed"] * 3
    assert await town.money(payer) == (910_000, 0)
    for reply in replies:
        if reply["state"] == "challenged":
            assert (await asked(town, reply)).why == "day_above_none"


async def test_an_order_of_a_shop_waits_with_its_payment(town: Town) -> None:
    payer, shop = await town.person(1_000_000), await town.shop()
    me = come_in(town, payer)
    orders = [await town.order(shop, 60_000) for _ in range(2)]
    replies = await asyncio.gather(
        *(town.pay_by_http(payer, shop, 60_000, by=me, order_id=str(order.id)) for order in orders)
    )
    assert {check(reply, 201)["state"] for reply in replies} == {"completed", "challenged"}
    await town.events()
    states = {(await town.order_now(order.id)).state for order in orders}
    assert states == {OrderState.PAID, OrderState.PAYING}


async def test_nobody_is_asked_to_prove_himself_for_what_his_limits_refuse(town: Town) -> None:
    payer, payee = await town.person(1_000_000), await town.person()
    me = come_in(town, payer)
    check(await town.put(f"/v1/accounts/{payer.id}/limits", {"per_payment": 500}, by=me), 200)
    check(await town.pay_by_http(payer, payee, 501, by=me), 402, "over_payment_limit")


async def test_the_bank_s_key_pays_as_before_and_costs_no_statement(town: Town, monkeypatch: Any) -> None:
    payer, shop = await town.person(10_000_000), await town.shop()
    check(await town.pay_by_http(payer, shop, 1), 201)
    reads: list[int] = []
    plain = policy_store.situations

    async def counted(tx: Any, orders: Any, *more: Any) -> Any:
        reads.append(len(orders))
        return await plain(tx, orders, *more)

    monkeypatch.setattr(policy_store, "situations", counted)
    watch = Watch(monkeypatch)
    assert check(await town.pay_by_http(payer, shop, 4_000_000), 201)["state"] == "completed"
    assert (watch.most(), reads) == (3, [])
    await asked(town, await town.pay_by_http(payer, shop, 4_000_000, by=come_in(town, payer)))
    assert (watch.most(), reads) == (2, [1]), "a customer's is read before the locks, in one statement"


async def test_the_story_says_which_version_judged_and_why(town: Town) -> None:
    payer, payee = await town.person(1_000_000), await town.person()
    me = come_in(town, payer)
    reply = await town.pay_by_http(payer, payee, 2_800, by=me)
    for by in ("bank", me):
        steps = check(await town.get(f"/v1/payments/{reply['id']}/timeline", by=by), 200)["steps"]
        said = {(s["en"], s["zh"]) for s in steps if s["what"] == "check"}
        assert ("Judged by version 1 of the policy of authorisation.", "适用授权策略第 1 版。") in said
        assert (
            "What the payer must show: one way (a payee whom this account has not paid before).",
            "须单一验证（首次向该收款人付款）。",
        ) in said


# two people change it


async def propose(town: Town, by: Principal, change: PolicyChange, id: UUID | None = None) -> Approval:
    async with town.db.tx() as tx:
        return await payments.propose_policy(
            tx, by, change, id=id or town.id(), reason="the loss of last week", at=town.at
        )


async def approve(town: Town, by: Principal, id: UUID) -> None:
    async with town.db.tx() as tx:
        await approvals.decide(
            tx, by, kinds(town.settings.zone), id=id, state=ApprovalState.APPROVED, at=town.at, reason="looked at it"
        )


async def test_the_bank_begins_with_the_policy_of_its_documents(town: Town) -> None:
    async with town.db.read() as tx:
        (first,) = await payments.policies(tx)
    assert (first.version, first.rules) == (1, RULES)


async def test_two_people_change_the_policy_and_the_next_payment_is_judged_by_it(town: Town) -> None:
    operator, accountant = town.principal_of_staff(), town.principal_of_staff(Role.ACCOUNTANT)
    change = PolicyChange(expected=1, rules=replace(RULES, none_per_payment_minor=20_000))
    filed = await propose(town, operator, change)
    assert (await propose(town, operator, change, filed.id)).id == filed.id, "the same form twice"
    payer, shop = await town.person(1_000_000), await town.shop()
    me = come_in(town, payer)
    assert judged(await town.pay_by_http(payer, shop, 20_001, by=me))["policy"] == (1, None), "it is only proposed"
    await approve(town, accountant, filed.id)
    challenge = await asked(town, await town.pay_by_http(payer, shop, 20_001, by=me))
    assert (challenge.policy_version, challenge.why) == (2, "above_none")
    async with town.db.read() as tx:
        now, before = await payments.policies(tx)
        trail = await audit.trail(tx, subject="policy 2")
    assert (now.version, now.proposed_by, now.approved_by) == (2, operator.id, accountant.id)
    assert (now.previous_hash, now.rules, before.rules) == (before.hash, change.rules, RULES)
    assert [entry.details["hash"] for entry in trail] == [now.hash.hex()]
