"""The catalogue of features: what it holds together, and what staff read of it."""

from __future__ import annotations

import pytest

from tests.console.house import House
from tests.govern.conftest import house as house
from tongbao.identity import Role
from tongbao.risk.catalogue import CATALOGUE, NAMES, sentence
from tongbao.risk.expression import check
from tongbao.risk.feature import HOUR, Edge, Feature, Measure
from tongbao.risk.recall import check as answerable
from tongbao.web import i18n


@pytest.mark.parametrize("feature", CATALOGUE, ids=lambda f: f.name)
def test_the_memory_answers_every_feature(feature: Feature) -> None:
    answerable(feature)
    if feature.window_s is not None and feature.measure is not Measure.DISTINCT:
        assert (feature.edge is Edge.EXACT) == (feature.window_s <= HOUR)


def test_names_are_told_apart_and_each_can_be_asked_for() -> None:
    assert len(CATALOGUE) >= 60
    assert len({f.name for f in CATALOGUE}) == len(CATALOGUE)
    for name in NAMES:
        check(f"{name} is not null", NAMES)


def test_every_name_says_what_it_is_in_both_languages() -> None:
    for name in NAMES:
        assert sentence(name, "en") != sentence(name, "zh"), name
    for lang in i18n.LANGUAGES:
        assert len({sentence(name, lang) for name in NAMES}) == len(NAMES), "no two say the same"


async def test_staff_read_the_catalogue_in_both_languages(house: House) -> None:
    for role in (Role.OPERATOR, Role.AUDITOR):
        page = await house.look("/staff/risk/features", house.staff(role))
        assert page.status == 200
        for said in ("payer_count_10m", "Payments by the payer within 10 minutes", "span of time"):
            assert said in page.text, said
    zh = await house.look("/staff/risk/features", house.staff(Role.AUDITOR), lang="zh")
    for said in ("特征目录", "付款人 10 分钟内的付款笔数", "时长"):
        assert said in zh.text, said


async def test_it_is_for_those_who_have_the_right(house: House) -> None:
    assert (await house.look("/staff/risk/features", house.staff(Role.ADMIN))).status == 403
    assert (await house.look("/staff/risk/features", None)).status in (302, 303)
