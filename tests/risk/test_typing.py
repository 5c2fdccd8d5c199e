"""Somebody else's hand at a customer's telephone: an amount typed unlike his habit is asked about, where he lets it be measured."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.identity.test_rhythm import answers, measured, sends
from tests.payments.me import Me, visiting
from tests.risk.rules_made import put_in_force
from tongbao import risk
from tongbao.identity import Rhythm, Typed
from tongbao.identity.rhythm_habit import LARGEST, unlike

WHEN = datetime(2026, 11, 20, 4, tzinfo=UTC)
RULE = risk.RuleSays(
    expression="typing_unlike >= 4000",
    action=risk.Action.CHALLENGE,
    points=0,
    mode=risk.Mode.LIVE,
    why_en="the amount was typed unlike the payer's habit",
    why_zh="输入金额的方式与平时不同",
)


def typed(*intervals: int, holds: tuple[int, ...] = ()) -> Rhythm:
    return Rhythm(id=UUID(int=1), form=Typed.AMOUNT, intervals=intervals, holds=holds, device_id=None, recorded_at=WHEN)


def test_it_is_told_in_thousandths_of_his_usual_deviation() -> None:
    habit = [typed(100), typed(120), typed(140), typed(120), typed(120)]  # 120, and 8 from it on average
    assert unlike(typed(120), habit) == 0
    assert unlike(typed(132), habit) == 1_000, "as steady as a tenth of 120 is as steady as anybody gets"
    assert unlike(typed(240), habit) == 10_000
    wide = [typed(60), typed(180), typed(120), typed(60), typed(180)]  # 48 from it on average
    assert unlike(typed(240), wide) == 2_500
    assert unlike(typed(10_000), [typed(0)] * 5) == LARGEST
    assert unlike(typed(90, 10_000, 100), [typed(100)] * 5) == 0, "one pause is nobody's habit"


def test_without_a_habit_it_is_not_told_and_a_figure_that_is_missing_is_left_out() -> None:
    assert unlike(typed(120), [typed(120)] * 4) is None
    held = [typed(100, holds=(80,))] * 5
    assert unlike(typed(120, holds=(80,)), held) == 1_000, "the mean of 2,000 and 0"
    assert unlike(typed(120), held) == 2_000
    assert unlike(typed(120, holds=(300,)), [typed(100)] * 5) == 2_000


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    async with visiting(served) as me:
        yield me


async def pays(me: Me) -> str:
    """The payment's state after a press for ¥8.00."""
    confirm = await me.confirm(merchant=me.bank.shop, amount="8.00")
    assert (await me.post("/me/pay", confirm.form("/me/pay"))).status_code == 303
    return (await me.payments())[0]["state"]


def remembered(me: Me) -> list[Any]:
    with psycopg.connect(me.bank.database) as conn:
        return conn.execute(
            "SELECT own -> 'typing_unlike' FROM risk.assessment WHERE payer = %s ORDER BY at, id", [me.account]
        ).fetchall()


async def types(me: Me, *intervals: int) -> None:
    assert await sends(me, measured(intervals=list(intervals), holds=[80, 80])) == 204


async def test_another_hand_is_asked_to_prove_itself(li: Me) -> None:
    await put_in_force(li.bank.database, "another_hand", RULE)
    await answers(li, "yes")
    for pause in (118, 120, 122, 119, 121):
        await types(li, pause, pause)
        assert await pays(li) == "completed"
    await types(li, 600, 640)
    assert await pays(li) == "challenged"
    await types(li, 120, 121)
    assert await pays(li) == "completed", "and he himself goes on"
    told = [value for (value,) in remembered(li)]
    assert told[:5] == [None] * 5
    assert told[5] >= 4_000
    assert told[6] < 1_000
    await answers(li, "no")
    await types(li, 600, 640)
    assert await pays(li) == "completed", "who takes his yes back is not measured"
    assert [value for (value,) in remembered(li)][7] is None
