"""The bank's policy of authorisation: what a customer must show in which situation, and what never comes cheaper."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tongbao.payments.policy import GENESIS, WHYS, Policy, Rules, Situation, is_sound, needs, seal
from tongbao.payments.policy_words import asked_words, ways_words, why_words

RULES = Rules(
    none_per_payment_minor=100_000,
    none_per_day_minor=100_000,
    none_from_level=1,
    one_per_payment_minor=500_000,
    one_per_day_minor=1_000_000,
    large_above_minor=2_000_000,
    signed_above_minor=5_000_000,
    refuse_above_minor=10_000_000_000,
    odd_times=10,
    odd_after=5,
    night_from=0,
    night_until=5,
    changed_within_h=24,
    two_from_risk=500,
    refuse_from_risk=900,
)
POLICY = Policy(
    version=3,
    rules=RULES,
    reason="as it is",
    proposed_by=None,
    approved_by=None,
    in_force_at=datetime(2026, 11, 22, tzinfo=UTC),
    previous_hash=GENESIS,
    hash=GENESIS,
)
USUAL = Situation(amount_minor=2_000, currency="CNY", payee_known=True, device_known=True, level=3, hour=13)


CASES: list[tuple[str, dict[str, Any], int, str]] = [
    ("a coffee", {}, 0, "small"),
    ("up to the last fen of the bound", {"amount_minor": 100_000}, 0, "small"),
    ("a fen more", {"amount_minor": 100_001}, 1, "above_none day_above_none"),
    ("many small ones", {"day_minor": 99_000}, 1, "day_above_none"),
    ("somebody new", {"payee_known": False}, 1, "new_payee"),
    ("a device that is not known", {"device_known": False}, 1, "unknown_device"),
    ("nobody has checked who he is", {"level": 0}, 1, "level"),
    ("the most that one way is enough for", {"amount_minor": 500_000}, 1, "above_none day_above_none"),
    ("a fen more than that", {"amount_minor": 500_001}, 2, "above_one"),
    ("the day is full", {"amount_minor": 200_000, "day_minor": 800_001}, 2, "day_above_one"),
    ("much from an unknown device", {"amount_minor": 100_001, "device_known": False}, 2, "unknown_device"),
    ("at night", {"amount_minor": 200_000, "hour": 3}, 2, "night"),
    ("a coffee at night", {"hour": 3}, 0, "small"),
    ("at five it is morning", {"amount_minor": 200_000, "hour": 5}, 1, "above_none day_above_none"),
    ("ten times his usual", {"amount_minor": 200_000, "month_count": 5, "month_minor": 100_000}, 2, "odd_amount"),
    ("too few to know his usual", {"amount_minor": 200_000, "month_count": 4, "month_minor": 8_000}, 1, "above_none"),
    ("a new password today", {"amount_minor": 200_000, "changed_h": 23}, 2, "factors_changed"),
    ("a new password the day before", {"amount_minor": 200_000, "changed_h": 24}, 1, "above_none"),
    ("in dollars", {"currency": "USD"}, 2, "foreign_currency"),
    ("risky", {"risk": 500}, 2, "risk"),
]


@pytest.mark.parametrize(("situation", "ways", "why"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_asked(situation: dict[str, Any], ways: int, why: str) -> None:
    asked = needs(POLICY, replace(USUAL, **situation))
    assert (asked.ways, asked.refused, asked.policy_version) == (ways, False, 3)
    assert asked.why.startswith(why), asked.why


def test_what_is_refused() -> None:
    robbed = replace(USUAL, amount_minor=500_001, device_known=False, changed_h=2)
    for situation, why in (
        (robbed, "takeover"),
        (replace(USUAL, amount_minor=10_000_000_001), "absurd_amount"),
        (replace(USUAL, risk=900), "risk"),
    ):
        asked = needs(POLICY, situation)
        assert (asked.refused, asked.why) == (True, why)
    assert not needs(POLICY, replace(robbed, device_known=True)).refused
    assert not needs(POLICY, replace(robbed, changed_h=None)).refused
    assert not needs(POLICY, replace(robbed, amount_minor=500_000)).refused


def test_large_sums_and_signatures() -> None:
    assert not needs(POLICY, replace(USUAL, amount_minor=2_000_000)).large
    assert needs(POLICY, replace(USUAL, amount_minor=2_000_001)).large
    assert not needs(POLICY, replace(USUAL, amount_minor=5_000_000)).signed
    assert needs(POLICY, replace(USUAL, amount_minor=5_000_001)).signed


def test_a_night_over_midnight() -> None:
    policy = replace(POLICY, rules=replace(RULES, night_from=23, night_until=5))
    ways = {hour: needs(policy, replace(USUAL, amount_minor=200_000, hour=hour)).ways for hour in range(24)}
    assert {hour for hour, asked in ways.items() if asked == 2} == {23, 0, 1, 2, 3, 4}


SITUATIONS = st.builds(
    Situation,
    amount_minor=st.integers(1, 2 * 10**10),
    currency=st.sampled_from(["CNY", "CNY", "USD"]),
    payee_known=st.booleans(),
    device_known=st.booleans(),
    level=st.integers(0, 3),
    day_minor=st.integers(0, 2_000_000),
    month_minor=st.integers(0, 10_000_000),
    month_count=st.integers(0, 50),
    hour=st.integers(0, 23),
    changed_h=st.none() | st.integers(0, 48),
    risk=st.integers(0, 1000),
)


@given(SITUATIONS, st.integers(0, 10**9))
def test_more_money_and_less_knowledge_never_make_it_easier(situation: Situation, more: int) -> None:
    asked = needs(POLICY, situation)

    def strictness(harder: Situation) -> tuple[bool, int]:
        found = needs(POLICY, harder)
        return found.refused, found.ways

    here = (asked.refused, asked.ways)
    assert strictness(replace(situation, amount_minor=situation.amount_minor + more)) >= here
    assert strictness(replace(situation, day_minor=situation.day_minor + more)) >= here
    assert strictness(replace(situation, device_known=False)) >= here
    assert strictness(replace(situation, payee_known=False)) >= here
    assert strictness(replace(situation, risk=1000)) >= here
    assert strictness(replace(situation, level=0)) >= here
    assert set(asked.why.split()) <= set(WHYS)


@pytest.mark.parametrize("why", WHYS)
def test_every_reason_has_its_words(why: str) -> None:
    for lang in ("en", "zh"):
        assert why_words(why, lang) != why
    if why not in ("small", "takeover", "absurd_amount"):  # of these nobody is asked anything
        assert asked_words(why, "en") != asked_words(why, "zh") != []
    assert ways_words(2, "zh") == "须双重验证"


def test_bounds_that_do_not_rise_are_unsound() -> None:
    assert is_sound(RULES)
    for wrong in (
        {"none_per_payment_minor": 500_001, "none_per_day_minor": 500_001},
        {"none_per_day_minor": 99_999},
        {"one_per_day_minor": 499_999},
        {"refuse_above_minor": 499_999},
        {"two_from_risk": 901},
    ):
        assert not is_sound(replace(RULES, **wrong)), wrong


def test_a_seal_is_over_everything_that_a_version_says() -> None:
    said: dict[str, Any] = {
        "version": 2,
        "content": msgspec.to_builtins(RULES),
        "reason": "a reason",
        "proposed_by": None,
        "approved_by": None,
        "in_force_at": POLICY.in_force_at,
        "previous_hash": GENESIS,
    }
    seals = {seal(**said)}
    for name, other in (
        ("version", 3),
        ("content", msgspec.to_builtins(replace(RULES, night_from=1))),
        ("reason", "another"),
        ("proposed_by", "a person"),
        ("approved_by", "a person"),
        ("in_force_at", datetime(2026, 11, 23, tzinfo=UTC)),
        ("previous_hash", b"\x01" * 32),
    ):
        seals.add(seal(**{**said, name: other}))
    assert len(seals) == 8


def test_the_documents_say_what_the_bank_begins_with() -> None:
    said = Path("docs/authorisation.md").read_text(encoding="utf-8").partition("<!-- version 1 -->")[2]
    table = re.findall(r"\| `(\w+)` \| (\d+) \|", said.partition("<!-- end -->")[0])
    assert {name: int(bound) for name, bound in table} == msgspec.to_builtins(RULES)
