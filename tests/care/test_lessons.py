"""The lesson and the guide: what somebody answers is kept and told him, and the guide speaks of how he pays."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.console.house import HOSTILE
from tests.govern.conftest import Somebody
from tongbao import care
from tongbao.base.refusal import Refusal
from tongbao.care import lessons
from tongbao.care.guide import CHAPTER_MESSAGES
from tongbao.care.lessons import CASE_MESSAGES
from tongbao.care.tip_model import Awareness
from tongbao.identity import Role

if TYPE_CHECKING:
    from tests.console.house import House


async def level(house: House, somebody: Somebody) -> Awareness:
    async with house.db.read() as tx:
        return (await care.awareness(tx, [somebody.id]))[somebody.id]


async def answer(somebody: Somebody, number: int, *, rightly: bool = True) -> None:
    right = CASE_MESSAGES[number - 1].right
    sent = await somebody.send(f"/me/lessons/{number}", choice=right if rightly else right % 3 + 1)
    assert sent.to == f"/me/lessons/{number}?answered=1", sent.text


async def test_every_case_has_one_right_answer_and_a_reason() -> None:
    assert len(CASE_MESSAGES) == 8
    for case in CASE_MESSAGES:
        assert 1 <= case.right <= len(case.choices) == 3
        assert case.why
    assert {case.right for case in CASE_MESSAGES} == {1, 2, 3}, "not always the same one"


async def test_a_case_says_what_is_right_and_why(house: House, wang: Somebody) -> None:
    first = CASE_MESSAGES[0]
    page = await wang.look("/me/lessons/1")
    assert first.story in page.text
    assert first.why not in page.text, "not before he has answered"
    await answer(wang, 1, rightly=False)
    told = await wang.look("/me/lessons/1?answered=1")
    assert "That is what the cheat wants." in told.text
    assert first.why in told.text
    assert first.choices[first.right - 1] in told.text
    await answer(wang, 1)
    assert "That is right." in (await wang.look("/me/lessons/1?answered=1")).text
    assert "挂断电话" in (await wang.look("/me/lessons/1", lang="zh")).text


async def test_the_level_goes_by_all_eight(house: House, wang: Somebody) -> None:
    assert await level(house, wang) is Awareness.NONE
    for number in range(1, 9):
        await answer(wang, number, rightly=number > 4)
    assert await level(house, wang) is Awareness.LOW
    assert "4 of 8 right" in (await wang.look("/me/lessons")).text
    await answer(wang, 1)
    assert await level(house, wang) is Awareness.FAIR
    await answer(wang, 2)
    await answer(wang, 3)
    assert await level(house, wang) is Awareness.HIGH
    page = await wang.look("/me/lessons")
    assert "You see through the tricks." in page.text
    desk = await house.look("/staff/tips", house.staff(Role.OPERATOR))
    assert f"{CASE_MESSAGES[3].story} 1 0" in desk.text
    assert f"{CASE_MESSAGES[4].story} 1 1" in desk.text


async def test_what_is_no_case_and_no_answer(house: House, wang: Somebody) -> None:
    for number, choice, code in ((9, 1, "case_unknown"), (0, 1, "case_unknown"), (1, 4, "choice_unknown")):
        with pytest.raises(Refusal, match=code):
            async with house.db.tx() as tx:
                await lessons.answer(tx, wang.himself, number, choice, at=house.at)
    assert (await wang.look("/me/lessons/9")).status == 404
    for typed in ("", "4", "-1", *HOSTILE):
        sent = await wang.send("/me/lessons/1", choice=typed)
        assert sent.status == 422, typed
        assert CASE_MESSAGES[0].story in sent.text
        assert "<script>alert" not in sent.html
    assert await level(house, wang) is Awareness.NONE


async def test_the_guide_speaks_of_how_he_pays(house: House, wang: Somebody) -> None:
    payer = Somebody(house, await house.person(10_000_000))
    page = await payer.look("/me/guide")
    assert CHAPTER_MESSAGES["everybody"].title in page.text
    assert CHAPTER_MESSAGES["guard"].title in page.text, "nothing but a password"
    for chapter in ("night", "large", "new_payees", "calm"):
        assert CHAPTER_MESSAGES[chapter].because not in page.text, chapter
    await house.pay_by_http(payer.account, wang.account, 500_000)
    assert CHAPTER_MESSAGES["large"].because in (await payer.look("/me/guide")).text
    house.clock.tick(timedelta(hours=17))  # two in the morning in Shanghai
    for _ in range(2):
        await house.pay_by_http(payer.account, wang.account, 100)
    night = await payer.look("/me/guide")
    assert CHAPTER_MESSAGES["night"].because in night.text
    for _ in range(10):
        somebody = Somebody(house, await house.person())
        await house.pay_by_http(payer.account, somebody.account, 100)
    assert CHAPTER_MESSAGES["new_payees"].because in (await payer.look("/me/guide")).text
    assert "您有时在夜间付款" in (await payer.look("/me/guide", lang="zh")).text
    assert CHAPTER_MESSAGES["night"].because not in (await wang.look("/me/guide")).text, "another one pays otherwise"


async def test_what_he_learned_is_in_his_document(house: House, wang: Somebody) -> None:
    await answer(wang, 3, rightly=False)
    await wang.look("/me/transfer")
    document = json.loads((await wang.look("/me/privacy/export")).html)
    found = {(one["what"], one["which"]): one for one in document["learning"]}
    assert set(found) == {("lesson", "3"), ("tip", "transfer_later")}
    assert found["lesson", "3"]["is_right"] is False
