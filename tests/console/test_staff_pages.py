"""What staff look at every day: payments and their stories, people, merchants, the books, approvals, what whoever is on watch sees."""

from __future__ import annotations

import pytest

from tests.console.house import HOSTILE, House
from tongbao.identity import Role


async def test_a_payment_is_found_and_tells_its_story(house: House) -> None:
    ann, shop = await house.person(100_000), await house.shop("兰州拉面")
    paid = await house.pay(ann.id, shop, 1280)
    declined = await house.pay(ann.id, shop, 900_000)
    assert paid.payment is not None
    assert declined.payment is not None
    staff = house.staff()
    listed = await house.look("/staff/payments", staff)
    assert f"/staff/payments/{paid.payment.id}" in listed.links()
    assert "¥12.80" in listed.text
    only = await house.look("/staff/payments?state=declined&method=&from=&to=&find=", staff)
    assert only.status == 200, "fields that nobody filled in ask for nothing"
    assert "¥9,000.00" in only.text
    assert "¥12.80" not in only.text
    led = await house.look(f"/staff/payments?find={paid.payment.id}", staff)
    assert (led.status, led.to) == (303, f"/staff/payments/{paid.payment.id}")
    story = await house.look(led.to, staff)
    for said in ("Check passed: the balance", "Decided: paid.", "out of account", "兰州拉面", "payment.completed"):
        assert said in story.text, said
    chinese = await house.look(led.to, staff, lang="zh")
    assert "检查通过" in chinese.text
    assert "支付成功" in chinese.text


async def test_a_list_as_a_file(house: House) -> None:
    ann, shop = await house.person(100_000), await house.shop()
    await house.pay(ann.id, shop, 1280)
    file = await house.look("/staff/payments?format=csv", house.staff())
    assert file.headers["content-type"].startswith("text/csv")
    assert "12.80" in file.html
    sheet = await house.look("/staff/payments?format=xlsx", house.staff())
    assert sheet.headers["content-disposition"].endswith('.xlsx"')


async def test_a_payment_that_nobody_made(house: House) -> None:
    page = await house.look(f"/staff/payments/{house.id()}", house.staff())
    assert page.status == 404
    assert "There is no such payment." in page.text


async def test_customers_are_found_by_number_and_frozen_with_a_reason(house: House) -> None:
    ann = await house.person(5_000)
    staff = house.staff(Role.OPERATOR, Role.AUDITOR)
    listed = await house.look("/staff/customers?kind=person&status=", staff)
    assert f"/staff/customers/{ann.customer_id}" in listed.links()
    led = await house.look(f"/staff/customers?find={ann.number}", staff)
    assert led.to == f"/staff/accounts/{ann.id}"
    account = await house.look(led.to, staff)
    assert "¥50.00" in account.text
    page = f"/staff/customers/{ann.customer_id}"
    short = await house.send_form(page, {"id": house.id(), "move": "freeze", "reason": " "}, staff)
    assert short.status == 422
    assert "Please fill this in." in short.text
    frozen = await house.send_form(page, {"id": house.id(), "move": "freeze", "reason": "the card was lost"}, staff)
    assert (frozen.status, frozen.said) == (303, "Frozen: nothing is paid from these accounts any more.")
    assert "frozen" in (await house.look(page, staff)).text
    refused = await house.pay(ann.id, await house.shop(), 100)
    assert refused.refusal is not None
    thaw = {"id": house.id(), "move": "unfreeze", "reason": "found again"}
    proposed = await house.send_form(page, thaw, staff)
    assert (await house.pay(ann.id, await house.shop(), 100)).refusal is not None, "one person thaws nobody"
    await house.agree(proposed)
    assert (await house.pay(ann.id, await house.shop(), 100)).refusal is None
    out = await house.send_form(f"{page}/logout", {"why_out": "his telephone was stolen"}, staff)
    assert out.said == "Logged out everywhere."
    assert len(await house.audited("customer.freeze")) == 1
    one = await house.send_form(led.to, {"id": house.id(), "move": "freeze", "reason": "only this one"}, staff)
    assert one.said == "Frozen: nothing is paid from this account any more."


