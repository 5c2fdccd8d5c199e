"""Every way payments says no, each with its case. A refusal without one fails the last test of this file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tests.payments.town import Reply, Town
from tongbao import identity, merchants, payments
from tongbao.base import approvals
from tongbao.base.principal import Principal, PrincipalKind
from tongbao.base.refusal import Refusal
from tongbao.identity import KeyKind

Case = Callable[[Town], Awaitable[Reply]]
CASES: dict[str, Case] = {}


def case(code: str) -> Callable[[Case], Case]:
    def listed(test: Case) -> Case:
        CASES[code] = test
        return test

    return listed


async def limit(town: Town, account: identity.Account, **limits: int) -> None:
    reply = await town.put(f"/v1/accounts/{account.id}/limits", limits)
    assert reply.status == 200, reply.body


@case("id_taken")
async def id_taken(town: Town) -> Reply:
    payer, payee, key = await town.person(1000), await town.person(), town.id()
    await town.pay_by_http(payer, payee, 10, key=key)
    return await town.pay_by_http(payer, payee, 10, key=key, by=town.principal())


@case("id_reused")
async def id_reused(town: Town) -> Reply:
    payer, payee, key = await town.person(1000), await town.person(), town.id()
    await town.pay_by_http(payer, payee, 10, key=key)
    return await town.pay_by_http(payer, payee, 11, key=key)


@case("payment_unknown")
async def payment_unknown(town: Town) -> Reply:
    return await town.get(f"/v1/payments/{town.id()}")


async def throw(town: Town, place: str, **more: Any) -> Reply:
    return await town.put(f"/v1/switches/{place}", {"stopped": True, "reason": "wrong codes"} | more)


@case("kind_stopped")
async def kind_stopped(town: Town) -> Reply:
    await throw(town, "kind/transfer")
    return await town.pay_by_http(await town.person(1000), await town.person(), 1)


@case("merchant_stopped")
async def merchant_stopped(town: Town) -> Reply:
    shop = await town.shop()
    await throw(town, f"merchant/{shop.id}")
    return await town.pay_by_http(await town.person(1000), shop, 1)


@case("country_stopped")
async def country_stopped(town: Town) -> Reply:
    await throw(town, "country/HK")
    return await town.pay_by_http(await town.person(1000), await town.shop(country="HK"), 1)


@case("method_stopped")
async def method_stopped(town: Town) -> Reply:
    await throw(town, "method/qr")
    return await town.pay_by_http(await town.person(1000), await town.shop(), 1, method="qr")


@case("switch_unknown")
async def switch_unknown(town: Town) -> Reply:
    return await throw(town, "method/shells")


@case("switch_changed")
async def switch_changed(town: Town) -> Reply:
    await throw(town, "method/qr")
    return await throw(town, "method/qr", stopped=False, expected=0)


@case("until_past")
async def until_past(town: Town) -> Reply:
    return await throw(town, "method/qr", until=town.at.isoformat())


@case("payer_unknown")
async def payer_unknown(town: Town) -> Reply:
    payee = await town.person()
    body = {"payer_account_id": str(town.id()), "payee_account_id": str(payee.id), "amount": 1, "currency": "CNY"}
    return await town.post("/v1/payments", body)


@case("payee_unknown")
async def payee_unknown(town: Town) -> Reply:
    return await town.post("/v1/topups", {"account_id": str(town.id()), "amount": 1, "currency": "CNY"})


@case("merchant_unknown")
async def merchant_unknown(town: Town) -> Reply:
    payer = await town.person(1000)
    body = {"payer_account_id": str(payer.id), "merchant_id": str(town.id()), "amount": 1, "currency": "CNY"}
    return await town.post("/v1/payments", body)


@case("merchant_closed")
async def merchant_closed(town: Town) -> Reply:
    payer, shop = await town.person(1000), await town.shop()
    async with town.db.tx() as tx:
        await merchants.set_status(tx, shop.id, merchants.MerchantStatus.CLOSED)
    return await town.pay_by_http(payer, shop, 1)


@case("customer_frozen")
async def customer_frozen(town: Town) -> Reply:
    """The customer was frozen a moment ago; the ledger has not heard of it yet."""
    payer, payee = await town.person(1000), await town.person()
    async with town.db.tx() as tx:
        await identity.freeze_customer(tx, payer.customer_id, reason="court order", by=town.bank, at=town.at)
    return await town.pay_by_http(payer, payee, 1)


@case("not_verified")
async def not_verified(town: Town) -> Reply:
    return await town.pay_by_http(await town.person(1000, level=0), await town.person(), 1)


@case("over_level_limit")
async def over_level_limit(town: Town) -> Reply:
    payer, payee = await town.person(300_000, level=1), await town.person()
    assert (await town.pay_by_http(payer, payee, 100_000)).status == 201
    return await town.pay_by_http(payer, payee, 100_001)


@case("over_payment_limit")
async def over_payment_limit(town: Town) -> Reply:
    payer, payee = await town.person(1000), await town.person()
    await limit(town, payer, per_payment=500)
    assert (await town.pay_by_http(payer, payee, 500)).status == 201
    return await town.pay_by_http(payer, payee, 501)


@case("over_day_limit")
async def over_day_limit(town: Town) -> Reply:
    payer, payee = await town.person(1000), await town.person()
    await limit(town, payer, per_day=500)
    assert (await town.pay_by_http(payer, payee, 400)).status == 201
    return await town.pay_by_http(payer, payee, 101)


@case("over_month_limit")
async def over_month_limit(town: Town) -> Reply:
    payer, payee = await town.person(1000), await town.person()
    await limit(town, payer, per_month=500)
    assert (await town.pay_by_http(payer, payee, 400)).status == 201
    town.later(days=1)
    return await town.pay_by_http(payer, payee, 101)


@case("over_day_count")
async def over_day_count(town: Town) -> Reply:
    payer, payee = await town.person(1000), await town.person()
    await limit(town, payer, count_per_day=1)
    assert (await town.pay_by_http(payer, payee, 1)).status == 201
    return await town.pay_by_http(payer, payee, 1)


@case("over_month_count")
async def over_month_count(town: Town) -> Reply:
    payer, payee = await town.person(1000), await town.person()
    await limit(town, payer, count_per_month=1)
    assert (await town.pay_by_http(payer, payee, 1)).status == 201
    town.later(days=1)
    return await town.pay_by_http(payer, payee, 1)


@case("not_challenged")
async def not_challenged(town: Town) -> Reply:
    paid = await town.pay_by_http(await town.person(1000), await town.person(), 1)
    return await town.post(f"/v1/payments/{paid['id']}/confirm", {})


@case("not_capturable")
async def not_capturable(town: Town) -> Reply:
    paid = await town.pay_by_http(await town.person(1000), await town.person(), 1)
    return await town.post(f"/v1/payments/{paid['id']}/capture", {})


@case("capture_too_late")
async def capture_too_late(town: Town) -> Reply:
    held = await town.pay_by_http(await town.person(1000), await town.person(), 1, capture="manual", hold_s=60)
    town.later(seconds=60)
    return await town.post(f"/v1/payments/{held['id']}/capture", {})


@case("capture_exceeds_authorised")
async def capture_exceeds_authorised(town: Town) -> Reply:
    held = await town.pay_by_http(await town.person(1000), await town.person(), 100, capture="manual")
    await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 60})
    return await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 41})


@case("not_cancellable")
async def not_cancellable(town: Town) -> Reply:
    paid = await town.pay_by_http(await town.person(1000), await town.person(), 1)
    return await town.post(f"/v1/payments/{paid['id']}/cancel", {})


@case("recall_too_late")
async def recall_too_late(town: Town) -> Reply:
    sent = await town.pay_by_http(await town.person(1000), await town.person(), 1, arrives="in_two_hours")
    town.later(hours=2)
    return await town.post(f"/v1/payments/{sent['id']}/recall", {})


@case("not_recallable")
async def not_recallable(town: Town) -> Reply:
    paid = await town.pay_by_http(await town.person(1000), await town.person(), 1)
    return await town.post(f"/v1/payments/{paid['id']}/recall", {})


@case("nothing_to_refund")
async def nothing_to_refund(town: Town) -> Reply:
    held = await town.pay_by_http(await town.person(1000), await town.person(), 1, capture="manual")
    return await town.post(f"/v1/payments/{held['id']}/refunds", {})


@case("refund_exceeds_captured")
async def refund_exceeds_captured(town: Town) -> Reply:
    paid = await town.pay_by_http(await town.person(1000), await town.person(), 100)
    assert (await town.post(f"/v1/payments/{paid['id']}/refunds", {"amount": 60})).status == 201
    return await town.post(f"/v1/payments/{paid['id']}/refunds", {"amount": 60})


@case("refund_not_covered")
async def refund_not_covered(town: Town) -> Reply:
    payer, payee = await town.person(1000), await town.person()
    paid = await town.pay_by_http(payer, payee, 1000)
    assert (await town.pay_by_http(payee, payer, 500)).status == 201
    return await town.post(f"/v1/payments/{paid['id']}/refunds", {})


@case("rail_unknown")
async def rail_unknown(town: Town) -> Reply:
    return await town.top_up_over(await town.person(), 100, rail="elsewhere")


@case("rail_down")
async def rail_down(town: Town) -> Reply:
    await town.run_sql(
        "INSERT INTO payments.rail_state VALUES ('sandbox', 5, %(at)s, %(at)s::timestamptz + interval '1 s')",
        at=town.at,
    )
    key, payee = town.id(), await town.person()
    refused = await town.top_up_over(payee, 100, key=key)
    assert (await town.get(f"/v1/payments/{key}")).code == "payment_unknown", "it leaves no trace"
    assert refused["title_zh"]
    town.later(seconds=1)
    assert (await town.top_up_over(payee, 100, key=key)).status == 201, "one may find out whether it is back"
    return await town.top_up_over(payee, 100)


async def over_rail(town: Town, verb: str) -> Reply:
    """The payment after the rail has said `verb`, with the code it was declined for."""
    asked = await town.top_up_over(await town.person(), 100)
    assert (asked.status, asked["state"], asked["code"]) == (201, "created", None)
    outcome = await town.ask(verb, UUID(asked["id"]))
    assert outcome.refusal is None
    after = await town.get(f"/v1/payments/{asked['id']}")
    assert after["state"] == "declined"
    return Reply.of({"code": after["code"]})


@case("declined_by_rail")
async def declined_by_rail(town: Town) -> Reply:
    return await over_rail(town, "rail_declined")


@case("rail_never_received")
async def rail_never_received(town: Town) -> Reply:
    return await over_rail(town, "rail_never_received")


@case("resolved_as_declined")
async def resolved_as_declined(town: Town) -> Reply:
    asked = await town.top_up_over(await town.person(), 100)
    first, second = (town.principal_of_staff() for _ in range(2))
    async with town.db.tx() as tx:
        filed = await payments.propose_resolution(
            tx, first, UUID(asked["id"]), payments.Resolution.DECLINED, id=town.id(), reason="by telephone", at=town.at
        )
    async with town.db.tx() as tx:
        await approvals.decide(
            tx,
            second,
            payments.kinds(town.settings.zone),
            id=filed.id,
            state=approvals.ApprovalState.APPROVED,
            at=town.at,
        )
    return Reply.of({"code": (await town.get(f"/v1/payments/{asked['id']}"))["code"]})


@case("not_waiting_for_rail")
async def not_waiting_for_rail(town: Town) -> Reply:
    paid = await town.pay_by_http(await town.person(1000), await town.person(), 1)
    return await town.post(f"/v1/payments/{paid['id']}/ask-again", {})


@case("rail_contradicts")
async def rail_contradicts(town: Town) -> Reply:
    asked = await town.top_up_over(await town.person(), 100)
    assert (await town.ask("rail_accepted", UUID(asked["id"]))).refusal is None
    outcome = await town.ask("rail_declined", UUID(asked["id"]))
    assert outcome.refusal is not None
    assert (await town.get(f"/v1/payments/{asked['id']}"))["state"] == "completed", "nothing is taken back by guess"
    return Reply.of({"code": outcome.refusal.code})


@case("not_refunded_over_rail")
async def not_refunded_over_rail(town: Town) -> Reply:
    asked = await town.top_up_over(await town.person(), 100)
    await town.ask("rail_accepted", UUID(asked["id"]))
    return await town.post(f"/v1/payments/{asked['id']}/refunds", {})


def customer(town: Town, account: identity.Account, device_id: UUID | None) -> str:
    """The token of an account's owner in a browser of his."""
    permissions = identity.VISITOR_PERMISSIONS[identity.VisitorKind.CUSTOMER]
    me = Principal(
        id=account.customer_id,
        kind=PrincipalKind.CUSTOMER,
        permissions=permissions,
        subject_id=account.customer_id,
        device_id=device_id,
    )
    town.keys[str(account.id)] = me
    return str(account.id)


