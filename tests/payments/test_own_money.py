"""A customer pays from what is his own, and somebody else's account is to him as if it did not exist."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tests.payments.test_path import Watch
from tests.payments.town import Reply, Town
from tongbao import identity, payments
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.identity import VISITOR_PERMISSIONS, KeyKind, VisitorKind
from tongbao.merchants import OrderState


def come_in(town: Town, account: identity.Account) -> str:
    """The token of the account's owner, in a session of his own on a device that the bank knows."""
    token = f"session-{len(town.keys)}"
    town.keys[token] = Principal(
        id=account.customer_id,
        kind=PrincipalKind.CUSTOMER,
        permissions=VISITOR_PERMISSIONS[VisitorKind.CUSTOMER],
        subject_id=account.customer_id,
        device_id=account.id,
    )
    return token


def check(reply: Reply, status: int, code: str | None = None) -> Reply:
    assert (reply.status, reply.code) == (status, code), reply.body
    return reply


async def seen(town: Town, by: str, account: identity.Account, **query: str) -> list[UUID]:
    """What the list of an account shows him."""
    reply = check(await town.get("/v1/payments", by=by, params={"account_id": str(account.id), **query}), 200)
    return [UUID(item["id"]) for item in reply["items"]]


async def file(town: Town, by: str, account: identity.Account) -> list[dict[str, str]]:
    """The same as a spreadsheet reads it."""
    reply = await town.get("/v1/payments", by=by, params={"account_id": str(account.id), "format": "csv"})
    assert reply.status == 200, reply.body
    return list(csv.DictReader(StringIO(reply.raw.decode("utf-8-sig"))))


@pytest.mark.parametrize("raw", [True, False], ids=["straight", "through the framework"])
async def test_he_pays_a_shop_and_is_not_told_what_the_shop_pays(town: Town, raw: bool) -> None:
    town.raw = raw
    payer, shop, key = await town.person(10_000), await town.shop(), town.id()
    me = come_in(town, payer)
    paid = check(await town.pay_by_http(payer, shop, 1_280, by=me, key=key, method="qr"), 201)
    assert (paid["state"], paid["fee"], paid["captured"]) == ("completed", 0, 1_280)
    assert await town.money(payer) == (8_720, 0)
    fee = (await town.payment(key))["fee"]
    assert fee > 0, "the bank and the shop know it"
    mine = check(await town.get(f"/v1/payments/{key}", by=me), 200)
    assert (mine["fee"], mine["checks"]) == (0, paid["checks"])
    again = check(await town.pay_by_http(payer, shop, 1_280, by=come_in(town, payer), key=key, method="qr"), 201)
    assert again.replayed, "logged in anew, he is the same"
    assert again.raw == paid.raw
    assert await town.money(payer) == (8_720, 0)


@pytest.mark.parametrize("raw", [True, False], ids=["straight", "through the framework"])
async def test_an_account_of_another_does_not_exist_for_him(town: Town, raw: bool) -> None:
    town.raw = raw
    me, victim, payee = come_in(town, await town.person(100)), await town.person(10_000), await town.person()
    nobody = replace(victim, id=town.id())
    tried: list[dict[str, Any]] = []
    for account in (victim, nobody):
        key = town.id()
        refused = check(await town.pay_by_http(account, payee, 50, by=me, key=key), 422, "payer_unknown")
        again = check(await town.pay_by_http(account, payee, 50, by=me, key=key), 422, "payer_unknown")
        assert (again.raw, again.replayed) == (refused.raw, True)
        assert refused.body.pop("payment_id") == str(key)
        tried.append(refused.body)
        check(await town.get(f"/v1/payments/{key}", by=me), 404, "payment_unknown")
    assert tried[0] == tried[1]
    assert await town.money(victim) == (10_000, 0)
    assert await town.money(payee) == (0, 0)


async def test_the_owner_never_sees_what_another_tried(town: Town) -> None:
    victim, payee, key = await town.person(10_000), await town.person(), town.id()
    thief, owner = come_in(town, await town.person()), come_in(town, victim)
    await town.pay_by_http(victim, payee, 50, by=thief, key=key, reference="看广告")
    his = check(await town.pay_by_http(victim, payee, 70, by=owner), 201)
    assert await seen(town, owner, victim, kind="transfer") == [UUID(his["id"])]
    assert await seen(town, owner, victim, party=str(payee.id)) == [UUID(his["id"])]
    for path in ("", "/timeline"):
        check(await town.get(f"/v1/payments/{key}{path}", by=owner), 404, "payment_unknown")
    for verb in ("confirm", "cancel", "recall"):
        check(await town.post(f"/v1/payments/{key}/{verb}", {}, by=owner), 404, "payment_unknown")
    assert [row["id"] for row in await file(town, owner, victim) if row["kind"] == "transfer"] == [his["id"]]
    assert str(key) in [p["id"] for p in (await town.get("/v1/payments"))["items"]], "the bank does see it"


