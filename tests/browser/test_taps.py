"""How many taps and fields each task takes. A task that has grown since docs/results/taps.json fails; `make taps` writes that anew."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import segno
from playwright.sync_api import expect

from tests.browser.taps import Hand, phone, with_browser
from tests.http.conftest import ServedBank
from tests.http.conftest import bank as served  # noqa: F401  the served bank of tests/http
from tests.payments.me import Me, number_of, visiting
from tests.payments.test_homes import _choose

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

RESULTS: Final = Path(__file__).parents[2] / "docs" / "results"
MAIN_AT_MOST, REPEAT_AT_MOST = 3, 2
MAIN: Final = (
    "pay a shop by its code",
    "scan the code on a counter, type the amount",
    "show a code",
    "pay an account",
    "transfer",
    "find a record",
    "see the bill",
    "ask for help",
)

Task = Callable[[Hand, dict[str, str]], None]


def pay_a_shop(hand: Hand, known: dict[str, str]) -> None:
    hand.begin(f"/me/pay?merchant={known['shop']}&amount=12.80")
    hand.tap("main button.act")
    expect(hand.page.locator("h1")).to_have_text("支付成功")


def scan_a_counter(hand: Hand, known: dict[str, str]) -> None:
    """A picture stands for the camera, which reads without a tap where it was let in before."""
    hand.begin()
    hand.tap(".quick a[href='/me/scan']")
    hand.page.set_input_files("#f-picture", known["picture"])
    hand.page.wait_for_url("**/me/pay?**")
    hand.type("amount", "12.80")
    hand.tap("main form.card button.act")
    hand.tap("main button.act")
    expect(hand.page.locator("h1")).to_have_text("支付成功")


def show_a_code(hand: Hand, known: dict[str, str]) -> None:
    hand.begin()
    hand.tap(".quick a[href='/me/code']")
    expect(hand.page.locator("#code-digits")).to_be_visible()


def pay_an_account(hand: Hand, known: dict[str, str]) -> None:
    hand.begin()
    hand.tap("#pay")
    hand.type("to", known["number"])
    hand.type("amount", "20")
    hand.tap("main form.card button.act")
    hand.tap("main button.act")
    expect(hand.page.locator("h1")).to_have_text("支付成功")


def repeat(hand: Hand, known: dict[str, str]) -> None:
    hand.begin()
    hand.tap("main ul.rows a[href*='amount=']")
    hand.tap("main button.act")
    expect(hand.page.locator("h1")).to_have_text("支付成功")


def transfer(hand: Hand, known: dict[str, str], arrives: str = "now") -> None:
    hand.begin()
    hand.tap(".quick a[href='/me/transfer']")
    hand.type("to", known["number"])
    hand.type("amount", "30")
    if arrives != "now":
        hand.choose("arrives", arrives)
    hand.tap("main form.card button.act")
    hand.tap("main button.act")
    hand.page.wait_for_url("**/me/payments/*")


def transfer_and_take_it_back(hand: Hand, known: dict[str, str]) -> None:
    transfer(hand, known, arrives="in_two_hours")
    hand.tap(hand.button("撤回转账"))
    expect(hand.button("撤回转账")).to_have_count(0)


def find_a_record(hand: Hand, known: dict[str, str]) -> None:
    hand.begin()
    hand.tap("#now ul.rows a[href^='/me/payments/']")
    expect(hand.page.locator("main .outcome")).to_be_visible()


def see_the_bill(hand: Hand, known: dict[str, str]) -> None:
    hand.begin()
    hand.tap(".quick a[href='/me/bill']")
    hand.page.wait_for_url("**/me/bill*")
    expect(hand.page.locator("main a[href*='format=csv']").first).to_be_visible()


def ask_for_help(hand: Hand, known: dict[str, str]) -> None:
    hand.begin()
    hand.tap(".quick a[href='/me/help']")
    hand.type("text", "我的钱到哪里了？")
    hand.tap("main form.card button.act")
    expect(hand.page.locator("main")).to_contain_text("我的钱到哪里了？")


def freeze(hand: Hand, known: dict[str, str]) -> None:
    hand.begin()
    hand.tap(".quick a[href='/me/safety']")
    hand.choose("why", "lost")
    hand.tap("form[action='/me/safety/freeze'] button")
    expect(hand.page.locator("form[action='/me/safety/freeze']")).to_have_count(0)


TASKS: Final[dict[str, Task]] = {
    "pay a shop by its code": pay_a_shop,
    "scan the code on a counter, type the amount": scan_a_counter,
    "show a code": show_a_code,
    "pay an account": pay_an_account,
    "repeat a payment": repeat,
    "transfer": transfer,
    "transfer in two hours, take it back": transfer_and_take_it_back,
    "find a record": find_a_record,
    "see the bill": see_the_bill,
    "ask for help": ask_for_help,
    "freeze the account": freeze,
}
"""Freezing last: it ends the rest."""

HEAD: Final = """# Taps and seconds