@case("authorisation_refused")
async def authorisation_refused(town: Town) -> Reply:
    payer, shop = await town.person(10_000_000), await town.shop()
    town.later(days=3)
    async with town.db.tx() as tx:
        await identity.set_sms(tx, payer.customer_id, by=town.bank, at=town.at)
    return await town.pay_by_http(payer, shop, 1_000_000, by=customer(town, payer, None))


async def propose(town: Town, *, expected: int = 1, **other: int) -> Reply:
    async with town.db.read() as tx:
        now = await payments.policy_in_force(tx)
    change = payments.PolicyChange(expected=expected, rules=replace(now.rules, **other))
    person, about = town.principal_of_staff(), {"id": town.id(), "reason": "a drill", "at": town.at}
    try:
        async with town.db.tx() as tx:
            await payments.propose_policy(tx, person, change, **about)
    except Refusal as refusal:
        return Reply.of({"code": refusal.code})
    raise AssertionError("it was taken")


@case("policy_unsound")
async def policy_unsound(town: Town) -> Reply:
    return await propose(town, none_per_payment_minor=10**10)


@case("policy_unchanged")
async def policy_unchanged(town: Town) -> Reply:
    return await propose(town)


@case("policy_changed")
async def policy_changed(town: Town) -> Reply:
    return await propose(town, expected=2, night_until=6)