async def test_an_account_of_another_is_neither_locked_nor_its_shop_s_order_taken(town: Town) -> None:
    victim, shop = await town.person(10_000), await town.shop()
    order, thief = await town.order(shop, 500), come_in(town, await town.person())
    async with town.db.tx() as tx:
        await tx.run("SELECT FROM ledger.account WHERE id = %(id)s FOR UPDATE", id=victim.ledger_id)
        await tx.run("SELECT FROM payments.spending WHERE account_id = %(id)s FOR UPDATE", id=victim.id)
        refused = await town.pay_by_http(victim, shop, 500, by=thief, order_id=str(order.id))
        check(refused, 422, "payer_unknown")
    assert (await town.order_now(order.id)).state is OrderState.OPEN
    paid = await town.pay_by_http(victim, shop, 500, by=come_in(town, victim), order_id=str(order.id))
    check(paid, 201)


async def test_a_switch_does_not_tell_an_account_of_another_from_none(town: Town) -> None:
    await town.run_sql(
        "INSERT INTO payments.switch (scope, key, stopped, since, changed_by, reason, version)"
        " VALUES ('kind', 'transfer', true, %(at)s, %(by)s, 'a drill', 1)",
        at=town.at,
        by=town.bank.id,
    )
    payer, victim, payee = await town.person(100), await town.person(100), await town.person()
    me = come_in(town, payer)
    for account in (victim, replace(victim, id=town.id())):
        check(await town.pay_by_http(account, payee, 5, by=me), 422, "payer_unknown")
    check(await town.pay_by_http(payer, payee, 5, by=me), 409, "kind_stopped")
    assert await seen(town, come_in(town, victim), victim, kind="transfer") == []