async def test_a_merchant_is_suspended_and_comes_back(house: House) -> None:
    ann, shop = await house.person(100_000), await house.shop("兰州拉面")
    await house.pay(ann.id, shop, 1280)
    staff = house.staff(Role.OPERATOR, Role.AUDITOR)
    page = f"/staff/merchants/{shop.id}"
    assert page in (await house.look("/staff/merchants", staff)).links()
    shown = await house.look(page, staff)
    assert "¥12.80" in shown.text
    assert "Fee plan" in shown.text
    gone = await house.send_form(page, {"status": "suspended", "reason": "a court order"}, staff)
    assert gone.said == "Suspended: the merchant takes no payments from now on."
    assert "suspended" in (await house.look(page, staff)).text
    back = await house.send_form(page, {"status": "open", "reason": "lifted"}, staff)
    assert back.said == "The merchant takes payments again."
    assert [reason for _, reason in await house.audited("merchant.status")] == ["a court order", "lifted"]


async def test_where_a_shop_stands_is_said_once_and_taken_back(house: House) -> None:
    shop, staff = await house.shop("兰州拉面"), house.staff(Role.OPERATOR, Role.AUDITOR)
    page, place = f"/staff/merchants/{shop.id}", f"/staff/merchants/{shop.id}/place"
    assert place in (await house.look(page, staff)).links()
    fields = {"district": "城关区", "position": "36.0614，103.8343", "reason": "told by the shop"}
    for wrong in ("36.0614", "91, 103", "36.06, 181", "36.0614, 103.83430001", "here", ""):
        again = await house.send_form(place, {**fields, "position": wrong}, staff)
        assert again.status == 422, wrong
        assert "told by the shop" in again.html
    for _ in range(2):
        kept = await house.send_form(place, fields, staff)
        assert kept.said == "Kept: payments in this shop are made there from now on."
    assert "城关区 36.061400, 103.834300" in (await house.look(page, staff)).text
    assert "36.061400, 103.834300" in (await house.look(place, staff)).html
    await house.send_form(place, {"district": "", "position": "", "reason": "closed its shop"}, staff)
    assert "It only sells online." in (await house.look(page, staff)).text
    assert [reason for _, reason in await house.audited("merchant.place")] == ["told by the shop", "closed its shop"]
    assert (await house.look(f"/staff/merchants/{house.id()}/place", staff)).status == 404


async def test_the_books_lead_down_to_a_posting(house: House) -> None:
    ann, shop = await house.person(100_000), await house.shop()
    await house.pay(ann.id, shop, 1280)
    staff = house.staff(Role.AUDITOR)
    books = await house.look("/staff/books", staff)
    assert "the books balance" in books.text
    line = await house.look(next(href for href in books.links() if href.startswith("/staff/books/2010")), staff)
    account = await house.look(next(href for href in line.links() if "/ledger-accounts/" in href), staff)
    transfer = await house.look(next(href for href in account.links() if "/staff/transfers/" in href), staff)
    assert "Postings" in transfer.html
    assert "¥" in transfer.text
    for lost in ("/staff/ledger-accounts/999999", f"/staff/transfers/{house.id()}"):
        assert (await house.look(lost, staff)).status == 404, lost
    assert (await house.look("/staff/books?date=2020-01-01", staff)).status == 404, "no day was closed by then"


