"""Shares add up, roundings are named, currencies do not mix."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.base.money import LARGEST_MINOR, Money, exponent, is_currency

amounts = st.integers(-LARGEST_MINOR, LARGEST_MINOR)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


@given(amounts, weights)
def test_shares_add_up_and_none_is_a_unit_off(amount: int, parts: list[int]) -> None:
    shares = Money(amount, "CNY").split(parts)
    assert sum(share.amount_minor for share in shares) == amount
    total = sum(parts)
    for share, weight in zip(shares, parts, strict=True):
        assert abs(share.amount_minor * total - amount * weight) < total
        assert weight or share.amount_minor == 0


@given(amounts, weights)
def test_a_debt_is_shared_like_what_is_owned(amount: int, parts: list[int]) -> None:
    assert Money(-amount, "CNY").split(parts) == [-share for share in Money(amount, "CNY").split(parts)]


def test_the_odd_cent_goes_to_the_largest_remainder_and_the_first_of_equals() -> None:
    def check(amount: int, parts: list[int], shares: list[int]) -> None:
        assert [m.amount_minor for m in Money(amount, "CNY").split(parts)] == shares

    check(100, [1, 1, 1], [34, 33, 33])
    check(101, [1, 1, 1], [34, 34, 33])
    check(1, [1, 2], [0, 1])
    check(0, [3, 4], [0, 0])
    for wrong in ([], [0, 0], [2, -1]):
        with pytest.raises(ValueError):
            Money(100, "CNY").split(wrong)


@given(amounts, st.decimals(0, 2, places=6))
def test_a_share_is_rounded_once_by_the_rounding_that_is_named(amount: int, rate: Decimal) -> None:
    exact = amount * rate
    whole = Money(amount, "CNY")
    assert abs(whole.share(rate).amount_minor - exact) <= Decimal("0.5")
    assert (
        abs(whole.share(rate, ROUND_DOWN).amount_minor) <= abs(exact) <= abs(whole.share(rate, ROUND_UP).amount_minor)
    )


def test_the_roundings_part_at_the_half() -> None:
    half = Money(50, "CNY")
    assert half.share(Decimal("0.05")).amount_minor == 2
    assert half.share(Decimal("0.05"), ROUND_HALF_UP).amount_minor == 3


@given(amounts, amounts)
def test_adding_and_taking_away(one: int, other: int) -> None:
    a, b = Money(one, "JPY"), Money(other, "JPY")
    assert a + b - b == a
    assert (a < b) == (one < other)
    with pytest.raises(ValueError, match="JPY and USD"):
        _ = a + Money(other, "USD")


def test_only_whole_units_of_known_currencies() -> None:
    for wrong in ("12", Decimal(12), True, 12 / 1):
        with pytest.raises(TypeError):
            Money(wrong, "CNY")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, "cny")
    assert (exponent("JPY"), exponent("CNY"), exponent("KWD")) == (0, 2, 3)
    assert is_currency("CNY")
    assert not is_currency("ABC")


def test_money_as_people_read_it() -> None:
    assert str(Money(-123450, "CNY")) == "CNY -1,234.50"
    assert str(Money(1234, "JPY")) == "JPY 1,234"
    assert str(Money(5, "KWD")) == "KWD 0.005"