@case("limit_above_bank")
async def limit_above_bank(town: Town) -> Reply:
    return await town.put(f"/v1/accounts/{(await town.person()).id}/limits", {"per_day": 20_000_001})


@case("account_not_found")
async def account_not_found(town: Town) -> Reply:
    return await town.get(f"/v1/accounts/{town.id()}/limits")


async def upload(town: Town, text: str | bytes, **more: Any) -> Reply:
    payer = more.pop("payer", None) or await town.firm(100_000)
    return await town.post(
        f"/v1/payrolls?payer_account_id={payer.id}", content=text, headers={"content-type": "text/csv"}, **more
    )


async def line_problem(town: Town, uploaded: Reply) -> Reply:
    """The code of the first line, as if it were an answer."""
    assert uploaded.status == 201, uploaded.body
    lines = await town.get(f"/v1/payrolls/{uploaded['id']}/lines?failures=true")
    lines.body = {"code": lines["items"][0]["code"]}
    return lines


@case("payroll_unknown")
async def payroll_unknown(town: Town) -> Reply:
    return await town.get(f"/v1/payrolls/{town.id()}")


@case("payroll_unreadable")
async def payroll_unreadable(town: Town) -> Reply:
    return await upload(town, "who,how much\n1,2\n")


@case("payroll_too_long")
async def payroll_too_long(town: Town) -> Reply:
    return await upload(town, "account_number,amount\n" + "1,2\n" * 10_001)