async def test_one_proposes_a_journal_and_another_decides(house: House) -> None:
    one, two = house.staff(Role.ACCOUNTANT), house.staff(Role.ACCOUNTANT)
    debit, credit = await house.person(100_000), await house.person(0)
    blank = await house.look("/staff/journals/new", one)
    fields = {
        **blank.hidden(),
        "debit": debit.ledger_id,
        "credit": credit.ledger_id,
        "amount": "１２．８０",
        "reason": "a correction",
    }
    again = await house.send_form("/staff/journals/new", {**fields, "amount": "12.805"}, one)
    assert "more decimals than the currency" in again.text
    assert "a correction" in again.html, "nothing that was typed is lost"
    proposed = await house.send_form("/staff/journals/new", fields, one)
    assert proposed.said == "Proposed. Another person decides."
    twice = await house.send_form("/staff/journals/new", fields, one)
    assert twice.to == proposed.to, "the form sent twice proposes once"
    assert "You proposed this yourself" in (await house.look(proposed.to, one)).text
    waits = await house.look(proposed.to, two)
    assert "¥12.80" in waits.text
    own = await house.send_form(proposed.to, {"decision": "approved", "reason": "I say so"}, one)
    assert (own.status, "another person decides it" in own.text) == (403, True)
    done = await house.send_form(proposed.to, {"decision": "approved", "reason": "checked"}, two)
    assert done.said == "Approved, and done."
    late = await house.send_form(proposed.to, {"decision": "rejected", "reason": "too late"}, two)
    assert (late.status, "has been decided" in late.text) == (409, True)
    assert "Nothing waits for a decision." in (await house.look("/staff/approvals", two)).text


@pytest.mark.parametrize("text", HOSTILE)
async def test_whatever_is_typed_is_shown_and_never_run(house: House, text: str) -> None:
    one = house.staff(Role.ACCOUNTANT)
    blank = await house.look("/staff/journals/new", one)
    fields = {**blank.hidden(), "debit": text, "credit": text, "amount": text, "reason": text}
    answer = await house.send_form("/staff/journals/new", fields, one)
    assert answer.status == 422
    assert "<script>alert" not in answer.html
    assert answer.html.count('aria-invalid="true"') >= 3


async def test_what_whoever_is_on_watch_sees(house: House) -> None:
    staff = house.staff()
    assert "tongbao doctor" in (await house.look("/staff/health", staff)).text
    assert "TONGBAO_ENV" in (await house.look("/staff/settings", staff)).text
    assert "Nothing here yet." in (await house.look("/staff/events", staff)).text
    ann = await house.person(5_000)
    await house.send_form(
        f"/staff/accounts/{ann.id}", {"id": house.id(), "move": "freeze", "reason": "a test of the alarm"}, staff
    )
    trail = await house.look(f"/staff/audit?subject={ann.id}&principal_id=", staff)
    assert "account.freeze" in trail.text
    assert "a test of the alarm" in trail.text
    nothing = await house.send_form("/staff/events/resend", {"reason": "mended"}, staff)
    assert nothing.status == 303


async def test_the_board_shows_what_has_just_happened(house: House) -> None:
    ann, shop = await house.person(100_000), await house.shop("兰州拉面")
    await house.pay(ann.id, shop, 1280)
    await house.pay(ann.id, shop, 900_000)
    board = await house.look("/staff/board", house.staff(Role.OPERATOR))
    assert "兰州拉面" in board.text
    assert "¥12.80" in board.text
    assert "¥9,000.00" in board.text
    assert "above the limit" in board.text or "not enough" in board.text.lower(), "and why"


@pytest.mark.parametrize(
    "path",
    ["board", "payments", "customers", "merchants", "books", "approvals", "health", "events", "settings", "audit"],
)
async def test_nobody_sees_what_his_role_does_not_open(house: House, path: str) -> None:
    stranger = await house.look(f"/staff/{path}", None)
    assert (stranger.status, stranger.to.startswith("/staff/login?next=")) == (303, True)
    keys_only = await house.look(f"/staff/{path}", house.staff(Role.ADMIN))
    may = path in {"approvals", "audit", "settings", "health", "events"}
    assert keys_only.status == (200 if may else 403), path