What each task of a customer takes on a phone of 390 pixels, from the first page (paying a shop: from the page that its code leads to) until
the page that says that it is done. A machine types and taps: seconds are what bank and browser take, not what a person does.
`make taps` writes this anew; `tests/browser/test_taps.py` fails where a task takes more taps or fields than stand here.

Registering takes 3 taps and 5 fields, coming in again in a browser that is known 1 tap and 2 fields: `tests/browser/test_register.py` counts those, and
that a first payment follows within a minute.

| task | taps | fields | seconds | taps and fields before |
|---|---|---|---|---|
"""


@pytest.fixture
async def li(served: ServedBank) -> AsyncIterator[Me]:  # noqa: F811
    """With ¥1,000.00 and the lively home, reading Chinese."""
    async with visiting(served) as me:
        await _choose(me, "young")
        yield me


async def test_no_task_takes_more_taps_than_it_did(li: Me, tmp_path: Path) -> None:
    friend = await li.bank.account(0, customer=await li.bank.person("王强"))
    await li.knows(friend)
    picture = tmp_path / "code.png"
    home = li.bank.url.replace("127.0.0.1", "localhost")
    segno.make(f"{home}/me/pay?merchant={li.bank.shop}", error="m").save(str(picture), scale=6)
    known = {"shop": str(li.bank.shop), "number": await number_of(li.bank, friend), "picture": str(picture)}

    def visit(browser: Browser, address: str) -> dict[str, dict[str, Any]]:
        hand, found = phone(browser, li, address), dict[str, dict[str, Any]]()
        for name, task in TASKS.items():
            task(hand, known)
            found[name] = {"taps": hand.taps, "fields": hand.fields, "seconds": hand.seconds}
        return found

    found = await with_browser(li, visit)
    if os.environ.get("TAPS_WRITE"):
        write(found)
    committed = json.loads((RESULTS / "taps.json").read_text(encoding="utf-8"))
    assert list(found) == list(committed), "make taps"
    more = [
        name for name, now in found.items() if any(now[what] > committed[name][what] for what in ("taps", "fields"))
    ]
    assert more == []
    assert [name for name in MAIN if found[name]["taps"] > MAIN_AT_MOST] == []
    assert found["repeat a payment"]["taps"] <= REPEAT_AT_MOST


def write(found: dict[str, dict[str, Any]]) -> None:
    """The figures and, of each task that has changed, what it took before."""
    place = RESULTS / "taps.json"
    old = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    rows = list[str]()
    for name, now in found.items():
        then = old.get(name, now)
        was = [then["taps"], then["fields"]]
        before = then.get("before") if was == [now["taps"], now["fields"]] else was
        now["before"] = before
        said = f"{before[0]}, {before[1]}" if before else "–"
        rows.append(f"| {name} | {now['taps']} | {now['fields']} | {now['seconds']} | {said} |\n")
    place.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "taps.md").write_text(HEAD + "".join(rows), encoding="utf-8")