@case("payroll_not_open")
async def payroll_not_open(town: Town) -> Reply:
    made = await upload(town, f"account_number,amount\n{(await town.person()).number},1\n")
    assert (await town.send("POST", f"/v1/payrolls/{made['id']}/cancel")).status == 200
    return await town.send("POST", f"/v1/payrolls/{made['id']}/confirm", {})


@case("payroll_empty")
async def payroll_empty(town: Town) -> Reply:
    made = await upload(town, "account_number,amount\n12,1\n")
    return await town.send("POST", f"/v1/payrolls/{made['id']}/confirm", {})


@case("payroll_has_duplicates")
async def payroll_has_duplicates(town: Town) -> Reply:
    line = f"{(await town.person()).number},1\n"
    made = await upload(town, f"account_number,amount\n{line}{line}")
    return await town.send("POST", f"/v1/payrolls/{made['id']}/confirm", {})


@case("account_number_wrong")
async def account_number_wrong(town: Town) -> Reply:
    number = (await town.person()).number
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    return await line_problem(town, await upload(town, f"account_number,amount\n{wrong},1\n"))


@case("name_differs")
async def name_differs(town: Town) -> Reply:
    line = f"{(await town.person()).number},李四,1\n"
    return await line_problem(town, await upload(town, f"账号,户名,金额\n{line}"))


