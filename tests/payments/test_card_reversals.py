"""What a card was charged for a payment that came to nothing is taken back, and afterwards both sides say the same."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from tests.payments.wallet import Wallet
from tests.sandbox.card_network import card
from tongbao import identity, payments
from tongbao.base import approvals
from tongbao.base.approvals import ApprovalState
from tongbao.base.ids import derived
from tongbao.payments import rail_calls
from tongbao.payments.rail_answered import answer_operation


async def freeze(wallet: Wallet, account: identity.Account) -> None:
    async with wallet.town.db.tx() as tx:
        await identity.freeze_customer(
            tx, account.customer_id, reason="he said so", by=wallet.town.bank, at=wallet.town.at
        )


async def settles(wallet: Wallet) -> None:
    """Asks until nobody waits for the network any more."""
    for _ in range(80):
        await wallet.asks()
        if await wallet.town.run_sql("SELECT count(*) FROM payments.rail_payment WHERE next_at IS NOT NULL") == [(0,)]:
            return
        wallet.town.later(minutes=5)
    raise AssertionError("the network is still asked")


async def fates(wallet: Wallet, id_: str) -> list[str]:
    rows = await wallet.town.run_sql(
        "SELECT kind FROM payments.operation WHERE payment_id = %(id)s AND state = 'done' ORDER BY asked_at, kind",
        id=id_,
    )
    return [kind for (kind,) in rows]


async def paid_by_card(wallet: Wallet, trigger: str, amount: int = 1500) -> tuple[identity.Account, str]:
    li, shop = await wallet.comes(), await wallet.town.shop()
    made = await wallet.pay(li, await wallet.bind(li, card(trigger)), shop, amount)
    assert made["state"] == "created", made.body
    return li, made["id"]


async def cancelled(wallet: Wallet, account: identity.Account, id_: str) -> None:
    gone = await wallet.town.post(f"/v1/payments/{id_}/cancel", {}, by=str(account.customer_id))
    assert (gone.status, gone["state"]) == (200, "cancelled"), gone.body


async def test_what_cannot_be_booked_any_more_goes_back_to_the_card(wallet: Wallet) -> None:
    li, paid = await paid_by_card(wallet, "012")
    await wallet.asks()
    assert wallet.charged() == 1500, "it was charged, and never said"
    await freeze(wallet, li)
    assert await wallet.ends(paid) == ["declined"]
    assert (await wallet.town.payment(UUID(paid)))["code"] == "customer_frozen"
    await settles(wallet)
    assert (wallet.charged(), await wallet.town.balance(li.id), await wallet.town.own("2090")) == (0, 0, 0)
    assert (await fates(wallet, paid))[-2:] == ["rail_accepted", "rail_reversed"]
    await wallet.both_sides_agree()


@pytest.mark.parametrize("trigger", ["012", "011", "020", "022"])
async def test_a_payer_who_lets_go_while_his_card_is_asked_is_not_charged(wallet: Wallet, trigger: str) -> None:
    li, paid = await paid_by_card(wallet, trigger)
    if trigger == "022":
        wallet.network.kill()
        await wallet.asks()
        wallet.network.start()
    else:
        await wallet.asks()
        assert (await wallet.town.payment(UUID(paid)))["state"] == "unknown"
    await cancelled(wallet, li, paid)
    await settles(wallet)
    assert wallet.charged() == 0
    await wallet.both_sides_agree()


async def test_what_never_left_is_not_taken_back(wallet: Wallet) -> None:
    li, paid = await paid_by_card(wallet, "000")
    await cancelled(wallet, li, paid)
    await wallet.asks()
    assert await fates(wallet, paid) == ["cancel"]
    assert await wallet.town.run_sql("SELECT count(*) FROM payments.rail_call") == [(0,)]
    await wallet.both_sides_agree()


async def test_he_lets_go_at_the_moment_at_which_his_card_is_charged(wallet: Wallet) -> None:
    """Whichever comes first: the shop has the money and he has paid, or nobody has and he has not."""
    for _ in range(6):
        li, paid = await paid_by_card(wallet, "000", 700)
        before = wallet.charged()
        asked = asyncio.create_task(wallet.asks())
        gone = await wallet.town.post(f"/v1/payments/{paid}/cancel", {}, by=str(li.customer_id))
        await asked
        wallet.town.later(minutes=1)
        await settles(wallet)
        state = (await wallet.town.payment(UUID(paid)))["state"]
        assert (state, wallet.charged() - before) in [("completed", 700), ("cancelled", 0)], gone.body
        await wallet.both_sides_agree()


async def test_a_yes_that_comes_after_the_card_was_given_its_money_back_changes_nothing(wallet: Wallet) -> None:
    li, paid = await paid_by_card(wallet, "012")
    await wallet.asks()
    await cancelled(wallet, li, paid)
    await settles(wallet)
    answer = answer_operation("rail_accepted", UUID(paid), None)
    (outcome,) = await wallet.town.intake.ask_many("rail_accepted", [answer])
    assert outcome.refusal is None
    await settles(wallet)
    assert (await fates(wallet, paid)).count("rail_reversed") == 1
    assert wallet.charged() == 0
    await wallet.both_sides_agree()


async def test_two_people_say_no_and_the_card_is_given_its_money_back(wallet: Wallet) -> None:
    town = wallet.town
    _, paid = await paid_by_card(wallet, "012")
    await wallet.asks()
    assert wallet.charged() == 1500
    one, other = town.principal_of_staff(), town.principal_of_staff()
    body = {"outcome": "declined", "reason": "not on the network's list"}
    filed = await town.post(f"/v1/payments/{paid}/resolve", body, by=str(one.id))
    async with town.db.tx() as tx:
        approved = ApprovalState.APPROVED
        await approvals.decide(
            tx,
            other,
            payments.kinds(town.settings.zone),
            id=UUID(filed["id"]),
            state=approved,
            at=town.at,
            reason="looked too",
        )
    await settles(wallet)
    assert (wallet.charged(), (await town.payment(UUID(paid)))["code"]) == (0, "resolved_as_declined")
    await wallet.both_sides_agree()


async def test_a_reversal_is_repeated_until_it_is_answered(wallet: Wallet) -> None:
    li, paid = await paid_by_card(wallet, "022")
    await freeze(wallet, li)
    await settles(wallet)
    said = await wallet.town.run_sql(
        "SELECT said FROM payments.rail_call WHERE payment_id = %(id)s AND verb = 'reverse' ORDER BY id", id=paid
    )
    assert said == [("silent",), ("accepted",)]
    assert wallet.charged() == 0
    await wallet.both_sides_agree()


@pytest.mark.parametrize(("trigger", "times"), [("023", 4), ("024", 1)])
async def test_what_the_network_keeps_is_the_payers(
    wallet: Wallet, trigger: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told so often and no more; then it says that it stays charged, and the money is put aside for whom it belongs to."""
    monkeypatch.setattr(rail_calls, "REVERSALS", 4)  # each costs a second of silence
    li, paid = await paid_by_card(wallet, trigger)
    await freeze(wallet, li)
    await settles(wallet)
    asked = await wallet.town.run_sql(
        "SELECT count(*) FROM payments.rail_call WHERE payment_id = %(id)s AND verb = 'reverse'", id=paid
    )
    assert asked == [(times,)]
    assert wallet.charged() == 1500
    assert (await fates(wallet, paid))[-1] == "rail_kept"
    assert await wallet.town.balance(li.id) + await wallet.town.own("2090") == 1500, "nothing is lost"
    await wallet.both_sides_agree()


