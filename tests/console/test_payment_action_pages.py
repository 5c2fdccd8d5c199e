"""What staff do about a payment in a browser: refund, cancel, ask the other bank again, propose how it ended there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from random import Random
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from tests.console.house import HOSTILE, House, opened
from tests.merchants.market import SETTINGS
from tests.sandbox.other_bank import OtherBank, running
from tongbao import payments
from tongbao.base.approvals import ApprovalState
from tongbao.identity import Role


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherBank]:
    with running(tmp_path_factory.mktemp("other")) as bank:
        yield bank


@pytest.fixture
async def railed(fresh_database: str, other: OtherBank) -> AsyncIterator[House]:
    """A town that is connected to the other bank."""
    async with opened(fresh_database, replace(SETTINGS, rails=f"sandbox={other.url}")) as house:
        # The other bank remembers every id for ever, also those of the test before.
        house.chance = Random(uuid4().int)
        yield house


async def sold(house: House, amount: int = 1000) -> UUID:
    ann, shop = await house.person(50_000), await house.shop()
    return await house.sell(shop, ann, amount)


async def found(house: House, id_: UUID) -> payments.Payment:
    async with house.db.read() as tx:
        return (await payments.find_payments(tx, [id_]))[id_]


async def top_up(house: House, amount: int) -> UUID:
    over = payments.Over(rail="sandbox", account="6222020200112233445", within_s=600)
    account, id_ = await house.person(), house.id()
    await house.pay(
        payments.OUTSIDE, account.id, amount, id=id_, kind=payments.Kind.TOPUP, method=payments.Method.API, over=over
    )
    return id_


# refunds


async def test_a_refund_in_parts_from_the_payment_s_own_page(house: House) -> None:
    id_, by = await sold(house), house.staff(Role.OPERATOR)
    story = await house.look(f"/staff/payments/{id_}", by)
    path = f"/staff/payments/{id_}/refund"
    assert path in story.links()
    page = await house.look(path, by)
    assert "Left to refund ¥10.00" in page.text
    done = await house.send_form(path, {**page.hidden(), "amount": "4.50", "reason": "cold noodles"}, by)
    assert (done.status, done.to) == (303, f"/staff/payments/{id_}")
    assert done.said == "Refunded. The payer has the money."
    assert (await found(house, id_)).refunded_minor == 450
    page = await house.look(path, by)
    await house.send_form(path, {**page.hidden(), "amount": "5.50", "reason": "all of it then"}, by)
    assert (await found(house, id_)).refunded_minor == 1000
    assert "Nothing of this payment can be refunded now." in (await house.look(path, by)).text
    assert path not in (await house.look(f"/staff/payments/{id_}", by)).links()
    await house.books_balance()


async def test_the_same_form_twice_is_one_refund(house: House) -> None:
    id_, by = await sold(house), house.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/refund"
    form = {**(await house.look(path, by)).hidden(), "amount": "3", "reason": "pressed twice"}
    first, second = await house.send_form(path, form, by), await house.send_form(path, form, by)
    assert (first.status, second.status) == (303, 303)
    assert (await found(house, id_)).refunded_minor == 300


async def test_whoever_was_overtaken_looks_again(house: House) -> None:
    id_, early, late = await sold(house), house.staff(Role.OPERATOR), house.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/refund"
    seen = (await house.look(path, late)).hidden()
    await house.send_form(path, {**(await house.look(path, early)).hidden(), "amount": "2", "reason": "first"}, early)
    told = await house.send_form(path, {**seen, "amount": "2", "reason": "second"}, late)
    assert told.status == 409
    assert "This payment has changed since the page was loaded." in told.text
    assert "Refunded ¥2.00" in told.text
    assert (await found(house, id_)).refunded_minor == 200
    assert told.hidden()["id"] != seen["id"]
    again = await house.send_form(path, {**told.hidden(), "amount": "2", "reason": "a second one is right"}, late)
    assert again.status == 303
    assert (await found(house, id_)).refunded_minor == 400


async def test_too_much_is_refused_and_may_be_corrected_on_the_spot(house: House) -> None:
    id_, by = await sold(house), house.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/refund"
    told = await house.send_form(
        path, {**(await house.look(path, by)).hidden(), "amount": "10.01", "reason": "a slip"}, by
    )
    assert told.status == 409
    assert "More than is left to refund." in told.text
    assert 'value="10.01"' in told.html, "nothing typed is lost"
    done = await house.send_form(path, {**told.hidden(), "amount": "10.00", "reason": "a slip"}, by)
    assert done.status == 303
    assert (await found(house, id_)).refunded_minor == 1000


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("", "Please fill this in."),
        ("0", "The amount must be more than zero."),
        ("-1", "The amount must be more than zero."),
        ("1.005", "This has more decimals than the currency."),
        ("9" * 30, "This amount is too large."),
        ("NaN", "Please type an amount, such as 12.80."),
        ("十元", "Please type an amount, such as 12.80."),
        (HOSTILE[0], "Please type an amount, such as 12.80."),
    ],
)
async def test_an_amount_that_is_none_is_said_beside_it(house: House, amount: str, said: str) -> None:
    id_, by = await sold(house), house.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/refund"
    told = await house.send_form(
        path, {**(await house.look(path, by)).hidden(), "amount": amount, "reason": "so what"}, by
    )
    assert told.status == 422
    assert said in told.text
    assert 'id="e-amount"' in told.html
    assert "<script>alert" not in told.html
    assert (await found(house, id_)).refunded_minor == 0


async def test_full_width_digits_are_digits(house: House) -> None:
    id_, by = await sold(house), house.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/refund"
    form = {**(await house.look(path, by)).hidden(), "amount": "￥１．２０", "reason": "少给了一份"}
    assert (await house.send_form(path, form, by, lang="zh")).status == 303
    assert (await found(house, id_)).refunded_minor == 120


async def test_hostile_reasons_are_kept_as_text(house: House) -> None:
    id_, by = await sold(house), house.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/refund"
    for reason in HOSTILE[:5]:
        form = {**(await house.look(path, by)).hidden(), "amount": "0.01", "reason": reason}
        assert (await house.send_form(path, form, by)).status == 303
    story = await house.look(f"/staff/payments/{id_}", by)
    assert "<script>alert" not in story.html
    assert (await found(house, id_)).refunded_minor == 5


# cancelling


async def test_an_authorisation_is_cancelled_with_a_reason(house: House) -> None:
    ann, shop = await house.person(5000), await house.shop()
    outcome = await house.pay(ann.id, shop, 900, capture=payments.Capture.MANUAL)
    assert outcome.payment is not None
    id_, by = outcome.payment.id, house.staff(Role.OPERATOR)
    assert await house.money(ann) == (5000, 900)
    path = f"/staff/payments/{id_}/cancel"
    assert path in (await house.look(f"/staff/payments/{id_}", by)).links()
    form = (await house.look(path, by)).hidden()
    assert (await house.send_form(path, {**form, "reason": ""}, by)).status == 422
    done = await house.send_form(path, {**form, "reason": "the shop has closed"}, by)
    assert done.said == "Cancelled. What was held is free again."
    assert await house.money(ann) == (5000, 0)
    assert (await house.send_form(path, {**form, "reason": "the shop has closed"}, by)).status == 303
    assert (await found(house, id_)).state == "cancelled"
    told = await house.look(path, by)
    assert "This payment can no longer be cancelled." in told.text


async def test_what_was_captured_meanwhile_is_not_cancelled_unseen(house: House) -> None:
    ann, shop = await house.person(5000), await house.shop()
    outcome = await house.pay(ann.id, shop, 900, capture=payments.Capture.MANUAL)
    assert outcome.payment is not None
    id_, by = outcome.payment.id, house.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/cancel"
    form = (await house.look(path, by)).hidden()
    await house.ask("capture", id_)
    told = await house.send_form(path, {**form, "reason": "too late"}, by)
    assert told.status == 409
    assert "This payment has changed since the page was loaded." in told.text
    assert (await found(house, id_)).state == "completed"


# the other bank


async def test_asking_again_says_what_the_other_bank_said(railed: House, other: OtherBank) -> None:
    id_, by = await top_up(railed, 2500), railed.staff(Role.OPERATOR)
    story = await railed.look(f"/staff/payments/{id_}", by)
    assert "Ask the other bank again" in story.text
    path = f"/staff/payments/{id_}/ask-again"
    told = await railed.send_form(path, {}, by)
    assert told.to == f"/staff/payments/{id_}"
    assert told.said.startswith("The other bank has never seen the request.")
    other.debit(str(id_), 2500)
    told = await railed.send_form(path, {}, by)
    assert told.said.startswith("The other bank says that it has sent the money.")
    assert (await found(railed, id_)).state == "completed"
    late = await railed.send_form(path, {}, by)
    assert late.status == 409
    assert "The payment does not wait for another bank." in late.text
    assert "Ask the other bank again" not in (await railed.look(f"/staff/payments/{id_}", by)).text


async def test_a_bank_that_is_gone_changes_nothing(railed: House, other: OtherBank) -> None:
    id_, by = await top_up(railed, 2600), railed.staff(Role.OPERATOR)
    other.kill()
    try:
        told = await railed.send_form(f"/staff/payments/{id_}/ask-again", {}, by)
    finally:
        other.start()
    assert told.said == "The other bank cannot be reached. Nothing has changed."
    assert (await found(railed, id_)).state == "created"


async def test_how_it_ended_is_proposed_by_one_and_approved_by_another(railed: House) -> None:
    id_, by = await top_up(railed, 2700), railed.staff(Role.OPERATOR)
    path = f"/staff/payments/{id_}/resolve"
    page = await railed.look(path, by)
    for wrong in ({"outcome": "", "reason": "by telephone"}, {"outcome": "completed", "reason": ""}):
        assert (await railed.send_form(path, {**page.hidden(), **wrong}, by)).status == 422
    form = {**page.hidden(), "outcome": "completed", "reason": "their night desk says so"}
    done = await railed.send_form(path, form, by)
    assert done.to == f"/staff/approvals/{form['id']}"
    assert (await railed.send_form(path, form, by)).status == 303, "sent twice it is proposed once"
    assert len(await railed.audited("approval.propose")) == 1
    proposal = await railed.look(done.to, by)
    assert "You proposed this yourself" in proposal.text
    other_one = railed.staff(Role.ACCOUNTANT)
    decided = await railed.send_form(
        done.to, {"decision": ApprovalState.APPROVED.value, "reason": "I called them too"}, other_one
    )
    assert decided.said == "Approved, and done."
    assert (await found(railed, id_)).state == "completed"
    assert "This payment does not wait for another bank." in (await railed.look(path, by)).text


# who may


async def test_each_right_opens_its_own_door_and_no_other(house: House) -> None:
    id_ = await sold(house)
    auditor = house.staff(Role.AUDITOR)
    story = await house.look(f"/staff/payments/{id_}", auditor)
    assert story.status == 200
    assert "/refund" not in story.html
    for action in ("refund", "cancel", "resolve"):
        assert (await house.look(f"/staff/payments/{id_}/{action}", auditor)).status == 403
        assert (await house.send_form(f"/staff/payments/{id_}/{action}", {}, auditor)).status == 403
        assert (await house.look(f"/staff/payments/{id_}/{action}", None)).status == 303
    assert (await house.send_form(f"/staff/payments/{id_}/ask-again", {}, auditor)).status == 403
    assert (await found(house, id_)).refunded_minor == 0


async def test_a_payment_that_nobody_knows(house: House) -> None:
    by, id_ = house.staff(Role.OPERATOR), uuid4()
    for action in ("refund", "cancel", "resolve"):
        told = await house.look(f"/staff/payments/{id_}/{action}", by)
        assert (told.status, "There is no such payment." in told.text) == (404, True)
    form = {"id": uuid4(), "expected": 0, "amount": "1", "reason": "no such"}
    assert (await house.send_form(f"/staff/payments/{id_}/refund", form, by)).status == 404
    assert (await house.send_form(f"/staff/payments/{id_}/ask-again", {}, by)).status == 404


async def test_it_is_all_said_in_chinese(house: House) -> None:
    id_, by = await sold(house), house.staff(Role.OPERATOR)
    page = await house.look(f"/staff/payments/{id_}/refund", by, lang="zh")
    assert "可退金额 ¥10.00" in page.text
    assert "确认退款" in page.text
    assert "取消该笔付款" in (await house.look(f"/staff/payments/{id_}/cancel", by, lang="zh")).text
    assert "该笔付款无需等待对方银行答复。" in (await house.look(f"/staff/payments/{id_}/resolve", by, lang="zh")).text
