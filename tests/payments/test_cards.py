"""Customers bind cards of other banks and pay with them, over a real card network that is slow, silent, repeats itself and dies."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.merchants.market import SETTINGS
from tests.payments.payer import payer
from tests.payments.test_refusals import OF_CARDS
from tests.payments.town import opened
from tests.payments.wallet import Wallet
from tests.sandbox.card_network import card
from tongbao import identity, merchants, notices, payments
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.jobs import JobContext, run_now
from tongbao.payments.jobs import JOBS

# binding


async def test_a_card_is_bound_with_the_code_of_its_issuer(wallet: Wallet) -> None:
    li, number = await wallet.comes(), card()
    begun = await wallet.begin(li, number, phone="13911111111")
    assert (begun.status, begun["state"], begun["number"]) == (201, "asked", f"**** {number[-4:]}")
    assert (begun["issuer_zh"], begun["expires_on"]) == ("沙洲银行", "2028-11-30")
    code = wallet.network.code("+8613911111111")
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert (await wallet.confirm(li, begun["id"], wrong)).code == "card_code_wrong"
    assert [c["state"] for c in await wallet.cards(li)] == ["asked"]
    bound = await wallet.confirm(li, begun["id"], code)
    assert (bound.status, bound["state"], bound["is_default"]) == (200, "bound", True)
    assert (await wallet.confirm(li, begun["id"], code)).code == "card_not_asked", "a code counts once"
    assert await wallet.cards(li) == [bound.body]
    actions = await wallet.town.run_sql("SELECT action FROM base.audit WHERE subject = %(s)s", s=begun["id"])
    assert actions == [("card.bind",)]


async def test_the_number_is_nowhere_but_sealed(wallet: Wallet) -> None:
    li, number = await wallet.comes(), card()
    card_id = await wallet.bind(li, number)
    await wallet.ends((await wallet.top_up(li, card_id, 1000))["id"])
    tables = await wallet.town.run_sql(
        "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        " AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    for spelt in (number, number.encode().hex()):
        for (table,) in tables:
            found = await wallet.town.run_sql(
                f"SELECT count(*) FROM {table} t WHERE strpos(t::text, %(s)s) > 0", s=spelt
            )
            assert found == [(0,)], table
    assert number not in str(await wallet.cards(li))


async def test_whoever_showed_nothing_binds_nothing(wallet: Wallet) -> None:
    li = await wallet.comes(level=0)
    refused = await wallet.begin(li, card())
    assert (refused.status, refused.code) == (409, "card_needs_verification")
    assert await wallet.cards(li) == []


async def test_a_frozen_customer_binds_nothing(wallet: Wallet) -> None:
    li = await wallet.comes()
    async with wallet.town.db.tx() as tx:
        await identity.freeze_customer(tx, li.customer_id, reason="stolen", by=wallet.town.bank, at=wallet.town.at)
    assert (await wallet.begin(li, card())).code == "customer_frozen"


async def test_what_is_no_card_is_refused_before_anybody_is_asked(wallet: Wallet) -> None:
    li = await wallet.comes()
    number = card()
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert (await wallet.begin(li, wrong)).code == "card_number_wrong"
    assert (await wallet.begin(li, number, body={"expires": "10/26"})).code == "card_expired"
    assert (await wallet.begin(li, number, body={"expires": "soon"})).code == "card_expiry_malformed"
    assert (await wallet.begin(li, number, phone="12")).code == "phone_malformed"
    for answer in (
        await wallet.begin(li, "9" * 39),
        await wallet.begin(li, "<script>"),
        await wallet.begin(li, "\u202e915"),
    ):
        assert answer.code == "card_number_wrong"
        assert "<script>" not in answer.raw.decode()
    assert await wallet.cards(li) == []


async def test_a_card_that_its_issuer_does_not_confirm(wallet: Wallet) -> None:
    li = await wallet.comes()
    for trigger in ("004", "005"):
        refused = await wallet.begin(li, card(trigger))
        assert (refused.status, refused.code) == (422, "card_refused")
    assert (await wallet.begin(li, "4111111111111111")).code == "card_refused", "of a bank that is not in this network"
    assert await wallet.cards(li) == []
    assert await wallet.town.run_sql("SELECT count(*) FROM vault.card") == [(0,)], "nothing is kept of it"
    key, number = wallet.town.id(), card("004")
    assert (await wallet.begin(li, number, key=key)).code == "card_refused"
    assert (await wallet.begin(li, number, key=key)).code == "card_refused", "and the same again"


async def test_five_wrong_codes_are_the_end(wallet: Wallet) -> None:
    li, number = await wallet.comes(), card()
    begun = await wallet.begin(li, number, phone="13911111112")
    code = wallet.network.code("+8613911111112")
    wrong = [f"{(int(code) + n) % 10**6:06d}" for n in range(1, 41)]
    answers = await asyncio.gather(*(wallet.confirm(li, begun["id"], one) for one in wrong))
    codes = [answer.code for answer in answers]
    assert codes.count("card_code_wrong") == 5, codes
    assert set(codes) <= {"card_code_wrong", "card_code_tries", "card_unknown"}
    assert (await wallet.confirm(li, begun["id"], code)).code == "card_unknown", "the right one comes too late"
    assert await wallet.cards(li) == []
    begun = await wallet.begin(li, number, phone="13911111115")
    code = wallet.network.code("+8613911111115")
    for n in range(1, 6):
        wrong_one = f"{(int(code) + n) % 10**6:06d}"
        assert (await wallet.confirm(li, begun["id"], wrong_one)).code == "card_code_wrong"
    late = await wallet.confirm(li, begun["id"], code)
    assert (late.status, late.code) == (422, "card_code_tries")


async def test_twenty_times_the_same_form_is_one_card_and_one_code(wallet: Wallet) -> None:
    li, number, key = await wallet.comes(), card(), wallet.town.id()
    answers = await asyncio.gather(*(wallet.begin(li, number, key=key) for _ in range(20)))
    assert {answer.status for answer in answers} == {201}
    assert len(await wallet.cards(li)) == 1
    assert await wallet.town.run_sql("SELECT count(*) FROM vault.card") == [(1,)]
    assert (await wallet.begin(li, card(), key=key)).code == "id_reused"
    wang = await wallet.comes()
    assert (await wallet.begin(wang, card(), key=key)).code == "id_taken"


async def test_twenty_forms_for_one_card_leave_one(wallet: Wallet) -> None:
    li, number = await wallet.comes(), card()
    answers = await asyncio.gather(*(wallet.begin(li, number) for _ in range(20)))
    codes = {answer.code for answer in answers if answer.status != 201}
    assert codes <= {"card_asked_too_often", "card_unknown"}, codes
    (left,) = await wallet.cards(li)
    assert left["state"] == "asked"
    assert await wallet.town.run_sql("SELECT token FROM vault.card") == [(UUID(left["id"]),)]


async def test_a_card_is_bound_once_and_ten_are_enough(wallet: Wallet) -> None:
    li, number = await wallet.comes(), card()
    bound = [await wallet.bind(li, number)]
    assert (await wallet.begin(li, number)).code == "card_bound_already"
    for _ in range(9):
        wallet.town.later(hours=1)
        bound.append(await wallet.bind(li, card()))
    wallet.town.later(hours=1)
    assert (await wallet.begin(li, card())).code == "too_many_cards"
    assert [c["id"] for c in await wallet.cards(li) if c["is_default"]] == bound[:1]


async def test_codes_are_not_asked_for_without_end(wallet: Wallet) -> None:
    li, number = await wallet.comes(), card()
    answers = [await wallet.begin(li, number) for _ in range(11)]
    assert [answer.status for answer in answers] == [201] * 10 + [429]
    assert (answers[-1].code, answers[-1]["retry_after_s"]) == ("card_asked_too_often", 3600)
    wallet.town.later(hours=1, seconds=1)
    assert (await wallet.begin(li, number)).status == 201


async def test_the_one_offered_first_is_chosen_and_removed(wallet: Wallet) -> None:
    li, wang = await wallet.comes(), await wallet.comes()
    one, two = await wallet.bind(li, card()), await wallet.bind(li, card())
    by = str(li.customer_id)
    assert [c["id"] for c in await wallet.cards(li)] == [one, two]
    assert (await wallet.town.post(f"/v1/cards/{two}/prefer", {}, by=by))["is_default"]
    assert [c["id"] for c in await wallet.cards(li)] == [two, one]
    for path in (f"/v1/cards/{two}/prefer", f"/v1/cards/{two}/confirm"):
        body = {"code": "123456"} if path.endswith("confirm") else {}
        assert (await wallet.town.post(path, body, by=str(wang.customer_id))).code == "card_unknown", "somebody else's"
    assert (await wallet.town.send("DELETE", f"/v1/cards/{two}", by=str(wang.customer_id))).code == "card_unknown"
    for _ in range(2):
        assert (await wallet.town.send("DELETE", f"/v1/cards/{two}", by=by)).status == 204
    assert [(c["id"], c["is_default"]) for c in await wallet.cards(li)] == [(one, True)]
    assert (await wallet.top_up(li, two, 1000)).code == "card_unknown"
    assert await wallet.town.run_sql("SELECT token FROM vault.card") == [(UUID(one),)]


async def test_its_owner_is_told_of_each_change(wallet: Wallet) -> None:
    li = (await payer(wallet.town)).account
    wallet.owns(li.customer_id)
    one, two = await wallet.bind(li, card()), await wallet.bind(li, card())
    by = str(li.customer_id)
    for _ in range(2):
        assert (await wallet.town.post(f"/v1/cards/{two}/prefer", {}, by=by)).status == 200
    for _ in range(2):
        assert (await wallet.town.send("DELETE", f"/v1/cards/{one}", by=by)).status == 204
    async with wallet.town.db.tx() as tx:
        sent = await notices.messages_to(tx, li.customer_id)
    assert [message.kind for message in sent] == ["security"] * 4, "bound twice, preferred once, removed once"


async def test_a_code_that_does_not_come_is_given_up(wallet: Wallet) -> None:
    li = await wallet.comes()
    begun = await wallet.begin(li, card(), phone="13911111113")
    wallet.town.later(hours=1, seconds=1)
    code = wallet.network.code("+8613911111113")
    assert (await wallet.confirm(li, begun["id"], code)).code == "card_not_asked"
    context = JobContext(wallet.town.db, wallet.town.clock, wallet.town.settings)
    await run_now(next(job for job in JOBS if job.name == "payments.give_up_cards"), context)
    assert await wallet.cards(li) == []
    assert await wallet.town.run_sql("SELECT count(*) FROM vault.card") == [(0,)]


async def test_a_silent_network_binds_nothing_and_the_same_form_goes_on(wallet: Wallet) -> None:
    li, number, key = await wallet.comes(), card(), wallet.town.id()
    wallet.network.kill()
    try:
        silent = await wallet.begin(li, number, key=key, phone="13911111114")
        assert (silent.status, silent.code, silent["retryable"]) == (503, "card_network_silent", True)
    finally:
        wallet.network.start()
    assert (await wallet.begin(li, number, key=key, phone="13911111114")).status == 201
    wallet.network.kill()
    try:
        assert (await wallet.confirm(li, str(key), "123456")).code == "card_network_silent"
    finally:
        wallet.network.start()
    code = wallet.network.code("+8613911111114")
    assert (await wallet.confirm(li, str(key), code))["state"] == "bound"


async def test_a_bank_without_a_network_has_no_cards(fresh_database: str) -> None:
    async with opened(fresh_database, SETTINGS) as town:
        wallet = Wallet.__new__(Wallet)
        wallet.town = town
        li = await wallet.comes()
        assert (await wallet.begin(li, card())).code == "card_network_missing"
        assert (await wallet.top_up(li, str(uuid4()), 100)).code == "card_network_missing"
        assert await wallet.cards(li) == []


def test_every_refusal_of_cards_is_provoked_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert not {code for code in OF_CARDS if f'"{code}"' not in here}


# paying


async def test_money_comes_from_a_card_into_the_account(wallet: Wallet) -> None:
    li = await wallet.comes()
    card_id = await wallet.bind(li, card())
    made = await wallet.top_up(li, card_id, 5000)
    assert (made.status, made["state"], made["method"]) == (201, "created", "card")
    seen = await wallet.town.get(f"/v1/payments/{made['id']}", by=str(li.customer_id))
    assert seen.status == 200, "he sees what he has asked for before it has come"
    assert await wallet.ends(made["id"]) == ["completed"]
    assert await wallet.town.balance(li.id) == 5000 == wallet.charged()
    await wallet.both_sides_agree()


async def test_a_shop_is_paid_from_a_card(wallet: Wallet) -> None:
    li, shop = await wallet.comes(), await wallet.town.shop()
    card_id = await wallet.bind(li, card())
    order = await wallet.town.order(shop, 2800)
    made = await wallet.pay(li, card_id, shop, 2800, order_id=str(order.id))
    assert (made.status, made["state"], made["captured"]) == (201, "created", 0)
    assert (await wallet.town.order_now(order.id)).state is merchants.OrderState.PAYING
    assert await wallet.ends(made["id"]) == ["completed"]
    assert await wallet.town.balance(li.id) == 0, "it went through"
    assert await wallet.town.balance(shop.takings_account_id) == 2800
    await wallet.town.events()
    assert (await wallet.town.order_now(order.id)).state is merchants.OrderState.PAID
    moved = await wallet.town.run_sql(
        "SELECT amount_minor, fee_minor FROM payments.merchant_movement_view WHERE payment_id = %(id)s", id=made["id"]
    )
    assert moved == [(2800, shop.fee("card", 2800))]
    await wallet.both_sides_agree()


async def test_a_refund_goes_to_the_account(wallet: Wallet) -> None:
    li, shop = await wallet.comes(), await wallet.town.shop()
    made = await wallet.pay(li, await wallet.bind(li, card()), shop, 2800)
    assert await wallet.ends(made["id"]) == ["completed"]
    back = await wallet.town.post(f"/v1/payments/{made['id']}/refunds", {"amount": 800})
    assert back.status == 201, back.body
    assert (await wallet.town.balance(li.id), wallet.charged()) == (800, 2800)
    topped = await wallet.top_up(li, (await wallet.cards(li))[0]["id"], 100)
    await wallet.ends(topped["id"])
    assert (await wallet.town.post(f"/v1/payments/{topped['id']}/refunds", {})).code == "not_refunded_over_rail"
    await wallet.both_sides_agree()


@pytest.mark.parametrize(
    ("trigger", "state", "charged"),
    [
        ("001", "declined", 0),
        ("002", "declined", 0),
        ("003", "declined", 0),
        ("011", "completed", 1),
        ("012", "completed", 1),
        ("013", "completed", 1),
        ("014", "declined", 0),
        ("015", "completed", 1),
        ("016", "completed", 1),
        ("017", "completed", 1),
        ("018", "completed", 1),
        ("019", "completed", 1),
        ("020", "completed", 1),
        ("021", "declined", 0),
    ],
)
async def test_whatever_the_network_does_a_card_is_charged_once_or_not_at_all(
    wallet: Wallet, trigger: str, state: str, charged: int
) -> None:
    li, shop = await wallet.comes(), await wallet.town.shop()
    card_id = await wallet.bind(li, card(trigger))
    paid, topped = await wallet.pay(li, card_id, shop, 1900), await wallet.top_up(li, card_id, 600)
    assert await wallet.ends(paid["id"], topped["id"]) == [state, state]
    assert wallet.charged() == charged * 2500
    assert await wallet.town.balance(shop.takings_account_id) == charged * 1900
    assert await wallet.town.balance(li.id) == charged * 600
    if not charged:
        assert (await wallet.town.payment(UUID(paid["id"])))["code"] in ("declined_by_rail", "rail_never_received")
    await wallet.both_sides_agree()


async def test_an_order_whose_card_was_declined_is_open_again(wallet: Wallet) -> None:
    li, shop = await wallet.comes(), await wallet.town.shop()
    order = await wallet.town.order(shop, 1000)
    made = await wallet.pay(li, await wallet.bind(li, card("001")), shop, 1000, order_id=str(order.id))
    assert await wallet.ends(made["id"]) == ["declined"]
    await wallet.town.events()
    assert (await wallet.town.order_now(order.id)).state is merchants.OrderState.OPEN


async def test_the_same_payment_twenty_times_charges_once(wallet: Wallet) -> None:
    li, shop, key = await wallet.comes(), await wallet.town.shop(), wallet.town.id()
    card_id = await wallet.bind(li, card())
    answers = await asyncio.gather(*(wallet.pay(li, card_id, shop, 700, key=key) for _ in range(20)))
    assert {answer["id"] for answer in answers} == {str(key)}
    assert await wallet.ends(str(key)) == ["completed"]
    assert wallet.charged() == 700
    assert (await wallet.pay(li, card_id, shop, 701, key=key)).code == "id_reused"


async def test_the_payer_confirms_before_his_card_is_charged(wallet: Wallet) -> None:
    li, shop = await wallet.comes(), await wallet.town.shop()
    card_id = await wallet.bind(li, card())
    made = await wallet.pay(li, card_id, shop, 900, confirm=True)
    assert (made.status, made["state"]) == (201, "challenged"), made.body
    await wallet.asks()
    assert wallet.charged() == 0
    said_yes = await wallet.town.post(f"/v1/payments/{made['id']}/confirm", {}, by=str(li.customer_id))
    assert (said_yes.status, said_yes["state"]) == (200, "created"), said_yes.body
    assert await wallet.ends(made["id"]) == ["completed"]
    assert await wallet.town.balance(shop.takings_account_id) == 900 == wallet.charged()
    cancelled = await wallet.pay(li, card_id, shop, 900, confirm=True)
    assert cancelled["state"] == "challenged"
    gone = await wallet.town.post(f"/v1/payments/{cancelled['id']}/cancel", {}, by=str(li.customer_id))
    assert gone["state"] == "cancelled", gone.body
    await wallet.asks()
    assert wallet.charged() == 900
    await wallet.both_sides_agree()


async def test_limits_hold_before_a_card_is_charged(wallet: Wallet) -> None:
    li, shop = await wallet.comes(level=1), await wallet.town.shop()
    card_id = await wallet.bind(li, card())
    refused = await wallet.pay(li, card_id, shop, 10_000_000)
    assert refused.code in ("over_level_limit", "authorisation_refused")
    await wallet.asks()
    assert wallet.charged() == 0


async def test_a_card_is_not_removed_while_it_pays(wallet: Wallet) -> None:
    li, shop = await wallet.comes(), await wallet.town.shop()
    card_id = await wallet.bind(li, card("012"))
    made = await wallet.pay(li, card_id, shop, 300)
    by = str(li.customer_id)
    assert (await wallet.town.send("DELETE", f"/v1/cards/{card_id}", by=by)).code == "card_in_use"
    await wallet.ends(made["id"])
    assert (await wallet.town.send("DELETE", f"/v1/cards/{card_id}", by=by)).status == 204


async def test_nobody_pays_with_anothers_card_or_into_anothers_account(wallet: Wallet) -> None:
    li, wang, shop = await wallet.comes(), await wallet.comes(), await wallet.town.shop()
    card_id = await wallet.bind(li, card())
    assert (await wallet.pay(wang, card_id, shop, 100)).code == "card_unknown"
    assert (await wallet.top_up(wang, card_id, 100)).code == "card_unknown"
    body = {"account_id": str(wang.id), "amount": 100, "currency": "CNY"}
    refused = await wallet.town.post(f"/v1/cards/{card_id}/topups", body, by=str(li.customer_id))
    assert refused.code == "account_not_found"
    assert (await wallet.town.post(f"/v1/cards/{card_id}/topups", body)).code == "permission_missing", "nor the bank"
    await wallet.asks()
    assert wallet.charged() == 0


async def test_two_people_resolve_a_card_payment(wallet: Wallet) -> None:
    """What the network does not say, two people of the bank decide; the shop is paid as if it had said so."""
    town = wallet.town
    li, shop = await wallet.comes(), await town.shop()
    made = await wallet.pay(li, await wallet.bind(li, card("012")), shop, 1200)
    wallet.network.kill()
    try:
        await wallet.asks()
        one, other = town.principal_of_staff(), town.principal_of_staff()
        body = {"outcome": "completed", "reason": "read off the network's list"}
        filed = await town.post(f"/v1/payments/{made['id']}/resolve", body, by=str(one.id))
        assert filed.status == 201, filed.body
        async with town.db.tx() as tx:
            await approvals.decide(
                tx,
                other,
                payments.kinds(town.settings.zone),
                id=UUID(filed["id"]),
                state=ApprovalState.APPROVED,
                at=town.at,
                reason="looked too",
            )
    finally:
        wallet.network.start()
    assert (await town.payment(UUID(made["id"])))["state"] == "completed"
    assert (await town.balance(shop.takings_account_id), await town.balance(li.id)) == (1200, 0)
    moved = await town.run_sql(
        "SELECT sum(amount_minor) FROM payments.merchant_movement_view WHERE payment_id = %(id)s", id=made["id"]
    )
    assert moved == [(1200,)]
