"""Money, dates and moments in both languages, and renminbi in capital figures."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tongbao.base import say
from tongbao.base.money import LARGEST_MINOR

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((123450, "CNY"), "¥1,234.50"),
        ((0, "CNY"), "¥0.00"),
        ((5, "CNY"), "¥0.05"),
        ((-123450, "CNY"), "-¥1,234.50"),
        ((LARGEST_MINOR, "CNY"), "¥90,071,992,547,409.91"),
        ((123450, "USD"), "USD 1,234.50"),
        ((-1, "USD"), "USD -0.01"),
        ((1234, "JPY"), "JPY 1,234"),
        ((1234567, "KWD"), "KWD 1,234.567"),
        ((-7, "KWD"), "KWD -0.007"),
    ],
)
def test_money_is_said_alike_in_both_languages(given: tuple[int, str], said: str) -> None:
    assert say.money(*given, "zh") == say.money(*given, "en") == said


def test_a_signed_amount_shows_its_plus_and_zero_has_none() -> None:
    assert say.money(1250, "CNY", signed=True) == "+¥12.50"
    assert say.money(-1250, "CNY", signed=True) == "-¥12.50"
    assert say.money(0, "CNY", signed=True) == "¥0.00"
    assert say.money(1250, "USD", signed=True) == "USD +12.50"


def test_a_figure_alone_can_be_read_by_a_machine() -> None:
    assert say.amount(-123450, "CNY") == "-1,234.50"
    assert say.amount(-123450, "CNY", grouped=False) == "-1234.50"
    assert say.amount(1234567, "JPY", grouped=False) == "1234567"


def test_an_unknown_currency_is_no_money() -> None:
    with pytest.raises(KeyError):
        say.money(1, "ABC")


def test_days_moments_and_counts() -> None:
    day, at = date(2026, 11, 22), datetime(2026, 11, 22, 6, 3, 5, 999999, tzinfo=UTC)
    assert (say.date_(day, "zh"), say.date_(day, "en")) == ("2026年11月22日", "22 Nov 2026")
    assert say.date_(date(2027, 1, 3), "zh") == "2027年1月3日"
    assert say.moment(at, SHANGHAI, "zh") == "2026年11月22日 14:03:05"
    assert say.moment(at, SHANGHAI, "en") == "22 Nov 2026, 14:03:05"
    assert say.moment(datetime(2026, 12, 31, 16, 0, tzinfo=UTC), SHANGHAI, "en") == "1 Jan 2027, 00:00:00"
    assert say.count(1234567) == "1,234,567"


@pytest.mark.parametrize(
    ("fen", "said"),
    [
        # The examples of the rules themselves, the first where they give two.
        (140950, "壹仟肆佰零玖元伍角整"),
        (600714, "陆仟零柒元壹角肆分"),
        (168032, "壹仟陆佰捌拾元零叁角贰分"),
        (10700053, "壹拾万柒仟元零伍角叁分"),
        (1640902, "壹万陆仟肆佰零玖元零贰分"),
        (32504, "叁佰贰拾伍元零肆分"),
        (123450, "壹仟贰佰叁拾肆元伍角整"),
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (15, "壹角伍分"),
        (100, "壹元整"),
        (1000, "壹拾元整"),
        (1280, "壹拾贰元捌角整"),
        (100000000, "壹佰万元整"),
        (1000000500000, "壹佰亿零伍仟元整"),
        (10**14, "壹万亿元整"),
        (LARGEST_MINOR, "玖拾万零柒佰壹拾玖亿玖仟贰佰伍拾肆万柒仟肆佰零玖元玖角壹分"),
        (-500, "负伍元整"),
    ],
)
def test_renminbi_in_capital_figures(fen: int, said: str) -> None:
    assert say.capital(fen) == f"人民币{said}"


def read_back(said: str) -> int:
    """Fen, by adding up what each figure is worth where it stands: nothing that `capital` does is used."""
    found = re.fullmatch(r"人民币(负?)(?:([零壹贰叁肆伍陆柒捌玖拾佰仟万亿]+)元)?零?(?:(.)角)?(?:(.)分|整)", said)
    assert found, said
    worth: dict[str, int] = dict(zip("零壹贰叁肆伍陆柒捌玖", range(10), strict=True))
    below = {"拾": 10, "佰": 100, "仟": 1000}
    total = section = figure = 0
    for sign in found[2] or "":
        if sign in worth:
            figure = worth[sign]
        elif sign in below:
            section, figure = section + figure * below[sign], 0
        elif sign == "万":
            section, figure = (section + figure) * 10_000, 0
        else:
            total, section, figure = (total + section + figure) * 10**8, 0, 0
    yuan = total + section + figure
    fen = yuan * 100 + worth.get(found[3] or "零", 0) * 10 + worth.get(found[4] or "零", 0)
    return -fen if found[1] else fen


amounts = st.one_of(
    st.integers(-LARGEST_MINOR, LARGEST_MINOR),
    # Figures full of zeros, where the rules are.
    st.lists(st.sampled_from("0000123456789"), min_size=1, max_size=15).map(lambda digits: int("".join(digits))),
)


@given(amounts)
@example(LARGEST_MINOR)
@example(10_000_000_000_000)
def test_capital_figures_say_the_amount_and_no_other(fen: int) -> None:
    said = say.capital(fen)
    assert read_back(said) == fen
    assert "零零" not in said
    assert said.endswith(("整", "分"))
    for before, after in pairwise(said):
        assert not (before == "零" and after in "拾佰仟万亿角分"), said


@given(amounts, st.sampled_from(["CNY", "USD", "JPY", "KWD"]))
def test_a_figure_reads_back_as_it_was(minor: int, currency: str) -> None:
    figure = say.money(minor, currency)
    digits = re.sub(r"[^0-9]", "", figure)
    assert int(digits) * (-1 if say.MINUS in figure else 1) == minor


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)))
def test_a_day_reads_back_as_it_was(day: date) -> None:
    numbers: list[Any] = re.findall(r"\d+", say.date_(day, "zh"))
    assert date(*map(int, numbers)) == day
    assert datetime.strptime(say.date_(day, "en"), "%d %b %Y").replace(tzinfo=UTC).date() == day
