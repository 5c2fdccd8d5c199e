"""Kill switches: one person stops a method, a merchant or a kind of payment at once, and what was promised goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from inline_snapshot import snapshot

from tests.payments.town import Reply, Town
from tongbao import payments
from tongbao.base import audit
from tongbao.base.db import Database, Tx
from tongbao.base.jobs import JobContext
from tongbao.identity import KeyKind
from tongbao.payments import payroll
from tongbao.payments.jobs import JOBS

JOB = {job.name: job for job in JOBS}


async def throw(town: Town, of: str, name: object, *, by: str = "bank", **body: Any) -> Reply:
    return await town.put(f"/v1/switches/{of}/{name}", {"stopped": True, "reason": "wrong codes"} | body, by=by)


async def run(town: Town, job: str) -> None:
    await JOB[f"payments.{job}"].run(JobContext(town.db, town.clock, town.settings))


async def test_a_method_is_stopped_and_the_payer_is_told_what_to_do(town: Town) -> None:
    payer, shop, key = await town.person(1000), await town.shop(), town.id()
    assert (await throw(town, "method", "qr"))["stopped"] is True
    refused = await town.pay_by_http(payer, shop, 100, method="qr", key=key)
    assert (refused.status, refused.code) == (409, "method_stopped")
    assert refused["title"] == (
        "The bank has stopped this way of paying for now. Nothing was paid. Pay another way, or later as a new payment."
    )
    assert refused["title_zh"] == "银行已暂停此支付方式，本笔未付款，请改用其他方式，或稍后重新发起。"
    assert refused["checks"] == [
        {"check": "authentication", "passed": True},
        {"check": "switch", "passed": False, "value": "method_stopped"},
    ]
    steps = (await town.get(f"/v1/payments/{key}/timeline"))["steps"]
    assert any("交易开关" in step["zh"] and "暂停" in step["zh"] for step in steps if step["what"] == "check")
    assert (await town.pay_by_http(payer, shop, 100)).status == 201, "another way"
    assert (await throw(town, "method", "qr", stopped=False, reason="mended"))["stopped"] is False
    again = await town.pay_by_http(payer, shop, 100, method="qr", key=key)
    assert (again.raw, again.replayed) == (refused.raw, True), "what was decided stands"
    assert (await town.pay_by_http(payer, shop, 100, method="qr")).status == 201, "a new payment"
    assert await town.money(payer) == (800, 0)


async def test_qr_is_stopped_in_the_middle_of_traffic_and_account_payments_go_on(town: Town) -> None:
    people = [await town.person(100_000) for _ in range(4)]
    shop = await town.shop()

    async def pay(intake: payments.Intake, n: int, method: payments.Method) -> payments.Outcome:
        return await intake.pay(
            payments.Order(
                id=town.id(),
                principal_id=town.bank.id,
                request_hash=b"",
                payer_account_id=people[n % 4].id,
                payee_account_id=None,
                merchant_id=shop.id,
                amount_minor=10,
                currency="CNY",
                method=method,
            )
        )

    def codes(outcomes: Sequence[payments.Outcome]) -> set[str | None]:
        return {outcome.refusal.code if outcome.refusal else None for outcome in outcomes}

    async with Database(town.db.url, size=8) as other:
        intakes = [town.intake, payments.Intake(other, town.clock, town.settings)]
        for intake in intakes:
            assert codes([await pay(intake, 0, payments.Method.QR)]) == {None}
        during = [
            asyncio.create_task(pay(intakes[n % 2], n, method))
            for n in range(60)
            for method in (payments.Method.QR, payments.Method.ACCOUNT)
        ]
        assert (await throw(town, "method", "qr")).status == 200
        after = await asyncio.gather(*(pay(intakes[n % 2], n, payments.Method.QR) for n in range(20)))
        assert codes(after) == {"method_stopped"}, "every batch that begins after the switch was thrown"
        outcomes = [await task for task in during]
        assert codes(outcomes[0::2]) <= {None, "method_stopped"}
        assert codes(outcomes[1::2]) == {None}
        paid = sum(outcome.refusal is None for outcome in outcomes) + len(intakes)
    assert await town.balance(shop.takings_account_id) == paid * 10
    await town.books_balance()


async def test_a_stopped_merchant_keeps_its_standing_and_refunds(town: Town) -> None:
    payer, shop, neighbour = await town.person(10_000), await town.shop(), await town.shop()
    sold = (await town.pay_by_http(payer, shop, 500))["id"]
    held = (await town.pay_by_http(payer, shop, 300, capture="manual"))["id"]
    assert (await throw(town, "merchant", str(shop.id).upper()))["key"] == str(shop.id)
    refused = await town.pay_by_http(payer, shop, 100)
    assert (refused.status, refused.code) == (409, "merchant_stopped")
    assert (await town.pay_by_http(payer, neighbour, 100)).status == 201
    assert (await town.post(f"/v1/payments/{held}/capture", {}))["state"] == "completed", "that was promised"
    assert (await town.post(f"/v1/payments/{sold}/refunds", {"amount": 200}))["refunded"] == 200
    assert await town.money(payer) == (9_300, 0)
    (standing,) = await town.run_sql("SELECT status FROM merchants.merchant WHERE id = %(i)s", i=shop.id)
    assert standing == ("open",)
    assert (await throw(town, "merchant", shop.id, stopped=False)).status == 200
    assert (await town.pay_by_http(payer, shop, 100)).status == 201


async def test_a_stopped_country_takes_no_payment_to_its_merchants_and_the_others_go_on(town: Town) -> None:
    payer, payee = await town.person(10_000), await town.person()
    far, near = await town.shop(country="HK"), await town.shop()
    sold = (await town.pay_by_http(payer, far, 500))["id"]
    held = (await town.pay_by_http(payer, far, 300, capture="manual"))["id"]
    assert (await throw(town, "country", "hk"))["key"] == "HK"
    refused = await town.pay_by_http(payer, far, 100)
    assert (refused.status, refused.code) == (409, "country_stopped")
    assert refused["title"].startswith("The bank has stopped payments to merchants in this country for now.")
    assert refused["title_zh"] == "银行已暂停向该国家或地区的商户付款，本笔未付款，请稍后重新发起。"
    assert (await town.pay_by_http(payer, near, 100)).status == 201
    assert (await town.pay_by_http(payer, payee, 100)).status == 201, "a transfer goes to no merchant"
    assert (await town.post(f"/v1/payments/{held}/capture", {}))["state"] == "completed", "that was promised"
    assert (await town.post(f"/v1/payments/{sold}/refunds", {"amount": 200}))["refunded"] == 200
    assert (await throw(town, "country", "FR")).status == 200
    assert (await town.pay_by_http(payer, far, 100)).code == "country_stopped"
    assert (await throw(town, "country", "HK", stopped=False)).status == 200
    assert (await town.pay_by_http(payer, far, 100)).status == 201
    await town.books_balance()


async def test_a_stopped_payment_leaves_the_order_and_its_neighbours_alone(town: Town) -> None:
    payer, payee, shop = await town.person(10_000), await town.person(), await town.shop()
    order = await town.order(shop, 400)
    await throw(town, "method", "card")
    bodies = [
        town.order_body(payer, shop, 400, order_id=str(order.id), method="card"),
        town.order_body(payer, payee, 100),
        town.order_body(payer, shop, 400, order_id=str(order.id), method="qr"),
        town.order_body(payer, shop, 50, method="card"),
    ]
    asked = {"orders": [body | {"id": str(town.id())} for body in bodies]}
    outcomes = (await town.send("POST", "/v1/payments/batch", asked))["outcomes"]
    assert [(one["status"], one.get("code")) for one in outcomes] == [
        (409, "method_stopped"),
        (201, None),
        (201, None),
        (409, "method_stopped"),
    ]
    assert await town.money(payer) == (9_500, 0)
    assert (await town.order_now(order.id)).state == "paid"


async def test_kinds_stop_by_every_way_in(town: Town) -> None:
    payer, payee, shop = await town.person(10_000), await town.person(), await town.shop()
    for kind in ("transfer", "topup"):
        await throw(town, "kind", kind)
    assert (await town.pay_by_http(payer, payee, 100)).code == "kind_stopped"
    top_up = await town.post("/v1/topups", {"account_id": str(payer.id), "amount": 100, "currency": "CNY"})
    assert (top_up.status, top_up.code) == (409, "kind_stopped")
    assert (await town.pay_by_http(payer, shop, 100)).status == 201
    for of, name in (("merchant", shop.id), ("method", "account"), ("kind", "payment")):
        await throw(town, of, name)
    assert (await town.pay_by_http(payer, shop, 100)).code == "kind_stopped", "the widest is named"
    await throw(town, "kind", "payment", stopped=False)
    assert (await town.pay_by_http(payer, shop, 100)).code == "merchant_stopped"
    assert await town.money(payer) == (9_900, 0)


async def test_a_confirmation_moves_money_and_waits_for_the_switch(town: Town) -> None:
    payer, shop, key = await town.person(1000), await town.shop(), town.id()
    asked = (await town.pay_by_http(payer, shop, 100, method="qr", confirm="explicit"))["id"]
    await throw(town, "method", "qr")
    refused = await town.post(f"/v1/payments/{asked}/confirm", {}, key=key)
    assert (refused.status, refused.code) == (409, "method_stopped")
    assert (await town.payment(UUID(asked)))["state"] == "challenged"
    await throw(town, "method", "qr", stopped=False)
    assert (await town.post(f"/v1/payments/{asked}/confirm", {}, key=key)).raw == refused.raw
    assert (await town.post(f"/v1/payments/{asked}/confirm", {}))["state"] == "completed"
    await throw(town, "method", "qr")
    assert (await town.post(f"/v1/payments/{asked}/confirm", {})).code == "not_challenged"


async def test_a_transfer_on_its_way_arrives(town: Town) -> None:
    payer, payee = await town.person(1000), await town.person()
    assert (await town.pay_by_http(payer, payee, 100, arrives="in_two_hours")).status == 201
    await throw(town, "kind", "transfer")
    town.later(hours=3)
    assert await town.intake.end_due() == 1
    assert await town.money(payee) == (100, 0)


async def test_a_stop_with_an_end_is_over_by_itself(town: Town) -> None:
    payer, shop = await town.person(1000), await town.shop()
    until = town.at + timedelta(minutes=30)
    thrown = await throw(town, "method", "qr", until=until.isoformat())
    assert (thrown["until"], thrown["version"]) == ("2026-11-23T01:30:00Z", 1)
    town.later(minutes=30, seconds=-1)
    assert (await town.pay_by_http(payer, shop, 100, method="qr")).code == "method_stopped"
    town.later(seconds=1)
    assert (await town.pay_by_http(payer, shop, 100, method="qr")).status == 201
    (qr,) = [one for one in (await town.get("/v1/switches")).body if one["key"] == "qr"]
    assert (qr["stopped"], qr["until"]) == (False, "2026-11-23T01:30:00Z")
    past = await throw(town, "method", "qr", until=until.isoformat())
    assert (past.status, past.code, past["field"]) == (422, "until_past", "until")
    assert (await throw(town, "method", "qr"))["version"] == 2
    assert (await town.pay_by_http(payer, shop, 100, method="qr")).code == "method_stopped"


async def test_who_stopped_what_and_why_is_seen_audited_and_told(town: Town) -> None:
    one, other = town.principal(), town.principal()
    assert (await town.get("/v1/switches")).body == [
        {
            "scope": of,
            "key": key,
            "stopped": False,
            "since": None,
            "by": None,
            "reason": None,
            "until": None,
            "version": 0,
        }
        for of, keys in (("kind", payments.Kind), ("method", payments.Method))
        for key in keys
    ]
    first = await throw(town, "method", "qr", by=one, reason="false codes in the north")
    assert (first["by"], first["since"]) == (str(town.keys[one].id), "2026-11-23T01:00:00Z")
    town.later(minutes=1)
    again = await throw(town, "method", "qr", by=other, reason="I too")
    assert again.body == first.body, "stopped already, by the first"
    resumed = await throw(town, "method", "qr", by=other, stopped=False, reason="codes were changed")
    assert (resumed["version"], resumed["reason"], resumed["by"]) == (2, "codes were changed", str(town.keys[other].id))
    assert (await throw(town, "method", "qr", stopped=False, reason="late")).body == resumed.body
    assert (await throw(town, "kind", "salary", stopped=False))["version"] == 0, "nothing to resume"
    async with town.db.read() as tx:
        trail = [(e.action, e.principal_id, e.reason) for e in await audit.trail(tx, subject="method qr")]
        now = {(s.scope, s.key): s for s in await payments.switches(tx)}
    assert trail == [
        ("switch.resume", town.keys[other].id, "codes were changed"),
        ("switch.stop", town.keys[one].id, "false codes in the north"),
    ]
    assert not now[payments.Scope.METHOD, "qr"].stops(town.at)
    told = await town.run_sql(
        "SELECT sequence, payload->>'key', payload->'stopped' FROM base.outbox WHERE topic = 'switch.changed' ORDER BY 1"
    )
    assert told == [(1, "qr", True), (2, "qr", False)]


async def test_two_people_who_decide_at_once(town: Town) -> None:
    """Both saw a running method; one stops it for good, the other for an hour. The later one is told and looks again."""
    one, other = town.principal(), town.principal()
    until = (town.at + timedelta(hours=1)).isoformat()
    for version in (0, 2, 4):
        answers = await asyncio.gather(
            throw(town, "method", "qr", by=one, expected=version),
            throw(town, "method", "qr", by=other, expected=version, until=until),
        )
        assert sorted(answer.status for answer in answers) == [200, 409]
        (won,) = [answer for answer in answers if answer.status == 200]
        (lost,) = [answer for answer in answers if answer.status == 409]
        assert (lost.code, won["version"]) == ("switch_changed", version + 1)
        assert lost["title_zh"] == "该交易开关已被他人更改，请重新查看后再操作。"
        assert won["by"] in lost["detail"]
        (now,) = [switch for switch in (await town.get("/v1/switches")).body if switch["key"] == "qr"]
        assert now == won.body
        stale = await throw(town, "method", "qr", stopped=False, expected=version)
        assert stale.code == "switch_changed", "whoever resumes has seen the newest stop"
        assert (await throw(town, "method", "qr", stopped=False, expected=version + 1)).status == 200


async def test_the_same_stop_by_many_at_once_is_one(town: Town) -> None:
    shop = await town.shop()
    people = [town.principal() for _ in range(8)]
    answers = await asyncio.gather(*(throw(town, "merchant", shop.id, by=person) for person in people))
    assert {(answer.status, answer["by"], answer["version"]) for answer in answers} == {(200, answers[0]["by"], 1)}
    told = await town.run_sql("SELECT count(*) FROM base.audit WHERE action = 'switch.stop'")
    assert told == [(1,)]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("kind/gift", {}, (404, "switch_unknown", "name")),
        ("method/QR", {}, (404, "switch_unknown", "name")),
        ("country/XX", {}, (404, "switch_unknown", "name")),
        ("merchant/nobody", {}, (404, "merchant_unknown", "name")),
        (f"merchant/{UUID(int=1)}", {}, (404, "merchant_unknown", "name")),
        ("account/1", {}, (422, "invalid_field", "of")),
        ("method/qr", {"stopped": False, "until": "2027-01-01T00:00:00Z"}, (422, "invalid_field", "until")),
        ("method/qr", {"until": "2027-01-01T00:00:00"}, (422, "invalid_field", "until")),
        ("method/qr", {"reason": "x"}, (422, "invalid_field", "reason")),
        ("method/qr", {"expected": 3}, (409, "switch_changed", None)),
    ],
)
async def test_what_cannot_be_thrown(town: Town, path: str, body: Any, expected: tuple[int, str, str | None]) -> None:
    of, _, name = path.partition("/")
    refused = await throw(town, of, name, **body)
    assert (refused.status, refused.code, refused.body.get("field")) == expected
    assert await town.run_sql("SELECT 1 FROM payments.switch") == []


async def test_only_the_bank_throws_switches(town: Town) -> None:
    shop = await town.shop()
    theirs = town.principal(KeyKind.MERCHANT, shop.id)
    assert (await throw(town, "merchant", shop.id, by=theirs)).code == "permission_missing"
    assert (await town.get("/v1/switches", by=theirs)).code == "permission_missing"


async def test_a_payroll_waits_and_goes_on(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before it began, and again between two chunks: nobody's wage is declined for good, nobody is paid twice."""
    firm, people = await town.firm(1_000_000), [await town.person() for _ in range(5)]
    text = "account_number,amount\n" + "".join(f"{p.number},10.00\n" for p in people)
    uploaded = await town.post(
        f"/v1/payrolls?payer_account_id={firm.id}", content=text, headers={"content-type": "text/csv"}
    )
    path = f"/v1/payrolls/{uploaded['id']}"
    await throw(town, "kind", "salary")
    waits = await town.send("POST", f"{path}/confirm", {})
    assert (waits["state"], waits["lines_paid"], waits["lines_failed"]) == ("running", 0, 0)
    await run(town, "go_on_with_payrolls")
    assert await town.run_sql("SELECT 1 FROM payments.payment WHERE kind = 'salary'") == [], "it looked before it paid"
    await throw(town, "kind", "salary", stopped=False)

    monkeypatch.setattr(payroll, "BULK", 2)
    pay_many, chunks = payments.Intake.pay_many, []

    async def stopped_in_between(intake: payments.Intake, orders: Sequence[payments.Order]) -> list[payments.Outcome]:
        chunks.append(len(orders))
        if len(chunks) == 2:
            await throw(town, "kind", "salary")
        return await pay_many(intake, orders)

    monkeypatch.setattr(payments.Intake, "pay_many", stopped_in_between)
    await run(town, "go_on_with_payrolls")
    halfway = await town.get(path)
    assert (halfway["state"], halfway["lines_paid"], halfway["lines_failed"]) == ("running", 2, 0)
    states = await town.run_sql(
        "SELECT state, refusal, count(*) FROM payments.payment WHERE kind = 'salary' GROUP BY 1, 2"
    )
    assert set(states) == {("completed", None, 2), ("declined", "kind_stopped", 2)}
    await run(town, "go_on_with_payrolls")
    assert len(chunks) == 2, "it waits"
    await throw(town, "kind", "salary", stopped=False)
    await run(town, "go_on_with_payrolls")
    done = await town.get(path)
    assert (done["state"], done["lines_paid"], done["paid"]) == ("completed", 5, 5_000)
    assert [await town.money(person) for person in people] == [(1_000, 0)] * 5