@case("amount_unreadable")
async def amount_unreadable(town: Town) -> Reply:
    return await line_problem(
        town, await upload(town, f"account_number,amount\n{(await town.person()).number},1.005\n")
    )


@case("reference_too_long")
async def reference_too_long(town: Town) -> Reply:
    line = f"{(await town.person()).number},1,{'工' * 141}\n"
    return await line_problem(town, await upload(town, f"account_number,amount,reference\n{line}"))


@case("no_receipt")
async def no_receipt(town: Town) -> Reply:
    held = await town.pay_by_http(await town.person(1000), await town.person(), 1, capture="manual")
    return await town.get(f"/v1/payments/{held['id']}/receipt")


async def plan(town: Town, **more: Any) -> Reply:
    body = {
        "payer_account_id": str((await town.person(1000)).id),
        "payee_account_id": str((await town.person()).id),
        "amount": 10,
        "currency": "CNY",
        "every": "month",
        "starts_on": str(town.today),
    }
    return await town.post("/v1/schedules", body | more)


@case("schedule_unknown")
async def schedule_unknown(town: Town) -> Reply:
    return await town.send("POST", f"/v1/schedules/{town.id()}/pause")


@case("schedule_over")
async def schedule_over(town: Town) -> Reply:
    made = await plan(town)
    await town.send("DELETE", f"/v1/schedules/{made['id']}")
    return await town.send("POST", f"/v1/schedules/{made['id']}/resume")


@case("schedule_in_the_past")
async def schedule_in_the_past(town: Town) -> Reply:
    return await plan(town, starts_on=str(town.today - timedelta(1)))


@case("schedule_has_no_date")
async def schedule_has_no_date(town: Town) -> Reply:
    return await plan(town, starts_on=str(town.today + timedelta(2)), ends_on=str(town.today + timedelta(1)))


ONLY_TO_THE_BANK_ITSELF = {"not_due"}
"""Refused to the job that ends what is due, never to a client; its case is below."""

OF_FAMILY = {kind.code for kind in payments.REFUSALS if kind.code.startswith("family_")}
"""Provoked in `test_family.py`, by those who trust and are trusted."""
OF_PAGES = {"lookups_used_up", "order_needs_more", "too_many_orders"} | OF_FAMILY
"""Provoked in `test_me_transfer_pages.py`, `test_me_order_pages.py` and `test_family.py`: only pages look people up."""

OF_CODES = {"terminal_locked", "payer_code_wrong", "code_unreadable", "code_of_another"}
"""Provoked in `test_payer_codes.py`, where payers show codes, and in `test_scan_pages.py`, where they read them."""

OF_CARDS = {kind.code for kind in payments.REFUSALS if kind.code.startswith("card_")} | {"too_many_cards"}
"""Provoked in `test_cards.py`, where there is a card network."""


OF_HELD = {"not_held", "held_by_another"}
"""Provoked in `test_held.py`, where a rule holds payments."""

