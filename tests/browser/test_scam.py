"""Somebody is talked into paying: the payment is held, the payer reads why in plain words, and a person of the bank decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.taps import PATIENT_MS, phone, with_browser
from tests.browser.test_stories import li as li
from tests.browser.test_stories import whole
from tests.http.conftest import PASSWORD, staff
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, number_of
from tests.risk.rules_made import put_in_force
from tongbao import risk
from tongbao.identity import Role

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TOLD = "如果有人催您转账，请先挂断电话。"
URGED = "收款人首次收款，金额较大。"


HOLDS = risk.RuleSays(
    expression="amount_minor > 200.00 CNY and kind = 'transfer'",
    action=risk.Action.HOLD,
    points=10,
    mode=risk.Mode.LIVE,
    why_en="the first money that this payee gets, and much of it",
    why_zh=URGED,
    told_en="If somebody urges you to transfer, hang up first.",
    told_zh=TOLD,
)


def logged_in(browser: Browser, address: str, username: str) -> Page:
    desk = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    desk.set_default_timeout(PATIENT_MS)
    desk.goto(f"{address}/staff/login")
    desk.fill("#f-username", username)
    desk.fill("#f-password", PASSWORD)
    with desk.expect_navigation():
        desk.click("main button.act")
    return desk


def pressed(page: Page, what: str) -> None:
    with page.expect_navigation():
        page.click(what)


async def test_a_scam_is_held_one_payment_goes_on_and_another_freezes_who_collects(li: Me) -> None:
    friend = await li.bank.account(0, customer=await li.bank.person("王强"))
    mule = await li.bank.account(0, customer=await li.bank.person("赵六"))
    await li.knows(friend)
    await li.knows(mule)
    await put_in_force(li.bank.database, "urged_to_transfer", HOLDS)
    await staff(li.bank.database, "liu.yan", Role.OPERATOR)
    await staff(li.bank.database, "sun.li", Role.ACCOUNTANT)
    numbers = {who: await number_of(li.bank, who) for who in (friend, mule)}

    def visit(browser: Browser, address: str) -> None:
        hers = phone(browser, li, address)
        held: list[str] = []
        for payee in (friend, mule):
            hers.begin("/me/transfer")
            hers.type("to", numbers[payee])
            hers.type("amount", "300")
            hers.tap("main form.card button.act")
            hers.tap("main button.act")
            expect(hers.page.locator("main")).to_contain_text("银行正在审核本笔付款")
            expect(hers.page.locator("main")).to_contain_text(TOLD)
            expect(hers.page.locator("main")).to_contain_text("绝不会索要密码或验证码")
            whole(hers.page)
            held.append(hers.page.url.rpartition("/")[2].partition("?")[0])

        desk, second = logged_in(browser, address, "liu.yan"), logged_in(browser, address, "sun.li")
        desk.context.add_cookies([{"name": "tongbao_language", "value": "zh", "url": address}])
        desk.goto(f"{address}/staff/risk/held")
        whole(desk)
        for id_ in held:
            expect(desk.locator(f"main a[href='/staff/risk/held/{id_}']")).to_be_visible()
        desk.goto(f"{address}/staff/risk/held/{held[0]}")
        expect(desk.locator("main")).to_contain_text(URGED)
        expect(desk.locator("main")).to_contain_text(TOLD)
        whole(desk)
        pressed(desk, "form[action$='/take'] button")
        expect(desk.locator("main")).to_contain_text("liu.yan")
        desk.fill("form[action$='/release'] [name=reason]", "已致电客户核实，系家人之间转账")
        pressed(desk, "form[action$='/release'] button")
        second.goto(desk.url)
        second.fill("[name=reason]", "已复核")
        pressed(second, "button[value=approved]")

        desk.goto(f"{address}/staff/risk/held/{held[1]}")
        desk.select_option("[name=is_fraud]", "true")
        desk.select_option("[name=freeze]", "payee")
        desk.fill("form[action$='/refuse'] [name=why]", "多人向该账户转账，到账即转出")
        pressed(desk, "form[action$='/refuse'] button")
        desk.goto(f"{address}/staff/risk/held")
        for id_ in held:
            expect(desk.locator(f"main a[href='/staff/risk/held/{id_}']")).to_have_count(0)

        hers.begin(f"/me/payments/{held[0]}")
        expect(hers.page.locator("h1")).to_have_text("支付成功")
        hers.begin(f"/me/payments/{held[1]}")
        expect(hers.page.locator("h1")).to_have_text("未付款")
        expect(hers.page.locator("main")).to_contain_text(TOLD)
        whole(hers.page)

    await with_browser(li, visit)
    assert (await li.balance(), await li.bank.balance(friend), await li.bank.balance(mule)) == (69_998, 30_001, 1)
    assert (await li.bank.ask("GET", f"/v1/accounts/{mule}")).json()["status"] == "frozen"