async def test_a_standing_order_that_was_stopped_is_tried_the_next_day(town: Town) -> None:
    payer, payee = await town.person(1000), await town.person()
    body = {**town.order_body(payer, payee, 100), "every": "month", "starts_on": str(town.today)}
    made = await town.post("/v1/schedules", body)
    await throw(town, "kind", "transfer")
    await run(town, "run_schedules")
    (tried,) = (await town.get(f"/v1/schedules/{made['id']}/runs"))["items"]
    assert (tried["state"], tried["code"]) == ("declined", "kind_stopped")
    await throw(town, "kind", "transfer", stopped=False)
    town.later(days=1)
    await run(town, "run_schedules")
    assert await town.money(payee) == (100, 0)
    assert (await town.get(f"/v1/schedules/{made['id']}"))["next_on"] == "2026-12-23"


async def test_a_switch_costs_a_payment_no_statement(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    payer, shop = await town.person(1000), await town.shop()
    await town.pay_by_http(payer, shop, 1)
    asked = [(await town.pay_by_http(payer, shop, 1, confirm="explicit"))["id"] for _ in range(3)]
    await town.post(f"/v1/payments/{asked[2]}/confirm", {})
    seen: list[None] = []
    count = Tx._count

    def counted(tx: Tx) -> None:
        seen.append(None)
        count(tx)

    monkeypatch.setattr(Tx, "_count", counted)

    async def statements(confirmed: str) -> tuple[int, int]:
        assert (await town.pay_by_http(payer, shop, 1)).status == 201
        pays = len(seen)
        assert (await town.post(f"/v1/payments/{confirmed}/confirm", {})).status == 200
        confirms = len(seen) - pays
        seen.clear()
        return pays, confirms

    assert await statements(asked[0]) == snapshot((8, 11))
    for of, name in (("method", "qr"), ("kind", "topup"), ("merchant", (await town.shop()).id)):
        await throw(town, of, name)
    seen.clear()
    assert await statements(asked[1]) == snapshot((8, 11))
