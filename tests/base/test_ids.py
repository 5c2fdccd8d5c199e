"""Ids sort by time, and what is derived is derived again the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tongbao.base.ids import derived, uuid7

moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(moments, st.integers(0, 2**32))
def test_an_id_carries_its_moment_and_its_version(at: datetime, seed: int) -> None:
    made = uuid7(at, Random(seed).getrandbits)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == int(at.timestamp() * 1000)
    assert made == uuid7(at, Random(seed).getrandbits)
    assert made < uuid7(at + timedelta(milliseconds=2), Random(seed).getrandbits)


@given(moments, st.text(max_size=20), st.text(max_size=20))
def test_a_derived_id_is_always_the_same_and_lies_beside_its_parent(at: datetime, one: str, other: str) -> None:
    parent = uuid7(at)
    child = derived(parent, one)
    assert child == derived(parent, one)
    assert (child == derived(parent, other)) == (one == other)
    assert child.int >> 80 == parent.int >> 80
    assert (child.version, child.variant) == (8, "specified in RFC 4122")