OF_AUTHORISATION = {
    "authorisation_needed",
    "evidence_stale",
    "instruction_changed",
    "not_asked_for",
    "no_proof",
    "order_signature_wrong",
    "order_signature_expired",
}
"""Provoked in `test_evidence.py` and `test_signed_orders.py`, by payers who have something to show."""


@pytest.mark.parametrize("kind", payments.REFUSALS, ids=lambda kind: kind.code)
async def test_refusal(town: Town, kind: Any) -> None:
    if kind.code in ONLY_TO_THE_BANK_ITSELF | OF_CARDS | OF_AUTHORISATION | OF_PAGES | OF_CODES | OF_HELD:
        return
    reply = await CASES[kind.code](town)
    assert reply.code == kind.code
    if reply.body.get("status"):
        assert (reply.status, reply["title"], reply["title_zh"]) == (kind.status, kind.en, kind.zh)
    await town.books_balance()


async def test_not_due(town: Town) -> None:
    held = await town.pay_by_http(await town.person(1000), await town.person(), 1, capture="manual")
    outcome = await town.ask("expire", UUID(held["id"]))
    assert outcome.refusal is not None
    assert outcome.refusal.code == "not_due"


# --- what the ledger refuses, and who may not ask at all


@pytest.mark.parametrize("status", ["freeze", "close"])
async def test_a_frozen_or_closed_payer_pays_nothing(town: Town, status: str) -> None:
    payer, payee = await town.person(), await town.person()
    verb = identity.freeze_account if status == "freeze" else identity.close_account
    async with town.db.tx() as tx:
        await verb(tx, payer.id, reason="court order", by=town.bank, at=town.at)
    reply = await town.pay_by_http(payer, payee, 1)
    assert (reply.status, reply.code) == (409, f"account_{'frozen' if status == 'freeze' else 'closed'}")


async def test_a_frozen_account_still_receives(town: Town) -> None:
    payer, payee = await town.person(100), await town.person()
    async with town.db.tx() as tx:
        await identity.freeze_account(tx, payee.id, reason="court order", by=town.bank, at=town.at)
    assert (await town.pay_by_http(payer, payee, 1)).status == 201


async def test_payer_is_payee(town: Town) -> None:
    payer = await town.person(100)
    assert (await town.pay_by_http(payer, payer, 1)).code == "accounts_must_be_different"


async def test_wrong_currency(town: Town) -> None:
    payer, payee = await town.person(100), await town.person()
    assert (await town.pay_by_http(payer, payee, 1, currency="USD")).code == "currency_mismatch"


@pytest.mark.parametrize("kind", [KeyKind.MERCHANT, KeyKind.PARTNER])
@pytest.mark.parametrize("raw", [True, False])
async def test_only_the_bank_debits(town: Town, kind: KeyKind, raw: bool) -> None:
    town.raw = raw
    payer, shop = await town.person(100), await town.shop()
    by = town.principal(kind, shop.id)
    assert (await town.pay_by_http(payer, shop, 1, by=by)).code == "permission_missing"
    batch = {"orders": [{**town.order_body(payer, shop, 1), "id": str(town.id())}]}
    assert (await town.send("POST", "/v1/payments/batch", batch, by=by)).code == "permission_missing"
    for path in ("/v1/topups", "/v1/schedules"):
        assert (await town.post(path, {}, by=by)).code == "permission_missing"
    assert (await upload(town, "", by=by)).code == "permission_missing"


