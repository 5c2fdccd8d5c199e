"""Cards of other banks: told from other numbers, kept under a token, shown masked, opened for their network, forgotten."""

from __future__ import annotations

import asyncio
from datetime import date
from uuid import UUID, uuid4

import pytest

from tests.vault.house import AT, CLERK, DAY, House
from tongbao import vault
from tongbao.base.refusal import Refusal
from tongbao.vault import PlainCard, TokenisedCard

NUMBER = "9156 0000 0000 0003"


def luhn(beginning: str) -> str:
    """The number with its check digit, counted by hand (ISO/IEC 7812-1, annex B)."""
    digits = [int(c) for c in reversed(beginning)]
    total = sum(d if place % 2 else sum(divmod(2 * d, 10)) for place, d in enumerate(digits))
    return f"{beginning}{-total % 10}"


async def tokenised(house: House, subject: UUID, number: str = NUMBER, token: UUID | None = None) -> TokenisedCard:
    card, of = vault.read_card(number, "11/28", DAY)
    async with house.db.tx() as tx:
        return await vault.tokenise(tx, subject, card, of, token=token or uuid4(), at=AT)


async def opened(house: House, token: UUID) -> PlainCard | None:
    async with house.db.read() as tx:
        return await vault.open_card(tx, token, by=CLERK, reason="for its network", at=AT)


def refused(number: str, expires: str = "11/28") -> str:
    with pytest.raises(Refusal) as refusal:
        vault.read_card(number, expires, DAY)
    return refusal.value.code


@pytest.mark.parametrize(
    ("number", "network"),
    [
        ("4111111111111111", "Visa"),
        ("5555 5555 5555 4444", "Mastercard"),
        ("2223003122003222", "Mastercard"),
        ("378282246310005", "American Express"),
        ("3530111333300000", "JCB"),
        ("6200000000000005", "UnionPay"),
        (luhn("915600123412341"), "Sandbox"),
    ],
)
def test_a_card_is_told_by_its_first_digits(number: str, network: str) -> None:
    card, of = vault.read_card(number, "11/28", DAY)
    assert (card.number, of.network) == (number.replace(" ", ""), network)
    assert card.expires_on == date(2028, 11, 30)


def test_a_number_that_is_no_card_is_refused() -> None:
    right = luhn("915600123412341")
    wrong = [f"{right[:-1]}{(int(right[-1]) + n) % 10}" for n in range(1, 10)]
    assert {refused(number) for number in wrong} == {"card_number_wrong"}, "every other check digit"
    swapped = right[:8] + right[9] + right[8] + right[10:]
    assert refused(swapped) == "card_number_wrong"
    for number in ("", "4", "abcd", "0" * 16, luhn("91560012341"), luhn("99990012341234"), "４" * 16, "4" * 4000):
        assert refused(number) == "card_number_wrong", number


def test_a_card_is_valid_through_the_last_day_of_its_month() -> None:
    assert vault.read_card(NUMBER, "11/26", date(2026, 11, 30))[0].expires_on == date(2026, 11, 30)
    assert vault.read_card(NUMBER, "02 / 28", DAY)[0].expires_on == date(2028, 2, 29)
    assert refused(NUMBER, "10/26") == "card_expired"
    for expires in ("13/28", "00/28", "1128", "1/28", "11/2028", "ab/cd", "１１/28", ""):
        assert refused(NUMBER, expires) == "card_expiry_malformed", expires


async def test_the_number_is_kept_sealed_and_shown_masked(house: House) -> None:
    wang = await house.person()
    card = await tokenised(house, wang)
    assert (card.masked, card.issuer, card.issuer_zh) == ("**** 0003", "Bank of the Sands", "沙洲银行")
    assert await opened(house, card.token) == PlainCard("9156000000000003", date(2028, 11, 30))
    assert await opened(house, uuid4()) is None
    async with house.db.read() as tx:
        assert await vault.cards(tx, [card.token, uuid4()]) == {card.token: card}
    (row,) = house.sql("SELECT c::text FROM vault.card c")
    for spelt in ("9156000000000003", b"9156000000000003".hex()):
        assert spelt not in row[0]
    assert "9156" not in repr(PlainCard("9156000000000003", DAY))


async def test_a_card_moved_to_another_row_does_not_open(house: House) -> None:
    wang = await house.person()
    one, two = await tokenised(house, wang), await tokenised(house, wang, luhn("915601123412341"))
    house.sql(
        "UPDATE vault.card SET sealed = (SELECT sealed FROM vault.card WHERE token = %s) WHERE token = %s",
        one.token,
        two.token,
    )
    with pytest.raises(Refusal) as refusal:
        await opened(house, two.token)
    assert refusal.value.code == "seal_broken"


async def test_a_person_has_a_card_once_however_often_it_comes(house: House) -> None:
    wang, li = await house.person(), await house.person()
    made = await asyncio.gather(*(tokenised(house, wang) for _ in range(20)))
    assert len({card.token for card in made}) == 1
    assert (await tokenised(house, li)).token != made[0].token, "the same card may be somebody else's too"
    assert house.sql("SELECT count(*) FROM vault.card") == [(2,)]


async def test_what_was_forgotten_opens_no_more(house: House) -> None:
    wang = await house.person()
    one, two = await tokenised(house, wang), await tokenised(house, wang, luhn("915601123412341"))
    async with house.db.tx() as tx:
        await vault.forget_cards(tx, [one.token])
    assert await opened(house, one.token) is None
    assert await opened(house, two.token) is not None
    await house.erase(wang)
    assert house.sql("SELECT count(*) FROM vault.card") == [(0,)]
