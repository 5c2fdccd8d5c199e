"""Fees by example and by law: never more than the amount, never falling, and the parts add up to the whole."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.merchants import FeePlan, FeeRate
from tongbao.merchants.fees import fee, fee_of_next

AMOUNTS = st.integers(1, 10**12)


def plan(*rates: FeeRate) -> FeePlan:
    return FeePlan(id=UUID(int=1), merchant_id=None, version=1, rates=rates)


@st.composite
def rates(draw: st.DrawFn) -> FeePlan:
    smallest = draw(st.integers(0, 10_000))
    return plan(
        FeeRate(
            method="*",
            currency="CNY",
            basis_points=draw(st.integers(0, 10_000)),
            fixed_minor=draw(st.integers(0, 1_000)),
            smallest_minor=smallest,
            largest_minor=draw(st.none() | st.integers(smallest, 1_000_000)),
        )
    )


@pytest.mark.parametrize(
    ("amount", "cost"),
    [
        (0, 0),
        (131, 0),  # 0.4978 fen
        (132, 1),  # 0.5016 fen, half and more goes up
        (1_250, 5),  # 4.75
        (10_000, 38),
        (100_000_000, 380_000),
    ],
)
def test_thirty_eight_basis_points(amount: int, cost: int) -> None:
    assert fee(plan(FeeRate(method="*", currency="CNY", basis_points=38)), "qr", "CNY", amount) == cost


def test_half_a_minor_unit_goes_up() -> None:
    assert fee(plan(FeeRate(method="*", currency="CNY", basis_points=50)), "qr", "CNY", 100) == 1
    assert fee(plan(FeeRate(method="*", currency="CNY", basis_points=50)), "qr", "CNY", 99) == 0


def test_fixed_part_floor_and_cap() -> None:
    card = plan(
        FeeRate(method="card", currency="CNY", basis_points=60, fixed_minor=10, smallest_minor=50, largest_minor=800),
        FeeRate(method="*", currency="CNY", basis_points=0),
    )
    assert fee(card, "card", "CNY", 30) == 30, "never more than the amount"
    assert fee(card, "card", "CNY", 1_000) == 50, "the floor"
    assert fee(card, "card", "CNY", 10_000) == 70
    assert fee(card, "card", "CNY", 10_000_000) == 800, "the cap"
    assert fee(card, "qr", "CNY", 10_000) == 0, "another method"


def test_the_most_particular_rate_counts() -> None:
    several = plan(
        FeeRate(method="*", currency="*", basis_points=60),
        FeeRate(method="*", currency="CNY", basis_points=38),
        FeeRate(method="qr", currency="CNY", basis_points=30),
    )
    assert [fee(several, *key, 10_000) for key in (("qr", "CNY"), ("api", "CNY"), ("qr", "USD"))] == [30, 38, 60]


def test_a_plan_without_a_rate_is_an_accident() -> None:
    with pytest.raises(LookupError):
        fee(plan(FeeRate(method="qr", currency="CNY", basis_points=1)), "card", "CNY", 100)


@given(rates(), AMOUNTS)
def test_a_fee_lies_between_nothing_and_the_amount(plan: FeePlan, amount: int) -> None:
    assert 0 <= fee(plan, "qr", "CNY", amount) <= amount


@given(rates(), AMOUNTS, st.integers(0, 10**6))
def test_more_never_costs_less(plan: FeePlan, amount: int, more: int) -> None:
    assert fee(plan, "qr", "CNY", amount) <= fee(plan, "qr", "CNY", amount + more)


@given(rates(), st.lists(AMOUNTS, min_size=1, max_size=12))
def test_the_parts_add_up_to_the_whole(plan: FeePlan, parts: list[int]) -> None:
    captured = charged = 0
    for part in parts:
        step = fee_of_next(plan, "qr", "CNY", captured, part)
        assert step >= 0
        captured, charged = captured + part, charged + step
    assert charged == fee(plan, "qr", "CNY", sum(parts))