async def test_in_one_batch_each_is_judged_for_himself(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [await town.person(1_000) for _ in range(4)]
    shop = await town.shop()

    def order(payer: identity.Account, by: identity.Account | None) -> payments.Order:
        return payments.Order(
            id=town.id(),
            principal_id=by.customer_id if by else town.bank.id,
            request_hash=b"",
            payer_account_id=payer.id,
            payee_account_id=None,
            merchant_id=shop.id,
            amount_minor=10,
            currency="CNY",
            payer_id=by.customer_id if by else None,
            device_known=True,
        )

    asked = [(payer, by) for payer in people for by in (*people, None)]
    await town.intake.pay_many([order(people[0], None)])
    watch = Watch(monkeypatch)
    outcomes = await town.intake.pay_many([order(payer, by) for payer, by in asked])
    assert watch.most() == 3, "and it costs no statement"
    for (payer, by), outcome in zip(asked, outcomes, strict=True):
        refusal = outcome.refusal.code if outcome.refusal else None
        assert refusal == (None if by in (payer, None) else "payer_unknown")
    assert [await town.money(payer) for payer in people] == [(970, 0), *[(980, 0)] * 3]


async def test_he_confirms_what_waits_for_him_and_nobody_else_does(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    me, thief = come_in(town, payer), come_in(town, await town.person(10_000))
    asked = check(await town.pay_by_http(payer, shop, 900, confirm="explicit"), 201)
    assert asked["state"] == "challenged"
    path = f"/v1/payments/{asked['id']}"
    check(await town.post(f"{path}/confirm", {}, by=thief), 404, "payment_unknown")
    check(await town.post(f"{path}/cancel", {}, by=thief), 404, "payment_unknown")
    assert await town.money(payer) == (10_000, 0)
    key = town.id()
    done = check(await town.post(f"{path}/confirm", {}, by=me, key=key), 200)
    assert (done["state"], done["fee"]) == ("completed", 0)
    again = check(await town.post(f"{path}/confirm", {}, by=come_in(town, payer), key=key), 200)
    assert (again.raw, again.replayed) == (done.raw, True)
    assert await town.money(payer) == (9_100, 0)
    steps = check(await town.get(f"{path}/timeline", by=me), 200)["steps"]
    assert [s["en"] for s in steps if s["what"] == "operation"] == ["Confirmed by the payer."], "no word of the thief"


async def test_he_may_say_no_to_what_waits_for_him_but_not_to_what_he_has_promised(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    me = come_in(town, payer)
    waits = await town.pay_by_http(payer, shop, 900, by=me, confirm="explicit")
    assert check(await town.post(f"/v1/payments/{waits['id']}/cancel", {}, by=me), 200)["state"] == "cancelled"
    promised = await town.pay_by_http(payer, shop, 900, by=me, capture="manual")
    check(await town.post(f"/v1/payments/{promised['id']}/cancel", {}, by=me), 409, "not_cancellable")
    assert await town.money(payer) == (10_000, 900)
    check(await town.post(f"/v1/payments/{promised['id']}/cancel", {}), 200)


async def test_he_takes_back_what_has_not_arrived(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    me, other = come_in(town, payer), come_in(town, payee)
    before = check(await town.pay_by_http(payer, payee, 100), 201)
    town.later(seconds=1)
    sent = check(await town.pay_by_http(payer, payee, 900, by=me, arrives="in_two_hours"), 201)
    path = f"/v1/payments/{sent['id']}"
    check(await town.get(path, by=other), 404, "payment_unknown")
    assert await seen(town, other, payee) == [UUID(before["id"])], "it may still be taken back"
    check(await town.post(f"{path}/recall", {}, by=other), 404, "payment_unknown")
    assert check(await town.post(f"{path}/recall", {}, by=me), 200)["state"] == "cancelled"
    assert await town.money(payer) == (9_900, 0)


async def test_a_payee_sees_what_has_arrived_and_nothing_of_the_payer_s_money(town: Town) -> None:
    payer, payee = await town.person(1_000), await town.person()
    me = come_in(town, payee)
    declined = check(await town.pay_by_http(payer, payee, 5_000), 402, "insufficient_funds")
    paid = check(await town.pay_by_http(payer, payee, 300, reference="午餐"), 201)
    assert await seen(town, me, payee) == [UUID(paid["id"])]
    assert await seen(town, me, payee, party=str(payer.id)) == [UUID(paid["id"])]
    check(await town.get(f"/v1/payments/{declined['payment_id']}", by=me), 404, "payment_unknown")
    mine = check(await town.get(f"/v1/payments/{paid['id']}", by=me), 200)
    assert (mine["amount"], mine["reference"], mine["checks"]) == (300, "午餐", [])
    steps = check(await town.get(f"/v1/payments/{paid['id']}/timeline", by=me), 200)["steps"]
    assert {step["what"] for step in steps} == {"instruction", "decision", "entry"}
    assert [step["details"]["account_id"] for step in steps if step["what"] == "entry"] == [str(payee.id)]
    assert payer.number not in str(steps)


async def test_each_side_is_told_its_own_part_of_the_story(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    me, the_shop = come_in(town, payer), town.principal(KeyKind.MERCHANT, shop.id)
    paid = await town.pay_by_http(payer, shop, 2_000, by=me, capture="manual")
    path = f"/v1/payments/{paid['id']}"
    check(await town.post(f"{path}/capture", {"amount": 1_500, "final": True}, by=the_shop), 200)
    check(await town.post(f"{path}/refunds", {"amount": 9_000}, by=the_shop), 409, "refund_exceeds_captured")
    check(await town.post(f"{path}/refunds", {"amount": 500}, by=the_shop), 201)

    async def story(by: str) -> list[dict[str, Any]]:
        return check(await town.get(f"{path}/timeline", by=by), 200)["steps"]

    mine, its, whole = await story(me), await story(the_shop), await story("bank")
    assert [s["en"] for s in mine if s["what"] == "operation"] == ["Captured CNY 15.00.", "Refunded CNY 5.00."]
    assert {s["details"]["account_id"] for s in mine if s["what"] == "entry"} == {str(payer.id)}
    assert "balance" in [s["details"]["check"] for s in mine if s["what"] == "check"]
    assert {"fee", "covered", "principal_id"} & {name for s in mine for name in s["details"]} == set()
    assert not [s for s in its if s["what"] in ("check", "hold")]
    assert {s["details"]["account_id"] for s in its if s["what"] == "entry"} == {str(shop.takings_account_id)}
    assert str(payer.customer_id) not in str(its), "who pays is not the shop's to know"
    assert str(payer.customer_id) in str(whole)
    assert {name for s in whole for name in s["details"]} >= {"fee", "principal_id"}


async def test_the_list_and_the_file_are_of_an_account_of_his(town: Town) -> None:
    payer, shop, other = await town.person(10_000), await town.shop(), await town.person(10_000)
    me = come_in(town, payer)
    paid = await town.pay_by_http(payer, shop, 1_280, by=me)
    await town.pay_by_http(other, shop, 10)
    check(await town.get("/v1/payments", by=me), 422, "missing_field")
    for form in ("json", "csv"):
        strange = await town.get("/v1/payments", by=me, params={"account_id": str(other.id), "format": form})
        check(strange, 404, "account_not_found")
    reply = check(await town.get("/v1/payments", by=me, params={"account_id": str(payer.id)}), 200)
    first = reply["items"][0]
    assert (first["id"], first["fee"]) == (paid["id"], 0)
    assert await seen(town, me, payer, merchant_id=str(shop.id)) == [UUID(paid["id"])]
    assert await seen(town, me, payer, party=str(other.id)) == []
    (mine, *_), (whole, *_) = await file(town, me, payer), await file(town, "bank", payer)
    assert (mine["id"], mine["fee"]) == (whole["id"], "0.00") == (paid["id"], "0.00")
    assert whole["fee"] == "0.05"


async def test_he_reads_and_sets_his_own_limits(town: Town) -> None:
    payer, other = await town.person(10_000), await town.person(10_000)
    me = come_in(town, payer)
    path = f"/v1/accounts/{payer.id}/limits"
    assert check(await town.put(path, {"per_day": 500}, by=me), 200)["own"]["per_day"] == 500
    assert check(await town.get(path, by=me), 200)["limits"]["per_day"] == 500
    check(await town.pay_by_http(payer, other, 501, by=me), 402, "over_day_limit")
    check(await town.put(path, {"per_day": 10**15}, by=me), 422, "limit_above_bank")
    strange = f"/v1/accounts/{other.id}/limits"
    check(await town.get(strange, by=me), 404, "account_not_found")
    check(await town.put(strange, {"per_day": 1}, by=me), 404, "account_not_found")
    check(await town.pay_by_http(other, payer, 501), 201)
    for method, where, body in (
        ("PUT", f"/v1/accounts/{payer.id}/bank-limits", {"per_day": 1, "reason": "why not"}),
        ("POST", f"/v1/accounts/{payer.id}/bank-limits/drop", {"reason": "why not"}),
        ("GET", "/v1/limits", None),
    ):
        check(await town.send(method, where, body, by=me), 403, "permission_missing")


async def test_frozen_he_looks_and_does_not_pay(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    me = come_in(town, payer)
    check(await town.pay_by_http(payer, payee, 100), 201)
    town.later(seconds=1)
    waits = await town.pay_by_http(payer, payee, 5, by=me, confirm="explicit")
    async with town.db.tx() as tx:
        await identity.freeze_customer(tx, payer.customer_id, reason="a court asks", by=town.bank, at=town.at)
    check(await town.pay_by_http(payer, payee, 5, by=me), 409, "customer_frozen")
    check(await town.post(f"/v1/payments/{waits['id']}/confirm", {}, by=me), 409, "customer_frozen")
    check(await town.get(f"/v1/payments/{waits['id']}", by=me), 200)
    assert await town.money(payer) == (9_900, 0)


async def test_he_pays_in_his_own_way_and_not_for_many(town: Town) -> None:
    payer, shop = await town.person(10_000), await town.shop()
    me = come_in(town, payer)
    for method in ("card", "api"):
        refused = check(await town.pay_by_http(payer, shop, 5, by=me, method=method), 422, "invalid_field")
        assert refused["field"] == "method"
    orders = [{**town.order_body(payer, shop, 5), "id": str(town.id())}]
    check(await town.send("POST", "/v1/payments/batch", {"orders": orders}, by=me), 403, "permission_missing")
    paid = await town.pay_by_http(payer, shop, 5, by=me)
    for verb in ("capture", "refunds"):
        check(await town.post(f"/v1/payments/{paid['id']}/{verb}", {}, by=me), 403, "permission_missing")
    town.keys["nobody"] = replace(town.keys[me], subject_id=None)
    check(await town.pay_by_http(payer, shop, 5, by="nobody"), 403, "permission_missing")
    town.keys["looks"] = replace(town.keys[me], permissions=frozenset({"me:read"}))
    check(await town.pay_by_http(payer, shop, 5, by="looks"), 403, "permission_missing")
    assert await town.money(payer) == (9_995, 0)