async def test_a_merchant_touches_only_its_own_payments(town: Town) -> None:
    payer, shop, other = await town.person(10_000), await town.shop(), await town.shop("对门")
    mine, theirs = town.principal(KeyKind.MERCHANT, shop.id), town.principal(KeyKind.MERCHANT, other.id)
    held = await town.pay_by_http(payer, shop, 1000, capture="manual")
    for path in ("capture", "cancel", "refunds"):
        assert (await town.post(f"/v1/payments/{held['id']}/{path}", {}, by=theirs)).code == "payment_unknown"
    for path in ("", "/timeline"):
        assert (await town.get(f"/v1/payments/{held['id']}{path}", by=theirs)).code == "payment_unknown"
    assert (await town.post(f"/v1/payments/{held['id']}/capture", {"amount": 600}, by=mine)).status == 200
    assert (await town.post(f"/v1/payments/{held['id']}/refunds", {"amount": 100}, by=mine)).status == 201
    assert (await town.post(f"/v1/payments/{held['id']}/cancel", {}, by=mine)).status == 200
    assert [p["id"] for p in (await town.get("/v1/payments", by=mine))["items"]] == [held["id"]]
    assert (await town.get(f"/v1/payments?account_id={payer.id}", by=theirs))["items"] == []
    assert (await town.get(f"/v1/payments?merchant_id={shop.id}", by=theirs))["items"] == []


async def test_a_merchant_does_not_learn_what_the_payer_has(town: Town) -> None:
    payer, shop = await town.person(12_345), await town.shop()
    paid = await town.pay_by_http(payer, shop, 1000)
    mine = town.principal(KeyKind.MERCHANT, shop.id)
    story = await town.get(f"/v1/payments/{paid['id']}/timeline", by=mine)
    assert story.status == 200
    assert b"11345" not in story.raw
    assert b"11,345" not in story.raw
    assert payer.number.encode() not in story.raw
    assert (await town.get(f"/v1/payments/{paid['id']}", by=mine))["checks"] == []


# --- form: leaves no trace and may be sent again under the same id

FORM = [
    ({"amount": 0}, 422, "amount_zero"),
    ({"amount": -5}, 422, "amount_negative"),
    ({"amount": 1.5}, 422, "amount_fractional"),
    ({"amount": "5"}, 422, "amount_not_a_number"),
    ({"amount": 2**53}, 422, "amount_too_large"),
    ({"currency": "XYZ"}, 422, "currency_unknown"),
    ({"colour": "red"}, 422, "unknown_field"),
    ({"payee_account_id": None}, 422, "missing_field"),
    ({"order_id": "0198f000-0000-7000-8000-000000000000"}, 422, "invalid_field"),
    ({"merchant_id": "0198f000-0000-7000-8000-000000000000"}, 422, "invalid_field"),
    ({"arrives": "next_day", "capture": "manual"}, 422, "invalid_field"),
    ({"hold_s": 60}, 422, "invalid_field"),
    ({"reference": ""}, 422, "invalid_field"),
    ({"reference": "\x00"}, 400, "nul_character"),
    ({"payer_account_id": "me"}, 422, "invalid_field"),
    ({"capture": "later"}, 422, "invalid_field"),
]


@pytest.mark.parametrize("raw", [True, False], ids=["raw route", "framework"])
async def test_bad_form_leaves_no_trace(town: Town, raw: bool) -> None:
    town.raw = raw
    payer, payee, key = await town.person(100), await town.person(), town.id()
    for change, status, code in FORM:
        reply = await town.post("/v1/payments", town.order_body(payer, payee, 1) | change, key=key)
        assert (reply.status, reply.code) == (status, code), change
    for content, code in ((b"{", "malformed_json"), (b'{"a": "\xff"}', "bad_encoding"), (b"", "malformed_json")):
        reply = await town.post("/v1/payments", content=content, headers={"content-type": "application/json"}, key=key)
        assert (reply.status, reply.code) == (400, code)
    no_key = await town.send("POST", "/v1/payments", town.order_body(payer, payee, 1))
    assert (no_key.status, no_key.code) == (400, "idempotency_key_missing")
    assert (await town.post("/v1/payments", {}, by="nobody")).code == "invalid_key"
    assert (await town.pay_by_http(payer, payee, 1, key=key)).status == 201


async def test_every_refusal_has_its_case() -> None:
    wanted = (
        {kind.code for kind in payments.REFUSALS} - ONLY_TO_THE_BANK_ITSELF - OF_CARDS - OF_AUTHORISATION - OF_PAGES
    )
    assert wanted - OF_CODES - OF_HELD == set(CASES)