async def test_the_timeline_tells_of_it_in_both_languages(wallet: Wallet) -> None:
    li, paid = await paid_by_card(wallet, "012")
    await wallet.asks()
    await freeze(wallet, li)
    await settles(wallet)
    told = (await wallet.town.get(f"/v1/payments/{paid}/timeline")).body
    assert "The card network has taken back what the card was charged." in str(told)
    assert "正在请银行卡网络冲正" in str(told)


# what the proof finds


CORRUPTIONS = {
    "charged and never booked": "DELETE FROM payments.operation WHERE payment_id = %(dropped)s AND kind = 'rail_reversed'",
    "booked and nobody said yes": "WITH gone AS (DELETE FROM payments.rail_call WHERE payment_id = %(bought)s) "
    "DELETE FROM payments.operation WHERE payment_id = %(bought)s",
    "booked and taken back": "INSERT INTO payments.operation SELECT uuidv7(), %(bought)s, 'rail_reversed', principal_id, "
    "request_hash, amount_minor, final, reason, asked_at, state, refusal, 0, 0, 0, booking_date, answer "
    "FROM payments.operation WHERE payment_id = %(bought)s LIMIT 1",
    "another amount": "UPDATE payments.payment SET amount_minor = amount_minor + 1 WHERE id = %(bought)s",
    "said yes and declined": "INSERT INTO payments.rail_call (payment_id, rail, verb, at, duration_ms, said) "
    "VALUES (%(declined)s, 'cards', 'pull', now(), 1, 'accepted')",
    "completed and not booked": "UPDATE payments.payment SET state = 'completed', refusal = NULL WHERE id = %(declined)s",
}


async def a_day_of_cards(wallet: Wallet) -> dict[str, str]:
    ids = {"bought": "000", "declined": "001", "dropped": "012"}
    for name, trigger in ids.items():
        li, ids[name] = await paid_by_card(wallet, trigger)
        await wallet.asks()
        if name == "dropped":
            await freeze(wallet, li)
    await settles(wallet)
    return ids


@pytest.mark.parametrize("what", CORRUPTIONS)
async def test_each_corruption_is_found(wallet: Wallet, what: str) -> None:
    ids, statement = await a_day_of_cards(wallet), CORRUPTIONS[what]
    assert await wallet.proved() == []
    await wallet.town.run_sql("UPDATE base.proof_mark SET proved_through = 0")
    assert await wallet.proved() == [], "from the beginning too"
    await wallet.town.run_sql("UPDATE base.proof_mark SET proved_through = 0")
    await wallet.town.run_sql(statement, **{k: v for k, v in ids.items() if f"%({k})s" in statement})
    assert "P12" in {finding.invariant for finding in await wallet.proved()}


def test_an_answer_has_one_id() -> None:
    """Heard twice, it counts once."""
    id_ = UUID(int=7)
    assert answer_operation("rail_reversed", id_, None).id == derived(id_, "rail_reversed")
