"""Proving the books in a browser: one button, one proof at a time, and a result that anybody understands."""

from __future__ import annotations

from tests.console.house import House
from tongbao import console, ledger
from tongbao.base import proofs
from tongbao.console.proof import CHECK_MESSAGES, CHECKS, INVARIANT_MESSAGES, INVARIANTS
from tongbao.identity import Role

HTMX = {"hx-request": "true"}


async def worker_proves(house: House) -> None:
    await proofs.run_asked(house.db, console.CHECKS, house.clock, ledger.proved_postings)


async def press(house: House, by: str, **more: str) -> None:
    page = await house.look("/staff/prove", by)
    done = await house.send_form("/staff/prove", {**page.hidden(), **more}, by)
    assert (done.status, done.to) == (303, "/staff/prove")


def test_every_check_and_every_invariant_has_its_words() -> None:
    assert {check.name for check in CHECKS} == set(CHECK_MESSAGES)
    said = {number: sentence for check in CHECKS for number, sentence in check.invariants.items()}
    assert said == INVARIANT_MESSAGES
    assert INVARIANTS[:3] == ("L1", "L2", "L3")
    assert len(INVARIANTS) == len(said)


async def test_from_the_first_press_to_the_proof(house: House) -> None:
    ann, shop = await house.person(5000), await house.shop()
    await house.sell(shop, ann, 1280)
    by = house.staff(Role.AUDITOR)
    before = await house.look("/staff/prove", by)
    assert "Prove the books now" in before.text
    await press(house, by)
    waiting = await house.look("/staff/prove", by)
    assert "The books are being proved" in waiting.text
    assert "A worker begins at once." in waiting.text
    assert 'hx-get="/staff/prove/now"' in waiting.html
    assert "Prove the books now" not in waiting.text
    await worker_proves(house)
    part = await house.look("/staff/prove/now", by, headers=HTMX)
    assert "hx-get" not in part.html, "nothing is left to follow"
    assert "<html" not in part.html
    done = await house.look("/staff/prove", by)
    assert "The books are proved 2 postings" in done.text
    assert f"All {len(INVARIANTS)} invariants hold." in done.text
    assert f"{len(INVARIANTS)} / {len(INVARIANTS)}" in done.text
    assert done.text.count("it holds") == len(INVARIANTS) + len(CHECKS)
    assert "Prove them again" in done.text


async def test_a_second_press_shows_the_proof_that_runs(house: House) -> None:
    early, late = house.staff(Role.AUDITOR), house.staff(Role.ACCOUNTANT)
    form = (await house.look("/staff/prove", late)).hidden()
    await press(house, early)
    for _ in range(2):
        assert (await house.send_form("/staff/prove", form, late)).status == 303
    assert len(await house.audited("books.prove")) == 1
    assert "The books are being proved" in (await house.look("/staff/prove", late)).text


async def test_from_the_beginning_and_from_where_the_last_one_stopped(house: House) -> None:
    await house.person(5000)
    by = house.staff(Role.AUDITOR)
    await press(house, by)
    await worker_proves(house)
    assert "this proof went on from there" in (await house.look("/staff/prove", by)).text
    house.later(seconds=1)
    await press(house, by, full="on")
    await worker_proves(house)
    page = await house.look("/staff/prove", by)
    assert "this proof went on from there" not in page.text
    assert "Earlier proofs" in page.text


async def test_books_that_do_not_hold_are_said_loudly_and_named(house: House) -> None:
    await house.person(5000)
    await house.run_sql("UPDATE ledger.account SET balance_minor = balance_minor + 7 WHERE gl_line = '2010'")
    by = house.staff(Role.AUDITOR)
    await press(house, by)
    await worker_proves(house)
    page = await house.look("/staff/prove", by)
    assert "The books do NOT hold" in page.text
    assert "2 rows are not what they should be." in page.text
    assert "balance_minor 5000 balance_minor 5007" in page.text
    assert "books-not-proved.md" in page.text
    assert 'role="alert"' in page.html
    broken = page.text.partition("Invariants")[0] + page.text.partition("Number Invariant State")[2]
    assert "L7 An account's balance is the sum of its entries. BROKEN" in broken
    assert (
        "L1 An account's entries are numbered 1, 2, 3, ... without gaps, in the order of their ids. it holds" in broken
    )
    chinese = await house.look("/staff/prove", by, lang="zh")
    assert "账务核验未通过" in chinese.text
    assert "不成立" in chinese.text


async def test_a_proof_that_did_not_come_to_its_end_says_nothing_of_the_books(house: House) -> None:
    await house.run_sql("ALTER TABLE merchants.fee_rate RENAME TO gone")
    by = house.staff(Role.AUDITOR)
    await press(house, by)
    await worker_proves(house)
    page = await house.look("/staff/prove", by)
    assert "The books could not be proved" in page.text
    assert "The books are proved" not in page.text
    assert "fee_rate" in page.text
    assert "Prove them again" in page.text


async def test_it_is_all_said_in_chinese(house: House) -> None:
    await house.person(5000)
    by = house.staff(Role.AUDITOR)
    await press(house, by)
    assert "正在核验账务" in (await house.look("/staff/prove", by, lang="zh")).text
    await worker_proves(house)
    page = await house.look("/staff/prove", by, lang="zh")
    assert "账务已核验 1 条分录" in page.text
    assert f"{len(INVARIANTS)} 条不变量全部成立" in page.text


async def test_who_may_not_see_the_books_cannot_have_them_proved(house: House) -> None:
    operator = house.staff(Role.OPERATOR)
    assert (await house.look("/staff/prove", operator)).status == 403
    assert (await house.send_form("/staff/prove", {"id": house.id()}, operator)).status == 403
    assert (await house.look("/staff/prove", None)).status == 303
    assert await house.audited("books.prove") == []


async def test_a_form_that_is_none_proves_nothing(house: House) -> None:
    by = house.staff(Role.AUDITOR)
    for form in ({"id": ""}, {"id": "no id"}, {"id": house.id(), "else": "x"}):
        assert (await house.send_form("/staff/prove", form, by)).status == 422
    assert await house.audited("books.prove") == []
    assert (await house.look("/staff/prove/now", by)).to == "/staff/prove"
