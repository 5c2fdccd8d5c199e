"""The rule of rounding and the reading of single columns, without a database."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongbao.history import source
from tongbao.history.drift import Drift
from tongbao.history.model import Malformed

ROWS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 4),
        st.integers(-3000, 3000).filter(bool),
        st.integers(-40, 40),
    ),
    max_size=40,
)


@given(ROWS)
def test_the_rule_said_another_way(rows: list[tuple[int, int, int, int]]) -> None:
    """Per account and day: is there a printed balance within 5 x (transactions so far + 1) of the balance at its end?"""
    rows = sorted(rows, key=lambda row: row[1])
    drift = Drift()
    balance: dict[int, int] = defaultdict(int)
    printed: dict[tuple[int, int], list[int]] = defaultdict(list)
    end: dict[tuple[int, int], tuple[int, int]] = {}
    for place, (account, day, change, error) in enumerate(rows):
        balance[account] += change
        shown = balance[account] + error
        drift.take(account, date(1993, 1, 1) + timedelta(days=day), change, shown)
        printed[account, day].append(shown)
        end[account, day] = (balance[account], sum(1 for row in rows[: place + 1] if row[0] == account))
    drift.finish()
    drift.finish()
    misses = {key: min(abs(p - end[key][0]) for p in shown) for key, shown in printed.items()}
    beyond = [key for key, miss in misses.items() if miss > 5 * (end[key][1] + 1)]
    assert (drift.account_days, drift.beyond) == (len(printed), len(beyond))
    assert drift.largest_minor == max(misses.values(), default=0)
    assert drift.balances == dict(balance)


def test_order_within_a_day_does_not_matter() -> None:
    """As in the source: cash out of 159 first in the file, but second to last at the bank."""
    drift = Drift()
    day = date(1993, 6, 15)
    drift.open(5740, 9962330, 7)
    for change, shown in ((-1590000, 6107530), (-4030000, 7697530), (1765200, 11727530)):
        drift.take(5740, day, change, shown)
    drift.finish()
    assert (drift.beyond, drift.largest_minor) == (0, 0)


@pytest.mark.parametrize(("off", "beyond"), [(10, 0), (11, 1)])
def test_the_bound_is_part_of_it(off: int, beyond: int) -> None:
    drift = Drift()
    drift.take(1, date(1993, 1, 1), 1000, 1000 + off)
    drift.finish()
    assert (drift.beyond, drift.largest_minor) == (beyond, off)
    assert [day.allowed_minor for day in drift.first_beyond] == [10] * beyond


@given(st.integers(-(10**12), 10**12))
def test_money_is_read_exactly(minor: int) -> None:
    whole, part = divmod(abs(minor), 100)
    sign = "-" if minor < 0 else ""
    assert source.minor(f"{sign}{whole}.{part:02d}") == minor
    if part % 10 == 0:
        assert source.minor(f"{sign}{whole}.{part // 10}") == minor
    if part == 0:
        assert source.minor(f"{sign}{whole}") == minor


@pytest.mark.parametrize("text", ["", ".5", "5.", "1,5", "1 000", "0x10", "NaN", "inf", "1_000", "٣", "--1", "1.234"])
def test_money_that_is_none(text: str) -> None:
    with pytest.raises(Malformed):
        source.minor(text)


@pytest.mark.parametrize(
    ("text", "born"), [("706213", date(1970, 12, 13)), ("450204", date(1945, 2, 4)), ("005101", date(1900, 1, 1))]
)
def test_a_womans_month_has_fifty_added(text: str, born: date) -> None:
    assert source.birth_date(text) == born


@pytest.mark.parametrize("text", ["705013", "706313", "700013", "709913", "700230", "7002", "70-213", ""])
def test_birth_numbers_that_are_none(text: str) -> None:
    with pytest.raises(Malformed, match="bad_birth_number"):
        source.birth_date(text)


@given(st.lists(st.integers(0, 500) | st.integers(10**17, 10**18 - 1), max_size=200))
def test_ids_are_remembered(ids: list[int]) -> None:
    seen, plain = source.Ids(), set[int]()
    for id_ in ids:
        assert seen.add(id_) is (id_ not in plain)
        plain.add(id_)


@given(st.binary(max_size=200))
def test_any_line_is_read_or_malformed(raw: bytes) -> None:
    with contextlib.suppress(Malformed):
        source.movement(raw, 1, 1)
