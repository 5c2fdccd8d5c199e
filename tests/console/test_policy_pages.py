"""The policy of authorisation before staff: what holds, who proposed what, and a second person who makes it hold."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.console.house import HOSTILE, House, Shown
from tongbao import payments
from tongbao.identity import Role

NEW = "/staff/policy/new"


def fields(page: Shown) -> dict[str, str]:
    """What stands in the page's form."""
    form = re.split(r'<form method="post"', page.html.partition("<main")[2])[1]
    found = dict(re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', form))
    for name, choices in re.findall(r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        found[name] = re.findall(r'value="([^"]*)" selected', choices)[0]
    return {name: unescape(value) for name, value in found.items()}


async def version(house: House) -> int:
    async with house.db.read() as tx:
        return (await payments.policy_in_force(tx)).version


async def test_it_says_what_holds_in_both_languages(house: House) -> None:
    by = house.staff(Role.AUDITOR)
    page = await house.look("/staff/policy", by)
    for said in ("In force: version 1", "Nothing is asked for up to", "¥1,000.00", "the bank began with it"):
        assert said in page.text, said
    assert "Nothing waits for a decision." in page.text
    assert NEW not in page.html, "an auditor proposes nothing"
    zh = await house.look("/staff/policy", by, lang="zh")
    for said in ("现行版本：第 1 版", "免验证单笔限额", "¥1,000.00", "系统初始版本"):
        assert said in zh.text, said
    assert "begins with" not in zh.text


async def test_one_proposes_another_approves_and_the_versions_say_who(house: House) -> None:
    operator, accountant = house.staff(Role.OPERATOR), house.staff(Role.ACCOUNTANT)
    page = await house.look(NEW, operator)
    form = {**fields(page), "none_per_payment_minor": "200.00", "reason": "the losses of last week"}
    done = await house.send_form(NEW, form, operator)
    assert (done.status, done.said) == (303, "Proposed. Another person decides.")
    again = await house.send_form(NEW, form, operator)
    assert again.to == done.to, "the same form twice"
    waits = await house.look("/staff/policy", operator)
    assert "Nothing is asked for up to: ¥1,000.00 → ¥200.00" in waits.text
    assert await version(house) == 1
    shown = await house.look(done.to, accountant)
    assert "¥1,000.00 → ¥200.00" in shown.text
    assert "Nothing is asked for while" not in shown.text, "what stays as it is is not said"
    decided = {**shown.hidden(), "decision": "approved", "reason": "looked at the losses"}
    assert (await house.send_form(done.to, decided, accountant)).status == 303
    assert await version(house) == 2
    told = await house.look("/staff/policy", operator)
    assert "In force: version 2" in told.text
    assert told.text.count("the losses of last week") == 2, "of what holds, and in the list"


async def test_whoever_was_overtaken_is_told_and_nothing_is_lost(house: House) -> None:
    first, second, accountant = house.staff(), house.staff(), house.staff(Role.ACCOUNTANT)
    mine = {**fields(await house.look(NEW, first)), "night_until": "6", "reason": "it is dark longer"}
    hers = {**fields(await house.look(NEW, second)), "night_until": "7", "reason": "it is dark much longer"}
    filed = await house.send_form(NEW, hers, second)
    shown = await house.look(filed.to, accountant)
    await house.send_form(filed.to, {**shown.hidden(), "decision": "approved", "reason": "it is dark"}, accountant)
    late = await house.send_form(NEW, mine, first)
    assert late.status == 409
    assert "Another version has come into force meanwhile." in late.text
    assert "it is dark longer" in late.html
    assert await version(house) == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"none_per_payment_minor": ""}, "Please fill this in."),
        ({"none_per_payment_minor": "a little"}, "Please type an amount"),
        ({"night_from": "25"}, "Please type a whole number within the bounds."),
        ({"none_per_payment_minor": "90000.00"}, "may not reach further"),
        ({}, "This is what holds already."),
        *(({"odd_times": said}, "Please type a whole number within the bounds.") for said in HOSTILE),
        ({"reason": HOSTILE[0], "night_until": "x"}, "Please type a whole number within the bounds."),
    ],
)
async def test_a_wrong_form_says_what_is_wrong_and_keeps_what_was_typed(
    house: House, typed: dict[str, str], said: str
) -> None:
    by = house.staff(Role.OPERATOR)
    form = {**fields(await house.look(NEW, by)), "reason": "a reason", **typed}
    answer = await house.send_form(NEW, form, by)
    assert answer.status == 422
    assert said in answer.text
    assert "<script>alert" not in answer.html
    for name, value in fields(answer).items():
        if name != "id":
            assert value == form[name], name


async def test_who_has_no_right_to_it(house: House) -> None:
    assert (await house.look("/staff/policy", None)).status == 303
    assert (await house.look("/staff/policy", house.staff(Role.ACCOUNTANT))).status == 403
    assert (await house.look(NEW, house.staff(Role.AUDITOR))).status == 403
