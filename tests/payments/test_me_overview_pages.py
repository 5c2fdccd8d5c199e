"""All that a customer has on one page, and whether his account is safe."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, visiting
from tests.payments.test_homes import _choose
from tests.payments.test_me_order_pages import agree, wang, with_pin
from tests.payments.test_me_pages import paid
from tongbao.payments.me_overview_pages import CHECK_MESSAGES
from tongbao.web import i18n


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00, reading Chinese."""
    async with visiting(served) as me:
        yield me


def said(point: str, *, in_order: bool) -> str:
    return i18n.say(CHECK_MESSAGES[point][0 if in_order else 1], "zh")


async def test_everything_that_is_his_stands_on_one_page(li: Me) -> None:
    await with_pin(li)
    await paid(li)
    phone, _ = await wang(li.bank)
    await agree(li, phone)
    page = await li.get("/me/account")
    assert page.title == "账户管理"
    for shown in ("¥987.20", "您今日已付款 ¥12.80", "*小明", "Chrome · Linux", "您还没有绑定银行卡。"):
        assert shown in page.text, shown
    ways = {href.split("?")[0] for _, href in page.links}
    assert {"/me/cards", "/me/safety", "/me/safety/devices", "/me/orders", "/me/payments", "/me/bill"} <= ways


async def test_the_check_up_says_what_is_missing_and_leads_there(li: Me) -> None:
    page = await li.get("/me/account")
    for point, way in (("two", "/me/safety/passkeys"), ("pin", "/me/safety/factors"), ("limits", "/me/safety")):
        assert (said(point, in_order=False), way) in page.links
    assert said("family", in_order=False) not in page.text, "only where the home is large"
    await with_pin(li)
    number = (await li.get("/me/safety")).form("/me/safety/limits")
    assert (await li.post("/me/safety/limits", {**number, "per_day": "500"})).status_code == 303
    page = await li.get("/me/account")
    for point in ("pin", "limits"):
        assert said(point, in_order=True) in page.text
        assert said(point, in_order=False) not in page.text
    assert "单日限额为 ¥500.00" in page.text


async def test_a_large_home_is_asked_for_somebody_trusted(li: Me) -> None:
    await _choose(li, "large")
    assert (said("family", in_order=False), "/me/family") in (await li.get("/me/account")).links


async def test_another_s_account_is_not_shown(li: Me, served: ServedBank) -> None:  # noqa: F811
    async with visiting(served, name="赵六") as stranger:
        assert (await stranger.get("/me/account", account=str(li.account))).status == 404
